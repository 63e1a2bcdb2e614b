"""The events of a graph over REST: by pages, as a stream, and only those that a scope sees."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem_api import event_streams
from tests.acceptance.test_revoked_keys import served
from tests.rest import GRAPH, Door, done, refused

EVENTS = f"{GRAPH}/events"
STREAM = {"Accept": "text/event-stream"}


async def events(lines: Any, number: int) -> list[dict[str, str]]:
    """Read so many events from the lines of a stream."""
    found: list[dict[str, str]] = []
    event: dict[str, str] = {}
    async with asyncio.timeout(20):
        async for line in lines:
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
                continue
            if "data" in event:
                found.append(event)
            event = {}
            if len(found) == number:
                break
    return found


def kinds(page: Any) -> list[tuple[str, str]]:
    return [(each["kind"], each["key"]) for each in page["events"]]


async def test_events_come_by_pages_and_go_on_behind_a_cursor(door: Door) -> None:
    await door.people("Ann", "Bob")
    first = done(await door.client.get(EVENTS, params={"limit": 1, "wait": 5}))
    assert kinds(first) == [("entity.created", "ann")]
    second = done(await door.client.get(EVENTS, params={"after": first["cursor"], "wait": 5}))
    assert kinds(second) == [("entity.created", "bob")]
    assert second["lease"] is None
    end = done(await door.client.get(EVENTS, params={"after": "now"}))
    assert end["events"] == []
    await door.people("Cy")
    assert kinds(done(await door.client.get(EVENTS, params={"after": end["cursor"], "wait": 5}))) == [
        ("entity.created", "cy")
    ]


async def test_filters_narrow_the_events(door: Door) -> None:
    await door.people("Ann", "Bob")
    await door.memory.entities.delete("main", ["bob"])
    for asked, wanted in (
        ({"kinds": "entity.deleted"}, [("entity.deleted", "bob")]),
        ({"kinds": ["entity.deleted", "fact.*"]}, [("entity.deleted", "bob")]),
        ({"keys": "ann"}, [("entity.created", "ann")]),
        ({"labels": "Ship"}, []),
    ):
        found = done(await door.client.get(EVENTS, params={**asked, "wait": 2 if wanted else 0}))
        assert kinds(found) == wanted


async def test_a_scope_sees_its_own_events_those_above_and_below(door: Door) -> None:
    for scope in ("", "team", "team/ada", "other"):
        await door.memory.entities.put("main", [Entity(f"in-{scope or 'all'}", scope=scope)])
    seen = done(await door.client.get(EVENTS, params={"scope": "team", "wait": 5}))
    assert [each["key"] for each in seen["events"]] == ["in-all", "in-team", "in-team/ada"]
    seen = done(await door.client.get(EVENTS, params={"scope": "team", "below": "false", "wait": 5}))
    assert [each["key"] for each in seen["events"]] == ["in-all", "in-team"]
    _, secret = await door.memory.keys.create("ada", "reader", scope="team/ada")
    mine = {"Authorization": f"Bearer {secret}"}
    seen = done(await door.client.get(EVENTS, headers=mine, params={"wait": 5}))
    assert [each["key"] for each in seen["events"]] == ["in-all", "in-team", "in-team/ada"]
    refused(await door.client.get(EVENTS, headers=mine, params={"scope": "other"}), 403, "other")


@pytest.mark.long
async def test_a_stream_brings_events_while_they_happen_and_goes_on_where_it_was(door: Door) -> None:
    await door.people("Ann")
    async with served(door) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        client.headers["Authorization"] = door.client.headers["Authorization"]
        async with client.stream("GET", EVENTS, headers=STREAM) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            (first,) = await events(lines, 1)
            assert (first["event"], json.loads(first["data"])["key"]) == ("entity.created", "ann")
            await door.people("Bob")
            (second,) = await events(lines, 1)
            assert json.loads(second["data"])["key"] == "bob"
        again = {**STREAM, "Last-Event-ID": first["id"]}
        async with client.stream("GET", EVENTS, headers=again) as answer:
            (repeated,) = await events(answer.aiter_lines(), 1)
            assert repeated == second
        async with client.stream("GET", EVENTS, headers=STREAM, params={"after": "now"}) as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await door.people("Cy")
            (new,) = await events(lines, 1)
            assert json.loads(new["data"])["key"] == "cy"


async def test_a_stream_ends_with_its_key(door: Door, memory: Memory) -> None:
    key, secret = await memory.keys.create("listener", "reader", scope="team")
    headers = {"Authorization": f"Bearer {secret}", **STREAM}
    async with (
        served(door) as address,
        httpx.AsyncClient(base_url=address, timeout=20, headers=headers) as client,
        client.stream("GET", EVENTS) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        await memory.keys.revoke(key.id)
        async with asyncio.timeout(5):
            assert [line async for line in lines if line.startswith("id:")] == []


async def test_no_key_takes_all_streams(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "MOST_OF_A_KEY", 1)
    _, secret = await door.memory.keys.create("other", "reader")
    other = {"Authorization": f"Bearer {secret}", **STREAM}
    async with served(door) as address, httpx.AsyncClient(base_url=address, timeout=20) as client:
        mine = {"Authorization": door.client.headers["Authorization"], **STREAM}
        async with client.stream("GET", EVENTS, headers=mine) as answer:
            assert await anext(answer.aiter_lines()) == "retry: 2000"
            refused(await client.get(EVENTS, headers=mine), 503, "key")
            async with client.stream("GET", EVENTS, headers=other) as second:
                assert await anext(second.aiter_lines()) == "retry: 2000"


@pytest.mark.parametrize(
    ("params", "headers", "status", "field"),
    [
        ({"kinds": "x.y"}, {}, 422, "kinds"),
        ({"after": "soon"}, {}, 422, "after"),
        ({"after": "999999"}, {}, 410, "999999"),
        ({"limit": "0"}, {}, 422, "limit"),
        ({"min_relevance": "2"}, {}, 422, "min_relevance"),
        ({"wait": "3"}, STREAM, 422, "wait"),
        ({}, {**STREAM, "Last-Event-ID": "x"}, 422, "after"),
    ],
)
async def test_what_is_wrong_is_named(
    door: Door, params: dict[str, str], headers: dict[str, str], status: int, field: str
) -> None:
    refused(await door.client.get(EVENTS, params=params, headers=headers), status, field)
