"""Reads on replicas: they answer, nobody misses what this server wrote, and the primary answers where they cannot."""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.cypher import CypherQuery
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import InvalidInput, Unavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.services.reading import read_again
from kgmem.settings import Settings
from kgmem.store.db.doctor import examine
from kgmem.store.db.migrate import migrate
from kgmem.store.db.sql import SQL
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.graph.catalog import SETTINGS_KEPT
from kgmem.store.graph.layout import learn_labels
from kgmem_api.metrics import Metrics
from tests.embedded import kill_all
from tests.memories import until
from tests.postgres import run_on, value_on
from tests.replicas import Pair, pair_of_servers

pytestmark = [pytest.mark.server, pytest.mark.slow, pytest.mark.crash]

GRAPH = "read"
PAUSE, RESUME = "SELECT pg_wal_replay_pause()", "SELECT pg_wal_replay_resume()"
COUNT = CypherQuery("MATCH (n:Note) RETURN count(n)")


@asynccontextmanager
async def server(
    pair: Pair, staleness: float = 60.0, *, cache: bool = False, read_url: str | None = None
) -> AsyncIterator[Memory]:
    """One server of kgmem that reads from the standby, or from `read_url`."""
    settings = Settings(
        database_url=SecretStr(pair.first.url),
        read_url=SecretStr(read_url or pair.second.url),
        read_staleness=staleness,
        home=pair.first.home,
        embedder="none",
        cache=cache,
    )
    async with open_memory(settings) as memory:
        yield memory


@asynccontextmanager
async def replicated(folder: Path, *, words: bool = False) -> AsyncIterator[tuple[Pair, Memory]]:
    """A primary and a standby, and a server of kgmem; without `words` Postgres full text answers for words."""
    async with pair_of_servers(folder) as pair:
        if not words:
            await run_on(pair.first.url, "DROP EXTENSION IF EXISTS pg_textsearch CASCADE")
        await pair.follow(synchronous=False)
        async with server(pair) as memory:
            await memory.graphs.create(GRAPH, space=None)
            yield pair, memory


async def put(memory: Memory, *keys: str) -> None:
    await memory.entities.put(GRAPH, [Entity(key, "Note", f"note {key}", text="a common word") for key in keys])


async def count(memory: Memory) -> int:
    answer = await memory.cypher(GRAPH, COUNT.text)
    return int(answer.rows[0][0])


async def hits(memory: Memory) -> int:
    return len((await memory.recall(GRAPH, Question(What(text="common"), k=100))).hits)


async def exported(memory: Memory) -> int:
    return b"".join([part async for part in memory.exports.stream(GRAPH)]).count(b"a common word")


async def by(memory: Memory, who: str) -> int:
    """Return how many reads were answered by `replica`, or by the primary and why."""
    return (await memory.server.metrics()).reads.get(who, 0)


async def test_recall_cypher_and_exports_are_answered_by_a_replica_that_has_what_was_written(
    short_folder: Path,
) -> None:
    async with replicated(short_folder) as (pair, memory):
        await put(memory, "a", "b")
        for read in (count, hits, exported):
            before = await by(memory, "replica")

            async def answered(read: object = read, before: int = before) -> bool:
                assert await read(memory) == 2  # type: ignore[operator]
                return await by(memory, "replica") > before

            await until(answered)

        await run_on(pair.second.url, PAUSE)
        for number in range(3):
            await put(memory, f"late {number}")
            assert (await count(memory), await hits(memory), await exported(memory)) == (3 + number,) * 3
        assert await by(memory, "behind") > 0
        await run_on(pair.second.url, RESUME)
        before = await by(memory, "replica")

        async def back() -> bool:
            assert await count(memory) == 5
            return await by(memory, "replica") > before

        await until(back)


async def test_what_other_servers_write_is_seen_within_the_staleness_and_at_once_by_a_bookmark(
    short_folder: Path,
) -> None:
    async with replicated(short_folder) as (pair, memory), server(pair, staleness=1.0) as bounded:
        await put(memory, "a")
        async with server(pair) as lagging:
            assert (await count(lagging), await count(bounded)) == (1, 1)
            await run_on(pair.second.url, PAUSE)
            await put(memory, "b")
            bookmark = await memory.server.bookmark()
            assert await count(lagging) in {1, 2}  # For a minute it may lack what others write.
            await asyncio.sleep(1.1)
            assert await count(bounded) == 2
            await lagging.server.check_bookmarks([bookmark])
            assert await count(lagging) == 2
            with pytest.raises(Unavailable):
                await lagging.server.check_bookmarks(["kgmem:FFFF/FFFFFFFF"])
            await run_on(pair.second.url, RESUME)


