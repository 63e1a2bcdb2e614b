"""Connections to the REST server: how many there may be, and how long they may keep it waiting."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem_api.server import serve
from tests.fakes import fake_memory

GET = b"GET /health/live HTTP/1.1\r\nhost: kgmem\r\n\r\n"
Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
SOON = 20  # Seconds in which what happens at once has happened on any machine.


@pytest.fixture
async def connect(settings: Settings) -> AsyncIterator[Connect]:
    """Opens connections to a server that takes three of them, and waits 0.3 seconds for a header, 1 for a request."""
    memory = fake_memory()

    @asynccontextmanager
    async def opening() -> AsyncIterator[Memory]:
        yield memory

    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    limits = {"max_connections": 3, "header_timeout": 0.3, "idle_timeout": 1.0, "port": 0, "log_level": "error"}
    task = asyncio.create_task(
        serve(settings.model_copy(update=limits), opening, ready=address.set_result), name="server"
    )
    port = int((await address).rsplit(":", 1)[1])
    async with AsyncExitStack() as stack:

        async def connection() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
            return reader, writer

        yield connection
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def _rest(reader: asyncio.StreamReader) -> bytes:
    """All that the server sends until it closes the connection."""
    async with asyncio.timeout(SOON):
        return await reader.read()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(GET)
    async with asyncio.timeout(SOON):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-len"))
        await reader.readexactly(length)
    return head


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nx-a: "])
async def test_a_connection_whose_header_does_not_come_is_closed(connect: Connect, sent: bytes) -> None:
    reader, writer = await connect()
    writer.write(sent)
    answer = await _rest(reader)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert "KGMEM_HEADER_TIMEOUT" in json.loads(answer.partition(b"\r\n\r\n")[2])["hint"]


async def test_a_header_that_comes_drop_by_drop_is_not_waited_for(connect: Connect) -> None:
    reader, writer = await connect()

    async def drip() -> None:
        for byte in GET * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    assert (await _rest(reader)).startswith(b"HTTP/1.1 408 ")
    dripping.cancel()


@pytest.mark.long
async def test_a_connection_that_is_idle_after_an_answer_is_closed(connect: Connect) -> None:
    reader, writer = await connect()
    assert b" 200 " in await _answer(reader, writer)
    assert b" 200 " in await _answer(reader, writer)
    assert await _rest(reader) == b""


async def test_more_connections_than_there_may_be_are_refused_and_leave_room_when_they_go(connect: Connect) -> None:
    held = [await connect() for _ in range(3)]
    assert all([b" 200 " in await _answer(*each) for each in held])
    refused = await _rest((await connect())[0])
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert b"limit of connections" in refused
    held[0][1].close()
    await held[0][1].wait_closed()
    async with asyncio.timeout(SOON):
        while True:
            reader, writer = await connect()
            writer.write(GET)
            if b" 200 " in await reader.readline():
                break
