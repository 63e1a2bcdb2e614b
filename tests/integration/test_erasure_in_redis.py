"""An erasure reaches Redis: streams, presence, activity and the cache; while Redis is away it waits, and says so."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kgmem.cache.frame import content_of, framed
from kgmem.domain.agents.presence import AgentAddress, Heartbeat
from kgmem.domain.cache.ports import CachePlace
from kgmem.domain.erasure.erasure import ErasureRequest
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.domain.streams.stream import NewMessage, Release, StreamAddress, StreamRead
from kgmem.memory import Memory
from kgmem.redis.cache import RedisValues
from kgmem.redis.connection import RedisConnection
from kgmem.redis.contents import RedisGraphContents
from kgmem.redis.presence.store import RedisPresence
from kgmem.redis.streams.store import RedisStreams
from kgmem.store.streams.streams import PostgresStreams
from tests.memories import new_graph, until, with_ports
from tests.redis_servers import DURABLE, KINDS, RedisServer, redis_server, shared_redis

GRAPH = "erased"
NAME = "Zéphyrine Q. Oulou"
TASKS, OTHER = StreamAddress("tasks"), StreamAddress("others", "team/9")
G = "workers"


@asynccontextmanager
async def over_redis(memory: Memory, url: str, timeout: float = 5.0) -> AsyncIterator[tuple[Memory, RedisConnection]]:
    """A memory that has everything in Redis that may be there, under keys of its own."""
    connection = RedisConnection(url, namespace=f"test-{secrets.token_hex(6)}", timeout=timeout)
    catalog: Any = memory.ports.graphs
    presence = RedisPresence(catalog, connection)
    try:
        yield (
            with_ports(
                memory,
                streams=RedisStreams(PostgresStreams(catalog), connection),
                presence=presence,
                redis_contents=RedisGraphContents(connection, content_of),
            ),
            connection,
        )
    finally:
        await presence.aclose()
        await connection.aclose()


@pytest.fixture(params=["postgres", *KINDS])
async def stored(request: pytest.FixtureRequest, memory: Memory) -> AsyncIterator[Memory]:
    """A memory with streams and presence in Postgres, in the wheel's Valkey, and in redis-server where it is."""
    await new_graph(memory, GRAPH)
    if request.param == "postgres":
        yield memory
        return
    async with over_redis(memory, shared_redis(request.param).url) as (changed, _):
        yield changed


async def whole_redis(server: RedisServer, *, files: bool = True) -> bytes:
    """All that a server has: the name and the server's own dump of each key; and what is in its files."""
    connection = RedisConnection(server.url, timeout=10)
    found = []
    for key in await connection.call(lambda client: client.keys("*")):
        found.append(key)
        dump: Any = await connection.call(lambda client, key=key: client.dump(key))  # type: ignore[misc]
        found.append(dump or b"")
    await connection.aclose()
    on_disk = [each.read_bytes() for each in server.folder.rglob("*") if each.is_file()] if files else []
    return b"\n".join([*found, *on_disk])


async def fill(memory: Memory) -> None:
    """Put the name wherever a stream or presence may have it."""
    streams = memory.streams
    messages = [
        NewMessage({"task": f"Write to {NAME}."}, idempotency_key=f"once {NAME}"),
        NewMessage({"task": "Water the plants."}, key="plants"),
        NewMessage("By key.", key=f"person/{NAME}"),
        NewMessage({NAME.upper(): 1}, key="plants"),
        NewMessage("Sweep.", key="plants"),
        NewMessage("Dust."),
    ]
    await streams.append(GRAPH, TASKS, messages)
    taken = await streams.read(GRAPH, TASKS, StreamRead(G, "ann", limit=10))
    assert len(taken) == 4
    for each in taken:
        if each.body == "Dust.":
            await streams.release(GRAPH, TASKS, G, Release([each.receipt or ""], reason=f"{NAME} is away."))
        if each.body == "By key.":
            await streams.release(GRAPH, TASKS, G, Release([each.receipt or ""], dead=True, reason="No."))
    await streams.read(GRAPH, TASKS, StreamRead("of-Oulou", "ann"))
    await streams.append(GRAPH, OTHER, [NewMessage(f"To {NAME}, again.")])
    await streams.append(GRAPH, StreamAddress("oulou"), [NewMessage("Of the stream's name.")])
    await memory.presence.beat(GRAPH, AgentAddress("planner"), Heartbeat("chat-1", "busy", {"with": NAME}))
    await memory.presence.beat(GRAPH, AgentAddress("writer", "team/9"), Heartbeat("chat-2", "idle"))
    await memory.presence.beat(GRAPH, AgentAddress("helper-of-oulou"), Heartbeat("chat-3"))


REQUEST = ErasureRequest(texts=[NAME, "Oulou"], reason="Asked.")


