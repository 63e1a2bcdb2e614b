"""Selectors of paths (SHORTEST k, ANY, shortestPath, ...): how the paths that they select are found."""

from collections.abc import Sequence
from dataclasses import replace

from kgmem.query.planning.patterns import PatternBuilder
from kgmem.query.planning.steps import NODES_NAME, Search, Selection
from kgmem.query.tree.expressions import Call, Expression, ListPredicate, Not, Variable
from kgmem.query.tree.patterns import Length, NodePattern, PathElement, PathPattern, RelationshipPattern
from kgmem.query.tree.traversal import names_in

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
    """Return the search of a pattern that can be searched, of which both ends have names."""
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


def held_to(search: Search, predicates: Sequence[Expression]) -> Search:
    """Return a search among the paths that meet predicates, as WHERE asks them of shortestPath and allShortestPaths.

    What must be so of every relationship, or of every node, is required on the way; the rest of whole paths.
    """
    conditions, nodes, rest = list(search.conditions), [], []
    for each in predicates:
        every = _of_every(each, search)
        if every is None:
            rest.append(each)
        elif isinstance(every.source, Variable) and every.source.name == NODES_NAME:
            nodes.append(every)
        else:
            conditions.append(every)
    return replace(search, conditions=tuple(conditions), node_conditions=tuple(nodes), predicates=tuple(rest))


def _of_every(predicate: Expression, search: Search) -> ListPredicate | None:
    """Return a predicate as one of a list that may be any of a path's relationships or nodes; None where it is none."""
    if isinstance(predicate, Not) and isinstance(predicate.operand, ListPredicate) and predicate.operand.kind == "any":
        predicate = replace(predicate.operand, kind="none")
    if not isinstance(predicate, ListPredicate) or predicate.kind not in {"all", "none"} or predicate.where is None:
        return None
    own = {search.link.name, search.path}
    if predicate.variable.name in own or not names_in(predicate.where).isdisjoint(own):
        return None
    source = predicate.source
    if isinstance(source, Variable):
        return predicate if source.name == search.link.name else None
    if not isinstance(source, Call) or len(source.arguments) != 1:
        return None
    argument = source.arguments[0]
    if not isinstance(argument, Variable) or argument.name != search.path:
        return None
    lists = {"relationships": search.link.name, "nodes": NODES_NAME}
    name = lists.get(source.name.lower())
    return None if name is None else replace(predicate, source=Variable(source.at, name))


def is_function(pattern: PathPattern) -> bool:
    """Whether a pattern is shortestPath or allShortestPaths, whose WHERE is applied before, not after."""
    return pattern.selector is not None and pattern.selector.kind in _FUNCTIONS


def selection_of(pattern: PathPattern, parts: tuple[str, ...], mark: str) -> Selection:
    """Return the choice among the paths that a pattern has found, each of them in parts."""
    selector = pattern.selector
    assert selector is not None  # noqa: S101 - the caller has looked
    everything, groups = selector.kind in _ALL, "GROUPS" in selector.kind
    ends = name_of(pattern.elements[0]), name_of(pattern.elements[-1])
    return Selection(*ends, parts, mark, selector.count, everything, groups)


def name_of(element: PathElement) -> str:
    """Return the name of an element that has been given one."""
    assert element.variable is not None  # noqa: S101 - it is an end, and ends have been given names
    return element.variable.name
