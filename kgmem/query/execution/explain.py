"""EXPLAIN and PROFILE: the plan of a query as a tree, with the rows that are expected, or that there were.

A plan is a mapping: `operator`, `details` (the clause in the query's own words), `identifiers` (the variables that it
brings), `estimated_rows`, and the plans before it as `children`. A profile has besides `rows` (that the step gave),
`read` (what the store gave for it) and `milliseconds`, those of steps inside it included. At its root stands `mode`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.query.execution.candidates import constant_conditions
from kgmem.query.execution.executor import Run
from kgmem.query.execution.graph import MatchQuery
from kgmem.query.execution.projection import number
from kgmem.query.execution.subqueries import entered
from kgmem.query.planning import steps
from kgmem.query.planning.steps import Plan, Step
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.traversal import names_in, nested_in

EXPLAIN, PROFILE = "EXPLAIN", "PROFILE"
_REST = 1 / 3  # What a predicate that the store cannot estimate is thought to leave.
_ITEMS = 10.0  # What a list, a procedure or a group is thought to have, where that cannot be told.


@dataclass(slots=True)
class _Explainer:
    """Describes the steps of one statement."""

    run: Run
    text: str
    places: Sequence[int]

    async def plan(self, plan: Plan, before: float) -> tuple[dict[str, Any], float]:
        """Return a plan's description, and how many rows are expected of it, given those that it begins with."""
        found = [await self._part(part, before) for part in plan.parts]
        if len(found) == 1:
            return found[0]
        rows = sum(each for _, each in found)
        told = {
            "operator": "UnionAll" if plan.all else "Union",
            "details": "",
            "identifiers": list(plan.names),
            "estimated_rows": _rounded(rows),
            "children": [each for each, _ in found],
        }
        return told, rows

    async def _part(self, part: Sequence[Step], rows: float) -> tuple[dict[str, Any], float]:
        first = part[0] if part else None
        if not isinstance(first, steps.Use) or _varies(first):
            return await self._steps(part, rows)
        # What is expected is asked of the graph that it runs on.
        run, self.run = self.run, await entered(self.run, first, {})
        try:
            return await self._steps(part, rows)
        finally:
            self.run = run

    async def _steps(self, part: Sequence[Step], rows: float) -> tuple[dict[str, Any], float]:
        told: dict[str, Any] = {}
        for step in part:
            inner, rows = await self._inner(step, rows)
            held: dict[str, Any] = {
                "operator": _operator(step),
                "details": self._details(step.at),
                "identifiers": _identifiers(step),
                "estimated_rows": _rounded(rows),
            }
            measured = self.run.profile.get(id(step)) if self.run.profile is not None else None
            if self.run.profile is not None:
                held["rows"], held["read"], seconds = measured or (0, 0, 0.0)
                held["milliseconds"] = round(seconds * 1000, 3)
            held["children"] = [*([told] if told else []), *inner]
            told = held
        return told, rows

    async def _inner(self, step: Step, before: float) -> tuple[list[dict[str, Any]], float]:
        """Return the descriptions of what a step runs for its rows, and how many rows are expected behind it."""
        if isinstance(step, steps.Subcall):
            told, each = await self.plan(step.plan, 1.0)
            return [told], before * (each if step.plan.names else 1.0)
        if isinstance(step, steps.Foreach):
            told, _ = await self._part(step.steps, await self._items(step.source))
            return [told], before
        return [], await self._rows(step, before)

    async def _rows(self, step: Step, before: float) -> float:
        if isinstance(step, steps.Match | steps.Merge):
            found = before * await self._matches(step.pattern)
            optional = isinstance(step, steps.Merge) or step.optional
            return await self._bounded(max(found, before) if optional else found, getattr(step, "most", ()))
        if isinstance(step, steps.Unwind):
            return await self._bounded(before * await self._items(step.source), step.most)
        if isinstance(step, steps.Project):
            if step.projected.grouped:
                keyed = not all(column.aggregates for column in step.projected.columns)
                before = max(before / _ITEMS, min(before, 1.0)) if keyed else 1.0
            if step.projected.where is not None:
                before *= _REST
            return await self._bounded(before, () if step.limit is None else (step.limit,))
        if isinstance(step, steps.Finish):
            return 0.0
        return before * _ITEMS if isinstance(step, steps.Call) else before

    async def _matches(self, pattern: steps.Pattern) -> float:
        """Return from the store how many matches it expects for one row."""
        conditions, row = await constant_conditions(self.run, pattern)
        links = {link.name for link in pattern.links if link.repeats}
        row |= {name: [] if name in links else 0 for name in pattern.bound}
        sought = MatchQuery(pattern, [row], self.run.limits.rows, {}, conditions)
        found = await self.run.transaction.estimate(sought)
        return found * _REST ** (len(pattern.predicates) - len(conditions))

    async def _items(self, source: Expression) -> float:
        if names_in(source) or any(nested_in(source)):
            return _ITEMS
        value = await self.run.value(source, {})
        return float(len(value)) if isinstance(value, list) else float(value is not None)

    async def _bounded(self, rows: float, limits: Iterable[Expression]) -> float:
        numbers = [await number(self.run, each) for each in limits]
        return min([rows, float(sum(each or 0 for each in numbers))]) if numbers else rows

    def _details(self, at: int) -> str:
        end = next((place for place in self.places if place > at), len(self.text))
        return " ".join(self.text[at:end].split()).removesuffix("}").strip()


async def explained(run: Run, plan: Plan, mode: str) -> Mapping[str, Any]:
    """Return the plan of a query; of one that was run with what was measured."""
    places = sorted({step.at for part in plan.parts for step in _all(part)})
    told, _ = await _Explainer(run, run.setting.text, places).plan(plan, 1.0)
    return {"mode": mode.lower(), **told}


def _all(part: Iterable[Step]) -> Iterator[Step]:
    for step in part:
        yield step
        if isinstance(step, steps.Foreach):
            yield from _all(step.steps)
        if isinstance(step, steps.Subcall):
            for inner in step.plan.parts:
                yield from _all(inner)


def _operator(step: Step) -> str:
    if isinstance(step, steps.Match):
        return "OptionalMatch" if step.optional else "Match"
    if isinstance(step, steps.Project):
        grouped = "Aggregation" if step.projected.grouped else "Projection"
        order = "Sorted" if step.projected.order else ""
        return order + ("Distinct" if step.distinct and not step.projected.grouped else "") + grouped
    return {steps.Call: "ProcedureCall", steps.Subcall: "Subquery"}.get(type(step), type(step).__name__)


def _identifiers(step: Step) -> list[str]:
    if isinstance(step, steps.Match | steps.Merge):
        return list(step.pattern.named)
    if isinstance(step, steps.Project):
        return [column.name for column in step.projected.columns]
    if isinstance(step, steps.Unwind):
        return [step.name]
    if isinstance(step, steps.Call):
        return [name for _, name in step.yields]
    return list(step.plan.names) if isinstance(step, steps.Subcall) else []


def _varies(step: steps.Use) -> bool:
    return not isinstance(step.graph, str) and bool(names_in(step.graph))


def _rounded(rows: float) -> float:
    return round(rows, 2)
