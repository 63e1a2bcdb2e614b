"""Over REST: blocks, states and sessions that expire."""

import asyncio
from typing import Any

import pytest

from tests.rest import GRAPH, Door, done, refused

# By address: the body, and whether the time is part of it or of the query.
WRITES: dict[str, tuple[dict[str, Any], bool]] = {
    "blocks/human": ({"text": "Likes the sea."}, True),
    "sessions/s1": ({"agent": "planner"}, True),
    "agents/planner/state/plan": ({"step": 1}, False),
}


async def write(door: Door, path: str, **lasts: Any) -> Any:
    body, inside = WRITES[path]
    if inside:
        return await door.client.put(f"{GRAPH}/{path}", json=body | lasts)
    return await door.client.put(f"{GRAPH}/{path}", json=body, params=lasts)


@pytest.mark.long
@pytest.mark.parametrize("path", WRITES)
async def test_it_is_deleted_when_its_time_is_over(door: Door, path: str) -> None:
    made = done(await write(door, path, ttl="0.6s"), 201)
    assert made["expires_at"]
    done(await door.client.get(f"{GRAPH}/{path}"))
    await asyncio.sleep(0.7)
    refused(await door.client.get(f"{GRAPH}/{path}"), 404, path.rsplit("/", 1)[1])


@pytest.mark.parametrize("path", WRITES)
async def test_a_time_is_extended_and_removed(door: Door, path: str) -> None:
    assert done(await write(door, path, expires_at="2990-05-01"), 201)["expires_at"] == "2990-05-01T00:00:00Z"
    assert done(await write(door, path))["expires_at"] == "2990-05-01T00:00:00Z"
    removed = {"expires_at": None} if WRITES[path][1] else {"expires_at": "never"}
    assert done(await write(door, path, **removed))["expires_at"] is None


@pytest.mark.parametrize("path", WRITES)
@pytest.mark.parametrize(
    ("lasts", "field"), [({"ttl": "soon"}, "ttl"), ({"expires_at": "2001"}, "expires_at"), ({"ttl": "-1s"}, "ttl")]
)
async def test_a_wrong_time_is_refused_by_its_name(door: Door, path: str, lasts: dict[str, Any], field: str) -> None:
    refused(await write(door, path, **lasts), 422, field)
    refused(await door.client.get(f"{GRAPH}/{path}"), 404, path.rsplit("/", 1)[1])
