"""Streams in Redis beside those in Postgres: where a stream is, what Redis must keep, and what its loss does."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from kgmem.domain.errors import NotFound, RedisUnavailable
from kgmem.domain.streams.stream import NewMessage, Release, StreamAddress, StreamRead, StreamSettings
from kgmem.memory import Memory
from kgmem.redis.connection import RedisConnection
from kgmem.redis.durability import faults
from tests.memories import new_graph, until
from tests.redis_servers import DURABLE, KINDS, RedisServer, redis_server, streams_in_redis

GRAPH = "work"
TASKS = StreamAddress("tasks")
G = "workers"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, *DURABLE) as running:
        yield running


@pytest.fixture
async def plain(memory: Memory) -> Memory:
    """A memory without Redis over the same graph."""
    await new_graph(memory, GRAPH)
    return memory


@pytest.fixture
async def memory_in_redis(plain: Memory, server: RedisServer) -> AsyncIterator[Memory]:
    async with streams_in_redis(plain, server.url, timeout=0.5) as changed:
        yield changed


async def append(memory: Memory, body: Any, stream: StreamAddress = TASKS, **more: Any) -> Any:
    return await memory.streams.append(GRAPH, stream, NewMessage(body, **more))


async def keys_of(server: RedisServer) -> list[bytes]:
    connection = RedisConnection(server.url, timeout=5)
    found = await connection.call(lambda client: client.keys("*"))
    await connection.aclose()
    return sorted(found)


async def available(memory: Memory) -> bool:
    try:
        await memory.streams.get(GRAPH, TASKS)
    except RedisUnavailable:
        return False
    return True


async def until_available(memory: Memory) -> None:
    await until(lambda: available(memory), 30)


async def test_a_stream_stays_where_it_was_made(plain: Memory, memory_in_redis: Memory) -> None:
    await append(plain, "old", StreamAddress("older"))
    await append(memory_in_redis, "new")
    await append(memory_in_redis, "more", StreamAddress("older"))
    stores = {each.name: each.store for each in (await memory_in_redis.streams.list(GRAPH)).items}
    assert stores == {"older": "postgres", "tasks": "redis"}
    bodies = [each.body for each in await plain.streams.messages(GRAPH, StreamAddress("older"))]
    assert bodies == ["old", "more"]
    with pytest.raises(RedisUnavailable, match="in Redis"):
        await append(plain, "lost?")
    with pytest.raises(RedisUnavailable):
        await plain.streams.read(GRAPH, TASKS, StreamRead(G))


async def test_a_server_that_is_killed_loses_nothing_and_is_503_meanwhile(
    memory_in_redis: Memory, server: RedisServer
) -> None:
    await append(memory_in_redis, 1, idempotency_key="one")
    await append(memory_in_redis, 2, key="k")
    (first,) = await memory_in_redis.streams.read(GRAPH, TASKS, StreamRead(G, "a", 1))
    server.kill()
    with pytest.raises(RedisUnavailable) as away:
        await append(memory_in_redis, 3)
    assert away.value.retry_after >= 1
    with pytest.raises(RedisUnavailable):
        await memory_in_redis.streams.read(GRAPH, TASKS, StreamRead(G))
    server.start()
    await until_available(memory_in_redis)
    assert (await append(memory_in_redis, 1, idempotency_key="one")).duplicates == 1
    assert (await memory_in_redis.streams.acknowledge(GRAPH, TASKS, G, first.receipt or "")).settled == [1]
    (second,) = await memory_in_redis.streams.read(GRAPH, TASKS, StreamRead(G))
    assert (second.id, second.body) == (2, 2)


async def test_a_frozen_server_costs_a_request_its_time_limit(memory_in_redis: Memory, server: RedisServer) -> None:
    await append(memory_in_redis, 1)
    server.freeze()
    with pytest.raises(RedisUnavailable):
        await append(memory_in_redis, 2)
    server.thaw()
    await until_available(memory_in_redis)
    assert (await memory_in_redis.streams.read(GRAPH, TASKS, StreamRead(G)))[0].body == 1


async def test_while_redis_is_away_new_streams_are_made_in_postgres(
    memory_in_redis: Memory, server: RedisServer
) -> None:
    await append(memory_in_redis, 1)
    server.kill()
    other = StreamAddress("other")
    await append(memory_in_redis, "here", other)
    assert (await memory_in_redis.streams.get(GRAPH, other)).store == "postgres"


async def test_a_server_that_lost_a_stream_never_begins_it_anew_by_itself(
    memory_in_redis: Memory, server: RedisServer
) -> None:
    await append(memory_in_redis, 1)
    flushing = RedisConnection(server.url, timeout=5)
    await flushing.call(lambda client: client.flushall())
    await flushing.aclose()
    for work in (append(memory_in_redis, 2), memory_in_redis.streams.read(GRAPH, TASKS, StreamRead(G))):
        with pytest.raises(RedisUnavailable, match="does not have the messages") as lost:
            await work
        assert lost.value.hint
    assert [each.name for each in (await memory_in_redis.streams.list(GRAPH)).items] == ["tasks"]
    await memory_in_redis.streams.delete(GRAPH, TASKS)
    assert list((await append(memory_in_redis, 2)).ids) == [1]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ((), "append-only"),
        (("--appendonly", "yes"), "appendfsync is everysec"),
        ((*DURABLE, "--maxmemory-policy", "allkeys-lru"), "evicts streams"),
        ((*DURABLE, "--no-appendfsync-on-rewrite", "yes"), "rewrites"),
        ((*DURABLE, "--rename-command", "CONFIG", ""), "does not show its settings"),
    ],
)
async def test_streams_stay_in_postgres_where_redis_may_lose_them(
    plain: Memory, options: tuple[str, ...], reason: str
) -> None:
    with redis_server("valkey", *options) as server:
        connection = RedisConnection(server.url, timeout=5)
        assert any(reason in each for each in await connection.call(faults))
        await connection.aclose()
        async with streams_in_redis(plain, server.url) as memory:
            await append(memory, 1)
            assert (await memory.streams.get(GRAPH, TASKS)).store == "postgres"


async def test_a_server_that_keeps_nothing_any_more_takes_no_messages_and_gives_those_it_has(
    plain: Memory, server: RedisServer
) -> None:
    async with streams_in_redis(plain, server.url) as memory:
        await append(memory, 1)
    changing = RedisConnection(server.url, timeout=5)
    await changing.call(lambda client: client.config_set("appendfsync", "no"))
    async with streams_in_redis(plain, server.url) as memory:
        memory_store: Any = memory.ports.streams
        memory_store._redis.namespace = await _namespace(changing)
        with pytest.raises(RedisUnavailable, match="appendfsync is no"):
            await append(memory, 2)
        (found,) = await memory.streams.read(GRAPH, TASKS, StreamRead(G))
        assert (await memory.streams.acknowledge(GRAPH, TASKS, G, found.receipt or "")).settled == [1]
    await changing.aclose()


async def _namespace(connection: RedisConnection) -> str:
    (key, *_) = await connection.call(lambda client: client.keys("*:streams"))
    return str(key.decode().removesuffix(":streams"))


async def test_a_full_server_refuses_appends_and_lets_groups_go_on(plain: Memory) -> None:
    with redis_server("valkey", *DURABLE) as server:
        async with streams_in_redis(plain, server.url) as memory:
            await append(memory, "first")
            changing = RedisConnection(server.url, timeout=5)
            await changing.call(lambda client: client.config_set("maxmemory", 1))
            await changing.aclose()
            with pytest.raises(RedisUnavailable, match="refuses writes"):
                await append(memory, "second")
            (found,) = await memory.streams.read(GRAPH, TASKS, StreamRead(G))
            assert (await memory.streams.acknowledge(GRAPH, TASKS, G, found.receipt or "")).settled == [1]
            assert (await memory.streams.trim(GRAPH, TASKS, max_length=0)).removed == 1


async def test_nothing_stays_in_redis_of_a_stream_a_scope_or_a_graph_that_is_deleted(
    plain: Memory, memory_in_redis: Memory, server: RedisServer
) -> None:
    memory = memory_in_redis

    async def used(stream: StreamAddress, graph: str = GRAPH) -> None:
        await memory.streams.append(graph, stream, [NewMessage("a", "k", "i"), NewMessage("b", "k"), NewMessage("c")])
        found = await memory.streams.read(graph, stream, StreamRead(G))
        from_dead = [each.receipt or "" for each in found[1:]]
        await memory.streams.release(graph, stream, G, Release(from_dead, dead=True))

    await used(TASKS)
    assert len(await keys_of(server)) > 5
    await memory.streams.delete(GRAPH, TASKS)
    assert await keys_of(server) == []
    await used(StreamAddress("theirs", "team/7"))
    await memory.scopes.delete(GRAPH, "team")
    assert await keys_of(server) == []
    await memory.graphs.create("gone")
    await used(TASKS, "gone")
    assert await keys_of(server)
    await memory.graphs.delete("gone")
    assert await keys_of(server) == []
    with pytest.raises(NotFound):
        await memory.streams.get(GRAPH, TASKS)


async def test_settings_are_changed_and_the_job_trims_by_them(memory_in_redis: Memory) -> None:
    memory = memory_in_redis
    made = await memory.streams.put(GRAPH, TASKS, StreamSettings(max_length=5))
    assert (made.created, made.store) == (True, "redis")
    await memory.streams.append(GRAPH, TASKS, [NewMessage(n) for n in range(20)])
    changed = await memory.streams.put(GRAPH, TASKS, StreamSettings(max_length=3))
    assert (changed.created, changed.settings.max_length, changed.length) == (False, 3, 20)
    assert await memory.tasks.trim_streams(GRAPH) == 17
    assert (await memory.streams.get(GRAPH, TASKS)).length == 3
