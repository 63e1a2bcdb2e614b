"""CALL of procedures."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.writes.delete import renewed
from kgmem.query.planning.steps import Call
from kgmem.query.signatures import ProcedureSignature
from kgmem.query.values.problems import ValueProblem

Procedures = Mapping[str, "Procedure"]


@dataclass(frozen=True, slots=True)
class Procedure:
    """A procedure: its signature, and what gives its rows, each the values of its columns, for arguments."""

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
