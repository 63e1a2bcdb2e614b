"""Several processes that answer the requests of one server: what each knows of the others, and what it passes on.

All accept connections from one socket, so any of them may get any request. What one process alone can answer is an
open transaction of the Query API: its id begins with the number of the process that holds its connection to the
database, and the others pass such requests on, over a socket in a folder that only this user may enter.
"""

import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from kgmem.domain.errors import NotFound

_TRANSACTION: Final = re.compile(r"/db/[^/]+/query/v2/tx/(\d{1,4})-[^/]+(?:/commit)?")
# What belongs to one connection or is computed for each message anew (RFC 9110, section 7.6.1). Bodies between
# processes of one machine are not compressed.
_OF_ONE_CONNECTION: Final = frozenset(
    {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "accept-encoding", "expect", "date"}
)


@dataclass(frozen=True, slots=True)
class Share:
    """The part of one process among those that answer requests: its number from 0, and what they have in common.

    `folder` has their sockets and counters. `control` is a file descriptor whose end means that the server stops.
    """

    number: int
    processes: int
    folder: Path
    rest: int
    control: int

    def socket_of(self, number: int) -> Path:
        """Return the path of the socket on which a process answers the others."""
        return self.folder / f"{number}.socket"

    def listening(self) -> socket.socket:
        """Return this process' own socket, bound; one that a killed process of the same number left is replaced."""
        path = self.socket_of(self.number)
        path.unlink(missing_ok=True)
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        bound.bind(str(path))
        return bound


async def post_to(share: Share, number: int, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Send a message to another process; one that does not run has nothing to do."""
    transport = httpx.AsyncHTTPTransport(uds=str(share.socket_of(number)))
    async with httpx.AsyncClient(transport=transport, timeout=5) as client:
        with suppress(httpx.TransportError):
            await client.post(f"http://localhost{path}", headers=headers, content=body)


class Siblings:
    """Passes requests for another process' transactions on to that process; pure ASGI."""

    def __init__(self, app: ASGIApp, *, share: Share) -> None:
        """Take the app inside."""
        self._app = app
        self._share = share
        self._clients: dict[int, httpx.AsyncClient] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, here or by another process. Raises NotFound where that process does not run."""
        owner = self._owner(scope)
        if owner is None:
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        headers = [
            (name, value) for name, value in request.headers.raw if name.decode("latin-1") not in _OF_ONE_CONNECTION
        ]
        url = httpx.URL(
            "http://localhost", raw_path=scope["raw_path"] + b"?" * bool(scope["query_string"]) + scope["query_string"]
        )
        client = self._client(owner)
        passed = client.build_request(request.method, url, headers=headers, content=_body(request))
        try:
            answer = await client.send(passed, stream=True)
        except httpx.TransportError as error:
            raise NotFound(
                "Not found: the transaction. The process that began it has ended, and it was rolled back.",
                hint="Begin another one.",
            ) from error
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        try:
            await StreamingResponse(answer.aiter_raw(), answer.status_code, kept)(scope, receive, send)
        finally:
            await answer.aclose()

    def _owner(self, scope: Scope) -> int | None:
        """Return the number of the other process that a request is for; None for this process' own."""
        found = _TRANSACTION.fullmatch(scope["path"]) if scope["type"] == "http" else None
        number = int(found[1]) if found else self._share.number
        return number if number != self._share.number and number < self._share.processes else None

    def _client(self, number: int) -> httpx.AsyncClient:
        if number not in self._clients:
            # Without a limit of its own on time: the request has one. Connections are not kept, since the other process
            # may be another one next time.
            transport = httpx.AsyncHTTPTransport(
                uds=str(self._share.socket_of(number)), limits=httpx.Limits(max_keepalive_connections=0)
            )
            self._clients[number] = httpx.AsyncClient(transport=transport, timeout=None)  # noqa: S113 - see above
        return self._clients[number]


async def _body(request: Request) -> AsyncIterator[bytes]:
    try:
        async for part in request.stream():
            yield part
    except ClientDisconnect:
        return
