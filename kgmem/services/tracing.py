"""Tracing: makes a use case a flow of its graph."""

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from kgmem.domain.flows.flow import FlowKind
from kgmem.services.ports import Ports

P = ParamSpec("P")
T = TypeVar("T")
_UseCase = Callable[Concatenate[Ports, str, P], Coroutine[Any, Any, T]]


def traced(kind: FlowKind, scope: Callable[..., str] | None = None) -> Callable[[_UseCase[P, T]], _UseCase[P, T]]:
    """Trace the calls of a use case as flows; `scope` returns the scope of a call, and is None for whole graphs."""

    def decorate(work: _UseCase[P, T]) -> _UseCase[P, T]:
        @wraps(work)
        async def run(ports: Ports, graph: str, /, *args: P.args, **kwargs: P.kwargs) -> T:
            with ports.flows.run(kind, graph, scope=None if scope is None else scope(*args, **kwargs)):
                return await work(ports, graph, *args, **kwargs)

        return run

    return decorate
