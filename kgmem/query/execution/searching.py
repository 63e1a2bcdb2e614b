"""Shortest paths: breadth first from both ends, one level in one statement."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.graph import Lead
from kgmem.query.execution.run import Run
from kgmem.query.planning.steps import LinkPart, Search
from kgmem.query.tree.expressions import Expression, ListPredicate
from kgmem.query.values import Node, Path, Relationship

# For each node that was reached, at its least distance: the relationships that lead there, and from where.
_Reached = dict[int, list[tuple[int, int]]]


@dataclass(slots=True)
class _Side:
    """What is reached from one end of a search: all of it, what the last level found, and how deep that is."""

    backwards: bool
    reached: _Reached
    frontier: set[int]
    depth: int = 0

    def chains(self, node: int) -> Iterator[tuple[int, ...]]:
        """Give all chains of relationships between the end and a node, in the order in which they are followed."""
        if not self.reached[node]:
            yield ()
        for id_, before in sorted(self.reached[node]):
            for chain in self.chains(before):
                yield (id_, *chain) if self.backwards else (*chain, id_)


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
    chains = await _chains(run, asked, row, None if asked.all else count, at)
    wanted = {id_ for chain in chains for id_ in chain}
    relationships = await run.transaction.relationships(wanted)
    between = {end for each in relationships.values() for end in (each.start, each.end)}
    nodes = {**await run.transaction.nodes(between), first.id: first, last.id: last}
    # What another client has deleted meanwhile is no path.
    there = [chain for chain in chains if _is_there(chain, relationships, nodes)]
    return [_path(first.id, chain, relationships, nodes) for chain in there]


def _is_there(chain: Sequence[int], relationships: Mapping[int, Relationship], nodes: Mapping[int, Node]) -> bool:
    held = [relationships.get(id_) for id_ in chain]
    return all(each is not None and each.start in nodes and each.end in nodes for each in held)


def _path(
    first: int, chain: Sequence[int], relationships: Mapping[int, Relationship], nodes: Mapping[int, Node]
) -> Path:
    here, along = first, [nodes[first]]
    for id_ in chain:
        each = relationships[id_]
        here = each.end if each.start == here else each.start
        along.append(nodes[here])
    return Path(tuple(along), tuple(relationships[id_] for id_ in chain))


async def _chains(run: Run, asked: Search, row: Row, count: int | None, at: int) -> list[tuple[int, ...]]:
    """Give the shortest chains of relationships, at most `count`: from both ends, level by level, until they meet."""
    link = asked.link
    first, last = row[link.left].id, row[link.right].id
    ahead, back = _Side(False, {first: []}, {first}), _Side(True, {last: []}, {last})
    found: list[tuple[int, ...]] = []
    while ahead.frontier and back.frontier and (link.most is None or ahead.depth + back.depth < link.most):
        side, other = (ahead, back) if len(ahead.frontier) <= len(back.frontier) else (back, ahead)
        await _expand(run, asked, row, side, at)
        # Nothing met before: whatever meets now lies in the last level of the other side, all of it equally far.
        meeting = sorted(side.frontier & other.frontier)
        for node in meeting:
            for chain in ahead.chains(node):
                for rest in back.chains(node):
                    found.append((*chain, *rest))
                    if len(found) == count:
                        return found
                run.check(found, at)
        if meeting:
            break
    return found


async def _expand(run: Run, asked: Search, row: Row, side: _Side, at: int) -> None:
    """Go one level further."""
    level: _Reached = defaultdict(list)
    for here, id_, there in await _leads(run, asked, row, side):
        if there not in side.reached:
            level[there].append((id_, here))
    side.reached |= level
    run.check(list(side.reached), at)
    side.frontier = set(level)
    side.depth += 1


async def _leads(run: Run, asked: Search, row: Row, side: _Side) -> list[Lead]:
    found = list(await run.transaction.expand(asked.link, side.frontier, backwards=side.backwards))
    run.given += len(found)
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
