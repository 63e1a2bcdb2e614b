"""Several processes that answer the requests of one server."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import neo4j
import pytest

from bench.rig.database import settings_for
from bench.rig.server import ServerProcess
from kgmem.bootstrap import open_memory
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.server import bound_socket, serve
from kgmem_api.siblings import Share
from tests.fakes import fake_memory
from tests.postgres import short_folder
from tests.rest import done, refused

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes do not share a socket there")
_SOON = 60


@dataclass
class _Process:
    """One process of two, in this event loop: its address, its socket for the other one, and how to stop it."""

    address: str
    share: Share
    control: int
    task: asyncio.Task[None]


@pytest.fixture
async def process(settings: Settings) -> AsyncIterator[_Process]:
    """The first of two processes, alone."""
    memory = fake_memory()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Memory]:
        yield memory

    reading, writing = os.pipe()
    with short_folder() as folder, bound_socket("127.0.0.1", 0) as rest:
        share = Share(0, 2, folder, os.dup(rest.fileno()), reading)
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        quiet = settings.model_copy(update={"log_level": "error"})
        task = asyncio.create_task(serve(quiet, opening, ready=address.set_result, share=share))
        yield _Process(await address, share, writing, task)
        if not task.done():
            os.close(writing)
            await task
        os.close(reading)


async def test_it_answers_other_processes_and_stops_when_its_control_ends(process: _Process) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(process.share.socket_of(0)))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as other:
        done(await other.get("/health/live"))
    async with httpx.AsyncClient(base_url=process.address) as client:
        done(await client.get("/health/live"))
    os.close(process.control)
    async with asyncio.timeout(_SOON):
        await process.task


async def test_a_transaction_of_a_process_that_ended_is_not_found(process: _Process) -> None:
    async with httpx.AsyncClient(base_url=process.address) as client:
        gone = await client.post("/db/main/query/v2/tx/1-abc", json={"statement": "RETURN 1"})
        refused(gone, 404, "process that began it has ended")
        refused(await client.post("/db/main/query/v2/tx/7-abc", json={}), 401, "key")


async def test_requests_for_transactions_of_another_process_reach_it_whole(process: _Process) -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:"))
        heard.append(head + await reader.readexactly(length))
        body = b'{"data": {}}'
        kept = b"content-type: application/vnd.neo4j.query\r\nconnection: close\r\n"
        writer.write(b"HTTP/1.1 202 Accepted\r\n" + kept + b"content-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    path = str(process.share.socket_of(1))
    async with (
        await asyncio.start_unix_server(answer, path),
        httpx.AsyncClient(base_url=process.address) as client,
    ):
        headers = {"Authorization": "Bearer secret", "Accept": "application/vnd.neo4j.query"}
        told = await client.post("/db/a%20b/query/v2/tx/1-abc/commit", content=b"x" * 100_000, headers=headers)
    assert (told.status_code, told.json()) == (202, {"data": {}})
    assert told.headers["content-type"] == "application/vnd.neo4j.query"
    head, _, body = heard[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /db/a%20b/query/v2/tx/1-abc/commit HTTP/1.1")
    assert b"authorization: bearer secret" in head.lower()
    assert body == b"x" * 100_000


@contextmanager
def _server(url: str, **settings: str) -> Iterator[ServerProcess]:
    with tempfile.TemporaryDirectory() as home:
        told = {"DATABASE_URL": url, "HOME": home, "EMBEDDER": "hash", "SERVER_PROCESSES": "2", **settings}
        server = ServerProcess(told)
        try:
            yield server
        finally:
            server.kill()


def _free_port() -> int:
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def _children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in listed.split()]


async def _gone(processes: list[int]) -> None:
    async with asyncio.timeout(_SOON):
        while any(Path(f"/proc/{each}").exists() for each in processes):  # noqa: ASYNC110, ASYNC240 - a look at /proc
            await asyncio.sleep(0.05)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_two_processes_serve_as_one_server(database_url: str) -> None:
    bolt = _free_port()
    async with open_memory(settings_for(database_url, embedder="hash")) as memory:
        await memory.graphs.create("main")
        _, secret = await memory.keys.create("tests", "admin")
        with _server(database_url, BOLT_PORT=str(bolt)) as server:
            await server.ready()
            children = _children(server.pid)
            assert len(children) == 3, "two that answer, and one for background jobs"
            address = f"http://127.0.0.1:{server.port}"
            await _transactions_are_found_by_every_process(address, secret)
            await _counters_are_of_all_processes(address, secret)
            await _jobs_are_run(address, secret)
            auth = ("neo4j", secret)
            async with neo4j.AsyncGraphDatabase.driver(f"bolt://127.0.0.1:{bolt}", auth=auth) as driver:
                found = await driver.execute_query("MATCH (n:Person) RETURN count(n) AS n", database_="main")
                assert found.records[0]["n"] == 20
            os.kill(children[0], signal.SIGKILL)
            await _gone(children[:1])
            await server.ready()
            async with asyncio.timeout(_SOON):
                while len(_children(server.pid)) < 3:  # noqa: ASYNC110 - a look at /proc
                    await asyncio.sleep(0.05)
            children = _children(server.pid)
            await server.stop()
            await _gone(children)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_processes_end_with_a_supervisor_that_was_killed(database_url: str) -> None:
    with _server(database_url, BOLT="false") as server:
        await server.ready()
        children = _children(server.pid)
        assert len(children) == 3
        os.kill(server.pid, signal.SIGKILL)
        await _gone(children)


async def _transactions_are_found_by_every_process(address: str, secret: str) -> None:
    """Begin, continue and commit transactions, each over a connection of its own."""
    query = {"statement": "CREATE (n:Person {name: $name}) RETURN n.name", "parameters": {"name": "Ann"}}

    async def ask(path: str) -> dict[str, dict[str, str]]:
        async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {secret}"}) as client:
            answer = await client.post(f"/db/main/query/v2/tx{path}", json=query if "commit" not in path else None)
        assert answer.status_code == 202, answer.text
        told: dict[str, dict[str, str]] = answer.json()
        return told

    owners = set()
    for _ in range(10):
        transaction = (await ask(""))["transaction"]["id"]
        owners.add(transaction[0])
        await ask(f"/{transaction}")
        await ask(f"/{transaction}/commit")
    assert owners <= {"0", "1"}


async def _counters_are_of_all_processes(address: str, secret: str) -> None:
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {secret}"}) as client:
        text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("kgmem_requests_total") and 'v2/tx",' in line]
    assert [float(line.rsplit(" ", 1)[1]) for line in lines] == [10.0]


async def _jobs_are_run(address: str, secret: str) -> None:
    """Write a text, and wait until its vector was computed by the process of background jobs."""
    async with httpx.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {secret}"}) as client:
        done(await client.put("/v1/graphs/main/entities", json={"entities": [{"key": "ann", "text": "Ann sails."}]}))
        async with asyncio.timeout(_SOON):
            while True:
                jobs = done(await client.get("/v1/jobs"))["jobs"]
                if any(job["task"] == "embed" and job["status"] == "succeeded" for job in jobs):
                    return
                await asyncio.sleep(0.1)
