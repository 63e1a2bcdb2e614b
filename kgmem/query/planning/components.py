"""Parts of a pattern that no relationship links, and the order in which they are looked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgmem.query.planning.names import names_in
from kgmem.query.planning.patterns import PatternBuilder, conjuncts
from kgmem.query.planning.predicate_pushdown import compared, is_stable
from kgmem.query.tree.expressions import Expression
from kgmem.query.tree.patterns import PathPattern


@dataclass(slots=True)
class Component:
    """Paths that share nodes, what they bind, and what is asked of them."""

    paths: list[PathPattern]
    own: frozenset[str]
    predicates: list[Expression]


def components(
    patterns: Iterable[PathPattern], where: Expression | None, known: frozenset[str], text: str
) -> list[list[PathPattern]]:
    """Return paths by component, in the order in which each is joined with those before it by an equality.

    It is one component where no equality joins any two, and at most one is joined with what is known: then nothing is
    gained by looking for one after another.
    """
    found = _found(patterns, known, text)
    asked = [*(predicate for each in found for predicate in each.predicates), *(conjuncts(where) if where else ())]
    equal = [sides for predicate in asked for sides in _sides(predicate, found)]
    if len(found) > 1 and (equal or sum(_is_joined(each, asked, known) for each in found) > 1):
        return [found[number].paths for number in _ordered(found, equal)]
    return [[path for each in found for path in each.paths]]


def _found(patterns: Iterable[PathPattern], known: frozenset[str], text: str) -> list[Component]:
    found: list[Component] = []
    for pattern in patterns:
        builder = PatternBuilder(text, known)
        builder.path(pattern)
        own = frozenset(name for name in (*builder.named, *builder.nodes) if name not in known and name[:1] != "\0")
        new = Component([pattern], own, builder.predicates)
        for each in [each for each in found if each.own & own]:
            new = Component([*each.paths, *new.paths], each.own | new.own, [*each.predicates, *new.predicates])
            found.remove(each)
        found.append(new)
    return found


def _is_joined(part: Component, asked: Iterable[Expression], known: frozenset[str]) -> bool:
    """Whether an equality joins what a component binds with what is known before the pattern."""
    return any(
        operator in {"=", "IN"} and names_in(side) & part.own and not names_in(side) & known and names_in(other) & known
        for predicate in asked
        for side, operator, other in compared(predicate)
    )


# The components that the sides of an equality speak of: two sets that have nothing in common.
_Sides = tuple[frozenset[int], frozenset[int]]


def _sides(predicate: Expression, found: Sequence[Component]) -> Iterable[_Sides]:
    """Return of an equality between components of which each side speaks; of one with what is known, an empty set."""
    for side, operator, other in compared(predicate):
        if operator not in {"=", "IN"}:
            return
        one, two = _spoken_of(side, found), _spoken_of(other, found)
        if one and two and not one & two and is_stable(predicate):
            yield one, two


def _spoken_of(part: Expression, found: Sequence[Component]) -> frozenset[int]:
    names = names_in(part)
    return frozenset(number for number, each in enumerate(found) if names & each.own)


def _ordered(found: Sequence[Component], equal: Sequence[_Sides]) -> list[int]:
    """Return components in order: next to those that are there comes what is equal to them, else what asks most."""
    order: list[int] = []
    while len(order) < len(found):
        left = [number for number in range(len(found)) if number not in order]
        joined = [
            number for number in left if any(one == {number} and other <= frozenset(order) for one, other in equal)
        ]
        order.append(joined[0] if joined else max(left, key=lambda number: _own_conditions(found, number)))
    return order


def _own_conditions(found: Sequence[Component], number: int) -> int:
    """Return how many conditions speak of a component alone; the first of those that have most is taken."""
    return sum(_spoken_of(each, found) == {number} for each in found[number].predicates)
