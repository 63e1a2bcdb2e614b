"""The state of one request in progress, stored in the ASGI scope under "kgmem"."""

import asyncio
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from kgmem.domain.access import Allowance, Key
from kgmem.domain.errors import Unauthenticated
from kgmem.memory import Memory

_SCOPE_NAME = "kgmem"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(slots=True)
class Context:
    """One request: its id, when it began, whose key it bears, and the clock that will stop it."""

    id: str
    started: float = field(default_factory=time.perf_counter)
    key: Key | None = None
    allowance: Allowance | None = None  # What is left of the key's limit of requests.
    clock: asyncio.Timeout | None = None
    stopped: Exception | None = None  # Why it was stopped before its end.
    ending: asyncio.Event | None = None  # Of a stream that ends by itself when it is told to.
    unwatch: Callable[[], None] | None = None
    role: str = "reader"  # That the request needs.
    address: str | None = None  # Where it came from.
    graph: str | None = None  # That its address names, as it is stored.
    noted: bool = False  # Whether it is in the audit log.
    queried: tuple[str, ...] = ()  # Graphs that its queries used.
    acted: str | None = None  # The scope in which it acts, once that is known.
    large: bool = False  # Its body takes so long to go through that a thread shall.

    def unlimited(self) -> None:
        """Remove the time limit of the request, for streams."""
        if self.clock is not None and self.stopped is None:
            self.clock.reschedule(None)

    def stop(self, reason: Exception) -> None:
        """End the request, wherever it is; it fails for that reason unless its answer has begun."""
        if self.stopped is not None:
            return
        self.stopped = reason
        if self.ending is not None:
            self.ending.set()
        elif self.clock is not None:
            self.clock.reschedule(asyncio.get_running_loop().time())

    def watch(self, memory: Memory, key: Key) -> None:
        """Note whose key the request bears, and stop the request when the key is no longer in force."""
        self.key = key
        self.unwatch = memory.keys.watch(key.id, lambda: self.stop(_over()), key.grant_ids, generation=key.generation)

    def leave(self) -> None:
        """Note that the request has ended."""
        self.clock = None
        if self.unwatch is not None:
            self.unwatch()
            self.unwatch = None


_CURRENT: ContextVar[Context | None] = ContextVar("kgmem request", default=None)


def note_scope(scope: str) -> str:
    """Note the scope in which the current request acts, and return it unchanged."""
    context = _CURRENT.get()
    if context is not None and context.acted is None:
        context.acted = str(scope)
    return scope


def note_writing() -> None:
    """Note that the current request may change something, where its body says so."""
    context = _CURRENT.get()
    if context is not None:
        context.role = "writer"


def note_answer(graphs: Sequence[str], *, writes: bool) -> None:
    """Note which graphs a query of the current request used, and whether it may have changed something."""
    context = _CURRENT.get()
    if context is not None:
        context.role = "writer" if writes else "reader"
        context.queried = tuple(graphs)


def _over() -> Unauthenticated:
    return Unauthenticated("The API key, or a grant of it, is no longer valid: it was revoked, or it has expired.")


def begin(scope: Scope) -> Context:
    """Return a new request its context; its id is the client's X-Request-ID when that is a plain word."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    context = Context(given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
    client = scope.get("client")
    context.address = client[0] if client else None
    scope[_SCOPE_NAME] = context
    _CURRENT.set(context)
    return context


def current() -> Context:
    """Return the context of the current request."""
    context = _CURRENT.get()
    if context is None:
        raise LookupError("There is no request.")
    return context


def context_of(request: Request) -> Context:
    """Return the context of a request."""
    context: Context = request.scope[_SCOPE_NAME]
    return context


def template_of(scope: Scope) -> str:
    """Return the template of the route that a request went to, such as /v1/graphs/{graph}."""
    route: Any = scope.get("route")
    return route.path_format if route is not None else "unmatched"
