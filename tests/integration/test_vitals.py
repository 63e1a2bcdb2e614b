"""How busy a memory is, as /metrics tells it."""

from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.store.jobs.queue import open_queue
from tests.memories import hashing, new_graph, opened_memory, until

pytestmark = pytest.mark.server


async def test_connections_that_are_lent_are_counted(memory: Memory) -> None:
    alone = await memory.server.metrics()
    assert alone.connections == {"main": 1, "search": 0}
    assert alone.most_connections == {"main": 10, "search": 10}
    catalog: Any = memory.ports.graphs
    async with catalog.database.connection():
        assert (await memory.server.metrics()).connections["main"] == 2


async def test_jobs_are_counted_by_status(memory: Memory, shared_database_url: str) -> None:
    before = (await memory.server.metrics()).jobs
    async with open_queue(shared_database_url) as queue:
        await queue.defer("rebuild", graph="of this test")
    assert (await memory.server.metrics()).jobs == {**before, "waiting": before["waiting"] + 1}


@pytest.mark.long
async def test_passages_that_wait_for_vectors_are_counted_soon(database_url: str) -> None:
    # In a database of its own: the statistics of other graphs change while their tests run and end.
    async with opened_memory(database_url, embedder=hashing()) as memory:
        graph = await new_graph(memory, "waiting")
        await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {n}") for n in range(50)])

        async def counted() -> bool:
            return (await memory.server.metrics()).passages_waiting == 50

        await until(counted)
