"""Exports of one scope over REST."""

from typing import Any

import orjson

from tests.rest import GRAPH, Door, done

EXPORT = f"{GRAPH}/export"
ENTITIES = [{"key": "all"}, {"key": "mine", "scope": "user/1"}, {"key": "below", "scope": "user/1/notes"}]


async def _keys(door: Door, query: str, headers: dict[str, str] | None = None) -> set[str]:
    answer = await door.client.get(f"{EXPORT}{query}", headers=headers)
    assert answer.status_code == 200, answer.text
    shapes: list[dict[str, Any]] = [orjson.loads(line) for line in answer.content.splitlines()]
    return {shape["key"] for shape in shapes if shape.get("type", "entity") == "entity"}


async def test_an_export_keeps_to_the_scope_that_is_asked_for(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": ENTITIES}))
    assert await _keys(door, "") == {"all", "mine", "below"}
    assert await _keys(door, "?scope=") == {"all"}
    assert await _keys(door, "?scope=user/1") == {"mine"}
    told = done(await door.client.get(f"{EXPORT}/losses?scope="))
    assert (told["scope"], told["records"]) == ("", {"entity": 1})
    assert done(await door.client.get(f"{EXPORT}/losses"))["scope"] is None


async def test_a_key_of_a_scope_exports_that_or_one_below(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": ENTITIES}))
    headers = await door.key("reader", scope="user/1")
    assert await _keys(door, "", headers) == {"mine"}
    assert await _keys(door, "?scope=user/1/notes", headers) == {"below"}
    refused = await door.client.get(f"{EXPORT}?scope=", headers=headers)
    assert refused.status_code == 403


async def test_a_session_is_exported_by_its_scope_and_no_further(door: Door) -> None:
    for scope in ("user/1", "user/2"):
        where = {"scope": scope}
        await door.client.put(f"{GRAPH}/sessions/chat", params=where, json={"agent": "planner"})
        said = {"messages": [{"role": "user", "content": f"Mine is {scope}."}]}
        stored = await door.client.post(f"{GRAPH}/sessions/chat/messages", params=where, json=said)
        assert stored.is_success, stored.text
    whole = await door.client.get(f"{EXPORT}?session=chat&scope=user/1")
    assert (whole.status_code, b"user/1" in whole.content, b"user/2" in whole.content) == (200, True, False)
    told = done(await door.client.get(f"{EXPORT}/losses?session=chat&scope=user/2"))
    assert (told["records"]["session"], told["records"]["session_message"]) == (1, 1)

    headers = await door.key("reader", scope="user/1")
    own = await door.client.get(f"{EXPORT}?session=chat", headers=headers)
    assert own.content == whole.content
    for query, status in (("session=chat&scope=user/2", 403), ("session=chat&scope=", 403), ("session=x", 404)):
        refused = await door.client.get(f"{EXPORT}?{query}", headers=headers)
        assert refused.status_code == status, query
    bad = await door.client.get(f"{EXPORT}?session=a%20b")
    assert (bad.status_code, bad.json()["facts"]["field"]) == (422, "session")
    bad = await door.client.get(f"{EXPORT}?below=true")
    assert (bad.status_code, bad.json()["facts"]["field"]) == (422, "below")


async def test_a_scope_is_exported_with_those_below_it(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": ENTITIES}))
    assert await _keys(door, "?scope=user/1&below=true") == {"mine", "below"}
    headers = await door.key("reader", scope="user/1")
    assert await _keys(door, "?below=true&scope=user/1", headers) == {"mine", "below"}
    refused = await door.client.get(f"{EXPORT}?scope=user&below=true", headers=headers)
    assert refused.status_code == 403
