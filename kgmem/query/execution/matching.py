"""MATCH: the ways in which a pattern matches, as rows with nodes, relationships and paths."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.run import Rows, Run
from kgmem.query.execution.searching import search
from kgmem.query.planning.names import names_in
from kgmem.query.planning.steps import LinkPart, Match, Pattern
from kgmem.query.values import Node, Path, Relationship

_BATCH = 5000  # Rows whose ids are sent at once.


async def match(run: Run, step: Match, rows: Rows) -> Rows:
    """Give each row with each way in which the pattern matches for it."""
    pattern = step.pattern
    nothing = dict.fromkeys(pattern.named)
    result: Rows = []
    for first in range(0, len(rows), _BATCH):
        batch = rows[first : first + _BATCH]
        groups = await matches(run, pattern, batch, step.at)
        for row, found in zip(batch, groups, strict=True):
            if found:
                result += found
            elif step.optional:
                result.append({**row, **nothing})
        run.check(result, step.at)
    return result


async def matches(run: Run, pattern: Pattern, rows: Rows, at: int) -> list[Rows]:
    """Give for each row the rows that the pattern makes of it."""
    groups: list[Rows] = [[] for _ in rows]
    if not rows:
        return groups
    found = await _candidates(run, pattern, rows, at)
    origins = {id(new): origin for origin, new in found}
    kept = await run.where(pattern.predicates, [new for _, new in found])
    hidden = [name for name in _needed(pattern) if name not in pattern.named and name.startswith("\0")]
    for new in kept:
        origin = origins[id(new)]
        for name in hidden:
            new.pop(name, None)
        groups[origin].append(new)
    return groups


def _needed(pattern: Pattern) -> frozenset[str]:
    """Give the names whose nodes and relationships have to be read."""
    asked = frozenset().union(*map(names_in, pattern.predicates))
    along = frozenset(name for path in pattern.paths for name in path.elements)
    ends = frozenset(end for each in pattern.searches for end in (each.link.left, each.link.right))
    own = {part.name for part in pattern.parts}
    return (asked | along | ends | frozenset(pattern.named)) & own


async def _candidates(run: Run, pattern: Pattern, rows: Rows, at: int) -> list[tuple[int, Row]]:
    """Give rows that match but for the predicates, each with the number of the row that it comes of."""
    bound = pattern.bound
    keys = [tuple(_identity(run, row[name], at) for name in bound) for row in rows]
    distinct = {key: number for number, key in enumerate(dict.fromkeys(map(_hashable, keys)))}
    asked = {distinct[_hashable(key)]: dict(zip(bound, key, strict=True)) for key in keys}
    names, found = await run.transaction.match(pattern, [asked[n] for n in range(len(asked))], run.limits.rows + 1)
    run.check(found, at)
    ways: list[list[Any]] = [[] for _ in asked]
    for at_row, *ids in found:
        ways[at_row - 1].append(ids)
    binder = await _binder(run, pattern, names, found)
    made: list[tuple[int, Row]] = []
    for origin, (row, key) in enumerate(zip(rows, keys, strict=True)):
        for ids in ways[distinct[_hashable(key)]]:
            new = binder(row, ids)
            if new is not None:
                made.append((origin, new))
        run.check(made, at)
    for each in pattern.searches:
        made = await search(run, each, made, at)
    return made


def _hashable(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(tuple(each) if isinstance(each, list) else each for each in key)


def _identity(run: Run, value: Any, at: int) -> Any:
    """Give the id of what is bound already, or the ids of a list."""
    if isinstance(value, Node | Relationship):
        return value.id
    if value is None:
        return None
    if isinstance(value, list) and all(isinstance(each, Relationship) for each in value):
        return [each.id for each in value]
    problem = "A variable in a pattern is neither a node nor a relationship."
    raise run.error("InvalidArgumentType", problem, at, type="TypeError")


Binder = Callable[[Row, Sequence[Any]], Row | None]


async def _binder(run: Run, pattern: Pattern, names: Sequence[str], found: Sequence[Sequence[Any]]) -> Binder:
    """Read what the candidates name, and give what makes a row of a row and ids; None where something is gone."""
    needed = _needed(pattern)
    places = {name: n for n, name in enumerate(names)}
    fresh = [part for part in pattern.parts if part.name in needed and not part.bound]
    links = [part for part in fresh if isinstance(part, LinkPart)]
    nodes = [part for part in fresh if not isinstance(part, LinkPart)]
    wanted: set[int] = set()
    for link in links:
        column = places[link.name] + 1
        if link.repeats:
            wanted.update(id_ for row in found for id_ in row[column])
        else:
            wanted.update(row[column] for row in found)
    relationships = await run.transaction.relationships(wanted)
    wanted = {row[places[node.name] + 1] for node in nodes for row in found}
    if any(link.repeats and link.name in path.elements for path in pattern.paths for link in pattern.links):
        # A path shows the nodes between as well.
        wanted |= {end for each in relationships.values() for end in (each.start, each.end)}
    read = await run.transaction.nodes(wanted)

    def bind(row: Row, ids: Sequence[Any]) -> Row | None:
        new = dict(row)
        for node in nodes:
            held = read.get(ids[places[node.name]])
            if held is None:
                return None
            new[node.name] = held
        for link in links:
            known = _known(relationships, ids[places[link.name]], repeats=link.repeats)
            if known is None:
                return None
            new[link.name] = known
        for path in pattern.paths:
            if not any(name not in new for name in path.elements):
                new[path.name] = build_path(new, path.elements, read)
        return new

    return bind


def _known(relationships: Mapping[int, Relationship], ids: Any, *, repeats: bool) -> Any:
    if not repeats:
        return relationships.get(ids)
    chain = [relationships.get(id_) for id_ in ids]
    return None if any(each is None for each in chain) else chain


def build_path(row: Row, elements: Sequence[str], read: Mapping[int, Node]) -> Path:
    """Give the path of a row's nodes and relationships, whose names are given in turn."""
    nodes: list[Node] = [row[elements[0]]]
    relationships: list[Relationship] = []
    for link, end in zip(elements[1::2], elements[2::2], strict=True):
        held = row[link]
        if isinstance(held, Relationship):
            relationships.append(held)
            nodes.append(row[end])
            continue
        for each in held:
            relationships.append(each)
            there = each.end if each.start == nodes[-1].id else each.start
            nodes.append(row[end] if there == row[end].id else read[there])
    return Path(tuple(nodes), tuple(relationships))
