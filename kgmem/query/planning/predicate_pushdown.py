"""Predicates by which a pattern is joined with the rows before it: what depends on those alone is computed first.

A lookup compares a property of a node that is sought with such a value: a store can answer it, by an index where there
is one. A key is an equality whose other side depends on what the pattern binds in any way: what the store does not
answer is joined by hashing both sides.
"""

from collections.abc import Iterable, Iterator

from kgmem.query.functions import FUNCTIONS
from kgmem.query.planning.steps import ELEMENT_ID, SMALL_ID, JoinKey, Lookup
from kgmem.query.tree import clauses
from kgmem.query.tree.expressions import (
    And,
    Call,
    Comparison,
    Expression,
    Index,
    KeptKey,
    Located,
    Not,
    Or,
    Property,
    StringLiteral,
    Test,
    Variable,
    Xor,
)
from kgmem.query.tree.traversal import EQUALITY, KEY, NESTED, children, names_in, rebuilt

_TURNED = {"=": "=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
# What a call of a function with this ending gives differs from row to row.
_CLOCK = ".realtime"
_IDS = {"elementid": ELEMENT_ID, "id": SMALL_ID}


def with_kept_keys(predicate: Expression, nodes: frozenset[str], own: frozenset[str]) -> Expression:
    """Return a predicate in which merged keys stand for the kept ones: n.key = value, n.key <> value, n.key IN list.

    `nodes` are the nodes of the pattern, `own` all that it names. A value that depends on that can be looked up by no
    store: where it is computed, it redirects as well.
    """
    if isinstance(predicate, And | Or | Xor | Not):
        changed: Expression = rebuilt(predicate, lambda part: with_kept_keys(part, nodes, own))
        return changed
    if isinstance(predicate, Test) and predicate.operator == "IN" and _is_key(predicate.left, nodes):
        return rebuilt(predicate, lambda part: part if part is predicate.left else _kept(part, own))  # type: ignore[no-any-return]
    if isinstance(predicate, Comparison) and len(predicate.rest) == 1 and predicate.rest[0][0] in EQUALITY:
        sides = (predicate.first, predicate.rest[0][1])
        keys = [_is_key(side, nodes) for side in sides]
        if any(keys) and not all(keys):
            return rebuilt(predicate, lambda part: part if part is sides[keys.index(True)] else _kept(part, own))  # type: ignore[no-any-return]
    return predicate


def _is_key(side: Expression, nodes: frozenset[str]) -> bool:
    name, key = _read(side)
    return key == KEY and name in nodes


def _kept(value: Expression, own: frozenset[str]) -> Expression:
    if not names_in(value).isdisjoint(own) or not is_stable(value) or asks_graph(value):
        return value
    return KeptKey(value.at, value)


def lookups_in(predicates: Iterable[Expression], sought: Iterable[str], own: frozenset[str]) -> tuple[Lookup, ...]:
    """Return what of the predicates can be looked up: n.x = value, n.x < value, n.x IN list.

    `sought` are the nodes that the pattern looks for, `own` all that it binds: no value may depend on that.
    """
    nodes = frozenset(sought)
    found = []
    for predicate in predicates:
        for side, operator, other in compared(predicate):
            name, key = _read(side)
            if key in _IDS.values() and operator not in {"=", "IN"}:
                continue
            if name in nodes and names_in(other).isdisjoint(own) and is_stable(other):
                found.append(Lookup(name, key, operator, other, predicate, _named_by(side, operator, other)))
                break
    return tuple(found)


def _read(side: Expression) -> tuple[str, str]:
    """Return the variable and the property that an expression reads, or what represents its id; else empty names."""
    if isinstance(side, Property) and isinstance(side.subject, Variable):
        return side.subject.name, side.name
    if isinstance(side, Index) and isinstance(side.subject, Variable) and isinstance(side.index, StringLiteral):
        return side.subject.name, side.index.value
    if isinstance(side, Call) and len(side.arguments) == 1 and isinstance(side.arguments[0], Variable):
        key = _IDS.get(side.name.lower())
        return (side.arguments[0].name, key) if key else ("", "")
    return "", ""


def keys_in(predicates: Iterable[Expression], parts: frozenset[str], own: frozenset[str]) -> tuple[JoinKey, ...]:
    """Return the equalities between the nodes and links of a pattern (`parts`) and what is known before it.

    `own` are these parts and all else that the pattern binds.
    """
    found = []
    for predicate in predicates:
        for side, operator, other in compared(predicate):
            if (
                operator in {"=", "IN"}
                and _is_own(side, parts)
                and names_in(other).isdisjoint(own)
                and is_stable(other)
            ):
                found.append(JoinKey(side, other, operator == "IN", predicate, _named_by(side, operator, other)))
                break
    return tuple(found)


def _named_by(side: Expression, operator: str, other: Expression) -> str:
    """Return the variable of which `other` is the key, where it is compared with anything but a key; else ''."""
    name, key = _read(other)
    return name if key == KEY and operator == "=" and _read(side)[1] != KEY else ""


def _is_own(side: Expression, parts: frozenset[str]) -> bool:
    names = names_in(side)
    return bool(names) and names <= parts and is_stable(side) and not asks_graph(side)


def compared(predicate: Expression) -> Iterator[tuple[Expression, str, Expression]]:
    """Return the sides of a comparison, each as the first of the two; an item is in a list in one way only."""
    if isinstance(predicate, Test) and predicate.operator == "IN" and predicate.right is not None:
        yield predicate.left, "IN", predicate.right
    elif isinstance(predicate, Comparison) and len(predicate.rest) == 1 and predicate.rest[0][0] in _TURNED:
        operator, other = predicate.rest[0]
        yield predicate.first, operator, other
        yield other, _TURNED[operator], predicate.first


def is_stable(part: Located) -> bool:
    """Whether it gives the same each time it is computed for a row, so that it may be computed before its place."""
    if isinstance(part, Call):
        name = part.name.lower()
        held = FUNCTIONS.get(name)
        if held is None or not held.constant or name.endswith(_CLOCK):
            return False
    # What * stands for is in no name, and a procedure may give anything.
    if isinstance(part, clauses.CallProcedure) or (isinstance(part, clauses.Projection) and part.star):
        return False
    return all(map(is_stable, children(part)))


def asks_graph(part: Located) -> bool:
    """Whether a query of its own stands in it."""
    return isinstance(part, NESTED) or any(map(asks_graph, children(part)))
