"""What every store of presence does: heartbeats with an end, pages by scope and name, words of changes, activity."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from kgmem.domain.agents.message import Message
from kgmem.domain.agents.presence import AgentAddress, Heartbeat, PresenceEvent
from kgmem.domain.agents.session import SessionAddress, SessionDetails
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.errors import NotFound
from kgmem.memory import Memory
from kgmem.redis.connection import RedisConnection
from kgmem.services.agents import presence as presences
from tests.memories import new_graph, until
from tests.redis_servers import KINDS, presence_in_redis, redis_server, shared_redis

GRAPH = "work"
ANN = AgentAddress("ann", "team/7")


@pytest.fixture(params=["postgres", *KINDS])
async def memory(memory: Memory, request: pytest.FixtureRequest) -> AsyncIterator[Memory]:
    """A memory with presence in Postgres, in the wheel's Valkey, and in redis-server where it is on the path."""
    await new_graph(memory, GRAPH)
    if request.param == "postgres":
        yield memory
        return
    async with presence_in_redis(memory, shared_redis(request.param).url) as changed:
        yield changed


async def names(memory: Memory, scope: str = "", *, below: bool = True) -> list[str]:
    page = await memory.presence.list(GRAPH, scope=scope, below=below)
    return [f"{each.scope}:{each.agent}" for each in page.items]


@pytest.mark.long
async def test_an_agent_is_present_until_its_heartbeat_ends(memory: Memory) -> None:
    first = await memory.presence.beat(GRAPH, ANN, Heartbeat("chat-1", "searching", {"goal": [1, None]}, 60))
    assert (first.session, first.status, first.context) == ("chat-1", "searching", {"goal": [1, None]})
    again = await memory.presence.beat(GRAPH, ANN, Heartbeat(ttl_seconds=1))
    assert (again.since, again.session, again.context) == (first.since, None, None)
    assert datetime.fromisoformat(again.seen_at) >= datetime.fromisoformat(first.seen_at)
    await asyncio.sleep(1.05)
    assert await names(memory) == []
    with pytest.raises(NotFound):
        await memory.presence.get(GRAPH, ANN)
    with pytest.raises(NotFound):
        await memory.presence.leave(GRAPH, ANN)


async def test_a_page_has_a_scope_and_those_below_it_by_scope_and_name(memory: Memory) -> None:
    for scope in ("", "team", "team/7", "team/7/a", "team-b", "team0", "other"):
        for agent in ("zoe", "ann"):
            await memory.presence.beat(GRAPH, AgentAddress(agent, scope))
    everyone = await names(memory)
    assert everyone == [
        f"{scope}:{agent}" for scope in sorted(("", "team", "team/7", "team/7/a", "team-b", "team0", "other"))
        for agent in ("ann", "zoe")
    ]  # fmt: skip
    assert await names(memory, "team") == [
        f"{scope}:{agent}" for scope in ("team", "team/7", "team/7/a") for agent in ("ann", "zoe")
    ]
    assert await names(memory, "team", below=False) == ["team:ann", "team:zoe"]
    assert await names(memory, below=False) == [":ann", ":zoe"]
    for scope, wanted in (("", everyone), ("team", await names(memory, "team"))):
        found: list[str] = []
        cursor = None
        while True:
            page = await memory.presence.list(GRAPH, scope=scope, cursor=cursor, limit=3)
            found += [f"{each.scope}:{each.agent}" for each in page.items]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == wanted


