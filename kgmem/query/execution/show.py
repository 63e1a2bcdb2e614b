"""SHOW: rows about the database, with YIELD, WHERE and RETURN over them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from kgmem.query.analysis.findings import Analysed
from kgmem.query.analysis.shows import SHOWN
from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Run
from kgmem.query.execution.projection import project
from kgmem.query.planning.steps import Project
from kgmem.query.tree.clauses import Projection
from kgmem.query.tree.commands import Show

# Gives the rows of one kind of SHOW; the words before it (ALL, VECTOR, ...) and the name after it narrow them.
Rows = Callable[[Run, Show], Awaitable[Iterable[Mapping[str, Any]]]]


async def show(run: Run, analysed: Analysed, shows: Mapping[str, Rows]) -> list[Row]:
    """Return the rows that a SHOW asks for. Raises CypherError where there is nothing to show of that kind."""
    body = analysed.statement.body
    if not isinstance(body, Show) or body.what not in shows:
        raise run.error("NotSupported", "There is nothing to show of this kind.", 0, type="SyntaxError")
    every = SHOWN[body.what].all
    rows: list[Row] = [{name: row.get(name) for name in every} for row in await shows[body.what](run, body)]
    if body.yielded is not None:
        rows = await _projected(run, analysed, body.yielded, rows)
    if body.where is not None:
        rows = await run.where([body.where], rows)
    if body.returned is not None:
        rows = await _projected(run, analysed, body.returned.projection, rows)
    return rows


async def _projected(run: Run, analysed: Analysed, part: Projection, rows: list[Row]) -> list[Row]:
    step = Project(part.at, analysed.projected(part), part.distinct, part.skip, part.limit, frozenset())
    return await project(run, step, rows)
