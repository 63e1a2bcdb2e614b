"""Analysis of expressions: literals, operators, CASE, function calls, aggregations and list expressions."""

from collections.abc import Mapping
from typing import NoReturn

from kgmem.query.analysis.base import BOOLEANS, Analyser, Handler
from kgmem.query.analysis.scope import Scope
from kgmem.query.errors import closest
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression, Variable
from kgmem.query.tree.patterns import AllLabels, DynamicLabel, HasLabels, Labels, NotLabel, OneLabel, PatternPredicate
from kgmem.query.types import (
    ANY,
    BOOLEAN,
    FLOAT,
    HOLDERS,
    INTEGER,
    LIST,
    MAP,
    NULL,
    NUMBER,
    NUMBERS,
    PATH,
    STRING,
    TEMPORAL,
    Type,
    joined,
    list_of,
)

_LISTS = frozenset({"LIST"})
_INTEGERS = frozenset({"INTEGER"})
_ELEMENTS = frozenset({"NODE", "RELATIONSHIP"})
_RECKONED = NUMBERS | TEMPORAL | {"DURATION"}
_NEVER_ADDED = frozenset({"BOOLEAN", "MAP", "NODE", "RELATIONSHIP", "PATH", "POINT"})
_CONSTANTS = {
    tree.NullLiteral: NULL,
    tree.BooleanLiteral: BOOLEAN,
    tree.IntegerLiteral: INTEGER,
    tree.FloatLiteral: FLOAT,
    tree.StringLiteral: STRING,
}


class OperatorAnalyser(Analyser):
    """Analyses what is made of literals and operators."""

    def _constant(self, part: Expression, _scope: Scope) -> Type:
        return _CONSTANTS[type(part)]

    def _list(self, part: tree.ListLiteral, scope: Scope) -> Type:
        if not part.items:
            return LIST
        first, *others = self.types_of(part.items, scope)
        for other in others:
            first = joined(first, other)
        return list_of(first)

    def _map(self, part: tree.MapLiteral, scope: Scope) -> Type:
        for _, value in part.entries:
            self.type_of(value, scope)
        return MAP

    def _property(self, part: tree.Property, scope: Scope) -> Type:
        subject = self.type_of(part.subject, scope)
        if subject == PATH:
            self.fits(part.subject, subject, HOLDERS, "a node, relationship or map")
        self.fits(part.subject, subject, HOLDERS, "a node, relationship or map", type="TypeError")
        return ANY

    def _index(self, part: tree.Index, scope: Scope) -> Type:
        subject = self.type_of(part.subject, scope)
        index = self.type_of(part.index, scope)
        self.fits(part.subject, subject, HOLDERS | _LISTS, "a list, map, node or relationship", type="TypeError")
        if subject.element is None:
            return ANY
        self.fits(part.index, index, _INTEGERS, "an integer", type="TypeError")
        return subject.element

    def _slice(self, part: tree.Slice, scope: Scope) -> Type:
        subject = self.type_of(part.subject, scope)
        self.fits(part.subject, subject, _LISTS, "a list", type="TypeError")
        for end in (part.start, part.stop):
            if end is not None:
                self.fits(end, self.type_of(end, scope), _INTEGERS, "an integer", type="TypeError")
        return subject if subject.element is not None else LIST

    def _map_projection(self, part: tree.MapProjection, scope: Scope) -> Type:
        subject = self.type_of(part.subject, scope)
        self.fits(part.subject, subject, HOLDERS, "a node, relationship or map")
        for item in part.items:
            if isinstance(item, Variable):
                self.type_of(item, scope)
            elif isinstance(item, tree.ProjectedEntry):
                self.type_of(item.value, scope)
        return MAP

    def _has_labels(self, part: HasLabels, scope: Scope) -> Type:
        self.fits(part.subject, self.type_of(part.subject, scope), _ELEMENTS, "a node or relationship")
        self.labels(part.labels, scope)
        return BOOLEAN

    def labels(self, part: Labels | None, scope: Scope) -> None:
        """Analyse the expressions in a label expression."""
        if isinstance(part, DynamicLabel):
            self.type_of(part.value, scope)
        elif isinstance(part, NotLabel):
            self.labels(part.operand, scope)
        elif isinstance(part, AllLabels | OneLabel):
            for operand in part.operands:
                self.labels(operand, scope)

    def _arithmetic(self, part: tree.Arithmetic, scope: Scope) -> Type:
        left, right = self.type_of(part.left, scope), self.type_of(part.right, scope)
        if part.operator == "+":
            return self._sum(part, left, right)
        if part.operator == "||":
            return joined(left, right) if left.name in {"STRING", "LIST"} else ANY
        for operand, found in ((part.left, left), (part.right, right)):
            self.fits(operand, found, _RECKONED, f"a number (for {part.operator})")
        if part.operator == "^":
            return FLOAT
        both = joined(left, right)
        return both if both in {INTEGER, FLOAT, NUMBER} and NULL not in {left, right} else ANY

    def _sum(self, part: tree.Arithmetic, left: Type, right: Type) -> Type:
        names = {left.name, right.name}
        if "LIST" in names:
            return LIST
        if names & {"ANY", "NULL"}:
            return ANY
        if "STRING" not in names:
            for operand, found in ((part.left, left), (part.right, right)):
                if found.name in _NEVER_ADDED:
                    self.fits(operand, found, _RECKONED | {"STRING", "LIST"}, "a number, string or list (for +)")
        both = joined(left, right)
        return both if both.name in NUMBERS or both == STRING else ANY

    def _signed(self, part: tree.Signed, scope: Scope) -> Type:
        found = self.type_of(part.operand, scope)
        self.fits(part.operand, found, _RECKONED, f"a number (for {part.operator})")
        return found

    def _not(self, part: tree.Not, scope: Scope) -> Type:
        self.predicate(part.operand, scope)
        return BOOLEAN

    def _junction(self, part: tree.And | tree.Or | tree.Xor, scope: Scope) -> Type:
        for operand in part.operands:
            self.predicate(operand, scope)
        return BOOLEAN

    def _comparison(self, part: tree.Comparison, scope: Scope) -> Type:
        self.type_of(part.first, scope)
        for _, operand in part.rest:
            self.type_of(operand, scope)
        return BOOLEAN

    def _test(self, part: tree.Test, scope: Scope) -> Type:
        self.type_of(part.left, scope)
        right = self.type_of(part.right, scope)
        if part.operator == "IN":
            self.fits(part.right, right, _LISTS, "a list (for IN)")
        return BOOLEAN

    def _of_operand(self, part: tree.IsNull | tree.IsTyped, scope: Scope) -> Type:
        self.type_of(part.operand, scope)
        return BOOLEAN

    def _bare_pattern(self, part: PatternPredicate, _scope: Scope) -> NoReturn:
        hint = "Test it with EXISTS { (a)-->(b) }, count it with COUNT { ... }, or list it with [(a)-->(b) | b]."
        self.fail("UnexpectedSyntax", "A pattern cannot be used as a value, only as a predicate.", part.at, hint=hint)