async def test_what_is_cached_is_never_older_than_its_epoch(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory), server(pair, cache=True) as cached:
        await put(memory, "a")

        async def is_cached() -> bool:
            assert await hits(cached) == 1
            return any(kind.hits for kind in (await cached.cache.stats()).kinds)

        await until(is_cached)
        for number in range(2, 6):
            await run_on(pair.second.url, PAUSE)
            await put(memory, f"n{number}")
            assert (await hits(cached), await hits(cached)) == (number, number)
            await run_on(pair.second.url, RESUME)
            assert await hits(cached) == number


async def test_the_doctor_and_metrics_show_replicas(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory):
        await put(memory, "a")
        await until(lambda: _replica_answers(memory))
        told = (await Metrics().text(memory)).decode()
        assert re.search(r'kgmem_database_reads\{by="replica"\} [1-9]', told)
        assert re.search(r'kgmem_replica_used\{replica="[^"]+"\} 1.0', told)
        (found,) = [each for each in await examine(pair.first.url, pair.second.url) if each.area.startswith("replica ")]
        assert (found.state, "standby, replayed to" in found.what) == ("ok", True)
        (primary,) = [
            each for each in await examine(pair.first.url, pair.first.url) if each.area.startswith("replica ")
        ]
        assert (primary.state, "primary" in primary.what) == ("warning", True)
        kill_all(pair.second.home)
        (gone,) = [each for each in await examine(pair.first.url, pair.second.url) if each.area.startswith("replica ")]
        assert (gone.state, "not reachable" in gone.what) == ("warning", True)
        await pair.second.start()


async def test_a_label_that_the_replica_has_not_heard_of_is_answered_by_the_primary(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory), server(pair) as other:
        await put(memory, "a")
        assert await count(other) == 1
        await run_on(pair.second.url, PAUSE)
        await memory.entities.put(GRAPH, [Entity("x", "Fresh", "fresh")])
        await memory.graphs.create("second", space=None)

        async def seen() -> bool:
            answer = await other.cypher(GRAPH, "MATCH (n:Fresh) RETURN n.key")
            return [list(row) for row in answer.rows] == [["x"]]

        assert (await other.cypher("second", "MATCH (n) RETURN count(n)")).rows[0][0] == 0
        await run_on(pair.second.url, RESUME)
        await until(seen)


async def test_a_replica_that_dies_refuses_nothing_and_one_that_comes_back_is_used_again(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory):
        await put(memory, "a")
        await until(lambda: _replica_answers(memory))
        kill_all(pair.second.home)
        for _ in range(20):
            assert (await count(memory), await hits(memory)) == (1, 1)
        assert await by(memory, "away") > 0
        assert list((await memory.server.metrics()).replicas.values()) == [False]
        await pair.second.start()
        await until(lambda: _replica_answers(memory))


async def _replica_answers(memory: Memory) -> bool:
    before = await by(memory, "replica")
    assert await count(memory) >= 1
    return await by(memory, "replica") > before


async def test_a_read_that_replay_stops_is_answered_by_the_primary_when_it_begins_again(short_folder: Path) -> None:
    """Postgres cancels what reads on a standby when it has to replay the removal of what that still sees."""
    async with replicated(short_folder) as (pair, memory):
        await run_on(pair.second.url, "ALTER SYSTEM SET max_standby_streaming_delay = 0", "SELECT pg_reload_conf()")
        await put(memory, *(f"n{number}" for number in range(200)))
        await until(lambda: _replica_answers(memory))
        table = str(await value_on(pair.first.url, "SELECT relation FROM ag_catalog.ag_label WHERE name = 'Note'"))
        rows = SQL(f"SELECT count(*) FROM {table}")
        store: Any = memory.ports.store
        times = 0

        async def read() -> int:
            nonlocal times
            times += 1
            async with store._reads.connection() as connection, connection.transaction(isolation="repeatable_read"):
                found = int(await connection.fetchval(rows))
                if times == 1:
                    for statement in (f"UPDATE {table} SET properties = properties", f"VACUUM {table}"):
                        await run_on(pair.first.url, statement)
                    await asyncio.sleep(1)  # In which the standby replays it.
                assert int(await connection.fetchval(rows)) == found
                return found

        assert (await read_again(read), times) == (200, 2)
        conflicts = (
            "SELECT confl_snapshot + confl_lock + confl_bufferpin FROM pg_stat_database_conflicts WHERE datname = "
        )
        assert await value_on(pair.second.url, f"{conflicts} current_database()")


