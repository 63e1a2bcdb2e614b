"""MCP by streamable HTTP: each request stands for itself, so that any process answers it, and a restart breaks nothing.

The newest protocol has no sessions. Clients of earlier ones get an id of a session all the same, since it tells the
requests of two clients with one key apart when one of them cancels a call. It stores nothing: it is a random text with
a digest of it and the id of the key, so that every process knows whose it is, and another key cannot use it.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Final

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from sse_starlette.sse import AppStatus
from starlette.types import Receive, Scope, Send

from kgmem.mcp.caller import Caller
from kgmem.mcp.protocol import Context, ToolServer

CALLER: Final = "kgmem_mcp"  # The name in the ASGI scope of who calls.


@dataclass(frozen=True, slots=True)
class Origin:
    """Who calls, in which session."""

    caller: Caller
    session: str


def new_session(key: str) -> str:
    """Return the id of a new session of a key."""
    random = secrets.token_hex(16)
    return f"{random}-{_digest(random, key)}"


def is_session_of(id_: str, key: str) -> bool:
    """Return whether the id of a session was made for a key."""
    random, dash, digest = id_.partition("-")
    return bool(dash) and secrets.compare_digest(digest.encode(), _digest(random, key).encode())


def _digest(random: str, key: str) -> str:
    return blake2b(f"{random}\0{key}".encode(), digest_size=8).hexdigest()


class HTTPTransport:
    """The transport of the SDK, open while its context is."""

    def __init__(self, *, seconds: float, largest: int) -> None:
        """Take the seconds after which a call is given up, and the most bytes of a request."""
        # Calls in progress end by themselves when the server stops; uvicorn waits for them, and then ends them.
        AppStatus.disable_automatic_graceful_drain()  # type: ignore[no-untyped-call]
        self._server = ToolServer(_caller, seconds=seconds, session_of=_session)
        self._manager = StreamableHTTPSessionManager(self._server.sdk, stateless=True, max_request_body_size=largest)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Accept requests within the block."""
        async with self._manager.run():
            yield

    async def handle(self, origin: Origin, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope[CALLER] = origin
        await self._manager.handle_request(scope, receive, send)

    def cancel(self, key: str, session: str, request: Any) -> bool:
        """Cancel a call in progress of this process; returns whether there is one."""
        return self._server.cancel((key, session, request))


def _origin(context: Context) -> Origin:
    request: Any = context.request
    origin: Origin = request.scope[CALLER]
    return origin


def _caller(context: Context) -> Caller:
    return _origin(context).caller


def _session(context: Context) -> str:
    return _origin(context).session


async def keep(transport: HTTPTransport, ready: "asyncio.Future[HTTPTransport]", ending: asyncio.Event) -> None:
    """Keep a transport open, in one task, until `ending` is set."""
    async with transport.running():
        ready.set_result(transport)
        await ending.wait()
