"""What is known of one request while it is under way; it stands in the ASGI scope under "kgmem"."""

import asyncio
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.types import Scope

from kgmem.domain.access import Key

_SCOPE_NAME = "kgmem"
_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(slots=True)
class Context:
    """One request: its id, when it began, whose key it bears, and the clock that will stop it."""

    id: str
    started: float = field(default_factory=time.perf_counter)
    key: Key | None = None
    clock: asyncio.Timeout | None = None

    def unlimited(self) -> None:
        """Let the request take as long as its client reads: for streams."""
        if self.clock is not None:
            self.clock.reschedule(None)


def begin(scope: Scope) -> Context:
    """Give a new request its context; its id is the client's X-Request-ID when that is a plain word."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"").decode("latin-1")
    context = Context(given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8))
    scope[_SCOPE_NAME] = context
    return context


def context_of(request: Request) -> Context:
    """Give the context of a request."""
    context: Context = request.scope[_SCOPE_NAME]
    return context


def template_of(scope: Scope) -> str:
    """Give the template of the route that a request went to, such as /v1/graphs/{graph}."""
    route: Any = scope.get("route")
    return route.path_format if route is not None else "unmatched"
