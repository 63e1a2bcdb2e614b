"""From the clauses of a query that is analysed to the steps of its plan."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from kgmem.query.analysis.clauses import UPDATES
from kgmem.query.analysis.scope import Analysed, Projected
from kgmem.query.planning import steps
from kgmem.query.planning.column_pruning import with_needs
from kgmem.query.planning.groups import plan_pattern, separate
from kgmem.query.planning.steps import Plan, Step
from kgmem.query.tree import clauses as tree
from kgmem.query.tree.expressions import Expression, Located, Property, Variable
from kgmem.query.tree.traversal import children

T = TypeVar("T")
_REMEMBERED = 500  # Expressions of one statement; some are made again for each run.


class Planner:
    """Plans the queries of one statement."""

    def __init__(self, analysed: Analysed) -> None:
        """Take what the analysis found."""
        self._analysed = analysed
        self._remembered: dict[int, tuple[Expression, Any]] = {}

    def remembered(self, expression: Expression, look: Callable[[Expression], T]) -> T:
        """Return what looking at an expression of the statement has found; it is looked at once, for all runs."""
        held = self._remembered.get(id(expression))
        if held is None or held[0] is not expression:
            held = (expression, look(expression))
            if len(self._remembered) < _REMEMBERED:
                self._remembered[id(expression)] = held
        found: T = held[1]
        return found

    def query(self, query: tree.Query, known: frozenset[str] = frozenset()) -> Plan:
        """Return the plan of a query that sees the variables `known` of the query around it."""
        parts = tuple(self._part(part, known) for part in query.parts)
        last = query.parts[0].clauses[-1]
        columns = self._analysed.projected(last.projection).columns if isinstance(last, tree.Return) else ()
        return with_needs(Plan(parts, query.all, columns))

    def _part(self, part: tree.Part, known: frozenset[str]) -> tuple[Step, ...]:
        return tuple(self._steps(part.clauses, known, known))

    def _steps(self, clauses: Iterable[tree.Clause], known: frozenset[str], outer: frozenset[str]) -> list[Step]:
        found: list[Step] = []
        here = known
        clauses = tuple(clauses)
        alone = sum(not isinstance(clause, tree.Use) for clause in clauses) == 1
        for clause in clauses:
            if isinstance(clause, tree.Use):
                found.append(steps.Use(clause.at, clause.graph, any(map(_writes, clauses))))
                continue
            if isinstance(clause, tree.Match):
                found += self._matches(clause, here)
                here = frozenset(self._analysed.after(clause))
                continue
            step = _STEPS[type(clause)](self, clause, here, outer)
            if isinstance(step, steps.Call) and alone and self._analysed.columns:
                step = steps.Call(step.at, step.clause, step.signature, step.yields, alone=True)
            last = found[-1] if found else None
            if isinstance(step, steps.Create) and isinstance(last, steps.Create):
                found[-1] = replace(last, patterns=(*last.patterns, *step.patterns))
            else:
                found.append(step)
            here = frozenset(self._analysed.after(clause)) if not isinstance(clause, tree.Return) else here
        return [_bounded(step, after) for step, after in zip(found, [*found[1:], None], strict=True)]

    def _matches(self, clause: tree.Match, known: frozenset[str]) -> list[Step]:
        """Return the steps of a MATCH: one for each part of it that is joined with those before, where that can be."""
        text = self._analysed.text
        parts = [] if clause.optional else separate(clause.patterns, clause.where, known, text)
        found: list[Step] = []
        for patterns, where in parts or [(clause.patterns, clause.where)]:
            pattern = plan_pattern(patterns, where, known, text)
            found.append(steps.Match(clause.at, pattern, clause.optional))
            known |= frozenset(pattern.named)
        return found

    def _unwind(self, clause: tree.Unwind, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Unwind(clause.at, clause.source, clause.variable.name)

    def _project(self, clause: tree.With | tree.Return, _known: frozenset[str], outer: frozenset[str]) -> Step:
        projection = clause.projection
        found = self._analysed.projected(projection)
        return steps.Project(clause.at, found, projection.distinct, projection.skip, projection.limit, outer)

    def _finish(self, clause: tree.Finish, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Finish(clause.at)

    def _create(self, clause: tree.Create, known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Create(clause.at, clause.patterns, known)

    def _merge(self, clause: tree.Merge, known: frozenset[str], _outer: frozenset[str]) -> Step:
        pattern = plan_pattern((clause.pattern,), None, known, self._analysed.text)
        return steps.Merge(clause.at, pattern, clause.pattern, known, clause.on_create, clause.on_match)

    def _set(self, clause: tree.Set, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Set(clause.at, clause.items)

    def _remove(self, clause: tree.Remove, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Remove(clause.at, clause.items)

    def _delete(self, clause: tree.Delete, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        return steps.Delete(clause.at, clause.values, clause.detach)

    def _foreach(self, clause: tree.Foreach, known: frozenset[str], outer: frozenset[str]) -> Step:
        inner = self._steps(clause.updates, known | {clause.variable.name}, outer)
        return steps.Foreach(clause.at, clause.variable.name, clause.source, tuple(inner))

    def _call_procedure(self, clause: tree.CallProcedure, _known: frozenset[str], _outer: frozenset[str]) -> Step:
        signature = self._analysed.procedure(clause)
        if clause.yielded is None or clause.star:
            yields = tuple((field.name, field.name) for field in signature.outputs)
        else:
            yields = tuple((each.name, each.variable.name) for each in clause.yielded)
        return steps.Call(clause.at, clause, signature, yields, alone=False)

    def _call_subquery(self, clause: tree.CallSubquery, known: frozenset[str], _outer: frozenset[str]) -> Step:
        if clause.imports is not None:
            seen = known if clause.star else frozenset(variable.name for variable in clause.imports)
            return steps.Subcall(clause.at, self.query(clause.body, seen), seen, clause.optional, clause.transactions)
        # A WITH of plain variables at the beginning of a part imports them; after it they are the part's own.
        plan = self._importing(clause.body, known)
        return steps.Subcall(clause.at, plan, known, clause.optional, clause.transactions)

    def _importing(self, body: tree.Query, known: frozenset[str]) -> Plan:
        parts = []
        for part in body.parts:
            first = next((clause for clause in part.clauses if not isinstance(clause, tree.Use)), None)
            starts = isinstance(first, tree.With) and _imports(first)
            parts.append(tuple(self._steps(part.clauses, known if starts else frozenset(), frozenset())))
        last = body.parts[0].clauses[-1]
        columns = self._analysed.projected(last.projection).columns if isinstance(last, tree.Return) else ()
        return Plan(tuple(parts), body.all, columns)


def _bounded(step: Step, after: Step | None) -> Step:
    """Return the step, which need not give more rows than the one after it takes of them."""
    if not isinstance(after, steps.Project) or after.distinct or after.projected.grouped or after.limit is None:
        return step
    most = tuple(each for each in (after.skip, after.limit) if each is not None)
    if after.projected.order:
        order = _order(step, after.projected) if isinstance(step, steps.Match) else None
        return replace(step, most=most, order=order) if isinstance(step, steps.Match) and order else step
    return replace(step, most=most) if isinstance(step, steps.Unwind | steps.Match) else step


def _order(step: steps.Match, projected: Projected) -> steps.Order | None:
    """Return the first part of ORDER BY where it is a property of a node that the step binds; else None."""
    if step.optional or step.pattern.stages:
        return None
    first = projected.order[0]
    columns = {column.name: column.value for column in projected.columns}
    value = columns.get(first.value.name) if isinstance(first.value, Variable) else first.value
    if not isinstance(value, Property) or not isinstance(value.subject, Variable):
        return None
    subject: Expression | None = value.subject
    if value is first.value:  # Where a column has the name of the variable, ORDER BY sees the column.
        subject = columns.get(value.subject.name, value.subject)
    if not isinstance(subject, Variable):
        return None
    bound = {node.name for node in step.pattern.nodes if not node.bound}
    return steps.Order(subject.name, value.name, first.descending) if subject.name in bound else None


def _writes(part: Located) -> bool:
    """Whether a clause, or one inside it, changes something; what a procedure does is in no clause."""
    return isinstance(part, (*UPDATES, tree.CallProcedure)) or any(map(_writes, children(part)))


def _imports(clause: tree.With) -> bool:
    return all(isinstance(item.value, Variable) for item in clause.projection.items)


_STEPS: Mapping[type, Callable[..., Step]] = {
    tree.Unwind: Planner._unwind,
    tree.With: Planner._project,
    tree.Return: Planner._project,
    tree.Finish: Planner._finish,
    tree.Create: Planner._create,
    tree.Merge: Planner._merge,
    tree.Set: Planner._set,
    tree.Remove: Planner._remove,
    tree.Delete: Planner._delete,
    tree.Foreach: Planner._foreach,
    tree.CallProcedure: Planner._call_procedure,
    tree.CallSubquery: Planner._call_subquery,
}
