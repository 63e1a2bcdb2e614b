"""USE: a part of a query that runs on another graph, in the same transaction of the database."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.planning.steps import Step, Use
from kgmem.query.tree.clauses import Query
from kgmem.query.tree.clauses import Use as UseClause
from kgmem.query.tree.expressions import Call, Expression, Parameter, StringLiteral

_BY_NAME = "graph.byname"


async def visit(run: Run, step: Use, rest: Sequence[Step], rows: Rows) -> Rows:
    """Run the steps behind USE on its graph, for each row that they begin with."""
    result: Rows = []
    for row in rows:
        there = await entered(run, step, row)
        if there is run:
            result += await run.steps(rest, [row])
            continue
        found = await there.steps(rest, [run.visitors.row(row, run.graph, there.graph)])
        result += [run.visitors.row(each, there.graph, run.graph) for each in found]
        run.check(result, step.at)
    return result


async def entered(run: Run, step: Use, row: Row) -> Run:
    """Return what runs steps on the graph of a USE. Raises NotFound, and Forbidden where the asker may not."""
    name = step.graph if isinstance(step.graph, str) else await _named(run, step.graph, row)
    return await run.on(name, writes=step.writes)


async def _named(run: Run, expression: Expression, row: Row) -> str:
    if isinstance(expression, Call):
        if expression.name.lower() != _BY_NAME or len(expression.arguments) != 1:
            problem = "USE takes the name of a graph, a parameter, or graph.byName(name)."
            raise run.error("InvalidArgumentType", problem, expression.at, type="TypeError")
        expression = expression.arguments[0]
    name = await run.value(expression, row)
    if not isinstance(name, str):
        raise run.error("InvalidArgumentType", "A graph's name is a string.", expression.at, type="TypeError")
    return name


def static_name(clause: UseClause, parameters: Mapping[str, Any]) -> str | None:
    """Return the name that a USE has whatever the rows; None where that depends on them."""
    part = clause.graph
    if isinstance(part, str):
        return part
    if isinstance(part, Call) and part.name.lower() == _BY_NAME and len(part.arguments) == 1:
        part = part.arguments[0]
    if isinstance(part, StringLiteral):
        return part.value
    name = parameters.get(part.name) if isinstance(part, Parameter) else None
    return name if isinstance(name, str) else None


def common_name(body: Query, parameters: Mapping[str, Any]) -> str | None:
    """Return the graph that all parts of a query USE; None where they differ, or one has no USE."""
    names: set[str | None] = set()
    for part in body.parts:
        first = part.clauses[0]
        names.add(static_name(first, parameters) if isinstance(first, UseClause) else None)
    return names.pop() if len(names) == 1 else None
