"""A client that costs next to nothing: HTTP/1.1 over raw sockets, with messages that are made before the clock runs."""

import multiprocessing
import selectors
import socket
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Door:
    """Where a server listens, and the key that it is asked with."""

    host: str
    port: int
    secret: str

    def message(self, method: str, path: str, body: Any = None) -> bytes:
        """Return a request as it goes over the wire; a body of bytes is JSON already."""
        content = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nAuthorization: Bearer {self.secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content

    def connect(self) -> socket.socket:
        """Return a connection that waits for nothing before it sends."""
        connection = socket.create_connection((self.host, self.port), timeout=120)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection


class Line:
    """One kept connection, one request at a time."""

    def __init__(self, door: Door) -> None:
        """Connect."""
        self._socket = door.connect()

    def ask(self, message: bytes) -> bytes:
        """Send a request and give the body of its answer. Raises RuntimeError for a status of 300 or more."""
        self._socket.sendall(message)
        received = bytearray()
        while (body := _answer(received)) is None:
            part = self._socket.recv(1 << 18)
            if not part:
                raise RuntimeError("The server closed the connection.")
            received += part
        return body

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()


def _answer(received: bytearray) -> bytes | None:
    """Return the body of an answer once it is there in full. Raises RuntimeError for a status of 300 or more."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(received[:end]).lower()
    at = head.find(b"content-length:")
    length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
    if len(received) < end + 4 + length:
        return None
    body = bytes(received[end + 4 : end + 4 + length])
    if head[9:10] != b"2":
        raise RuntimeError(f"The server answered {head[9:12].decode()}: {body[:300].decode(errors='replace')}")
    return body


@dataclass(frozen=True, slots=True)
class Load:
    """What a round of load came to: requests a second, and the share of a core that making it took."""

    rate: float
    busy: float


class LoadMaker:
    """A process of its own that keeps as many requests under way as there are callers."""

    def __init__(self, door: Door) -> None:
        """Start the process."""
        # Spawned, not forked: it shares neither the event loop nor the rows of the benchmark.
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._door = door

    def hammer(self, messages: Sequence[bytes], callers: int) -> Load:
        """Send short messages, each caller on a kept connection, one at a time, until all are answered."""
        return self._pool.submit(_hammer, self._door, messages, callers).result()

    def send_large(self, messages: Sequence[bytes], callers: int) -> float:
        """Send large messages by so many callers; gives the seconds until the last is answered."""
        return self._pool.submit(_send_large, self._door, messages, callers).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


def _hammer(door: Door, messages: Sequence[bytes], callers: int) -> Load:
    selector = selectors.DefaultSelector()
    waiting = iter(messages)
    lines = [door.connect() for _ in range(min(callers, len(messages)))]
    by_number = {line.fileno(): line for line in lines}
    started, used = time.perf_counter(), time.process_time()
    for line in lines:
        selector.register(line, selectors.EVENT_READ, bytearray())
        line.sendall(next(waiting))
    missing = len(messages)
    while missing:
        for key, _ in selector.select():
            received = key.data
            line = by_number[key.fd]
            part = line.recv(1 << 16)
            if not part:
                raise RuntimeError("The server closed a connection.")
            received += part
            if _answer(received) is None:
                continue
            received.clear()
            missing -= 1
            following = next(waiting, None)
            if following is not None:
                line.sendall(following)
    seconds = time.perf_counter() - started
    busy = (time.process_time() - used) / seconds
    selector.close()
    for line in lines:
        line.close()
    return Load(len(messages) / seconds, busy)


def _send_large(door: Door, messages: Sequence[bytes], callers: int) -> float:
    lines = [Line(door) for _ in range(callers)]

    def share(caller: int) -> None:
        for message in messages[caller::callers]:
            lines[caller].ask(message)

    started = time.perf_counter()
    with ThreadPoolExecutor(callers) as threads:
        list(threads.map(share, range(callers)))
    seconds = time.perf_counter() - started
    for line in lines:
        line.close()
    return seconds
