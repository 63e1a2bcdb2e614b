"""Callers: on whose behalf a task works, so that what is scarce can be shared fairly among them."""

from contextvars import Context, ContextVar, copy_context
from typing import NamedTuple


class Caller(NamedTuple):
    """The id of an API key, and the graph that its request names (None: the server as a whole)."""

    key: str
    graph: str | None = None


_CALLER: ContextVar[Caller | None] = ContextVar("kgmem_caller", default=None)


def caller() -> Caller | None:
    """Return the caller of this task; None for kgmem's own work."""
    return _CALLER.get()


def act_for(key: str, graph: str | None = None) -> None:
    """Note that this task, and tasks that it starts, work on behalf of a caller."""
    _CALLER.set(Caller(key, graph))


def for_nobody() -> Context:
    """Return a context for a task that serves many callers, so that none of them answers for it."""
    context = copy_context()
    context.run(_CALLER.set, None)
    return context
