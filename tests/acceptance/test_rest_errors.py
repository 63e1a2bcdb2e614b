"""Errors over REST: problems that tell what is wrong, and nothing of kgmem's inside."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi.responses import StreamingResponse

from kgmem.domain import errors
from kgmem.domain.diagnostics import Health
from kgmem.domain.graph.graph import Graph
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.app import create_app
from kgmem_api.problems import STATUS
from tests.fakes import FakeCatalog, FakeVitals, fake_memory
from tests.rest import GRAPH, Door, done, refused


class FailingCatalog(FakeCatalog):
    """A catalog of which every reading fails in a way that the test chooses."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    async def get(self, name: str) -> Graph:
        raise self.error

    async def list(self) -> Any:
        raise self.error


class SlowCatalog(FakeCatalog):
    """A catalog that is never done reading."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = asyncio.Event()

    async def get(self, name: str) -> Graph:
        self.reading.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def list(self) -> Any:
        await asyncio.Event().wait()


async def _client(memory: Memory, settings: Settings) -> httpx.AsyncClient:
    _, secret = await memory.keys.create("tests", "admin")
    transport = httpx.ASGITransport(create_app(memory, settings=settings))
    return httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers={"Authorization": f"Bearer {secret}"}
    )


@pytest.mark.parametrize(
    ("error", "status", "header"),
    [
        (errors.DatabaseUnavailable(hint="Wait.", retry_after=3), 503, ("retry-after", "3")),
        (errors.DatabaseOutdated("It is of version 1.", hint="kgmem db migrate"), 503, ("retry-after", "30")),
        (errors.CommitUnknown(), 503, ("retry-after", None)),
        (errors.TimedOut(), 504, None),
        (errors.VersionConflict(), 412, None),
        (errors.Conflict(), 409, None),
        (errors.SchemaViolation(violations=["a"]), 422, None),
        (errors.TooLarge(), 413, ("connection", "close")),
    ],
)
async def test_each_error_has_its_status(
    settings: Settings, error: Exception, status: int, header: tuple[str, str | None] | None
) -> None:
    async with await _client(fake_memory(graphs=FailingCatalog(error)), settings) as client:
        answer = await client.get(GRAPH)
        refused(answer, status)
        assert header is None or answer.headers.get(header[0]) == header[1]


@pytest.mark.parametrize("error", [RuntimeError("SELECT password FROM vault"), errors.ServerError("in /secret/path")])
async def test_an_error_of_kgmem_itself_tells_only_the_request_id(settings: Settings, error: Exception) -> None:
    async with await _client(fake_memory(graphs=FailingCatalog(error)), settings) as client:
        answer = await client.get(GRAPH, headers={"X-Request-ID": "my-request.1"})
        problem = refused(answer, 500, "my-request.1")
        assert problem["request_id"] == "my-request.1"
        assert "secret" not in answer.text
        assert "SELECT" not in answer.text
        assert "Traceback" not in answer.text


def test_the_table_of_statuses_knows_every_error_or_its_parent() -> None:
    unknown = {errors.ServerError, errors.DataFolderInUse}
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.KgmemError)}
    for kind in kinds - unknown - {errors.KgmemError}:
        assert any(parent in STATUS for parent in kind.__mro__), kind


async def test_a_request_that_takes_too_long_is_given_up(settings: Settings) -> None:
    quick = settings.model_copy(update={"request_timeout": 0.05})
    async with await _client(fake_memory(graphs=SlowCatalog()), quick) as client:
        refused(await client.get(GRAPH), 504, "0.05 seconds")


async def test_a_server_at_its_limit_asks_to_come_back_but_tells_its_health(settings: Settings) -> None:
    narrow = settings.model_copy(update={"max_requests": 1, "request_timeout": 5.0})
    catalog = SlowCatalog()
    async with await _client(fake_memory(graphs=catalog), narrow) as client:
        first = asyncio.create_task(client.get(GRAPH))
        await catalog.reading.wait()
        second = await client.get("/v1/graphs")
        refused(second, 503, "limit")
        assert second.headers["retry-after"] == "1"
        done(await client.get("/health/live"))
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


class AbsentVitals(FakeVitals):
    """A database that is away."""

    async def health(self) -> Health:
        raise errors.DatabaseUnavailable


class LosingCatalog(FailingCatalog):
    """A catalog whose connection is lost so many times."""

    def __init__(self, times: int) -> None:
        super().__init__(errors.ConnectionLost())
        self.left = times

    async def list(self) -> Any:
        self.left -= 1
        if self.left >= 0:
            raise self.error
        return []


async def test_a_get_whose_connection_was_lost_is_read_again(settings: Settings) -> None:
    async with await _client(fake_memory(graphs=LosingCatalog(1)), settings) as client:
        assert done(await client.get("/v1/graphs"))["graphs"] == []
    async with await _client(fake_memory(graphs=LosingCatalog(99)), settings) as client:
        refused(await client.get("/v1/graphs"), 503)


async def test_ready_is_503_while_the_database_is_away(settings: Settings) -> None:
    async with await _client(fake_memory(vitals=AbsentVitals()), settings) as client:
        answer = await client.get("/health/ready", headers={"Authorization": ""})
        refused(answer, 503)
        assert answer.headers["retry-after"] == "1"
        done(await client.get("/health/live"))
    async with await _client(fake_memory(), settings) as client:
        assert done(await client.get("/health/ready")) == {"status": "ready"}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", ["empty"]),
        (b'{"entities": [}', ["line 1 column 15"]),
        (b'{"entities": []', ["EOF", "line 1"]),
        (b"\xff\xfe", ["line 1"]),
        (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", ["recursion limit"]),
    ],
)
async def test_a_body_that_is_not_json_is_refused_with_its_place(door: Door, body: bytes, words: list[str]) -> None:
    problem = refused(await door.client.put(f"{GRAPH}/entities", content=body), 400, *words)
    assert problem["type"] == "urn:kgmem:error:malformed-body"


async def test_each_thing_that_is_wrong_is_pointed_at(door: Door) -> None:
    body = {
        "entities": [
            {"key": "a", "label": 7},
            {"name": "nameless"},
            {"key": "b", "valid_from": "yesterday", "propertys": {}},
            {"key": "c", "embedding": {"no": "vector"}},
            {"key": "d", "place": {"type": "Point", "coordinates": [0, 100]}},
            {"key": "e", "scope": "user/ 1"},
        ]
    }
    problem = refused(await door.client.put(f"{GRAPH}/entities", json=body), 422)
    found = {error["pointer"]: error for error in problem["errors"]}
    assert set(found) == {
        "/entities/0/label",
        "/entities/1/key",
        "/entities/2/valid_from",
        "/entities/2/propertys",
        "/entities/3/embedding",
        "/entities/4/place",
        "/entities/5/scope",
    }
    assert found["/entities/2/propertys"]["hint"] == "Did you mean properties?"
    assert "latitude" in found["/entities/4/place"]["hint"]
    assert done(await door.client.get(f"{GRAPH}/entities"))["entities"] == []


async def test_a_time_that_does_not_exist_is_refused(door: Door) -> None:
    body = {"entities": [{"key": "a", "valid_from": "1969-13"}]}
    refused(await door.client.put(f"{GRAPH}/entities", json=body), 422, "1969-13")


@pytest.mark.parametrize("text", ["a\\u0000b", "\\u0000"])
async def test_a_nul_character_is_refused_with_its_place(door: Door, text: str) -> None:
    body = f'{{"entities": [{{"key": "a", "properties": {{"x": ["{text}"]}}}}]}}'
    problem = refused(await door.client.put(f"{GRAPH}/entities", content=body), 422, "U+0000")
    assert problem["errors"][0]["pointer"] == "/entities/0/properties/x/0"
    refused(await door.client.get(f"{GRAPH}/entities/a%00b"), 422, "U+0000")
    refused(await door.client.get(f"{GRAPH}/entities?label=a%00b"), 422, "U+0000")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "123456789012345678901234567890"])
async def test_a_number_that_json_or_postgres_cannot_hold_is_refused(door: Door, number: str) -> None:
    body = f'{{"entities": [{{"key": "a", "properties": {{"x": {{"y": {number}}}}}}}]}}'
    problem = refused(await door.client.put(f"{GRAPH}/entities", content=body), 422)
    assert problem["errors"][0]["pointer"] == "/entities/0/properties"


async def test_unknown_addresses_and_methods_are_problems_too(door: Door) -> None:
    refused(await door.client.get("/v2/graphs"), 404)
    refused(await door.client.get("/v1/graphs/"), 404)
    wrong = await door.client.post("/v1/graphs")
    refused(wrong, 405)
    assert wrong.headers["allow"] == "GET"


async def test_only_a_plain_request_id_is_taken_over(door: Door) -> None:
    given = await door.client.get("/health/live", headers={"X-Request-ID": "abc-1.2_3"})
    assert given.headers["x-request-id"] == "abc-1.2_3"
    for bad in ("a b", "x" * 65, '"quoted"', "{}"):
        answer = await door.client.get("/health/live", headers={"X-Request-ID": bad})
        assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.long
async def test_answers_are_never_html_but_on_the_page_for_people(door: Door) -> None:
    page = await door.client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    assert "http" not in page.text.replace("<!doctype html>", "")  # It loads nothing from elsewhere.
    for file in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        found = await door.client.get(f"/{file}")
        assert found.status_code == 200, file
        assert "default-src 'none'" in found.headers.get("content-security-policy", "default-src 'none'")
    for other in ("LICENSE", "..%2Fopenapi.json", "x", "%2Fetc%2Fpasswd"):
        refused(await door.client.get(f"/docs/{other}"), 404)
    document = done(await door.client.get("/openapi.json"))
    assert json.dumps(document).count("$ref") > 50
    assert done(await door.client.get("/"))["docs"] == "/docs"


async def test_a_number_that_json_cannot_carry_is_told_all_the_same(door: Door) -> None:
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": [{"key": "a"}]}))
    answer = await door.client.put(f"{GRAPH}/entities", json={"entities": [{"key": "a", "version": 2**70}]})
    assert refused(answer, 412, str(2**70))["type"] == "urn:kgmem:error:version-conflict"


async def test_a_wrong_value_of_a_repeated_parameter_is_told_under_its_name(door: Door) -> None:
    answer = await door.client.delete(f"{GRAPH}/relationships?id=1&id=x")
    assert refused(answer, 422, "id: ")["errors"][0]["parameter"] == "id"


async def test_a_get_that_has_begun_to_answer_breaks_off_where_its_connection_is_lost(settings: Settings) -> None:
    app = create_app(fake_memory(), settings=settings)
    parts = 0

    async def answer() -> AsyncIterator[bytes]:
        nonlocal parts
        parts += 1
        yield b"first"
        raise errors.ConnectionLost

    @app.get("/v1/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(answer())

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises((errors.ConnectionLost, ExceptionGroup)):
            await client.get("/v1/stream")
    assert parts == 1
