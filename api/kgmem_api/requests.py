"""The outermost layer: gives each request its id, its limits, a problem when it fails, a log line and its count."""

import asyncio
import math
import time
import traceback
from collections import deque

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kgmem.domain.access import Allowance
from kgmem.domain.errors import InvalidInput, TimedOut, Unavailable
from kgmem.domain.flows.trace import collect_flows, trace_with
from kgmem.memory import Memory
from kgmem.services.reading import read_again
from kgmem.settings import Settings
from kgmem.web_names import web_names
from kgmem_api.audit import note_request
from kgmem_api.context import METHODS, Context, begin, template_of
from kgmem_api.mcp_endpoint import PATH
from kgmem_api.metrics import Metrics
from kgmem_api.problems import problem
from kgmem_api.security_headers import secured

# Departures: a request whose client has left is stopped, so that nothing goes on for nobody.

# Seconds after which a request is listened for: most end before, and a task for each would cost them time.
_AFTER = 0.1
_GONE = "http.disconnect"


class Departures:
    """Passes on what a client sends, and stops the request when the client leaves before it has its answer."""

    def __init__(self, receive: Receive, context: Context) -> None:
        """Take what gives the messages of the client, and the request to stop."""
        self._receive = receive
        self._context = context
        self._asking = False  # Whether the route listens by itself, as it does while it reads its body.
        self._whole = False  # Whether all of the body is here.
        self._answered = False
        self._ahead: deque[Message] = deque()  # What came before the route asked for it.
        self._listener: asyncio.Task[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_AFTER, self._listen)

    async def receive(self) -> Message:
        """Return the next message, for an ASGI application."""
        while not self._ahead and self._listener is not None:
            await asyncio.wait({self._listener})
        if self._ahead:
            message = self._ahead.popleft()
            if message["type"] == _GONE:
                self._ahead.append(message)
            return message
        self._asking = True
        try:
            return self._noted(await self._receive())
        finally:
            self._asking = False

    def answered(self) -> None:
        """Note that the client has its answer: it may leave now."""
        self._answered = True

    def leave(self) -> None:
        """Stop listening; the request has ended."""
        self._answered = True
        self._timer.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _listen(self) -> None:
        """Listen, unless the route does, or has a part of the body before it that it did not ask for yet."""
        if self._asking or (self._ahead and not self._whole):
            self._timer = asyncio.get_running_loop().call_later(_AFTER, self._listen)
        else:
            self._listener = asyncio.create_task(self._hear(), name="kgmem departure")

    async def _hear(self) -> None:
        message = self._noted(await self._receive())
        self._ahead.append(message)
        self._listener = None
        if message["type"] != _GONE:
            self._listen()

    def _noted(self, message: Message) -> Message:
        if message["type"] == _GONE:
            if not self._answered:
                self._context.stop(ClientDisconnect())
        else:
            self._whole = not message.get("more_body", False)
        return message


log = structlog.get_logger("kgmem.requests")

_CLIENT_WENT_AWAY = 499
_READS = frozenset({"GET", "HEAD"})
_TRACE_HEADERS = frozenset({b"traceparent", b"tracestate"})


def _rate_limit(allowance: Allowance) -> tuple[str, str]:
    """Return the fields of a limit (draft-ietf-httpapi-ratelimit-headers): what it is, and what is left of it."""
    limit = allowance.limit
    policy = f'"key";q={limit.per_minute};w=60'
    return policy, f'"key";r={allowance.left};t={math.ceil(allowance.full_in)}'


def _header(scope: Scope, name: bytes) -> str | None:
    """Return a header of a request as it came; None without it."""
    return next((value.decode("latin-1") for each, value in scope["headers"] if each == name), None)


