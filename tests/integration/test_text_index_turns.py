"""Writers of texts wait for each other so that time limits, cancellation and deadlock detection reach them."""

import asyncio
import time

import asyncpg
import pytest

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Passage
from kgmem.memory import Memory
from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout
from kgmem.store.sync.retrieval_index import PostgresIndex
from kgmem.store.write.passages import Passages
from tests.memories import new_graph

pytestmark = pytest.mark.server


async def _opened(memory: Memory, graph: str) -> tuple[Database, Layout, list[int]]:
    """The database of a graph of two entities, its layout, and their ids."""
    written = await memory.entities.put(graph, [Entity(name, text=f"about {name}") for name in ("a", "b")])
    index = memory.ports.index
    assert isinstance(index, PostgresIndex)
    return index.database, await index.catalog.layout(graph), list(written.ids)


async def _write(connection: asyncpg.Connection, layout: Layout, item: int) -> None:
    wanted = Passages(layout)
    wanted.want(item, [Passage(0, 0, f"a new text of {item}")], new=False)
    await wanted.store(connection)


async def _write_soon(connection: asyncpg.Connection, layout: Layout, item: int) -> None:
    async with connection.transaction():
        await connection.execute("SET LOCAL statement_timeout = '300ms'")
        await _write(connection, layout, item)


async def test_a_writer_that_waits_for_another_one_heeds_its_time_limit(memory: Memory, graph: str) -> None:
    database, layout, (one, other) = await _opened(memory, graph)
    if not layout.latched:
        pytest.skip("this server's text index keeps no latch")
    async with database.connection() as first, database.connection() as second:
        async with first.transaction():
            await _write(first, layout, one)
            began = time.monotonic()
            with pytest.raises(asyncpg.QueryCanceledError):
                await asyncio.wait_for(_write_soon(second, layout, other), 10)
            assert time.monotonic() - began < 5
        async with second.transaction():
            await _write(second, layout, other)


async def test_a_caller_who_leaves_while_it_waits_is_done_with(memory: Memory, graph: str) -> None:
    database, layout, (one, _) = await _opened(memory, graph)
    async with database.connection() as first, first.transaction():
        await _write(first, layout, one)
        waiting = asyncio.create_task(memory.entities.put(graph, [Entity("c", text="about c")]))
        await asyncio.sleep(0.3)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=5)
        assert waiting.done()
    assert (await memory.entities.put(graph, [Entity("d", text="about d")])).created == 1


@pytest.mark.long
async def test_writers_of_two_graphs_in_both_orders_do_not_wait_for_each_other_for_ever(
    memory: Memory, graph: str, new_graph_beside: str
) -> None:
    database, layout, ours = await _opened(memory, graph)
    _, other_layout, theirs = await _opened(memory, new_graph_beside)
    both = asyncio.Barrier(2)

    async def write(places: list[tuple[Layout, int]]) -> None:
        async with database.connection() as connection, connection.transaction():
            await _write(connection, *places[0])
            await asyncio.wait_for(both.wait(), 10)
            await _write(connection, *places[1])

    # Of different items, so that only the text index can make them wait.
    first = [(layout, ours[0]), (other_layout, theirs[0])]
    second = [(other_layout, theirs[1]), (layout, ours[1])]
    async with asyncio.timeout(20):
        ended = await asyncio.gather(write(first), write(second), return_exceptions=True)
    failed = [error for error in ended if error is not None]
    assert all(isinstance(error, DatabaseUnavailable) for error in failed), failed
    assert len(failed) == int(layout.latched)


@pytest.fixture
async def new_graph_beside(memory: Memory, graph: str) -> str:
    """A second graph."""
    return await new_graph(memory, f"{graph}_beside"[-40:])
