"""Several servers with caches, alone and over Redis: no answer is older than a write that its reader had seen."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from kgmem.cache.layered import LayeredCache
from kgmem.domain.cache.policy import DEFAULTS
from kgmem.domain.cache.ports import CachePlace, Seen
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.redis import connection as connections
from kgmem.redis.breaker import CircuitBreaker
from kgmem.redis.cache import RedisValues
from kgmem.redis.connection import RedisConnection
from kgmem.store.embedded.postmaster import until
from tests.graph_pool import GraphPool
from tests.memories import hashing, opened_memory
from tests.redis_servers import RedisServer, redis_server
from tests.sizes import size, sized

pytestmark = pytest.mark.server
# Five minutes in `make test-all`, or what KGMEM_TEST_CACHE_SECONDS says.
SECONDS = float(os.environ.get("KGMEM_TEST_CACHE_SECONDS", size(3, 300)))
ROOT = Path(__file__).parents[2]
GRANITE = Question(What("granite"))


def started(url: str, graph: str, file: Path, redis: str, counter: str) -> "subprocess.Popen[str]":
    """A server process that writes one counter and reads both."""
    command = [sys.executable, "-m", "tests.integration.cache_worker", url, graph, str(file), counter, str(SECONDS)]
    return subprocess.Popen([*command, redis], cwd=ROOT, stdout=subprocess.PIPE, text=True)


@sized
@pytest.mark.parametrize("shared", [False, True], ids=["in each process", "over Redis"])
async def test_no_server_answers_with_less_than_what_its_reader_had_seen_committed(
    memory: Memory, graph_pool: GraphPool, shared_database_url: str, tmp_path: Path, *, shared: bool
) -> None:
    file = tmp_path / "committed"
    file.write_bytes(bytes(16))
    async with graph_pool.lent() as graph:
        await memory.entities.put(graph, [Entity(key, "Counter", f"counter {key} 0") for key in ("alpha", "beta")])
        with redis_server() as server:
            run = partial(started, shared_database_url, graph, file, server.url if shared else "none")
            processes = [run(counter) for counter in ("alpha", "beta")]
            told = [(await asyncio.to_thread(each.communicate))[0] for each in processes]

    assert [each.returncode for each in processes] == [0, 0]
    for line in told:
        written, reads, _hits, old, what = line.split(maxsplit=4)
        assert (int(old), int(written) > 3, int(reads) > 10) == (0, True, True), what
    assert sum(int(line.split()[2]) for line in told) > 0


@asynccontextmanager
async def sharing(url: str, server: RedisServer) -> AsyncIterator[tuple[Memory, LayeredCache, RedisConnection]]:
    """A memory whose cache is shared over a server."""
    connection = RedisConnection(server.url, namespace="kgmem:test", timeout=0.2, breaker=CircuitBreaker(pause=0.2))
    cache = LayeredCache(DEFAULTS, 8 * 1024 * 1024, RedisValues(connection))
    try:
        async with opened_memory(url, embedder=hashing(), cache=cache) as memory:
            yield memory, cache, connection
    finally:
        await connection.aclose()


async def known(memory: Memory, graph: str) -> None:
    """Return when the graph has an epoch."""
    epochs = memory.ports.cache._epochs  # type: ignore[union-attr]
    while await epochs.read(Seen(graph, "")) is None:
        await epochs.settle()  # type: ignore[attr-defined]


async def test_what_one_server_computed_is_a_hit_for_the_other_until_something_changes(
    memory: Memory, graph_pool: GraphPool, shared_database_url: str
) -> None:
    with redis_server() as server:
        async with (
            graph_pool.lent() as graph,
            sharing(shared_database_url, server) as (one, _, _),
            sharing(shared_database_url, server) as (other, cache, connection),
        ):
            await one.entities.put(graph, [Entity("g", "Stone", "Granite of Aberdeen")])
            await known(one, graph)
            for _ in range(2):
                first = await one.recall(graph, GRANITE)
                await one.ports.cache.settle()  # type: ignore[union-attr]

            assert await other.recall(graph, GRANITE) == first
            assert cache.stats().kinds[0].hits == 1
            keys = await connection.call(lambda client: client.keys("*"))
            assert keys
            assert all(b"ranite" not in key for key in keys)
            assert all([await connection.call(lambda client, key=key: client.pttl(key)) > 0 for key in keys])

            await one.entities.put(graph, [Entity("h", "Stone", "Granite of Bohus")])
            assert {hit.key for hit in (await other.recall(graph, GRANITE)).hits} == {"g", "h"}

            await other.ports.cache.settle()  # type: ignore[union-attr]
            await one.cache.clear(graph)
            assert not await connection.call(lambda client: client.keys("*"))
            await other.recall(graph, GRANITE)
            assert cache.stats().kinds[0].hits == 1


@pytest.mark.long
async def test_redis_that_stops_freezes_restarts_or_is_emptied_under_load_costs_no_answer(
    memory: Memory, graph_pool: GraphPool, shared_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "PAUSE", 0.2)
    written, ended, wrong = 0, False, []

    async def write(graph: str) -> None:
        nonlocal written
        while not ended:
            await memory.entities.put(graph, [Entity("g", "Stone", f"Granite {written + 1}")])
            written += 1
            await asyncio.sleep(0.03)

    async def read(reader: Memory, graph: str) -> None:
        while not ended:
            seen = written
            hits = (await reader.recall(graph, GRANITE)).hits
            if not hits or int(str(hits[0].name).split()[1]) < seen:
                wrong.append((seen, [hit.name for hit in hits]))

    with redis_server() as server:
        async with graph_pool.lent() as graph, sharing(shared_database_url, server) as (one, cache, connection):
            await memory.entities.put(graph, [Entity("g", "Stone", "Granite 0")])
            await known(one, graph)
            work = asyncio.gather(write(graph), read(one, graph), read(one, graph))
            pause = size(0.5, 5.0)
            await asyncio.sleep(pause)
            await connection.call(lambda client: client.flushall())
            await asyncio.sleep(pause)
            server.freeze()
            await asyncio.sleep(pause)
            server.thaw()
            assert await until(lambda: connection.state == "closed", 20)
            server.kill()
            await asyncio.sleep(pause)
            server.start()
            assert await until(lambda: connection.state == "closed", 20)
            await asyncio.sleep(pause)
            ended = True
            await work
            assert (await one.cache.stats()).available
            assert not wrong
            place = CachePlace("recall", 1, "a")
            await cache.put(place, b"answer")
            assert await RedisValues(connection).get(place)


async def test_what_redis_returns_damaged_or_of_another_place_is_not_served(shared_database_url: str) -> None:
    here, there = CachePlace("recall", 1, "a"), CachePlace("recall", 1, "b")
    with redis_server() as server:
        connection = RedisConnection(server.url, namespace="kgmem:test", timeout=5)
        values = RedisValues(connection)
        await LayeredCache(DEFAULTS, 1_000_000, values).put(here, b"answer" * 2000)
        frame = await values.get(here)
        assert frame is not None
        assert len(frame) < 1000
        for place, damaged in ((here, frame[:-1] + b"x"), (here, b"KC9" + frame[3:]), (there, frame), (here, b"")):
            await values.put(place, damaged, 60)
            assert await LayeredCache(DEFAULTS, 1_000_000, values).get(place) is None
        await values.put(here, frame, 60)
        assert await LayeredCache(DEFAULTS, 1_000_000, values).get(here) == b"answer" * 2000
        await connection.aclose()
