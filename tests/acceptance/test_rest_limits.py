"""Limits over REST: sizes of bodies, batches and texts, packed and plain."""

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from kgmem.settings import Settings
from kgmem_api.app import create_app
from kgmem_api.bodies import Room
from tests.fakes import fake_memory
from tests.rest import GRAPH, done, refused

ENTITIES = f"{GRAPH}/entities"


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a door with narrow limits."""
    memory = fake_memory()
    await memory.graphs.create("main")
    _, secret = await memory.keys.create("tests", "admin")
    narrow = settings.model_copy(update={"max_body": 200_000, "max_batch": 10})
    transport = httpx.ASGITransport(create_app(memory, settings=narrow))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        opened.headers["Authorization"] = f"Bearer {secret}"
        yield opened


def _people(number: int, **more: Any) -> dict[str, Any]:
    return {"entities": [{"key": f"p/{n}", "label": "Person", **more} for n in range(number)]}


async def test_a_batch_has_as_many_items_as_the_setting_says(client: httpx.AsyncClient) -> None:
    done(await client.put(ENTITIES, json=_people(10)))
    refused(await client.put(ENTITIES, json=_people(11)), 413, "11", "10", "KGMEM_MAX_BATCH")


async def test_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    answer = await client.put(ENTITIES, content=never(), headers={"Content-Length": "200001"})
    refused(answer, 413, "200000")
    assert answer.headers["connection"] == "close"


async def test_a_body_that_grows_too_large_is_read_no_further(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 5_000_000:
            sent += 50_000
            yield b" " * 50_000

    refused(await client.put(ENTITIES, content=endless()), 413)
    assert sent <= 5_000_000


async def test_a_gzip_body_is_unpacked(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps(_people(10)).encode())
    assert done(await client.put(ENTITIES, content=body, headers={"Content-Encoding": "gzip"}))["created"] == 10


async def test_a_gzip_bomb_does_not_go_off(client: httpx.AsyncClient) -> None:
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < 100_000
    refused(await client.put(ENTITIES, content=bomb, headers={"Content-Encoding": "gzip"}), 413)


@pytest.mark.parametrize("cut", [slice(0, 40), slice(5, None)])
async def test_broken_gzip_is_refused(client: httpx.AsyncClient, cut: slice) -> None:
    body = gzip.compress(json.dumps(_people(10)).encode())[cut]
    refused(await client.put(ENTITIES, content=body, headers={"Content-Encoding": "gzip"}), 400, "gzip")


async def test_gzip_with_something_behind_it_is_refused(client: httpx.AsyncClient) -> None:
    body = gzip.compress(json.dumps(_people(1)).encode()) * 2
    refused(await client.put(ENTITIES, content=body, headers={"Content-Encoding": "gzip"}), 400, "gzip")
    refused(await client.put(ENTITIES, content=body, headers={"Content-Encoding": "br"}), 422, "br")


async def test_large_bodies_together_have_a_limit_and_leave_room_when_they_are_done(client: httpx.AsyncClient) -> None:
    app = client._transport.app  # type: ignore[attr-defined]
    body = json.dumps(_people(10, text="x" * 10_000)).encode()
    app.state.room = Room(len(body) + 10)
    refused_at_once: list[httpx.Response] = []

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:-10]
        refused_at_once.append(await client.put(ENTITIES, content=body))
        yield body[-10:]

    assert done(await client.put(ENTITIES, content=slowly()))["created"] == 10
    refused(refused_at_once[0], 503, "large requests")
    done(await client.put(ENTITIES, content=body))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"key": "k" * 501}, "/entities/0/key"),
        ({"key": ""}, "/entities/0/key"),
        ({"label": "L" * 201}, "/entities/0/label"),
        ({"name": "n" * 2001}, "/entities/0/name"),
        ({"properties": {"x": "y" * 70_000}}, "/entities/0/properties"),
        ({"labels": ["a"] * 101}, "/entities/0/labels"),
        ({"scope": "a/" * 250 + "a"}, "/entities/0/scope"),
        ({"version": 0}, "/entities/0/version"),
    ],
)
async def test_fields_have_limits(client: httpx.AsyncClient, fields: dict[str, Any], pointer: str) -> None:
    answer = await client.put(ENTITIES, json={"entities": [{"key": "a", **fields}]})
    assert refused(answer, 422)["errors"][0]["pointer"] == pointer


async def test_only_the_first_errors_of_many_are_listed(client: httpx.AsyncClient) -> None:
    wrong = {"label": 1, "name": 2, "text": 3, "source": 4, "version": "5"}
    problem = refused(await client.put(ENTITIES, json=_people(10, **wrong)), 422, "49 more")
    assert len(problem["errors"]) == 20


async def test_a_large_answer_is_packed_and_a_small_one_is_not(client: httpx.AsyncClient) -> None:
    done(await client.put(ENTITIES, json=_people(10, text="The same words again and again. " * 20)))
    large = await client.get(ENTITIES)
    assert large.headers["content-encoding"] == "gzip"
    assert len(done(large)["entities"]) == 10
    small = await client.get("/health/live")
    assert "content-encoding" not in small.headers
    plain = await client.get(ENTITIES, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


async def test_metrics_count_requests_by_route_method_and_status(client: httpx.AsyncClient) -> None:
    await client.get(f"{ENTITIES}/one")
    await client.get(f"{ENTITIES}/two")
    text = (await client.get("/metrics")).text
    route = 'method="GET",route="/v1/graphs/{graph}/entities/{key}"'
    assert f'kgmem_requests_total{{{route},status="404"}} 2.0' in text
    assert f"kgmem_request_seconds_count{{{route}}} 2.0" in text
    assert 'kgmem_jobs{status="waiting"} 0.0' in text
    assert 'kgmem_pool_connections_in_use{pool="main"} 1.0' in text
    assert 'kgmem_pool_connections_most{pool="main"}' in text
    assert "kgmem_passages_waiting 0.0" in text
    assert "kgmem_requests_in_progress 1.0" in text
