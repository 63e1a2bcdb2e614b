"""CASE, functions, aggregations, and what computes something for each item of a list."""

from collections.abc import Mapping

from kgmem.query.analysis.base import BOOLEANS, Handler
from kgmem.query.analysis.operators import OperatorAnalyser
from kgmem.query.analysis.scope import Scope
from kgmem.query.errors import closest
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression, Variable
from kgmem.query.tree.patterns import PatternPredicate
from kgmem.query.types import ANY, BOOLEAN, INTEGER, NULL, Type, joined, list_of

_LISTS = frozenset({"LIST"})


class CallAnalyser(OperatorAnalyser):
    """Analyses calls and comprehensions."""

    def _case(self, part: tree.Case, scope: Scope) -> Type:
        if part.subject is not None:
            self.type_of(part.subject, scope)
        found = NULL
        for branch in part.branches:
            for test in branch.tests:
                if part.subject is None:
                    self.predicate(test, scope)
                else:
                    self.type_of(test, scope)
            found = joined(found, self.type_of(branch.result, scope))
        return found if part.otherwise is None else joined(found, self.type_of(part.otherwise, scope))

    def _list_comprehension(self, part: tree.ListComprehension, scope: Scope) -> Type:
        inner = self._within(part.variable, part.source, scope)
        self.alone_predicate(part.where, inner)
        return list_of(inner[part.variable.name] if part.result is None else self.alone(part.result, inner))

    def _list_predicate(self, part: tree.ListPredicate, scope: Scope) -> Type:
        inner = self._within(part.variable, part.source, scope)
        if part.where is None:
            self.fits(part.variable, inner[part.variable.name], BOOLEANS, "true or false")
        self.alone_predicate(part.where, inner)
        return BOOLEAN

    def _within(self, variable: Variable, source: Expression, scope: Scope) -> Scope:
        found = self.type_of(source, scope)
        self.fits(source, found, _LISTS, "a list")
        return scope.local(variable.name, found.element or ANY)

    def _reduce(self, part: tree.Reduce, scope: Scope) -> Type:
        self.type_of(part.start, scope)
        inner = self._within(part.variable, part.source, scope)
        # What the steps make of the accumulator may be of another type than it begins with.
        self.alone(part.step, inner.local(part.accumulator.name, ANY))
        return ANY

    def _call(self, part: tree.Call, scope: Scope) -> Type:
        found = self.functions.get(part.name.lower())
        if found is None:
            hint = closest(part.name, (each.name for each in self.functions.values()))
            self.fail("UnknownFunction", f"There is no function {part.name}.", part.at, hint=hint)
        if part.distinct and not found.aggregates:
            self.fail(
                "UnexpectedSyntax", f"DISTINCT has no meaning in {found.name}, which does not aggregate.", part.at
            )
        self.check_count(found.name, len(part.arguments), found.least, found.most, part.at)
        if found.aggregates:
            return found.gives(self._aggregated(part, scope))
        if not found.constant and self._aggregating:
            problem = f"{found.name} gives another value each time, which cannot be aggregated."
            self.fail("NonConstantExpression", problem, part.at)
        if found.name == "exists" and isinstance(part.arguments[0], PatternPredicate):
            self.predicate(part.arguments[0], scope)
            return BOOLEAN
        arguments = self.types_of(part.arguments, scope)
        for position, argument in enumerate(arguments):
            names = found.takes(position)
            wanted = f"{' or '.join(sorted(names))} (for {found.name})"
            self.fits(part.arguments[position], argument, names, wanted)
        return found.gives(arguments)

    def check_count(self, name: str, count: int, least: int, most: int | None, at: int) -> None:
        """Raise an error where a function or procedure is given too few arguments, or too many."""
        if least <= count and (most is None or count <= most):
            return
        wanted = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        problem = f"{name} takes {wanted} {'argument' if wanted == '1' else 'arguments'}, and here are {count}."
        self.fail("InvalidNumberOfArguments", problem, at)

    def _aggregated(self, part: tree.Call, scope: Scope) -> list[Type]:
        self._meet_aggregate(part)
        self._aggregating = True
        arguments = self.types_of(part.arguments, scope)
        self._aggregating = False
        return arguments

    def _count_all(self, part: tree.CountAll, _scope: Scope) -> Type:
        self._meet_aggregate(part)
        return INTEGER

    def _meet_aggregate(self, part: Expression) -> None:
        if self._aggregating:
            self.fail("NestedAggregation", "An aggregation cannot be inside of another one.", part.at)
        if not self._may_aggregate:
            hint = "Aggregate in a WITH before, and use its result here."
            self.fail("InvalidAggregation", "Nothing can be aggregated here.", part.at, hint=hint)
        self.aggregations += 1


HANDLERS: Mapping[type, Handler] = {
    tree.Case: CallAnalyser._case,
    tree.ListComprehension: CallAnalyser._list_comprehension,
    tree.ListPredicate: CallAnalyser._list_predicate,
    tree.Reduce: CallAnalyser._reduce,
    tree.Call: CallAnalyser._call,
    tree.CountAll: CallAnalyser._count_all,
}
