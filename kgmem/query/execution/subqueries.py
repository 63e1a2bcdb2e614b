"""Subqueries in CALL and in expressions, and USE: parts of a query that run on another graph."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.candidates import MatchOptions
from kgmem.query.execution.executor import Rows, Run, slices
from kgmem.query.execution.match import matches
from kgmem.query.execution.paths.selection import wanted
from kgmem.query.execution.paths.shortest import shortest
from kgmem.query.execution.projection import distinct
from kgmem.query.execution.writes.update import renewed
from kgmem.query.planning.groups import plan_pattern
from kgmem.query.planning.patterns import PatternBuilder
from kgmem.query.planning.selectors import search_of
from kgmem.query.planning.steps import Match, Pattern, Plan, Search, Step, Subcall, Use
from kgmem.query.tree.clauses import Query, Subquery
from kgmem.query.tree.clauses import Use as UseClause
from kgmem.query.tree.expressions import Call, Expression, Parameter, StringLiteral
from kgmem.query.tree.patterns import PathPattern, PatternComprehension, PatternPredicate, ShortestPath
from kgmem.query.values import Node

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
        raise run.error("InvalidArgumentType", "The name of a graph must be a string.", expression.at, type="TypeError")
    return name


def static_name(clause: UseClause, parameters: Mapping[str, Any]) -> str | None:
    """Return the constant graph name of a USE; None where it depends on the rows."""
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


# UNION: the rows of several parts as one.


async def united(run: Run, plan: Plan, parts: list[Rows]) -> Rows:
    """Return the rows of all parts, each once unless it is UNION ALL."""
    rows = [row for part in parts for row in part]
    if len(parts) == 1 or plan.all:
        return rows
    return await distinct(run, plan.names, rows)


async def answer(run: Run, part: Expression, rows: Sequence[Row]) -> Sequence[Any]:
    """Return for each row the value of an expression that contains a subquery or pattern."""
    if not rows:
        return []
    if isinstance(part, PatternPredicate):
        found = await _matches(run, part.pattern, None, rows)
        return [bool(each) for each in found]
    if isinstance(part, PatternComprehension):
        found = await _matches(run, part.pattern, part.where, rows)
        return await _listed(run, part.result, found)
    if isinstance(part, ShortestPath):
        return [await _shortest(run, part, row) for row in rows]
    assert isinstance(part, Subquery)  # noqa: S101 - nothing else asks the graph
    return await _subquery(run, part, rows)


async def _matches(run: Run, pattern: PathPattern, where: Expression | None, rows: Sequence[Row]) -> list[Rows]:
    planned: Pattern | None = run.kept.get(id(pattern))
    if planned is None:
        planned = plan_pattern((pattern,), where, _known(rows[0]), run.setting.text)
        run.kept[id(pattern)] = planned
    return await matches(run, MatchOptions(planned), list(rows), pattern.at)


async def _listed(run: Run, result: Expression, groups: list[Rows]) -> list[list[Any]]:
    values = iter(await run.values(result, [row for group in groups for row in group]))
    return [[next(values) for _ in group] for group in groups]


async def _shortest(run: Run, part: ShortestPath, row: Row) -> Any:
    asked: Search | None = run.kept.get(id(part))
    if asked is None:
        asked = run.kept[id(part)] = search_of(part.pattern, PatternBuilder(run.setting.text, _known(row)))
    ends = (row.get(asked.link.left), row.get(asked.link.right))
    if None in ends:
        return [] if asked.all else None
    if not all(isinstance(end, Node) for end in ends):
        problem = "shortestPath needs two nodes that are bound before it."
        raise run.error("InvalidArgumentType", problem, part.at, type="TypeError")
    found = await shortest(run, asked, row, await wanted(run, asked), part.at)
    return found if asked.all else (found[0] if found else None)


async def _subquery(run: Run, part: Subquery, rows: Sequence[Row]) -> list[Any]:
    plan: Plan | None = run.kept.get(id(part))
    if plan is None:
        plan = run.kept[id(part)] = run.planner.query(part.body, _known(rows[0]))
    groups = await _groups(run, plan, rows, part.at)
    if part.kind == "EXISTS":
        return [bool(group) for group in groups]
    if part.kind == "COUNT":
        return [len(group) for group in groups]
    name = plan.names[0]
    return [[row[name] for row in group] for group in groups]


def _known(row: Row) -> frozenset[str]:
    """Return the variables that a query inside may speak of; what has no name around it is none of them."""
    return frozenset(name for name in row if name[:1] != "\0")


async def _groups(run: Run, plan: Plan, rows: Sequence[Row], at: int) -> list[Rows]:
    """Return for each row what a plan gives for it; one that only matches runs once for all rows."""
    first = plan.parts[0]
    if len(plan.parts) == 1 and len(first) == 1 and isinstance(first[0], Match) and not first[0].optional:
        return await matches(run, MatchOptions(first[0].pattern, first[0].needs, first[0].lean), list(rows), at)
    return [await run_plan(run, plan, [row]) for row in rows]


async def run_plan(run: Run, plan: Plan, rows: Rows) -> Rows:
    """Return the rows of a plan that begins with these rows."""
    parts = [await _part(run, steps, list(rows)) for steps in plan.parts]
    return await united(run, plan, parts)


async def _part(run: Run, steps: Sequence[Step], rows: Rows) -> Rows:
    first = steps[0] if steps else None
    if isinstance(first, Use):
        return await visit(run, first, steps[1:], rows)
    return await run.steps(steps, rows)


async def subcall(run: Run, step: Subcall, rows: Rows) -> Rows:
    """Return each row with each row that the subquery returns for it; with one that returns nothing, as it is."""
    before, run.written = run.written, {}
    result = await _subcalled(run, step, rows)
    if run.written:  # By the rows behind.
        result = [renewed(row, run.written) for row in result]
    run.written = before | run.written
    return result


async def _subcalled(run: Run, step: Subcall, rows: Rows) -> Rows:
    result: Rows = []
    names = step.plan.names
    for given in rows:
        row = renewed(given, run.written) if run.written else given
        seen: Mapping[str, Any] = {name: value for name, value in row.items() if name in step.imports}
        found = await run_plan(run, step.plan, [dict(seen)])
        if not names:
            result.append(row)
            continue
        if not found and step.optional:
            found = [dict.fromkeys(names)]
        for part in slices(found):
            result += [{**row, **{name: each[name] for name in names}} for each in part]
            await run.turn()
        run.check(result, step.at)
    return result
