"""`/mcp`: the Model Context Protocol by streamable HTTP, by the same keys, roles, scopes and grants as REST.

Loaded when the first request comes. Before that the request is checked here: its key, and that its session is that
key's.
"""

import asyncio
import importlib
from collections import deque
from collections.abc import Mapping
from contextlib import aclosing, suppress
from typing import Any, Final

import orjson
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from kgmem.domain.access import Key
from kgmem.domain.errors import NotFound
from kgmem.mcp.caller import Caller, options_of
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.tasks import act_for
from kgmem_api.access import admitted
from kgmem_api.bodies import RawBody
from kgmem_api.context import context_of
from kgmem_api.siblings import Share, post_to

PATH: Final = "/mcp"
LARGEST: Final = 8 * 1024 * 1024  # Bytes of a request; a text to remember has a million characters at the most.
_SESSION: Final = b"mcp-session-id"
_PASSED: Final = "kgmem-passed"  # On what another process of this server has passed on.
_MARGIN: Final = 0.9  # Of the time of a request: a call that takes longer still gets an answer.
_GRACE: Final = 10.0


class MCPEndpoint:
    """The ASGI application of `/mcp`."""

    def __init__(self, settings: Settings, share: Share | None) -> None:
        """Take the settings, and what this process shares with others."""
        self._settings = settings
        self._share = share
        self._body = RawBody(LARGEST)
        self._ready: asyncio.Future[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self.route = Route(PATH, self, include_in_schema=False)
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises KgmemError, which becomes a problem."""
        request = Request(scope, receive)
        scope["route"] = self.route
        if request.method != "POST":
            # Every answer comes on its own request: there is no stream to open, and no session to delete.
            await Response(status_code=405, headers={"Allow": "POST"})(scope, receive, send)
            return
        memory: Memory = request.app.state.memory
        key = await admitted(memory, request)
        options = options_of(request.query_params)
        context = context_of(request)
        context.watch(memory, key.acting("reader", options.graph or key.graph))
        act_for(key.id)
        async with aclosing(self._body(request)) as bodies:
            body = await anext(bodies)
            transport = await self._transport()
            session = request.headers.get("mcp-session-id")
            if session is not None and not _http().is_session_of(session, key.id):
                raise NotFound(
                    "Not found: the session, or it is of another key.", hint="Begin a new one: send initialize."
                )
            if (cancelled := _cancelled(body)) is not None:
                await self._cancel(transport, request, key, session or "", cancelled)
                await Response(status_code=202)(scope, receive, send)
                return
            context.unlimited()  # Calls have a limit of their own, which answers.
            begun = _http().new_session(key.id) if session is None and b'"initialize"' in body else None
            caller = Caller(key, options, _open(memory), context.address)
            self._under_way += 1
            self._idle.clear()
            try:
                origin = _http().Origin(caller, session or "")
                await transport.handle(origin, scope, _again(body, receive), _with_session(send, begun))
            finally:
                self._under_way -= 1
                if not self._under_way:
                    self._idle.set()

    async def _transport(self) -> Any:
        """Return the transport; the first request loads it, in a thread."""
        if self._ready is None or (self._ready.done() and (self._ready.cancelled() or self._ready.exception())):
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._keep(self._ready), name="kgmem mcp")
        return await asyncio.shield(self._ready)

    async def _keep(self, ready: "asyncio.Future[Any]") -> None:
        try:
            http = await asyncio.to_thread(importlib.import_module, "kgmem.mcp.http")
            seconds = self._settings.request_timeout * _MARGIN
            await http.keep(http.HTTPTransport(seconds=seconds, largest=LARGEST), ready, self._ending)
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)

    async def aclose(self) -> None:
        """Wait for requests in progress, a while, and close the transport."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _GRACE)
        self._ending.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    async def _cancel(self, transport: Any, request: Request, key: Key, session: str, cancelled: str | int) -> None:
        """Cancel a call of this session, here or in another process of this server."""
        if transport.cancel(key.id, session, cancelled) or self._share is None or _PASSED in request.headers:
            return
        body = orjson.dumps({"jsonrpc": "2.0", "method": _CANCELLED, "params": {"requestId": cancelled}})
        names = ("authorization", "host", "mcp-session-id", "content-type")
        headers = {name: request.headers[name] for name in names if name in request.headers} | {_PASSED: "1"}
        others = [number for number in range(self._share.processes) if number != self._share.number]
        await asyncio.gather(*(post_to(self._share, number, PATH, headers, body) for number in others))


_CANCELLED: Final = "notifications/cancelled"


def _cancelled(body: bytes) -> str | int | None:
    """Return the id of the request that a message cancels; None for any other message."""
    if _CANCELLED.encode() not in body:
        return None
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or message.get("method") != _CANCELLED:
        return None
    params = message.get("params")
    found = params.get("requestId") if isinstance(params, Mapping) else None
    return found if isinstance(found, str | int) and not isinstance(found, bool) else None


def _http() -> Any:
    return importlib.import_module("kgmem.mcp.http")


def _open(memory: Memory) -> Any:
    async def opened() -> Memory:
        return memory

    return opened


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read, and then what else comes."""
    ahead: deque[Message] = deque([{"type": "http.request", "body": body, "more_body": False}])

    async def received() -> Message:
        return ahead.popleft() if ahead else await receive()

    return received


def _with_session(send: Send, id_: str | None) -> Send:
    """Return what adds the id of a new session to an answer that begins one."""
    if id_ is None:
        return send

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 200:
            MutableHeaders(scope=message)["mcp-session-id"] = id_
        await send(message)

    return sending
