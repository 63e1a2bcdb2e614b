"""Many graphs on one server: each is a transaction of its own, and the memory of a process does not grow with them."""

import asyncio
import gc
import os
from pathlib import Path

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate
from tests.memories import hashing, opened_memory, query
from tests.sizes import size, sized

# As many as fit three minutes; 2,000 take some twenty.
COUNT = size(8, 240)
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH = 24 * 1024**2  # Bytes that visiting the second half of the graphs may add.


def resident() -> int:
    """The bytes of memory that this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def visit(memory: Memory, numbers: range) -> None:
    for number in numbers:
        name = f"graph_{number}"
        assert not (await memory.entities.list(name)).items
        assert not (await memory.recall(name, Question(What(text="anything")))).hits


@sized
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_many_graphs_are_made_visited_migrated_and_dropped(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing(), size=4) as memory:
        lanes = [range(lane, COUNT, 2) for lane in range(2)]

        async def make(numbers: range) -> None:
            for number in numbers:
                await memory.graphs.create(f"graph_{number}")

        await asyncio.gather(*map(make, lanes))
        await visit(memory, range(COUNT // 2))
        before = resident()
        await visit(memory, range(COUNT // 2, COUNT))
        assert resident() - before < GROWTH
        await memory.entities.put("graph_1", [Entity("a", name="Ann")])

    assert (await downgrade(database_url, "0023")).state == "older"
    assert (await migrate(database_url)).state == "current"

    async with opened_memory(database_url, embedder=hashing(), size=4) as memory:
        made = await query(memory, "SELECT count(*) FILTER (WHERE subsystems = '{}'), count(*) FROM kgmem.graph")
        assert tuple(made[0]) == (COUNT - 1, COUNT)
        assert (await memory.entities.get("graph_1", "a")).name == "Ann"
        for number in range(COUNT):
            await memory.graphs.delete(f"graph_{number}")
        left = await query(memory, "SELECT nspname FROM pg_namespace WHERE nspname ~ '^kgm_[1-9]'")
        assert not left
