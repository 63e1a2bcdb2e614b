"""The server as it runs: a port, signals, event streams, logs."""

import asyncio
import io
import json
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
import structlog

from kgmem.domain.errors import DatabaseOutdated, ServerError
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api import event_streams, server
from kgmem_api.server import serve
from tests.fakes import fake_memory
from tests.rest import done, refused


@dataclass
class Running:
    """A server under way, a client of it, its memory and its log."""

    client: httpx.AsyncClient
    memory: Memory
    log: io.StringIO
    task: asyncio.Task[None]
    closed: list[str]

    def lines(self) -> list[dict[str, object]]:
        """Return the log's lines."""
        return [json.loads(line) for line in self.log.getvalue().splitlines()]


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What is written to stderr as logs; afterwards logging is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    monkeypatch.setattr(server.sys, "stderr", written)
    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


@pytest.fixture
async def running(settings: Settings, log: io.StringIO) -> AsyncIterator[Running]:
    """A server on a free port over a memory of its own."""
    memory = fake_memory()
    await memory.graphs.create("main")
    _, secret = await memory.keys.create("tests", "admin")
    closed: list[str] = []

    @asynccontextmanager
    async def opening() -> AsyncIterator[Memory]:
        yield memory
        closed.append("closed")

    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    free = settings.model_copy(update={"port": 0, "log_format": "json"})
    task = asyncio.create_task(serve(free, opening, ready=address.set_result))
    async with httpx.AsyncClient(base_url=await address) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        yield Running(client, memory, log, task, closed)
    if not task.done():
        os.kill(os.getpid(), signal.SIGTERM)
    await task


async def test_it_serves_on_loopback_until_it_is_asked_to_stop(running: Running) -> None:
    assert running.client.base_url.host == "127.0.0.1"
    done(await running.client.get("/health/ready"))
    os.kill(os.getpid(), signal.SIGTERM)
    await running.task
    assert running.closed == ["closed"]


async def test_a_request_under_way_is_finished_before_the_server_stops(running: Running) -> None:
    release = asyncio.Event()
    graphs = running.memory.ports.graphs

    async def slow(name: str) -> object:
        os.kill(os.getpid(), signal.SIGTERM)
        await release.wait()
        return graphs.held[name]  # type: ignore[attr-defined]

    graphs.get = slow  # type: ignore[assignment,method-assign]
    asking = asyncio.create_task(running.client.get("/v1/graphs/main"))
    asyncio.get_running_loop().call_later(0.2, release.set)
    assert done(await asking)["name"] == "main"
    await running.task


async def test_a_port_that_is_taken_is_an_error_that_names_it(settings: Settings, log: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ServerError, match=str(port)):
            await serve(settings.model_copy(update={"port": port}), fake_memory())


async def test_what_opening_the_memory_raises_reaches_the_caller(settings: Settings, log: io.StringIO) -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[Memory]:
        raise DatabaseOutdated
        yield

    with pytest.raises(DatabaseOutdated):
        await serve(settings.model_copy(update={"port": 0}), failing)


async def _events(answer: httpx.Response, number: int) -> list[dict[str, str]]:
    """Return the first events of a stream."""
    events: list[dict[str, str]] = []
    event: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        elif "data" in event:
            events.append(event)
            event = {}
            if len(events) == number:
                break
        else:
            event = {}
    return events


@pytest.mark.long
async def test_changes_come_as_events_while_they_happen(running: Running) -> None:
    put = running.memory.entities.put
    await put("main", [Entity("ann")])
    headers = {"Accept": "text/event-stream"}
    async with running.client.stream("GET", "/v1/graphs/main/changes", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        first = (await _events(answer, 1))[0]
    assert (first["id"], first["event"], json.loads(first["data"])["kind"]) == ("1", "change", "entity")
    async with running.client.stream(
        "GET", "/v1/graphs/main/changes", headers={**headers, "Last-Event-ID": "1"}
    ) as answer:
        writing = asyncio.create_task(put("main", [Entity("bob")]))
        assert [event["id"] for event in await _events(answer, 1)] == ["2"]
        await writing
    wrong = await running.client.get("/v1/graphs/main/changes", headers={**headers, "Last-Event-ID": "x"})
    refused(wrong, 422, "Last-Event-ID")
    refused(await running.client.get("/v1/graphs/absent/changes", headers=headers), 404, "absent")


async def test_an_event_stream_does_not_keep_the_server_from_stopping(running: Running) -> None:
    headers = {"Accept": "text/event-stream"}
    async with running.client.stream("GET", "/v1/graphs/main/changes", headers=headers) as answer:
        lines = answer.aiter_lines()
        assert (await anext(lines)).startswith("retry")
        os.kill(os.getpid(), signal.SIGINT)
        async with asyncio.timeout(5):
            assert [line async for line in lines if line] == []
            await running.task


async def test_event_streams_are_counted_and_limited(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "MOST_STREAMS", 1)
    monkeypatch.setattr(event_streams, "POLL", 0.01)
    headers = {"Accept": "text/event-stream"}
    async with running.client.stream("GET", "/v1/graphs/main/changes", headers=headers) as answer:
        assert (await anext(answer.aiter_lines())).startswith("retry")
        second = await running.client.get("/v1/graphs/main/changes", headers=headers)
        refused(second, 503, "event streams")
        done(await running.client.get("/v1/graphs/main/changes"))
    monkeypatch.setattr(event_streams, "LONGEST_STREAM", 0.05)
    async with asyncio.timeout(5):
        while True:
            third = await running.client.get("/v1/graphs/main/changes", headers=headers)
            if third.status_code == 200:
                break
    assert third.text.startswith("retry")


async def test_each_request_is_one_line_of_the_log_without_secrets(running: Running) -> None:
    secret = running.client.headers["Authorization"].removeprefix("Bearer ")
    body = {"entities": [{"key": "ann", "name": "Private matters"}]}
    done(await running.client.put("/v1/graphs/main/entities", json=body, headers={"X-Request-ID": "r1"}))
    line = next(line for line in running.lines() if line.get("request_id") == "r1")
    assert line["event"] == "request"
    assert (line["method"], line["status"], line["graph"]) == ("PUT", 200, "main")
    assert line["route"] == "/v1/graphs/{graph}/entities"
    assert line["key"] == (await running.memory.keys.list())[0].id
    assert secret not in running.log.getvalue()
    assert "Private matters" not in running.log.getvalue()
    assert all("event" in line and "level" in line for line in running.lines())


async def test_an_error_of_kgmem_is_in_the_log_with_its_request_and_without_secrets(running: Running) -> None:
    async def failing(name: str) -> object:
        raise RuntimeError("could not reach postgresql://kgmem:hunter2@db/kgmem")

    running.memory.ports.graphs.get = failing  # type: ignore[assignment,method-assign]
    problem = refused(await running.client.get("/v1/graphs/main"), 500)
    line = next(line for line in running.lines() if line["event"] == "request_failed")
    assert line["request_id"] == problem["request_id"]
    assert "RuntimeError" in str(line["exception"])
    assert "hunter2" not in running.log.getvalue()