_OPERATORS: Mapping[type, Handler] = {
    **dict.fromkeys(_CONSTANTS, OperatorAnalyser._constant),
    tree.ListLiteral: OperatorAnalyser._list,
    tree.MapLiteral: OperatorAnalyser._map,
    tree.Property: OperatorAnalyser._property,
    tree.Index: OperatorAnalyser._index,
    tree.Slice: OperatorAnalyser._slice,
    tree.MapProjection: OperatorAnalyser._map_projection,
    HasLabels: OperatorAnalyser._has_labels,
    tree.Arithmetic: OperatorAnalyser._arithmetic,
    tree.Signed: OperatorAnalyser._signed,
    tree.Not: OperatorAnalyser._not,
    tree.And: OperatorAnalyser._junction,
    tree.Or: OperatorAnalyser._junction,
    tree.Xor: OperatorAnalyser._junction,
    tree.Comparison: OperatorAnalyser._comparison,
    tree.Test: OperatorAnalyser._test,
    tree.IsNull: OperatorAnalyser._of_operand,
    tree.IsTyped: OperatorAnalyser._of_operand,
    PatternPredicate: OperatorAnalyser._bare_pattern,
}


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
            self.fail("UnknownFunction", f"Unknown function {part.name}.", part.at, hint=hint)
        if part.distinct and not found.aggregates:
            self.fail(
                "UnexpectedSyntax", f"{found.name} takes no DISTINCT: it is not an aggregating function.", part.at
            )
        self.check_count(found.name, len(part.arguments), found.least, found.most, part.at)
        if found.aggregates:
            return found.gives(self._aggregated(part, scope))
        if not found.constant and self._aggregating:
            problem = f"{found.name} returns another value at each call and cannot be aggregated."
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
        problem = f"{name} takes {wanted} {'argument' if wanted == '1' else 'arguments'}, got {count}."
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
            self.fail("NestedAggregation", "Aggregating functions cannot be nested.", part.at)
        if not self._may_aggregate:
            hint = "Aggregate in an earlier WITH and use the result here."
            self.fail("InvalidAggregation", "Aggregating functions cannot be used here.", part.at, hint=hint)
        self.aggregations += 1


_CALLS: Mapping[type, Handler] = {
    tree.Case: CallAnalyser._case,
    tree.ListComprehension: CallAnalyser._list_comprehension,
    tree.ListPredicate: CallAnalyser._list_predicate,
    tree.Reduce: CallAnalyser._reduce,
    tree.Call: CallAnalyser._call,
    tree.CountAll: CallAnalyser._count_all,
}

HANDLERS: Mapping[type, Handler] = {**_OPERATORS, **_CALLS}
