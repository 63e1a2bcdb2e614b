"""What REST notes in the audit log: each request with a key, and logins that failed."""

from http import HTTPStatus
from typing import Final

from starlette.types import Scope

from kgmem.domain.audit.log import AuditActor, AuditEvent
from kgmem.domain.graph.graph import is_graph_name
from kgmem.memory import Memory
from kgmem_api.context import METHODS, Context, current, template_of
from kgmem_api.mcp_endpoint import PATH

_REFUSED: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


def note_request(context: Context, scope: Scope, status: int) -> None:
    """Note a request once, when its answer begins, since streams go on for days; calls of MCP note themselves."""
    if context.noted:
        return
    context.noted = True
    memory: Memory | None = getattr(scope["app"].state, "memory", None)
    key, route = context.key, template_of(scope)
    action = f"{scope['method'] if scope['method'] in METHODS else 'other'} {route}"
    if memory is None or (key is None and status != HTTPStatus.UNAUTHORIZED):
        return
    if route == PATH and status < HTTPStatus.BAD_REQUEST:
        return
    change = context.role != "reader"
    named = scope.get("path_params", {})
    for graph in _graphs(context, named.get("graph")):
        if not memory.audit.wants(graph, change=change):
            continue
        items = [str(value) for name, value in named.items() if name != "graph"]
        memory.audit.note(
            AuditEvent(
                "rest",
                action,
                change=change,
                outcome="done" if status < HTTPStatus.BAD_REQUEST else "refused" if status in _REFUSED else "failed",
                key=key.id if key else None,
                graph=graph,
                scope=(key.scope if context.acted is None else str(context.acted)) if key else None,
                item="/".join(items) or None,
                address=context.address,
                request_id=context.id,
            )
        )


def _graphs(context: Context, named: str | None) -> list[str | None]:
    """Return the graphs that a request was about: the one of its address as it is stored, and those of its query."""
    graph = context.graph or named
    if graph is None or not is_graph_name(graph):  # What is no name, such as that of a login that failed, is no graph.
        return [None]
    return [graph, *(each for each in context.queried if each != graph)]


def actor() -> AuditActor:
    """Return who sent the current request."""
    context = current()
    key = context.key.id if context.key else None
    return AuditActor("rest", key, context.address, context.id)
