"""Items expire over REST: from their time on they are in no answer, and the past keeps them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.rest import GRAPH, Door, done, refused

SHORT = 1.2  # Seconds that an item lasts here.


def soon(seconds: float = SHORT) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()


async def past(seconds: float = SHORT) -> None:
    """Wait until what lasts so long is over."""
    await asyncio.sleep(seconds + 0.1)


async def recalled(door: Door, text: str, **when: Any) -> set[str]:
    answer = done(await door.client.post(f"{GRAPH}/recall", json={"what": {"text": text}, "when": when}))
    return {hit["key"] for hit in answer["hits"]}


async def cypher(door: Door, query: str) -> list[Any]:
    return done(await door.client.post(f"{GRAPH}/cypher", json={"query": query}))["rows"]


@pytest.mark.long
async def test_an_entity_is_in_no_answer_from_its_time_on_and_the_past_keeps_it(door: Door) -> None:
    client = door.client
    written = {"key": "voucher", "label": "Voucher", "name": "spring voucher for shoes", "ttl": SHORT}
    done(await client.put(f"{GRAPH}/entities", json={"entities": [written, {"key": "shop", "label": "Shop"}]}))
    done(
        await client.put(
            f"{GRAPH}/relationships", json={"relationships": [{"kind": "AT", "from": "voucher", "to": "shop"}]}
        )
    )
    shown = done(await client.get(f"{GRAPH}/entities/voucher"))
    assert shown["expires_at"].endswith("Z")
    assert "ttl" not in shown
    assert "voucher" in await recalled(door, "spring voucher")
    before = datetime.now(UTC).isoformat()
    await past()
    between = (datetime.fromisoformat(shown["expires_at"]) + timedelta(milliseconds=5)).isoformat()
    refused(await client.get(f"{GRAPH}/entities/voucher"), 404, "voucher")
    assert "voucher" not in await recalled(door, "spring voucher")
    assert [each["key"] for each in done(await client.get(f"{GRAPH}/entities"))["entities"]] == ["shop"]
    assert done(await client.get(f"{GRAPH}/relationships"))["relationships"] == []
    assert await cypher(door, "MATCH (n:Voucher) RETURN n.key") == []
    assert "voucher" not in (await client.get(f"{GRAPH}/export")).text
    assert "voucher" in await recalled(door, "spring voucher", known_at=before)
    assert "voucher" not in await recalled(door, "spring voucher", known_at=between)


@pytest.mark.long
@pytest.mark.parametrize(
    "read",
    [
        lambda client: client.post(f"{GRAPH}/cypher", json={"query": "MATCH (n) RETURN count(n)"}),
        lambda client: client.get(f"{GRAPH}/export"),
        lambda client: client.get(f"{GRAPH}/relationships"),
        lambda client: client.get(f"{GRAPH}/facts"),
        lambda client: client.get(f"{GRAPH}/stats"),
    ],
    ids=["cypher", "export", "relationships", "facts", "stats"],
)
async def test_the_first_answer_after_it_is_exact_whatever_is_asked(door: Door, read: Any) -> None:
    client = door.client
    done(await client.put(f"{GRAPH}/entities", json={"entities": [{"key": key} for key in ("a", "b")]}))
    fact = {"kind": "NEAR", "from": "a", "to": "b", "source": "map", "expires_at": soon()}
    done(await client.put(f"{GRAPH}/relationships", json={"relationships": [fact]}))
    assert len(done(await client.get(f"{GRAPH}/relationships"))["relationships"]) == 1
    await past()
    await read(client)
    found = await cypher(door, "MATCH ()-[r]->() RETURN count(r)")
    assert found == [[0]]
    assert '"kind":"NEAR"' not in (await read(client)).text


@pytest.mark.long
async def test_a_later_write_extends_or_removes_the_time(door: Door) -> None:
    client = door.client
    entities = [{"key": key, "ttl": SHORT} for key in ("kept", "longer", "same")]
    done(await client.put(f"{GRAPH}/entities", json={"entities": entities}))
    later = [{"key": "kept", "expires_at": None}, {"key": "longer", "ttl": "1h"}, {"key": "same", "name": "Same"}]
    done(await client.put(f"{GRAPH}/entities", json={"entities": later}))
    assert "expires_at" not in done(await client.get(f"{GRAPH}/entities/kept"))
    await past()
    found = done(await client.get(f"{GRAPH}/entities"))["entities"]
    assert [each["key"] for each in found] == ["kept", "longer"]
    done(await client.put(f"{GRAPH}/entities", json={"entities": [{"key": "same", "name": "Again"}]}))
    assert "expires_at" not in done(await client.get(f"{GRAPH}/entities/same"))


@pytest.mark.long
async def test_an_episode_goes_with_what_was_said_only_there(door: Door) -> None:
    client = door.client
    episode = {"key": "note", "text": "The gate code of the depot is 4711.", "ttl": f"{SHORT}s"}
    done(await client.post(f"{GRAPH}/episodes", json={"episodes": [episode]}))
    assert "note" in await recalled(door, "gate code of the depot")
    await past()
    assert await recalled(door, "gate code of the depot") == set()
    refused(await client.get(f"{GRAPH}/episodes/note"), 404, "note")


async def test_files_carry_the_time(door: Door) -> None:
    client = door.client
    done(await client.put(f"{GRAPH}/entities", json={"entities": [{"key": "a", "expires_at": "2990-05-01"}]}))
    exported = (await client.get(f"{GRAPH}/export")).text
    assert '"expires_at":"2990-05-01T00:00:00Z"' in exported


@pytest.mark.long
async def test_a_message_leaves_its_session_and_the_context(door: Door) -> None:
    client, chat = door.client, f"{GRAPH}/sessions/chat"
    done(await client.put(chat, json={"agent": "planner", "users": ["Clara"]}), 201)
    code = {"role": "user", "content": "My code for the depot is 4711.", "id": "m1", "ttl": SHORT}
    other = {"role": "user", "content": "I like the harbour in Hamburg.", "id": "m2"}
    done(await client.post(f"{chat}/messages", json={"messages": [code, other]}))
    done(await client.post(f"{chat}/messages", json={"messages": [code]}))
    assert "4711" in (await client.get(f"{chat}/context")).text
    await past()
    assert "4711" not in (await client.get(f"{chat}/context")).text
    assert [each["id"] for each in done(await client.get(f"{chat}/messages"))["messages"]] == ["m2"]
    refused(await client.get(f"{chat}/messages/m1"), 404, "m1")
    wrong = {"messages": [other, {"role": "user", "content": "A", "ttl": "soon"}]}
    refused(await client.post(f"{chat}/messages", json=wrong), 422, "messages[1].ttl")
    wrong = {"messages": [{"role": "user", "content": "A", "expires_at": "2001"}]}
    refused(await client.post(f"{chat}/messages", json=wrong), 422, "messages[0].expires_at")
    assert done(await client.get(chat))["messages"] == 1


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ttl": "30d", "expires_at": "2990"}, "ttl"),
        ({"ttl": 0}, "ttl"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": "-3d"}, "ttl"),
        ({"ttl": "soon"}, "ttl"),
        ({"ttl": "P1Y"}, "ttl"),
        ({"ttl": "PT"}, "ttl"),
        ({"ttl": True}, "ttl"),
        ({"ttl": [1]}, "ttl"),
        ({"ttl": 1e300}, "ttl"),
        ({"ttl": "9" * 400 + "d"}, "ttl"),
        ({"expires_at": "2001"}, "expires_at"),
        ({"expires_at": "2990-13-01"}, "expires_at"),
        ({"expires_at": "never mind"}, "expires_at"),
        ({"expires_at": 5}, "expires_at"),
    ],
)
async def test_what_names_no_time_is_refused_and_changes_nothing(door: Door, given: Any, field: str) -> None:
    client = door.client
    body = {"entities": [{"key": "good"}, {"key": "bad", **given}]}
    refused(await client.put(f"{GRAPH}/entities", json=body), 422, field)
    refused(
        await client.post(f"{GRAPH}/episodes", json={"episodes": [{"key": "e", "text": "A text.", **given}]}),
        422,
        field,
    )
    assert done(await client.get(f"{GRAPH}/entities"))["entities"] == []


async def test_not_a_number_is_refused(door: Door) -> None:
    body = '{"entities": [{"key": "bad", "ttl": NaN}]}'
    answer = await door.client.put(f"{GRAPH}/entities", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500
