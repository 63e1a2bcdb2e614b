"""Presence and activity over REST: who is at work where, until when, and what is counted."""

import asyncio
from datetime import datetime

import pytest

from tests.memories import query
from tests.rest import GRAPH, Door, done, refused

ALL = f"{GRAPH}/presence"


@pytest.mark.long
async def test_an_agent_is_present_until_its_heartbeat_ends(door: Door) -> None:
    client = door.client
    body = {"session": "chat-1", "status": "searching", "context": {"goal": [1, None]}, "ttl_seconds": 60}
    first = done(await client.put(f"{ALL}/planner", json=body, params={"scope": "team/7"}))
    assert (first["session"], first["context"], first["scope"]) == ("chat-1", {"goal": [1, None]}, "team/7")
    again = done(await client.put(f"{ALL}/planner", json={"ttl_seconds": 1}, params={"scope": "team/7"}))
    assert (again["since"], again["session"]) == (first["since"], None)
    assert datetime.fromisoformat(again["seen_at"]) >= datetime.fromisoformat(first["seen_at"])
    done(await client.put(f"{ALL}/critic", json={}))
    found = done(await client.get(ALL))["agents"]
    assert [(each["scope"], each["agent"]) for each in found] == [("", "critic"), ("team/7", "planner")]
    assert len(done(await client.get(ALL, params={"below": "false"}))["agents"]) == 1
    page = done(await client.get(ALL, params={"limit": 1}))
    rest = done(await client.get(ALL, params={"limit": 1, "cursor": page["cursor"]}))
    assert [each["agent"] for each in (*page["agents"], *rest["agents"])] == ["critic", "planner"]
    await asyncio.sleep(1.05)
    assert [each["agent"] for each in done(await client.get(ALL))["agents"]] == ["critic"]
    refused(await client.get(f"{ALL}/planner", params={"scope": "team/7"}), 404, "planner")
    done(await client.delete(f"{ALL}/critic"), 204)
    refused(await client.delete(f"{ALL}/critic"), 404)


async def test_bad_heartbeats_are_refused(door: Door) -> None:
    for body, word in (
        ({"ttl_seconds": 0}, "ttl_seconds"),
        ({"ttl_seconds": 3601}, "ttl_seconds"),
        ({"status": ""}, "status"),
        ({"session": "x" * 201}, "session"),
        ({"stauts": "x"}, "stauts"),
    ):
        refused(await door.client.put(f"{ALL}/planner", json=body), 422, word)
    refused(await door.client.put(f"{ALL}/planner", json={"context": "x" * 5000}), 413, "context")
    refused(await door.client.get(ALL, params={"cursor": "x"}), 422, "cursor")
    refused(await door.client.get(f"{GRAPH}/activity", params={"minutes": 0}), 422, "minutes")


async def test_a_key_sees_who_is_at_work_in_its_scope_only(door: Door) -> None:
    client = door.client
    mine, other = [await door.key("writer", graph="main", scope=f"team/{n}") for n in (7, 8)]
    done(await client.put(f"{ALL}/planner", json={}, headers=mine))
    done(await client.put(f"{ALL}/planner", json={"status": "theirs"}, headers=other))
    found = done(await client.get(ALL, headers=mine))["agents"]
    assert [(each["scope"], each["status"]) for each in found] == [("team/7", None)]
    refused(await client.get(ALL, headers=mine, params={"scope": ""}), 403)
    reader = await door.key("reader", graph="main", scope="team/7")
    done(await client.get(f"{ALL}/planner", headers=reader))
    refused(await client.put(f"{ALL}/planner", headers=reader, json={}), 403)


async def counted(door: Door, **headers: str) -> dict[str, int]:
    """What is counted so far, in all minutes; the tests of a process share a graph's name, and so counts."""
    await door.memory.ports.presence.aclose()  # Writes what was counted.
    minutes = done(await door.client.get(f"{GRAPH}/activity", headers=headers))["minutes"]
    return {name: sum(each[name] for each in minutes) for name in ("requests", "recalls", "writes")}


async def test_requests_recalls_and_writes_are_counted_by_minute_and_scope(door: Door) -> None:
    client = door.client
    await door.people("Ann", scope="counted/7")
    mine = await door.key("writer", graph="main", scope="counted/7")
    before = await counted(door, **mine)
    for _ in range(2):
        done(await client.post(f"{GRAPH}/recall", json={"what": {"text": "Ann"}}, headers=mine))
    done(await client.put(f"{GRAPH}/entities", json={"entities": [{"key": "bob"}]}, headers=mine))
    done(await client.get(f"{GRAPH}/entities", headers=mine))
    refused(await client.get(f"{GRAPH}/entities/nobody", headers=mine), 404)
    after = await counted(door, **mine)
    assert {name: after[name] - before[name] for name in after} == {"requests": 4, "recalls": 2, "writes": 1}
    assert (await counted(door))["requests"] >= after["requests"]
    tables = await query(door.memory, "SELECT relname FROM pg_class WHERE relpersistence = 'u' AND relkind = 'r'")
    assert {row[0] for row in tables} >= {"activity", "presence"}
