"""Literals, access to parts of values, and operators."""

from collections.abc import Mapping
from typing import NoReturn

from kgmem.query.analysis.base import Analyser, Handler
from kgmem.query.analysis.scope import Scope
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Expression, Variable
from kgmem.query.tree.labels import AllLabels, DynamicLabel, HasLabels, Labels, NotLabel, OneLabel
from kgmem.query.tree.patterns import PatternPredicate
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
        hint = "Ask whether it is there, EXISTS { (a)-->(b) }, how often, COUNT { ... }, or list it: [(a)-->(b) | b]."
        self.fail("UnexpectedSyntax", "A pattern is not a value; it can only be a predicate.", part.at, hint=hint)


HANDLERS: Mapping[type, Handler] = {
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
