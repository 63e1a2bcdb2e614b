"""Cypher for tests: an engine over the graphs of a memory."""

from typing import Any

from kgmem.memory import Memory
from kgmem.query.execution.limits import Limits
from kgmem.query.execution.statements import Engine, Result, StatementRequest
from kgmem.store.cypher.graphs import PostgresGraphs

GRAPH = "world"


def engine_of(memory: Memory) -> Engine:
    """An engine over the graphs of a memory."""
    catalog: Any = memory.ports.graphs
    return Engine(PostgresGraphs(catalog))


async def asked(
    memory: Memory,
    text: str,
    parameters: dict[str, Any] | None = None,
    *,
    scope: str | None = None,
    writes: bool = True,
    graph: str = GRAPH,
    limits: Limits = Limits(),  # noqa: B008 - it never changes
) -> Result:
    """Run one query."""
    request = StatementRequest(text, graph, parameters or {}, scope=scope, writes=writes, limits=limits)
    return await engine_of(memory).run(request)


async def rows(memory: Memory, text: str, parameters: dict[str, Any] | None = None, **more: Any) -> list[Any]:
    """Return the rows of one query; a single column's values alone."""
    found = (await asked(memory, text, parameters, **more)).rows
    return [row[0] if len(row) == 1 else row for row in found]
