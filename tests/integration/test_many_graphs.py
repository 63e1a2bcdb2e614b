"""Many graphs on one server: each is a transaction of its own, and the memory of no process grows with them."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate, revision_state
from kgmem.store.embedded.binaries import find_binaries
from tests.memories import hashing, opened_memory, query
from tests.sizes import size, sized

COUNT = size(4, 2_000)
LANES = 2
PAGE = os.sysconf("SC_PAGE_SIZE")
GROWTH = 24 * 1024**2  # Bytes that visiting the second half of the graphs may add to this process.
# Bytes that a session of Postgres may have for itself. It is closed after 100 graphs, and has up to 200 MB by then;
# without an end it would have 400 MB and more.
SESSION = 256 * 1024**2
# Below the newest revision that changes something in each graph; few graphs also go below that of the subsystems, which
# takes as long for each as making all of their tables.
BELOW = size("0023", "0025")


def resident() -> int:
    """The bytes of memory that this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


async def largest_session(memory: Memory) -> int:
    """The bytes that the largest session of this database has for itself."""
    rows = await query(memory, "SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
    statms = [Path(f"/proc/{row['pid']}/statm") for row in rows]
    sizes = [each.read_text().split() for each in statms if each.exists()]
    return max(int(held) - int(shared) for _, held, shared, *_ in sizes) * PAGE


async def in_lanes(work: Callable[[int], Awaitable[object]], numbers: range = range(COUNT)) -> None:
    """Do some work for the number of each graph, two at a time."""

    async def lane(own: range) -> None:
        for number in own:
            await work(number)

    await asyncio.gather(*(lane(numbers[first::LANES]) for first in range(LANES)))


async def visit(memory: Memory, numbers: range) -> None:
    async def one(number: int) -> None:
        name = f"graph_{number}"
        assert not (await memory.entities.list(name)).items
        assert not (await memory.recall(name, Question(What(text="anything")))).hits

    await in_lanes(one, numbers)


async def pg_dump(url: str, file: Path) -> tuple[str, str]:
    """Back up a database; return what `pg_restore --list` finds in the file, and what pg_dump says."""
    program = find_binaries().program
    dump = [program("pg_dump"), "--dbname", url, "--format=custom", "--compress=1", "--no-sync", "--file", str(file)]
    told = ""
    for command in (dump, [program("pg_restore"), "--list", str(file)]):
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        out, error = await process.communicate()
        told += error.decode()
        if process.returncode:
            return "", told
    return out.decode(), told


async def migrate_with_a_break(url: str) -> None:
    """Take all graphs down one revision and up again; with many of them each way is broken off and goes on."""

    class BrokenOffError(Exception):
        pass

    def break_off(step: str) -> None:
        if "graphs" in step:
            raise BrokenOffError(step)

    if COUNT >= 200:
        with pytest.raises(BrokenOffError, match=f"100 of {COUNT:,} graphs"):
            await downgrade(url, BELOW, report=break_off)
        assert (await revision_state(url)).graphs_left == 100
    assert (await downgrade(url, BELOW)).state == "older"
    if COUNT >= 200:
        with pytest.raises(BrokenOffError, match=f"100 of {COUNT:,} graphs"):
            await migrate(url, report=break_off)
        assert (await revision_state(url)).graphs_left == COUNT - 100
    assert (await migrate(url)).state == "current"


@sized
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_many_graphs_are_made_visited_migrated_backed_up_and_dropped(database_url: str, tmp_path: Path) -> None:
    async with opened_memory(database_url, embedder=hashing(), size=4) as memory:
        await in_lanes(lambda number: memory.graphs.create(f"graph_{number}"))
        await visit(memory, range(COUNT // 2))
        before = resident()
        await visit(memory, range(COUNT // 2, COUNT))
        assert resident() - before < GROWTH
        assert await largest_session(memory) < SESSION
        await memory.entities.put("graph_1", [Entity("a", name="Ann")])

    await migrate_with_a_break(database_url)

    found, told = await pg_dump(database_url, tmp_path / "dump")
    assert not told
    async with opened_memory(database_url, embedder=hashing(), size=4) as memory:
        rows = await query(memory, "SELECT name, index_name, subsystems FROM kgmem.graph")
        assert sum(row["subsystems"] == [] for row in rows) == COUNT - 1
        tables = {" ".join(line.split()[3:-1]) for line in found.splitlines()}
        for row in rows:
            assert f"TABLE DATA {row['index_name']} item" in tables
            assert f"TABLE DATA {row['name']} Episode" in tables
        assert (await memory.entities.get("graph_1", "a")).name == "Ann"
        await in_lanes(lambda number: memory.graphs.delete(f"graph_{number}"))
        left = await query(memory, "SELECT nspname FROM pg_namespace WHERE nspname ~ '^kgm_[1-9]'")
        assert not left
        assert not await memory.graphs.list()
