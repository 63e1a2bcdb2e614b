"""Selectors of paths (SHORTEST k, ANY, shortestPath, ...): how the paths that they select are found."""

from dataclasses import replace

from kgmem.query.planning.patterns import PatternBuilder
from kgmem.query.planning.steps import Search, Selection
from kgmem.query.tree.patterns import Length, NodePattern, PathElement, PathPattern, RelationshipPattern

_FUNCTIONS = {"shortestPath", "allShortestPaths"}
_ALL = {"allShortestPaths", "ALL SHORTEST"}


def selects(pattern: PathPattern) -> bool:
    """Whether not all paths of a pattern are wanted."""
    return pattern.selector is not None and pattern.selector.kind != "ALL"


def is_searched(pattern: PathPattern, known: frozenset[str]) -> bool:
    """Whether a pattern's shortest paths can be searched: it is two nodes, and one link of variable length between."""
    elements = pattern.elements
    if len(elements) != 3 or not isinstance(elements[1], RelationshipPattern):
        return False
    link = elements[1]
    bound = link.variable is not None and link.variable.name in known
    nodes = isinstance(elements[0], NodePattern) and isinstance(elements[2], NodePattern)
    return nodes and not bound and (link.length or link.quantifier) is not None


def search_of(pattern: PathPattern, builder: PatternBuilder) -> Search:
    """Give the search of a pattern that can be searched, of which both ends have names."""
    selector, link = pattern.selector, pattern.elements[1]
    assert selector is not None  # noqa: S101 - the caller has looked
    assert isinstance(link, RelationshipPattern)  # noqa: S101 - the caller has looked
    if link.length is None and link.quantifier is None:
        link = replace(link, quantifier=Length(link.at, 1, 1))
    part, conditions = builder.part(link, name_of(pattern.elements[0]), name_of(pattern.elements[-1]))
    return Search(
        part,
        pattern.variable.name if pattern.variable is not None else None,
        selector.count,
        all=selector.kind in _ALL,
        groups="GROUPS" in selector.kind,
        cycles=selector.kind not in _FUNCTIONS,
        conditions=tuple(conditions),
    )


def selection_of(pattern: PathPattern, parts: tuple[str, ...], mark: str) -> Selection:
    """Give the choice among the paths that a pattern has found, each of them in parts."""
    selector = pattern.selector
    assert selector is not None  # noqa: S101 - the caller has looked
    everything, groups = selector.kind in _ALL, "GROUPS" in selector.kind
    ends = name_of(pattern.elements[0]), name_of(pattern.elements[-1])
    return Selection(*ends, parts, mark, selector.count, everything, groups)


def name_of(element: PathElement) -> str:
    """Give the name of an element that has been given one."""
    assert element.variable is not None  # noqa: S101 - it is an end, and ends have been given names
    return element.variable.name
