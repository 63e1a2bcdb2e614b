"""Connections to the REST server: how many there may be, and how long they may keep it waiting.

uvicorn ends a connection that is idle between two requests. It waits for ever for one that sends nothing, or a byte of
a header now and then, and takes any number of them.
"""

import asyncio
from typing import Any, ClassVar

import orjson
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

log = structlog.get_logger("kgmem.connections")


class LimitedConnection(HttpToolsProtocol):
    """One connection; the time for a header begins when it is made, and with each request's first byte."""

    most: ClassVar[int]
    header_seconds: ClassVar[float]

    _clock: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.most:
            self._refuse(503, "unavailable", "The server is at its limit of connections.", "Try again in a moment.")
        else:
            self._wait_for_header()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._wait_for_header()

    def on_headers_complete(self) -> None:
        self._stop_clock()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_clock()
        super().connection_lost(exc)

    def _wait_for_header(self) -> None:
        self._stop_clock()
        self._clock = self.loop.call_later(self.header_seconds, self._too_slow)

    def _stop_clock(self) -> None:
        if self._clock is not None:
            self._clock.cancel()
            self._clock = None

    def _too_slow(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            # The answer to the request before goes on over this connection.
            self._wait_for_header()
            return
        problem = f"The request's header did not come within {self.header_seconds:g} seconds."
        self._refuse(408, "timed-out", problem, "Send it at once; KGMEM_HEADER_TIMEOUT sets the limit.")

    def send_400_response(self, msg: str) -> None:
        """Answer what is not HTTP, or has an address that is too long, in the shape of all errors."""
        self._refuse(400, "malformed-request", msg, "Send HTTP/1.1 with an address of at most 64 KiB.")

    def _refuse(self, status: int, code: str, detail: str, hint: str) -> None:
        """Answer what is no request yet, and close the connection."""
        reasons = {400: "Bad Request", 408: "Request Timeout", 503: "Service Unavailable"}
        shape: dict[str, Any] = {
            "type": f"urn:kgmem:error:{code}",
            "title": reasons[status] + ".",
            "status": status,
            "detail": detail,
            "instance": "",
            "hint": hint,
            "request_id": "",
        }
        body = orjson.dumps(shape)
        again = "" if status == 400 else "retry-after: 1\r\n"
        head = (
            f"HTTP/1.1 {status} {reasons[status]}\r\ncontent-type: application/problem+json\r\n"
            f"content-length: {len(body)}\r\n{again}"
            "connection: close\r\n\r\n"
        )
        log.info("connection_refused", status=status, connections=len(self.connections))
        if not self.transport.is_closing():
            self.transport.write(head.encode() + body)
            self.transport.close()


def limited(*, most: int, header_seconds: float) -> type[LimitedConnection]:
    """Return the protocol of a server with at most so many connections, and so many seconds for a request's header."""
    return type("Connection", (LimitedConnection,), {"most": most, "header_seconds": header_seconds})