@pytest.mark.long
async def test_who_comes_changes_and_leaves_is_told(memory: Memory) -> None:
    await memory.presence.beat(GRAPH, ANN, Heartbeat("s"))
    await memory.presence.beat(GRAPH, AgentAddress("bob", "elsewhere"))
    told: list[tuple[str, str]] = []

    def note(event: PresenceEvent) -> None:
        told.append((event.kind, event.agent.agent))

    async def follow() -> None:
        async for event in memory.presence.watch(GRAPH, scope="team"):
            note(event)

    async def is_told(*wanted: tuple[str, str]) -> bool:
        return told == list(wanted)

    task = asyncio.create_task(follow())
    try:
        came = ("came", "ann")
        await until(lambda: is_told(came))
        await memory.presence.beat(GRAPH, ANN, Heartbeat("s"))  # No event.
        await memory.presence.beat(GRAPH, ANN, Heartbeat("s", "writing"))
        await until(lambda: is_told(came, ("changed", "ann")))
        await memory.presence.beat(GRAPH, AgentAddress("cy", "team"), Heartbeat(ttl_seconds=1))
        await memory.presence.leave(GRAPH, ANN)

        async def all_told() -> bool:
            return told[:2] == [came, ("changed", "ann")] and sorted(told[2:]) == [
                ("came", "cy"), ("left", "ann"), ("left", "cy"),
            ]  # fmt: skip

        await until(all_told)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_message_and_a_context_of_a_session_are_heartbeats_of_its_agent(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presences, "_TOUCHED_EVERY", 0.0)
    chat, silent = SessionAddress("chat", "team/7"), SessionAddress("silent", "team/7")
    await memory.sessions.open(GRAPH, chat, SessionDetails(agent="ann"))
    await memory.sessions.open(GRAPH, silent, SessionDetails())
    await memory.sessions.append(GRAPH, silent, [Message("user", "Nobody answers.")])
    assert await names(memory) == []
    await memory.sessions.append(GRAPH, chat, [Message("user", "Where are we?")])

    async def present() -> bool:
        return await names(memory) == ["team/7:ann"]

    await until(present)
    assert (await memory.presence.get(GRAPH, ANN)).session == "chat"
    told = await memory.presence.beat(GRAPH, ANN, Heartbeat("x", "reading", {"page": 3}, 3600))
    await memory.sessions.context(GRAPH, chat)

    async def touched() -> bool:
        return (await memory.presence.get(GRAPH, ANN)).session == "chat"

    await until(touched)
    now = await memory.presence.get(GRAPH, ANN)
    assert (now.status, now.context, now.since) == ("reading", {"page": 3}, told.since)
    assert datetime.fromisoformat(now.expires_at) >= datetime.fromisoformat(told.expires_at)
    await memory.presence.leave(GRAPH, ANN)
    await memory.sessions.context(GRAPH, chat)
    await until(present)


@pytest.mark.long
async def test_activity_counts_what_happens_in_a_scope_and_below_it(memory: Memory) -> None:
    await memory.presence.beat(GRAPH, ANN)
    await memory.presence.beat(GRAPH, AgentAddress("ann", "team"))
    for scope, recall, write in (("team/7", True, False), ("team/7", False, True), ("team", False, False)):
        memory.presence.count(GRAPH, scope, recall=recall, write=write)

    async def counts(scope: str, *, below: bool = True) -> tuple[int, int, int]:
        found = await memory.presence.activity(GRAPH, scope=scope, below=below, minutes=5)
        if not found:
            return 0, 0, 0
        requests, recalls, writes = zip(*((each.requests, each.recalls, each.writes) for each in found), strict=True)
        return sum(requests), sum(recalls), sum(writes)

    async def written() -> bool:
        return await counts("team") == (3, 1, 1)

    await until(written)
    assert await counts("") == (3, 1, 1)
    assert await counts("team", below=False) == (1, 0, 0)
    assert await counts("team/7") == (2, 1, 1)
    assert await counts("other") == (0, 0, 0)


async def test_a_scope_that_is_deleted_has_nobody(memory: Memory) -> None:
    await memory.presence.beat(GRAPH, ANN, Heartbeat(context={"person": "Ada"}))
    await memory.presence.beat(GRAPH, AgentAddress("bob", "team/70"))
    await memory.states.put(GRAPH, StateAddress("ann", "plan", "team/7"), {})
    await memory.states.put(GRAPH, StateAddress("ann", "plan", "team/70"), {})
    await memory.scopes.delete(GRAPH, "team/7")
    assert await names(memory) == ["team/70:bob"]


@pytest.mark.parametrize("kind", KINDS)
async def test_while_redis_is_away_presence_is_in_postgres(memory: Memory, kind: str) -> None:
    with redis_server(kind) as server:
        async with presence_in_redis(memory, server.url, timeout=0.5) as changed:
            await changed.presence.beat(GRAPH, ANN)
            server.kill()
            await changed.presence.beat(GRAPH, AgentAddress("bob"))
            assert await names(changed) == [":bob"]
            await changed.presence.leave(GRAPH, AgentAddress("bob"))
            server.start()


@pytest.mark.parametrize("kind", KINDS)
async def test_another_process_is_told_at_once_by_redis(memory: Memory, kind: str) -> None:
    """Faster than looks every half second, whichever of several it was."""
    with redis_server(kind) as server:
        async with presence_in_redis(memory, server.url) as one:
            watch = one.presence.follow(GRAPH)
            await watch.look()
            writer = RedisConnection(server.url, namespace=_namespace(one), timeout=5)
            other = type(one.ports.presence)(one.ports.graphs, writer)  # type: ignore[call-arg]
            took = []
            presence: Any = one.ports.presence
            assert await presence._listener.listens()
            for number in range(5):
                begun = time.monotonic()
                waiting = asyncio.create_task(watch.wait())
                await other.beat(GRAPH, AgentAddress(f"a{number}"), Heartbeat())
                await waiting
                assert [each.agent.agent for each in await watch.look()] == [f"a{number}"]
                took.append(time.monotonic() - begun)
            await writer.aclose()
    assert min(took) < 0.4


def _namespace(memory: Memory) -> str:
    return str(memory.ports.presence._redis.namespace)  # type: ignore[attr-defined]
