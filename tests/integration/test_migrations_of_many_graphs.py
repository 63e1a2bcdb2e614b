"""Migrations go graph by graph: any number of graphs, and a run that is broken off goes on where it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from kgmem.domain.errors import DatabaseOutdated, DatabaseUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.store.db.migrate import Limits, downgrade, migrate, require_current, revision_state
from tests.invariants import assert_index_matches_labels
from tests.memories import hashing, opened_memory

WAITING = Limits(lock=0.2)


async def make_graphs(url: str, count: int) -> None:
    """Make graphs g0, g1, ..., each with one entity; several at once, so that their order is any."""
    async with opened_memory(url, embedder=hashing()) as memory:

        async def make(numbers: range) -> None:
            for number in numbers:
                await memory.graphs.create(f"g{number}")
                await memory.entities.put(f"g{number}", [Entity("a", name=f"name {number}")])

        await asyncio.gather(*(make(range(lane, count, 4)) for lane in range(4)))


async def down_and_up_again(url: str, count: int) -> None:
    steps: list[str] = []
    assert (await downgrade(url, "0009", report=steps.append)).state == "older"
    assert (await migrate(url, report=steps.append)).state == "current"
    assert ("down from 0010: 100 of 300 graphs" in steps) == (count == 300)
    async with opened_memory(url, embedder=hashing()) as memory:
        for number in {0, count // 2, count - 1}:
            await assert_index_matches_labels(memory, f"g{number}")
            assert (await memory.entities.get(f"g{number}", "a")).name == f"name {number}"


@pytest.mark.slow
async def test_three_hundred_graphs_go_down_and_up_again(database_url: str) -> None:
    await make_graphs(database_url, 300)
    await down_and_up_again(database_url, 300)


@asynccontextmanager
async def table_in_use(url: str, turn: int, table: str) -> AsyncIterator[None]:
    """Let another session hold a table of a graph's index, as a long write does; migrations begin with turn 0."""
    other = await asyncpg.connect(url)
    try:
        index = await other.fetchval("SELECT index_name FROM kgmem.graph ORDER BY id OFFSET $1 LIMIT 1", turn)
        async with other.transaction():
            await other.execute(f"LOCK TABLE {index}.{table} IN ROW EXCLUSIVE MODE")
            yield
    finally:
        await other.close()


@pytest.mark.parametrize("again", ["up", pytest.param("down", marks=pytest.mark.slow)])
async def test_a_migration_that_is_broken_off_at_one_graph_goes_on_there(database_url: str, again: str) -> None:
    await make_graphs(database_url, 3)
    async with opened_memory(database_url, embedder=hashing()) as memory:
        for number in range(3):  # Tables of similarity links are made at their first use.
            await memory.similarity.link(f"g{number}")
    await downgrade(database_url, "0026")  # Which renames the tables, and so needs their locks as well.
    async with table_in_use(database_url, 1, "connecting"):
        with pytest.raises(DatabaseUnavailable, match="kept a lock"):
            await downgrade(database_url, "0010", limits=WAITING)
        state = await revision_state(database_url)
        assert (state.current, state.state, state.graphs_left) == ("0017", "unfinished", 1)
        with pytest.raises(DatabaseOutdated, match="broken off at revision 0017") as refusal:
            await require_current(database_url)
        assert "goes on where it was" in refusal.value.hint

    assert (await downgrade(database_url, "0010")).graphs_left == 0
    async with table_in_use(database_url, 1, "item"):
        with pytest.raises(DatabaseUnavailable, match="kept a lock"):
            await migrate(database_url, limits=WAITING)
        state = await revision_state(database_url)
        assert (state.current, state.state, state.graphs_left) == ("0011", "unfinished", 2)
    if again == "down":
        assert (await downgrade(database_url, "0010")).state == "older"

    await down_and_up_again(database_url, 3)


async def test_a_graph_that_is_deleted_meanwhile_holds_nothing_up(database_url: str) -> None:
    await make_graphs(database_url, 1)
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(
            "INSERT INTO kgmem.graph_revision SELECT id, '0018' FROM kgmem.graph WHERE name = 'g0'"
        )
        assert (await revision_state(database_url)).state == "unfinished"
        await connection.execute("DELETE FROM kgmem.graph WHERE name = 'g0'")
    finally:
        await connection.close()
    assert (await require_current(database_url)).state == "current"