async def test_what_mentions_a_person_leaves_streams_and_presence_and_the_rest_goes_on(stored: Memory) -> None:
    await fill(stored)
    assert not (await stored.erasures.verify(GRAPH, [NAME])).clean
    signed = await stored.erasures.erase(GRAPH, REQUEST, server=False)
    assert signed.report["complete"], (signed.report["traces"], signed.report["kept"])
    assert (await stored.erasures.verify(GRAPH, [NAME, "Oulou"])).clean

    assert [each.name for each in (await stored.streams.list(GRAPH)).items] == ["tasks"]
    bodies = [each.body for each in await stored.streams.messages(GRAPH, TASKS)]
    assert bodies == [{"task": "Water the plants."}, "Sweep.", "Dust."]
    assert [each.name for each in (await stored.streams.get(GRAPH, TASKS)).groups] == [G]
    assert await stored.streams.dead_letters(GRAPH, TASKS, G) == []
    reasons = {each.id: each.reason for each in await stored.streams.pending(GRAPH, TASKS, G)}
    assert reasons[6] == "[erased] is away."
    present = [each.agent for each in (await stored.presence.list(GRAPH)).items]
    assert present == ["writer"]

    # The order of the key goes on behind the message that is gone, and numbers are not given twice.
    again = await stored.streams.read(GRAPH, TASKS, StreamRead(G, "bob", limit=10))
    assert [each.body for each in again] == ["Dust."]
    first = next(each for each in await stored.streams.pending(GRAPH, TASKS, G) if each.id == 2)
    await stored.streams.acknowledge(GRAPH, TASKS, G, f"{first.id}.{first.deliveries}")
    assert [each.body for each in await stored.streams.read(GRAPH, TASKS, StreamRead(G))] == ["Sweep."]
    assert (await stored.streams.append(GRAPH, TASKS, [NewMessage("New.")])).ids == [7]


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    with redis_server(request.param, *DURABLE) as running:
        yield running


async def test_the_strings_of_the_erased_are_in_no_key_and_no_value_of_redis(
    memory: Memory, server: RedisServer
) -> None:
    await new_graph(memory, GRAPH)
    async with over_redis(memory, server.url) as (stored, connection):
        await fill(stored)
        graph = (await stored.graphs.get(GRAPH)).id
        assert graph is not None
        place = CachePlace("recall", graph, "d" * 16)
        await RedisValues(connection).put(place, framed(place, NAME.encode() * 500, 16), 60)
        for name in ("Oulou", "oulou"):
            assert name.encode() in await whole_redis(server)
        assert any(each.table == "redis.cache" for each in (await stored.erasures.verify(GRAPH, [NAME])).found)
        await stored.erasures.erase(GRAPH, REQUEST, server=False)
        assert b"oulou" not in (await whole_redis(server)).lower()
        verified = await stored.erasures.verify(GRAPH, ["oulou"])
        assert verified.clean
        assert verified.keys > 5


async def test_an_erased_scope_leaves_presence_activity_and_streams(memory: Memory, server: RedisServer) -> None:
    await new_graph(memory, GRAPH)
    async with over_redis(memory, server.url) as (stored, _):
        scope = "user/wilhelmina"
        await stored.episodes.put(GRAPH, [Episode("A text.", "t", scope=scope)])
        await stored.streams.append(GRAPH, StreamAddress("mine", scope), NewMessage("x"))
        await stored.presence.beat(GRAPH, AgentAddress("bot", scope), Heartbeat())
        stored.ports.presence.count(GRAPH, scope, write=True)
        await stored.ports.presence.aclose()
        assert b"wilhelmina" in await whole_redis(server)
        await stored.erasures.erase(GRAPH, ErasureRequest(scope=scope), server=False)
        assert b"wilhelmina" not in await whole_redis(server)


async def test_an_erasure_while_redis_is_away_says_so_and_is_finished_when_it_is_back(
    memory: Memory, server: RedisServer
) -> None:
    await new_graph(memory, GRAPH)
    async with over_redis(memory, server.url, timeout=0.5) as (stored, _):
        await fill(stored)
        server.kill()
        signed = await stored.erasures.erase(GRAPH, REQUEST, server=False)
        assert not signed.report["complete"]
        assert "redis" in {each["what"] for each in signed.report["kept"]}
        waiting = await stored.erasures.verify(GRAPH, [NAME], server=False)
        assert (waiting.clean, waiting.unsearched) == (False, ("redis",))
        assert await stored.tasks.finish_erasures() == 0

        server.start()
        assert b"Oulou" in await whole_redis(server)
        await until(lambda: _finished(stored), 30)
        assert b"oulou" not in (await whole_redis(server)).lower()
        assert (await stored.erasures.verify(GRAPH, [NAME], server=False)).clean
        second, first = (await stored.erasures.reports(GRAPH)).items
        assert first.report["id"] == signed.report["id"]
        assert second.report["complete"]
        assert second.report["removed"]["redis_stream_messages"] > 0
        assert stored.erasures.verify_report(second)
        assert await stored.tasks.finish_erasures() == 0


async def test_a_scope_that_is_deleted_while_redis_is_away_leaves_redis_later(
    memory: Memory, server: RedisServer
) -> None:
    await new_graph(memory, GRAPH)
    async with over_redis(memory, server.url, timeout=0.5) as (stored, _):
        await stored.streams.append(GRAPH, OTHER, NewMessage("of the scope"))
        await stored.presence.beat(GRAPH, AgentAddress("bot", "team/9"), Heartbeat())
        server.kill()
        assert (await stored.scopes.delete(GRAPH, "team/9")).waits_for_redis
        with pytest.raises(NotFound):
            await stored.streams.get(GRAPH, OTHER)
        server.start()
        await until(lambda: _finished(stored), 30)
        left = await whole_redis(server, files=False)
        assert b"of the scope" not in left
        assert b"team/9" not in left
        assert not (await stored.scopes.delete(GRAPH, "team/9")).waits_for_redis


async def _finished(memory: Memory) -> bool:
    return await memory.tasks.finish_erasures() >= 1
