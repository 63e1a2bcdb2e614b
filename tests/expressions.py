"""Queries that need no graph (UNWIND, WITH, RETURN), run by nothing but the evaluation of expressions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.analysis.scope import Analysed, Projected
from kgmem.query.analysis.statements import analyse
from kgmem.query.evaluation import Environment, Row, compile_expression
from kgmem.query.evaluation.aggregates import AGGREGATES, Accumulator, accumulator
from kgmem.query.tree.clauses import Part, Projection, Query, Return, Unwind, With
from kgmem.query.tree.expressions import Call, CountAll, Expression, Variable
from kgmem.query.tree.traversal import rebuilt
from kgmem.query.values.comparison import group_key, order_key


class NeedsGraph(Exception):
    """The query has a clause that reads or writes a graph."""


@dataclass(frozen=True)
class Answer:
    """What a query gave."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


def run(text: str, **parameters: Any) -> Answer:
    """Run a query that needs no graph. Raises CypherError, and NeedsGraph where it needs one."""
    found = analyse(text, parameters=parameters)
    if not isinstance(found.statement.body, Query) or len(found.statement.body.parts) != 1:
        raise NeedsGraph
    return _Run(found, Environment(text=text, parameters=parameters)).part(found.statement.body.parts[0])


def value(expression: str, **parameters: Any) -> Any:
    """Return the value of an expression."""
    return run(f"RETURN {expression} AS value", **parameters).rows[0][0]


class _Run:
    def __init__(self, analysed: Analysed, setting: Environment) -> None:
        self.analysed = analysed
        self.setting = setting

    def part(self, part: Part) -> Answer:
        if not all(isinstance(clause, Unwind | With | Return) for clause in part.clauses):
            raise NeedsGraph
        rows: list[Row] = [{}]
        for clause in part.clauses:
            if isinstance(clause, Unwind):
                rows = list(self._unwound(clause, rows))
            elif isinstance(clause, With | Return):
                rows = self._projected(clause.projection, rows)
        columns = self.analysed.names
        return Answer(columns, [tuple(row[name] for name in columns) for row in rows])

    def _unwound(self, clause: Unwind, rows: list[Row]) -> Iterator[Row]:
        source = compile_expression(clause.source, self.setting)
        for row in rows:
            items = source(row)
            for item in items if isinstance(items, list) else [] if items is None else [items]:
                yield {**row, clause.variable.name: item}

    def _projected(self, projection: Projection, rows: list[Row]) -> list[Row]:
        meaning = self.analysed.projected(projection)
        found = self._grouped(meaning, rows) if meaning.grouped else self._plain(meaning, rows)
        if projection.distinct:
            found = _distinct(found, [column.name for column in meaning.columns])
        if meaning.where is not None:
            where = compile_expression(meaning.where, self.setting)
            found = [row for row in found if where(row) is True]
        for key in reversed(meaning.order):
            compute = compile_expression(key.value, self.setting)
            found.sort(key=lambda row: order_key(compute(row)), reverse=key.descending)
        start = self._count(projection.skip, 0)
        return found[start : start + self._count(projection.limit, len(found))]

    def _count(self, part: Expression | None, otherwise: int) -> int:
        return otherwise if part is None else compile_expression(part, self.setting)({})

    def _plain(self, meaning: Projected, rows: list[Row]) -> list[Row]:
        columns = [(column.name, compile_expression(column.value, self.setting)) for column in meaning.columns]
        return [{**row, **{name: compute(row) for name, compute in columns}} for row in rows]

    def _grouped(self, meaning: Projected, rows: list[Row]) -> list[Row]:
        keys = [(c.name, compile_expression(c.value, self.setting)) for c in meaning.columns if not c.aggregates]
        lifted: dict[str, Call | CountAll] = {}
        others = [(c.name, _lifted(c.value, lifted)) for c in meaning.columns if c.aggregates]
        computed = [(name, compile_expression(each, self.setting)) for name, each in others]
        groups: dict[Any, tuple[Row, list[Row]]] = {} if keys else {(): ({}, [])}
        for row in rows:
            found = {name: compute(row) for name, compute in keys}
            groups.setdefault(tuple(map(group_key, found.values())), (found, []))[1].append(row)
        answers = []
        for held, members in groups.values():
            inner = {**(members[0] if members else {}), **held}
            inner |= {name: self._aggregated(part, members) for name, part in lifted.items()}
            answers.append({**held, **{name: compute(inner) for name, compute in computed}})
        return answers

    def _aggregated(self, part: Call | CountAll, rows: list[Row]) -> Any:
        if isinstance(part, CountAll):
            return len(rows)
        first, *rest = (compile_expression(each, self.setting) for each in part.arguments)
        given = tuple(each(rows[0] if rows else {}) for each in rest)
        taking: Accumulator = accumulator(part.name, distinct=part.distinct, arguments=given)
        for row in rows:
            found = first(row)
            if found is not None:
                taking.take(found)
        return taking.result()


def _lifted(part: Expression, found: dict[str, Call | CountAll]) -> Expression:
    """Return an expression with a variable for each aggregation in it."""
    if isinstance(part, CountAll) or (isinstance(part, Call) and part.name.lower() in AGGREGATES):
        name = f" aggregate {len(found)}"
        found[name] = part
        return Variable(part.at, name)
    return rebuilt(part, lambda inner: _lifted(inner, found) if isinstance(inner, Expression) else inner)


def _distinct(rows: Sequence[Row], names: list[str]) -> list[Row]:
    seen: dict[Any, Row] = {}
    for row in rows:
        seen.setdefault(tuple(group_key(row[name]) for name in names), row)
    return list(seen.values())
