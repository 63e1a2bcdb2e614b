"""Large and hostile bodies over REST: what is refused before it is built, and that nobody waits for it meanwhile."""

import gzip
import json
import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kgmem.settings import Settings
from kgmem_api.app import create_app
from tests.fakes import fake_memory
from tests.heartbeat import steadily
from tests.rest import GRAPH, done, refused

ENTITIES = f"{GRAPH}/entities"
CYPHER = f"{GRAPH}/cypher"
MIB = 1024 * 1024


@pytest.fixture
async def client(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a door to a memory of dictionaries, which takes no time of its own."""
    memory = fake_memory()
    await memory.graphs.create("main")
    _, secret = await memory.keys.create("tests", "admin")
    transport = httpx.ASGITransport(create_app(memory, settings=settings))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        opened.headers["Authorization"] = f"Bearer {secret}"
        yield opened


def _status(name: str) -> int:
    """A line of the process's status in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


@pytest.fixture
def peak() -> Callable[[], int]:
    """Gives by how many bytes the process has grown at the most since the test began."""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("only Linux tells the peak of a process anew")
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    return lambda: _status("VmHWM") - before


def _fields(number: int) -> dict[str, int]:
    return {f"x{n}": n for n in range(number)}


# Path, what makes the body when its test runs, and the status of the answer.
HOSTILE: dict[str, tuple[str, Callable[[], bytes], int]] = {
    "numbers instead of entities": (ENTITIES, lambda: b'{"entities": [' + b"1," * 1_000_000 + b"1]}", 413),
    "a short list of numbers": (ENTITIES, lambda: b'{"entities": [' + b"1," * 9_000 + b"1]}", 422),
    "empty lists in parameters": (
        CYPHER,
        lambda: b'{"query": "x", "parameters": {"a": [' + b"[]," * 3_000_000 + b"1]}}",
        413,
    ),
    "arrays in each other": (ENTITIES, lambda: b'{"entities": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "objects in each other": (CYPHER, lambda: b'{"parameters": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_001, 400),
    "unknown fields of an item": (
        ENTITIES,
        lambda: json.dumps({"entities": [{"key": "a", **_fields(400_000)}]}).encode(),
        413,
    ),
    "unknown fields of a body": (f"{GRAPH}/recall", lambda: json.dumps(_fields(400_000)).encode(), 422),
    "some unknown fields of many items": (
        ENTITIES,
        lambda: json.dumps({"entities": [{"key": "a", **_fields(50)} for _ in range(5_000)]}).encode(),
        422,
    ),
    "unknown fields of a part": (f"{GRAPH}/recall", lambda: json.dumps({"what": _fields(40_000)}).encode(), 422),
    "a long text": (CYPHER, lambda: json.dumps({"query": "x", "parameters": {"a": "x" * 9 * MIB}}).encode(), 413),
    "properties": (
        ENTITIES,
        lambda: json.dumps({"entities": [{"key": "a", "properties": _fields(40_000)}]}).encode(),
        422,
    ),
    "no end": (ENTITIES, lambda: b'{"entities": [' + b'{"key": "a"},' * 100_000, 400),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_body_is_refused_without_holding_up_others(
    client: httpx.AsyncClient, name: str, peak: Callable[[], int]
) -> None:
    path, make, status = HOSTILE[name]
    body = make()
    method = "PUT" if path == ENTITIES else "POST"
    problem = refused(await steadily(lambda: client.request(method, path, content=body)), status)
    assert len(problem.get("errors") or ()) <= 20
    assert len(json.dumps(problem)) < 20_000
    assert peak() < 100 * MIB + 4 * len(body)


async def test_a_large_batch_is_stored_without_holding_up_others(client: httpx.AsyncClient) -> None:
    def person(n: int) -> dict[str, Any]:
        return {"key": f"p/{n}", "label": "Person", "text": 'He said "[,]" ' * 10, "properties": {"n": [n, {"m": n}]}}

    body = json.dumps({"entities": [person(n) for n in range(3_000)]}, indent=1).encode()
    answer = await client.put(ENTITIES, content=body)
    assert done(answer)["created"] == 3_000
    last = done(await client.get(f"{ENTITIES}/p/2999"))
    assert (last["properties"], last["text"]) == (person(2999)["properties"], person(2999)["text"])


@pytest.mark.long
async def test_a_packed_body_is_unpacked_without_holding_up_others(client: httpx.AsyncClient) -> None:
    text = random.Random(1).randbytes(500_000).hex()
    body = json.dumps({"query": "RETURN 1", "parameters": {"texts": [text] * 16}}).encode()
    packed = gzip.compress(body, 1)
    answer = await steadily(lambda: client.post(CYPHER, content=packed, headers={"Content-Encoding": "gzip"}))
    assert answer.status_code not in {400, 413, 422}, answer.text
    for wrong in (packed[:-9], packed + b"x", packed + packed):
        refused(await client.post(CYPHER, content=wrong, headers={"Content-Encoding": "gzip"}), 400)
    bomb = gzip.compress(b" " * 40 * MIB)
    refused(await client.post(CYPHER, content=bomb, headers={"Content-Encoding": "gzip"}), 413)


async def test_an_error_in_the_middle_of_a_large_batch_has_its_place(client: httpx.AsyncClient) -> None:
    people: list[Any] = [{"key": f"p/{n}", "properties": {"a": [1, 2, 3]}} for n in range(5_000)]
    people[4_321] = {"key": "p", "nmae": "x"}
    problem = refused(await client.put(ENTITIES, json={"entities": people}), 422, "Did you mean name?")
    assert [error["pointer"] for error in problem["errors"]] == ["/entities/4321/nmae"]
    people[4_321] = {"key": "p", "text": "a\0b"}
    problem = refused(await client.put(ENTITIES, json={"entities": people}), 422, "U+0000")
    assert [error["pointer"] for error in problem["errors"]] == ["/entities/4321/text"]
    raw = json.dumps({"entities": people[:4_000]}, indent=1).replace('"p/3999"', "p3999")
    line = raw[: raw.index("p3999")].count("\n") + 1
    refused(await client.put(ENTITIES, content=raw.encode()), 400, f"line {line} column")


async def test_an_unknown_field_beside_a_large_batch_is_named(client: httpx.AsyncClient) -> None:
    people = [{"key": f"p/{n}", "properties": {"a": [1, 2, 3]}} for n in range(3_000)]
    problem = refused(await client.put(ENTITIES, json={"entities": people, "graph": "other"}), 422)
    assert [error["pointer"] for error in problem["errors"]] == ["/graph"]
