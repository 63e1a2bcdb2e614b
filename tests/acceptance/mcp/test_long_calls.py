"""Calls that take long: progress, cancelled by the client, ended with the key, finished when the server stops."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import httpx2
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from bench.rig.server import ServerProcess
from kgmem.domain.recall.answer import Answer
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.server import bound_socket, serve
from kgmem_api.siblings import Share
from tests.acceptance.mcp.test_http import HEADERS, answers, call, hello, newest, post
from tests.postgres import short_folder
from tests.rest import Door

SOON = 20


class Slow:
    """A recall that ends when it is told to; it knows whether it was cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.cancelled = asyncio.Event()

    async def recall(self, _memory: Memory, _graph: str, _question: Any) -> Answer:
        """Wait until it may end."""
        self.begun.set()
        try:
            await self.goes_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return Answer([])


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Every recall is slow."""
    made = Slow()

    async def recall(memory: Memory, graph: str, question: Any) -> Answer:
        return await made.recall(memory, graph, question)

    monkeypatch.setattr(Memory, "recall", recall)
    return made


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[str]:
    """The door on a port, which a client can hang up on."""
    with bound_socket("127.0.0.1", 0) as taken:
        server = uvicorn.Server(uvicorn.Config(door.app, log_config=None, lifespan="off", timeout_graceful_shutdown=1))
        task = asyncio.create_task(server.serve(sockets=[taken]))
        try:
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{taken.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await task


async def test_an_older_client_cancels_its_own_call_and_no_other(door: Door, slow: Slow) -> None:
    session = {"Mcp-Session-Id": (await post(door, hello("2025-06-18"))).headers["mcp-session-id"]}
    stranger = {"Mcp-Session-Id": (await post(door, hello("2025-06-18"))).headers["mcp-session-id"]}
    calling = asyncio.create_task(post(door, call("recall", 7, query="x"), **session))
    async with asyncio.timeout(SOON):
        await slow.begun.wait()
        stop = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 7}}
        assert (await post(door, stop, **stranger)).status_code == 202
        assert (await post(door, {**stop, "params": {"requestId": "7"}}, **session)).status_code == 202
        await asyncio.sleep(0.05)
        assert not slow.cancelled.is_set()
        assert (await post(door, stop, **session)).status_code == 202
        await slow.cancelled.wait()
        (answer,) = answers(await calling)
    assert answer["error"]["code"] == -32800


@pytest.mark.parametrize("version", ["2025-06-18", "2026-07-28"])
async def test_a_client_that_hangs_up_cancels_its_call(door: Door, slow: Slow, version: str) -> None:
    message, headers = newest(call("recall", query="x")) if version == "2026-07-28" else (call("recall", query="x"), {})
    headers = {**HEADERS, "Authorization": door.client.headers["authorization"], **headers}
    async with served(door) as address, asyncio.timeout(SOON):
        async with httpx.AsyncClient(headers=headers) as client:
            calling = asyncio.create_task(client.post(address, json=message))
            await slow.begun.wait()
            calling.cancel()
            await asyncio.gather(calling, return_exceptions=True)
        await slow.cancelled.wait()


async def test_a_revoked_key_ends_its_calls(door: Door, slow: Slow) -> None:
    key, secret = await door.memory.keys.create("short", "reader")
    bearer = {"Authorization": f"Bearer {secret}"}
    calling = asyncio.create_task(post(door, call("recall", query="x"), **bearer))
    async with asyncio.timeout(SOON):
        await slow.begun.wait()
        await door.memory.keys.revoke(key.id)
        await slow.cancelled.wait()
        await asyncio.gather(calling, return_exceptions=True)
        assert (await post(door, call("recall", query="x"), **bearer)).status_code == 401


async def test_a_call_that_takes_too_long_ends_with_words_for_the_model(
    door: Door, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door.app.state.mcp, "_settings", Settings(request_timeout=0.2))
    (answer,) = answers(await post(door, call("recall", query="x")))
    assert answer["result"]["isError"]
    assert "took longer than 0.18 s" in answer["result"]["content"][0]["text"]
    assert slow.cancelled.is_set()


async def test_a_long_call_reports_progress_while_it_works(
    door: Door, slow: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    await post(door, hello("2025-06-18"))  # Loads the transport.
    monkeypatch.setattr("kgmem.mcp.protocol._HEARTBEAT", 0.05)
    seen = asyncio.Event()

    async def on_progress(_done: float, _total: float | None, message: str | None) -> None:
        assert message is not None
        assert "Working" in message
        seen.set()
        slow.goes_on.set()

    headers = {"Authorization": door.client.headers["authorization"]}
    async with served(door) as address, asyncio.timeout(SOON), httpx2.AsyncClient(headers=headers) as http:
        for mode in ("auto", "legacy"):
            slow.goes_on.clear()
            seen.clear()
            async with Client(streamable_http_client(address, http_client=http), mode=mode) as client:
                await client.call_tool("recall", {"query": "x"}, progress_callback=on_progress)
            assert seen.is_set()


@pytest.fixture
def share() -> Iterator[tuple[Share, int]]:
    """The part of one process, and what stops it."""
    reading, writing = os.pipe()
    with short_folder() as folder, bound_socket("127.0.0.1", 0) as rest:
        yield Share(0, 1, folder, os.dup(rest.fileno()), reading), writing
    os.close(reading)


async def test_a_call_in_progress_is_finished_when_the_server_stops(
    memory: Memory, settings: Settings, slow: Slow, share: tuple[Share, int]
) -> None:
    _, secret = await memory.keys.create("tests", "admin")
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    quiet = settings.model_copy(update={"log_level": "error"})
    serving = asyncio.create_task(serve(quiet, memory, ready=address.set_result, share=share[0]))
    headers = {**HEADERS, "Authorization": f"Bearer {secret}"}
    await memory.graphs.create("stopping")
    async with asyncio.timeout(SOON), httpx.AsyncClient(headers=headers) as client:
        calling = asyncio.create_task(
            client.post(f"{await address}/mcp?graph=stopping", json=call("recall", query="x"))
        )
        await slow.begun.wait()
        os.close(share[1])
        await asyncio.sleep(0.2)
        slow.goes_on.set()
        (answer,) = answers(await calling)
        await serving
    assert not answer["result"]["isError"]
    await memory.graphs.delete("stopping")


# Postgres alone works on it, for minutes.
HEAVY = "MATCH (a:N), (b:N), (c:N), (d:N), (e:N) RETURN count(*)"


@pytest.mark.slow
async def test_a_call_is_cancelled_whichever_process_has_it(memory: Memory, database_url: str, tmp_path: Any) -> None:
    settings = Settings(database_url=database_url, embedder="hash", home=tmp_path)  # type: ignore[arg-type]
    from kgmem.bootstrap import open_memory  # noqa: PLC0415

    async with open_memory(settings) as own:
        await own.graphs.create("main")
        _, secret = await own.keys.create("tests", "admin")
        await own.cypher("main", "UNWIND range(1, 500) AS n CREATE (:N {n: n})", mode="write")
    told = {"DATABASE_URL": database_url, "EMBEDDER": "hash", "HOME": str(tmp_path), "BOLT": "false", "WORKER": "false"}
    server = ServerProcess({**told, "SERVER_PROCESSES": "2", "STATEMENT_TIMEOUT": "50"})
    try:
        await server.ready()
        headers = {**HEADERS, "Authorization": f"Bearer {secret}", "Host": f"127.0.0.1:{server.port}"}
        address = f"http://127.0.0.1:{server.port}/mcp?tools=all"
        async with asyncio.timeout(60), httpx.AsyncClient(headers=headers, timeout=60) as client:
            begun = await client.post(address, json=hello("2025-06-18"))
            session = {"Mcp-Session-Id": begun.headers["mcp-session-id"]}
            for number in range(4):  # Each over a connection of its own, so that both processes get some.
                async with httpx.AsyncClient(headers=headers | session, timeout=60) as one:
                    heavy = asyncio.create_task(one.post(address, json=call("run_cypher", number, query=HEAVY)))
                    await asyncio.sleep(0.5)
                    stop = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
                    async with httpx.AsyncClient(headers=headers | session) as other:
                        assert (await other.post(address, json=stop)).status_code == 202
                    (answer,) = answers(await heavy)
                    assert answer["error"]["code"] == -32800
    finally:
        await server.stop()
