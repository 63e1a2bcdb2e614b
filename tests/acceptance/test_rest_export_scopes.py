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
