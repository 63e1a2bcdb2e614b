"""Transports: TCP, or a WebSocket over TCP, on the same port.

A connection that starts with GET is HTTP: a request for a WebSocket gets one, any other gets the address of Bolt.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Protocol

import orjson
from websockets.exceptions import WebSocketException
from websockets.frames import Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from kgmem.domain.errors import Forbidden
from kgmem.web_names import WebNames

HTTP = b"GET "
_MOST_UNREAD = 1 << 16  # Bytes of one frame of a WebSocket before the rest of it is there.
_HEAD = 16_384


class Closed(Exception):
    """The other side has closed the connection."""


class Wire(Protocol):
    """A connection, as the session uses it."""

    peer: str
    host: str | None  # The address of the other side.

    async def read(self, size: int) -> bytes:
        """Return exactly so many bytes. Raises Closed."""

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes, waiting for a slow client. Raises Closed."""

    async def close(self) -> None:
        """Close the connection; bytes already sent still arrive."""


class Socket:
    """A plain or TLS connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the two ends that asyncio gives."""
        self.reader = reader
        self.writer = writer
        peer = writer.get_extra_info("peername")
        self.peer = f"{peer[0]}:{peer[1]}" if isinstance(peer, tuple) else "local"
        self.host: str | None = peer[0] if isinstance(peer, tuple) else None

    async def read(self, size: int) -> bytes:
        """Return exactly so many bytes. Raises Closed."""
        try:
            return await self.reader.readexactly(size)
        except (asyncio.IncompleteReadError, OSError) as error:
            raise Closed from error

    async def some(self) -> bytes:
        """Return the available bytes, at least one. Raises Closed."""
        try:
            data = await self.reader.read(1 << 16)
        except OSError as error:
            raise Closed from error
        if not data:
            raise Closed
        return data

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes, waiting for a slow client. Raises Closed."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except OSError as error:
            raise Closed from error

    async def close(self) -> None:
        """Close the connection."""
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except OSError:
            return  # The other side was faster.


class WebSocket:
    """A WebSocket of binary frames over a connection."""

    def __init__(self, socket: Socket, protocol: ServerProtocol) -> None:
        """Take the connection and the protocol that has accepted it."""
        self.peer, self.host = socket.peer, socket.host
        self._socket = socket
        self._protocol = protocol
        self._held = bytearray()

    async def read(self, size: int) -> bytes:
        """Return exactly so many bytes, from as many frames as needed. Raises Closed."""
        while len(self._held) < size:
            await self._more()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    async def _more(self) -> None:
        if self._protocol.state is not State.OPEN:
            raise Closed
        self._protocol.receive_data(await self._socket.some())
        for event in self._protocol.events_received():
            if getattr(event, "opcode", None) in (Opcode.BINARY, Opcode.CONT):
                self._held += event.data  # type: ignore[union-attr]  # Frames have data, and only frames an opcode.
        await self._answer()

    async def _answer(self) -> None:
        """Send the replies of the protocol: pongs, and the answer to a close."""
        for data in self._protocol.data_to_send():
            if data:
                await self._socket.send(data)

    async def send(self, data: bytes | memoryview) -> None:
        """Send bytes as one frame, waiting for a slow client. Raises Closed."""
        if self._protocol.state is not State.OPEN:
            raise Closed
        self._protocol.send_binary(bytes(data))
        await self._answer()

    async def close(self) -> None:
        """Close the WebSocket and the connection."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            with contextlib.suppress(Closed):
                await self._answer()
        await self._socket.close()


async def answer_http(
    socket: Socket, discovery: Callable[[str], dict[str, object]], names: WebNames | None = None
) -> WebSocket | None:
    """Handle a connection that starts with GET: return a WebSocket, or None after sending `discovery(host)`.

    A request under a name, or of a web page, that `names` does not know gets 403.
    """
    head = bytearray(HTTP)
    while b"\r\n\r\n" not in head:
        if len(head) > _HEAD:
            raise Closed
        head += await socket.some()
    protocol = ServerProtocol(max_size=_MOST_UNREAD * 1024)
    asked = bytes(head)
    host, origin = _header(asked, b"host:") or "", _header(asked, b"origin:")
    try:
        if names is not None:
            names.check(host, origin)
    except Forbidden as error:
        told = orjson.dumps({"detail": error.message, "hint": error.hint})
        await socket.send(_answer("403 Forbidden", told))
        return None
    if b"upgrade: websocket" not in asked.lower():
        allowed = b"Access-Control-Allow-Origin: " + origin.encode("latin-1") + b"\r\n" if origin else b""
        await socket.send(_answer("200 OK", orjson.dumps(discovery(host)), allowed))
        return None
    protocol.receive_data(asked)
    for event in protocol.events_received():
        if isinstance(event, Request):
            answer: Response = protocol.accept(event)
            protocol.send_response(answer)
    try:
        for data in protocol.data_to_send():
            if data:
                await socket.send(data)
    except WebSocketException as error:
        raise Closed from error
    return WebSocket(socket, protocol) if protocol.state is State.OPEN else None


def _header(asked: bytes, name: bytes) -> str | None:
    """Return a header of a request; None without it. `name` is in lower case, with the colon."""
    lines = asked.split(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    found = (line.partition(b":")[2].strip() for line in lines if line.lower().startswith(name))
    return next((value.decode("latin-1") for value in found), None)


def _answer(status: str, body: bytes, headers: bytes = b"") -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "X-Content-Type-Options: nosniff\r\nConnection: close\r\n"
    )
    return head.encode() + headers + b"\r\n" + body