async def test_words_of_an_index_that_no_replica_has_are_asked_of_the_primary(short_folder: Path) -> None:
    async with replicated(short_folder, words=True) as (_, memory):
        await put(memory, "a")
        for _ in range(3):
            assert await hits(memory) == 1
        if not await _words_are_in_the_log(memory):
            assert await by(memory, "kind") >= 3


async def _words_are_in_the_log(memory: Memory) -> bool:
    index = memory.ports.index
    return not index._guard.in_memory  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(2))
async def test_no_reader_misses_what_this_server_wrote_or_goes_back(short_folder: Path, seed: int) -> None:
    """Writers and readers of one server, while the standby stops and goes on at random."""
    chance = random.Random(seed)
    async with replicated(short_folder) as (pair, memory), asyncio.timeout(90):
        written, over = 0, asyncio.Event()
        await put(memory, "first")

        async def write() -> None:
            nonlocal written
            for number in range(60):
                await put(memory, f"n{number}")
                written = number + 1
                await asyncio.sleep(chance.random() * 0.05)
            over.set()

        async def read(reading: object) -> None:
            last = 0
            while not over.is_set():
                least = written + 1
                found = await reading(memory)  # type: ignore[operator]
                assert found >= max(least, last)
                last = found

        async def hinder() -> None:
            while not over.is_set():
                await run_on(pair.second.url, PAUSE)
                await asyncio.sleep(chance.random() * 0.1)
                await run_on(pair.second.url, RESUME)
                await asyncio.sleep(chance.random() * 0.3)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(write())
            tasks.create_task(hinder())
            for reading in (count, hits, count, exported):
                tasks.create_task(read(reading))
        assert await by(memory, "replica") > 0
        assert await count(memory) == 61


async def test_a_reader_on_a_replica_makes_nobody_forget_a_label_that_is_not_there_yet(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory):
        await put(memory, "a")
        catalog: Any = memory.ports.graphs
        layout = await catalog.layout(GRAPH)
        store: Any = memory.ports.store
        async with AsyncExitStack() as stack:
            connections: list[Any] = []

            async def on_replica() -> bool:
                connections.append(await stack.enter_async_context(store._reads.connection()))
                return bool(connections[-1].replica)

            await until(on_replica)
            await run_on(pair.second.url, PAUSE)
            await memory.entities.put(GRAPH, [Entity("x", "Fresh", "fresh")])
            known = set(layout.labels)
            await learn_labels(connections[-1], layout)
            assert set(layout.labels) == known
        assert (await memory.cypher(GRAPH, "MATCH (n:Fresh) RETURN count(n)")).rows[0][0] == 1
        await run_on(pair.second.url, RESUME)


async def test_a_name_that_another_server_erased_comes_back_from_no_replica(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory), server(pair) as other:
        await memory.claims.put(GRAPH, [ClaimStatement("clara", "a", "age", value=7)])
        await memory.entities.put(GRAPH, [Entity("b", "Note", "b", source="clara")])
        await until(lambda: _replica_answers(other))
        await run_on(pair.second.url, PAUSE)
        await memory.erasures.erase(GRAPH, ErasureRequest(texts=["clara"], reason="asked"))
        await asyncio.sleep(SETTINGS_KEPT + 0.1)
        for _ in range(2):
            told = b"".join([part async for part in other.exports.stream(GRAPH)]).decode()
            assert ("clara" in told, "erased-source" in told) == (False, True)
            await run_on(pair.second.url, RESUME)


async def test_servers_that_are_no_replicas_are_refused_and_the_primary_is_none(short_folder: Path) -> None:
    async with replicated(short_folder) as (pair, memory):
        await put(memory, "a")
        async with EmbeddedPostgres(short_folder / "3") as stranger:
            await migrate(stranger.url)
            with pytest.raises(InvalidInput, match="another cluster"):
                async with server(pair, read_url=stranger.url):
                    pass
        async with server(pair, read_url=pair.url) as both:
            await until(lambda: _replica_answers(both))
            assert list((await both.server.metrics()).replicas.values()) == [True]
        async with server(pair, read_url=pair.first.url) as none:
            assert await count(none) == 1
            assert await by(none, "away") > 0
