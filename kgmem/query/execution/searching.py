"""Shortest paths: breadth first, one level of all searches in one statement."""

from collections import defaultdict
from typing import Any

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.run import Run
from kgmem.query.planning.steps import LinkPart, Search
from kgmem.query.tree.expressions import Expression, ListPredicate
from kgmem.query.values import Path, Relationship

# For each node that was reached, at its least distance: the relationships that lead there, and from where.
_Reached = dict[int, list[tuple[int, int]]]


async def search(run: Run, asked: Search, rows: list[tuple[int, Row]], at: int) -> list[tuple[int, Row]]:
    """Give each row with each of the shortest paths between its two nodes; none where there is no path."""
    count = 1 if asked.count is None else await run.value(asked.count, {})
    result: list[tuple[int, Row]] = []
    for origin, row in rows:
        for path in await shortest(run, asked, row, count, at):
            new = dict(row)
            new[asked.link.name] = list(path.relationships)
            if asked.path is not None:
                new[asked.path] = path
            result.append((origin, new))
            run.check(result, at)
    return result


async def shortest(run: Run, asked: Search, row: Row, count: int, at: int) -> list[Path]:
    """Give the shortest paths between the two nodes of a link: one, `count`, or all of the least length."""
    link = asked.link
    first, last = row[link.left], row[link.right]
    if first is None or last is None:
        return []
    if first.id == last.id and link.least > 0:
        return []
    if first.id == last.id:
        return [Path((first,), ())]
    reached = await _reach(run, asked, row, at)
    if last.id not in reached:
        return []
    chains = _chains(reached, first.id, last.id)
    if not asked.all:
        chains = chains[:count]
    wanted = {id_ for chain in chains for id_ in chain}
    relationships = await run.transaction.relationships(wanted)
    between = {end for each in relationships.values() for end in (each.start, each.end)}
    nodes = {**await run.transaction.nodes(between), first.id: first, last.id: last}
    return [_path(first.id, chain, relationships, nodes) for chain in chains]


def _path(first: int, chain: list[int], relationships: Any, nodes: Any) -> Path:
    here, along = first, [nodes[first]]
    for id_ in chain:
        each = relationships[id_]
        here = each.end if each.start == here else each.start
        along.append(nodes[here])
    return Path(tuple(along), tuple(relationships[id_] for id_ in chain))


async def _reach(run: Run, asked: Search, row: Row, at: int) -> _Reached:
    """Go from the first node level by level until the last one is reached, or nothing new is."""
    link = asked.link
    last = row[link.right].id
    reached: _Reached = {row[link.left].id: []}
    frontier, depth = {row[link.left].id}, 0
    while frontier and last not in reached and (link.most is None or depth < link.most):
        depth += 1
        level: _Reached = defaultdict(list)
        for here, id_, there in await _expanded(run, asked, row, frontier):
            if there not in reached:
                level[there].append((id_, here))
        reached |= level
        run.check(list(reached), at)
        frontier = set(level)
    return reached


async def _expanded(run: Run, asked: Search, row: Row, frontier: set[int]) -> list[tuple[int, int, int]]:
    found = list(await run.transaction.expand(asked.link, frontier, backwards=False))
    if not asked.conditions:
        return found
    relationships = await run.transaction.relationships({id_ for _, id_, _ in found})
    kept = await allowed(run, asked.link, asked.conditions, row, list(relationships.values()))
    return [each for each in found if each[1] in kept]


async def allowed(
    run: Run, link: LinkPart, conditions: tuple[Expression, ...], row: Row, relationships: list[Relationship]
) -> set[int]:
    """Give the ids of the relationships that may be part of a chain."""
    rows = [{**row, link.name: [each]} for each in relationships]
    kept = await run.where([each for each in conditions if isinstance(each, ListPredicate)], rows)
    return {each[link.name][0].id for each in kept}


def _chains(reached: _Reached, first: int, last: int) -> list[list[int]]:
    """Give all chains of relationships from the first node to the last, in the order of their ids."""
    if last == first:
        return [[]]
    found = []
    for id_, here in sorted(reached[last]):
        found += [[*chain, id_] for chain in _chains(reached, first, here)]
    return found