class Requests:
    """Pure ASGI, since it runs for every request."""

    def __init__(self, app: ASGIApp, *, settings: Settings, metrics: Metrics) -> None:
        """Take the app inside, the settings and the metrics to count in."""
        self._app = app
        self._seconds = settings.request_timeout
        self._most = settings.max_requests
        self._metrics = metrics
        self._under_way = 0
        self._names, self._names_of_mcp = web_names(settings), web_names(settings, "mcp")
        self._tls = settings.tls_certificate is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens inside."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        memory: Memory | None = getattr(scope["app"].state, "memory", None)
        tracer = memory.flows.tracer if memory is not None else None
        if tracer is None:
            await self._answer(scope, receive, send)
            return
        trace_with(tracer)
        sent = {name: value.decode("latin-1") for name, value in scope["headers"] if name in _TRACE_HEADERS}
        method = scope["method"] if scope["method"] in METHODS else "other"
        with tracer.serving(method, sent.get(b"traceparent"), sent.get(b"tracestate")) as answered:
            status = await self._answer(scope, receive, send)
            answered(template_of(scope), status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request; returns the status of the answer."""
        context = begin(scope)
        structlog.contextvars.bind_contextvars(request_id=context.id)
        departures = Departures(receive, context)
        status, flows = 0, collect_flows()
        host, origin = _header(scope, b"host") or "", _header(scope, b"origin")

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                departures.answered()
            if message["type"] == "http.response.start":
                status = message["status"]
                note_request(context, scope, status)
                message["headers"] = secured(list(message["headers"]), host, tls=self._tls)
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = context.id
                if context.allowance is not None:
                    headers["RateLimit-Policy"], headers["RateLimit"] = _rate_limit(context.allowance)
                if flows:
                    headers["X-Flow-ID"] = flows[0]
            await send(message)

        self._enter()
        try:
            try:
                if not scope["path"].startswith("/health/"):
                    (self._names_of_mcp if scope["path"] == PATH else self._names).check(host, origin)
                await self._limited(context, scope, departures.receive, sending)
            except ClientDisconnect:
                status = status or _CLIENT_WENT_AWAY
            except Exception as error:
                if status:  # The answer is under way already: all that is left is to break it off.
                    if error is context.stopped:
                        log.info("response_aborted", route=template_of(scope), reason=str(error))
                        return status
                    raise
                response = problem(error, scope, context.id)
                if response.status_code == 500:
                    # As a text, since some renderers show local variables, and those hold keys.
                    told = "".join(traceback.format_exception(error))
                    log.error("request_failed", route=template_of(scope), exception=told)  # noqa: TRY400 - see above
                await response(scope, receive, sending)
        finally:
            departures.leave()
            context.leave()
            self._leave(context, scope, status)
        return status

    async def _limited(self, context: Context, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app inside of the limits on requests at once and on time; health endpoints are always answered."""
        path = scope["path"]
        if self._under_way > self._most and not path.startswith("/health/"):
            raise Unavailable("The server is at its limit of requests.", hint="Try again in a moment.")
        if "\0" in path or b"%00" in scope["query_string"]:
            raise InvalidInput("The address holds the character U+0000, which kgmem cannot keep.", hint="Remove it.")
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds) as context.clock:
                if scope["method"] in _READS:
                    await read_again(lambda: self._app(scope, receive, sending), unless=lambda: begun)
                else:
                    await self._app(scope, receive, send)
        except TimeoutError as error:
            if context.stopped is not None:
                raise context.stopped from error
            if context.clock is None or not context.clock.expired():
                raise
            raise TimedOut(
                f"The request took longer than {self._seconds:g} seconds.",
                hint="Ask for less at once; KGMEM_REQUEST_TIMEOUT sets the limit.",
            ) from error

    def _enter(self) -> None:
        self._under_way += 1
        self._metrics.under_way.inc()

    def _leave(self, context: Context, scope: Scope, status: int) -> None:
        self._under_way -= 1
        self._metrics.under_way.dec()
        seconds = time.perf_counter() - context.started
        route = template_of(scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._metrics.count(method, route, status, seconds)
        self._count(context, scope, route, status)
        note_request(context, scope, status)
        tell = log.debug if route.startswith(("/health/", "/metrics")) else log.info
        tell(
            "request",
            method=method,
            route=route,
            status=status,
            ms=round(seconds * 1000, 2),
            key=context.key.id if context.key else None,
            graph=scope.get("path_params", {}).get("graph"),
        )

    @staticmethod
    def _count(context: Context, scope: Scope, route: str, status: int) -> None:
        """Count a request that was answered in the activity of its graph and scope."""
        graph = scope.get("path_params", {}).get("graph")
        if graph is None or context.key is None or not 200 <= status < 400 or route.endswith("/activity"):
            return
        acted = context.key.scope if context.acted is None else context.acted
        memory = scope["app"].state.memory
        memory.presence.count(graph, acted, recall=route.endswith("/recall"), write=context.role != "reader")
