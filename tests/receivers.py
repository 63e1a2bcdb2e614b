"""Receivers of webhooks: small HTTP servers on loopback that note what they get, and answer as they are told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from kgmem.domain.subscriptions.webhook import verify
from kgmem.webhooks.address import AllowedAddresses
from kgmem.webhooks.sender import HttpSender


@dataclass
class Receiver:
    """What came, in order; `answer` tells the status of each request, with further headers."""

    url: str = ""
    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)  # Bodies that were answered with 2xx.
    answer: Callable[[dict[str, Any]], int | tuple[int, str]] = lambda body: 204
    delay: float = 0.0

    def events(self, taken: Sequence[dict[str, Any]] | None = None) -> list[dict[str, Any]]:
        """The events that were taken, in order."""
        bodies = self.taken if taken is None else taken
        return [event for body in bodies for event in body["data"].get("events", [body["data"]])]

    def verified(self, secret: str) -> bool:
        """Whether all requests are signed by a secret."""
        return all(verify(secret, headers, body, now=time.time()) for headers, body in self.requests)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                self.requests.append((headers, body))
                told = orjson.loads(body)
                await asyncio.sleep(self.delay)
                answer = self.answer(told)
                status, more = answer if isinstance(answer, tuple) else (answer, "")
                if 200 <= status < 300:
                    self.taken.append(told)
                writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{more}\r\n".encode())
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiver(**more: Any) -> AsyncIterator[Receiver]:
    """A receiver on a free port of loopback."""
    found = Receiver(**more)
    server = await asyncio.start_server(found.handle, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield found
    finally:
        server.close()


def loopback_sender(timeout: float = 5.0) -> HttpSender:
    """A sender that may reach loopback."""
    return HttpSender(AllowedAddresses.parse("127.0.0.0/8"), timeout=timeout)
