"""CALL of procedures, and SHOW with YIELD, WHERE and RETURN."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.analysis.scope import Analysed
from kgmem.query.analysis.statements import SHOWN
from kgmem.query.errors import ValueProblem
from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.projection import project
from kgmem.query.execution.writes.update import renewed
from kgmem.query.planning.steps import Call, Project
from kgmem.query.tree.clauses import Projection, Show
from kgmem.query.types import ProcedureSignature

Procedures = Mapping[str, "Procedure"]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure: its signature, and the function from arguments to rows, each the values of its columns."""

    signature: ProcedureSignature
    run: Callable[[Run, Sequence[Any]], Awaitable[Iterable[Sequence[Any]]]]
    description: str = ""


async def call(run: Run, step: Call, rows: Rows) -> Rows:
    """Return each row with each row of the procedure."""
    procedure = run.procedures[step.signature.name]
    outputs = [field.name for field in step.signature.outputs]
    places = [(outputs.index(name), variable) for name, variable in step.yields]
    result: Rows = []
    for row in rows:
        found = await _found(run, step, procedure, row)
        if not outputs:
            result.append(row)
        elif step.alone or step.clause.yielded is not None:
            made = [{**row, **{variable: each[place] for place, variable in places}} for each in found]
            if not made and step.clause.optional:
                made = [{**row, **{variable: None for _, variable in places}}]
            result += made
        else:
            result.append(row)
        run.check(result, step.at)
    if run.changed:
        changed, run.changed = run.changed, {}
        run.written |= changed
        result = [renewed(row, changed) for row in result]
    return result if step.clause.where is None else await run.where([step.clause.where], result)


async def _found(run: Run, step: Call, procedure: Procedure, row: Row) -> list[Sequence[Any]]:
    arguments = await _arguments(run, step, row)

    async def rows() -> list[Sequence[Any]]:
        return list(await procedure.run(run, arguments))

    try:
        return await run.beside.on_loop(lambda: run.beside.drive(rows()))
    except ValueProblem as problem:
        raise run.setting.error(problem, step.at) from problem


async def _arguments(run: Run, step: Call, row: Row) -> list[Any]:
    if step.clause.arguments is None:
        held = run.setting.parameters
        return [held.get(field.name) for field in step.signature.inputs]
    return [await run.value(argument, row) for argument in step.clause.arguments]


# Gives the rows of one kind of SHOW; the words before it (ALL, VECTOR, ...) and the name after it narrow them.
ShowRows = Callable[[Run, Show], Awaitable[Iterable[Mapping[str, Any]]]]


async def show(run: Run, analysed: Analysed, shows: Mapping[str, ShowRows]) -> list[Row]:
    """Return the rows of a SHOW. Raises CypherError for a kind that is not supported."""
    body = analysed.statement.body
    if not isinstance(body, Show) or body.what not in shows:
        raise run.error("NotSupported", "SHOW does not support this here.", 0, type="SyntaxError")
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
