"""Predicates that a store can look up: a property of what is sought, compared with what is known before."""

from collections.abc import Collection, Iterable

from kgmem.query.planning.names import names_in
from kgmem.query.planning.steps import Lookup
from kgmem.query.tree import expressions as tree
from kgmem.query.tree.expressions import Comparison, Expression, Property, Test, Variable
from kgmem.query.tree.located import Located
from kgmem.query.tree.walking import children

# What gives the same each time it is computed, whatever the row, and asks the graph for nothing.
_PLAIN = (
    tree.BooleanLiteral,
    tree.FloatLiteral,
    tree.Index,
    tree.IntegerLiteral,
    tree.ListLiteral,
    tree.Parameter,
    tree.Property,
    tree.StringLiteral,
    tree.Variable,
)
_TURNED = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def lookups_in(predicates: Iterable[Expression], sought: Collection[str], known: frozenset[str]) -> tuple[Lookup, ...]:
    """Give what of the predicates can be looked up: n.x = value, n.x < value, n.x IN list."""
    found = []
    for predicate in predicates:
        for name, key, operator, value in _compared(predicate):
            if name in sought and names_in(value) <= known and _is_plain(value):
                found.append(Lookup(name, key, operator, value, predicate))
                break
    return tuple(found)


def _compared(predicate: Expression) -> Iterable[tuple[str, str, str, Expression]]:
    if isinstance(predicate, Test) and predicate.operator == "IN":
        sides = [(predicate.left, "IN", predicate.right)]
    elif isinstance(predicate, Comparison) and len(predicate.rest) == 1 and predicate.rest[0][0] in _TURNED:
        operator, other = predicate.rest[0]
        sides = [(predicate.first, operator, other), (other, _TURNED[operator], predicate.first)]
    else:
        return
    for side, operator, other in sides:
        if isinstance(side, Property) and isinstance(side.subject, Variable):
            yield side.subject.name, side.name, operator, other


def _is_plain(part: Located) -> bool:
    return isinstance(part, _PLAIN) and all(map(_is_plain, children(part)))
