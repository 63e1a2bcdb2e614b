"""Traversal of syntax trees: the nodes of a tree, and the variables that its parts use and define."""

from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

from kgmem.query.tree.clauses import Subquery
from kgmem.query.tree.expressions import (
    Call,
    Comparison,
    Expression,
    Index,
    KeptKey,
    ListComprehension,
    ListPredicate,
    Located,
    Parameter,
    Property,
    Reduce,
    StringLiteral,
    Test,
    Variable,
)
from kgmem.query.tree.patterns import PatternComprehension, PatternPredicate, ShortestPath

KEY = "key"  # The property by which a node is known, and which redirects where it was merged into another.
EQUALITY = frozenset({"=", "<>", "!="})  # Comparisons by which a key names a node.
_NAMES: dict[type, tuple[str, ...]] = {}


def _names(kind: type[Located]) -> tuple[str, ...]:
    found = _NAMES.get(kind)
    if found is None:
        found = _NAMES[kind] = tuple(each.name for each in fields(kind) if each.name != "at")
    return found


def children(part: Located) -> Iterator[Located]:
    """Return the parts that a part is made of, in the order in which they are written."""
    for name in _names(type(part)):
        yield from _located(getattr(part, name))


def _located(value: object) -> Iterator[Located]:
    if isinstance(value, Located):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _located(each)


def rebuilt(part: Located, change: Callable[[Any], Any]) -> Any:
    """Return a part with each part that it is made of changed; the part itself where nothing changes."""
    changed = {}
    for name in _names(type(part)):
        value = getattr(part, name)
        new = _changed(value, change)
        if new is not value:
            changed[name] = new
    return replace(part, **changed) if changed else part


def _changed(value: Any, change: Callable[[Any], Any]) -> Any:
    if isinstance(value, Located):
        return change(value)
    if isinstance(value, tuple):
        new = tuple(_changed(each, change) for each in value)
        return value if all(a is b for a, b in zip(new, value, strict=True)) else new
    return value


# Expressions that ask the graph.
NESTED = (Subquery, PatternPredicate, PatternComprehension, ShortestPath)


def names_in(part: Located) -> frozenset[str]:
    """Return all variables that stand anywhere in it, those included that it binds itself."""
    if isinstance(part, Variable):
        return frozenset({part.name})
    found: set[str] = set()
    for child in children(part):
        found |= names_in(child)
    return frozenset(found)


def nested_in(part: Located, *, local: bool = False) -> Iterator[tuple[Expression, bool]]:
    """Return the expressions in it that ask the graph, each with whether it may see variables that are local to it."""
    if isinstance(part, NESTED):
        yield part, local
        return
    local = local or isinstance(part, ListComprehension | ListPredicate | Reduce)
    for child in children(part):
        yield from nested_in(child, local=local)


def calls_in(part: Located) -> Iterator[str]:
    """Return the names of the functions that are called in it, in lower case; not those in queries of their own."""
    if isinstance(part, NESTED):
        return
    if isinstance(part, Call):
        yield part.name.lower()
    for child in children(part):
        yield from calls_in(child)


def compares_keys(part: Located) -> bool:
    """Whether it may compare keys of nodes, so that merged keys redirect; queries of its own do not count."""
    if isinstance(part, NESTED):
        return False
    if isinstance(part, KeptKey):
        return True
    if isinstance(part, Test) and part.operator == "IN" and may_read_key(part.left):
        return True
    if isinstance(part, Comparison) and any(sign in EQUALITY for sign, _ in part.rest):
        sides = (part.first, *(side for _, side in part.rest))
        return any(map(may_read_key, sides)) or any(map(compares_keys, sides))
    return any(map(compares_keys, children(part)))


def may_read_key(part: Expression) -> bool:
    """Whether an expression may read the property by which a node is known: n.key, n['key'], n[$name]."""
    if isinstance(part, Property):
        return part.name == KEY
    if isinstance(part, Index):
        return part.index == StringLiteral(part.at, KEY) or isinstance(part.index, Parameter)
    return False


def loops_in(part: Located) -> bool:
    """Whether computing it may take long for one row: it goes through a list; queries of its own do not count."""
    if isinstance(part, NESTED):
        return False
    return isinstance(part, ListComprehension | ListPredicate | Reduce) or any(map(loops_in, children(part)))
