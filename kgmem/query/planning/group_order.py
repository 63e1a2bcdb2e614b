"""The order in which the parts of a pattern are matched: its connected components, and its quantified groups."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgmem.query.planning.patterns import PatternBuilder, conjuncts
from kgmem.query.planning.predicate_pushdown import asks_graph, compared, is_stable
from kgmem.query.planning.selectors import name_of
from kgmem.query.tree.expressions import Expression, Located, Variable
from kgmem.query.tree.patterns import GroupPattern, Labels, NodePattern, PathElement, PathPattern, RelationshipPattern
from kgmem.query.tree.traversal import names_in, rebuilt


@dataclass(slots=True)
class Component:
    """Paths that share nodes, what they bind, and what is required of them."""

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


# What stands between two groups, with names at both ends, and the group behind it.
Segment = tuple[list[PathElement], GroupPattern | None]
_BOUND, _LOOKED_UP, _JOINED, _LABELLED = 4, 3, 2, 1  # What tells most of a node that a path may begin at.


@dataclass(frozen=True, slots=True)
class Begun:
    """The node at which a path begins, and what the first repetition of the group beside it asks of that node."""

    name: str
    labels: tuple[Labels, ...] = ()
    predicates: tuple[Expression, ...] = ()


def plain_link(pattern: PathPattern) -> PathPattern:
    """Return a pattern with groups such as (()-[r:KNOWS]->())+ as links of variable length: -[r:KNOWS]->+."""
    elements = list(pattern.elements)
    for place, element in enumerate(elements):
        around = elements[max(place - 1, 0) : place] + elements[place + 1 : place + 2]
        link = _link_of(element) if all(isinstance(each, NodePattern) for each in around) else None
        if link is not None:
            elements[place] = link
    for place in (0, -1):
        if isinstance(elements[place], RelationshipPattern):
            elements.insert(0 if place == 0 else len(elements), NodePattern(pattern.at, None, None, None, None))
    return pattern if elements == list(pattern.elements) else replace(pattern, elements=tuple(elements))


def _link_of(element: PathElement) -> RelationshipPattern | None:
    """Return the link that a group is: one relationship that repeats, between nodes of which nothing is required."""
    if not isinstance(element, GroupPattern) or element.quantifier is None or len(element.elements) != 3:
        return None
    first, link, last = element.elements
    if not isinstance(link, RelationshipPattern) or link.length is not None or link.quantifier is not None:
        return None
    if element.variable is not None or element.where is not None or not _is_bare(first) or not _is_bare(last):
        return None
    return replace(link, quantifier=element.quantifier)


def _is_bare(element: PathElement) -> bool:
    return element == NodePattern(element.at, None, None, None, None)


def least_of(group: GroupPattern) -> int:
    """Return the least number of times that a group is traversed."""
    if group.quantifier is None:
        return 1
    return 0 if group.quantifier.least is None else group.quantifier.least


def is_backwards(
    segments: Sequence[Segment],
    waiting: Iterable[Expression],
    known: frozenset[str],
    later: frozenset[str],
    text: str,
) -> bool:
    """Whether a path through groups is found from its right end, of which more is required than of its left one.

    `waiting` are predicates beside the pattern. What a group says of nodes outside it must be known before it: where
    it speaks of what other parts bind (`later`), the path begins at the left.
    """
    for _, group in segments:
        if group is not None and names_in(group) & (later - known - _own(group.elements)):
            return False
    waiting = tuple(waiting)
    left, right = (_selectivity(segments, waiting, known, text, backwards=backwards) for backwards in (False, True))
    return right > left


def _own(elements: Iterable[PathElement]) -> frozenset[str]:
    return frozenset(each.variable.name for each in elements if each.variable is not None)


def _selectivity(
    segments: Sequence[Segment], waiting: Iterable[Expression], known: frozenset[str], text: str, *, backwards: bool
) -> int:
    """Return how much is known of the segment at one end."""
    first = begun(segments, known, text, backwards=backwards)
    builder = PatternBuilder(text, known)
    builder.elements(segments[-1 if backwards else 0][0], [])
    own = frozenset((*builder.nodes, *builder.named))
    builder.predicates += first.predicates
    builder.predicates += [each for each in waiting if names_in(each) <= own | known]
    pattern = builder.pattern()
    if any(part.bound for part in pattern.parts):
        return _BOUND
    if any(lookup.operator in {"=", "IN"} for lookup in pattern.lookups):
        return _LOOKED_UP
    if pattern.keys:
        return _JOINED
    return _LABELLED if first.labels or any(node.labels for node in pattern.nodes) else 0


def begun(segments: Sequence[Segment], known: frozenset[str], text: str, *, backwards: bool) -> Begun:
    """Return the node at one end of the first group, and what the group requires of it, if it is not optional."""
    segment = segments[-1 if backwards else 0][0]
    name = name_of(segment[0 if backwards else -1])
    group = (segments[-2] if backwards else segments[0])[1] if len(segments) > 1 else None
    if group is None or name in known or not least_of(group):
        return Begun(name)
    if any(isinstance(each, GroupPattern) for each in group.elements):
        return Begun(name)
    place = -1 if backwards else 0
    ends = list(group.elements)
    inner = ends[place].variable or Variable(group.at, f"{name}.inner")
    ends[place] = replace(ends[place], variable=inner)
    builder = PatternBuilder(text, known)
    builder.elements(ends, [])
    builder.ask(group.where)
    asked = (each for each in builder.predicates if inner.name in names_in(each) <= known | {inner.name})
    told = (each for each in asked if is_stable(each) and not asks_graph(each))
    return Begun(name, builder.nodes[inner.name].labels, tuple(_renamed(each, inner.name, name) for each in told))


def _renamed(part: Located, old: str, new: str) -> Any:
    if isinstance(part, Variable):
        return replace(part, name=new) if part.name == old else part
    return rebuilt(part, lambda each: _renamed(each, old, new))
