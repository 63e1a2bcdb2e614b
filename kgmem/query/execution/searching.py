"""Shortest paths: breadth first from both ends until they meet; what is longer than that, in the order of lengths."""

from collections.abc import Iterator, Mapping, Sequence

from kgmem.query.evaluation.setting import Row
from kgmem.query.execution.reach import Reach, Side
from kgmem.query.execution.run import Rows, Run
from kgmem.query.execution.selecting import Wanted, wanted
from kgmem.query.execution.trails import Chain, Trails
from kgmem.query.planning.steps import Search
from kgmem.query.values import Node, Path, Relationship


async def search(run: Run, asked: Search, rows: Rows, at: int) -> Rows:
    """Give each row with each of the shortest paths between its two nodes; none where there is no path."""
    number = await wanted(run, asked)
    result: Rows = []
    for row in rows:
        for path in await shortest(run, asked, row, number, at):
            new = {**row, asked.link.name: list(path.relationships)}
            if asked.path is not None:
                new[asked.path] = path
            result.append(new)
        run.check(result, at)
    return result


async def shortest(run: Run, asked: Search, row: Row, number: Wanted, at: int) -> list[Path]:
    """Give the shortest paths between the two nodes of a link, as many as are wanted."""
    link = asked.link
    first, last = row[link.left], row[link.right]
    if first is None or last is None:
        return []
    if first.id == last.id and link.least > 0 and not asked.cycles:
        return []
    chains = await _chains(Reach.between(run, asked, row, at), number)
    relationships = await run.transaction.relationships({id_ for chain in chains for id_ in chain})
    between = {end for each in relationships.values() for end in (each.start, each.end)}
    nodes = {**await run.transaction.nodes(between), first.id: first, last.id: last}
    # What another client has deleted meanwhile is no path.
    there = [chain for chain in chains if _is_there(chain, relationships, nodes)]
    return [_path(first.id, chain, relationships, nodes) for chain in there]


def _is_there(chain: Chain, relationships: Mapping[int, Relationship], nodes: Mapping[int, Node]) -> bool:
    held = [relationships.get(id_) for id_ in chain]
    return all(each is not None and each.start in nodes and each.end in nodes for each in held)


def _path(first: int, chain: Chain, relationships: Mapping[int, Relationship], nodes: Mapping[int, Node]) -> Path:
    here, along = first, [nodes[first]]
    for id_ in chain:
        each = relationships[id_]
        here = each.end if each.start == here else each.start
        along.append(nodes[here])
    return Path(tuple(along), tuple(relationships[id_] for id_ in chain))


async def _chains(reach: Reach, number: Wanted) -> Sequence[Chain]:
    """Give the relationships of the shortest paths."""
    link = reach.asked.link
    first, last = reach.row[link.left].id, reach.row[link.right].id
    if first == last and link.least == 0 and 1 in {number.paths, number.lengths}:
        return [()]
    if first != last and link.least <= 1 and 1 in {number.paths, number.lengths}:
        return await _least(reach, number.paths)
    found: list[Chain] = []
    lengths: set[int] = set()
    async for chain in Trails(reach, first, last)():
        lengths.add(len(chain))
        if number.lengths is not None and len(lengths) > number.lengths:
            break
        found.append(chain)
        if len(found) == number.paths:
            break
        reach.run.check(found, reach.at)
    return found


async def _least(reach: Reach, most: int | None) -> Sequence[Chain]:
    """Give the chains of the least length, at most `most`: from both ends, level by level, until they meet."""
    ahead, back, longest = reach.ahead, reach.back, reach.asked.link.most
    while not reach.closed and (longest is None or reach.depth < longest):
        side = await reach.grow()
        other = back if side is ahead else ahead
        # Nothing met before: whatever meets now lies in the last level of the other side, all of it equally far.
        meeting = sorted(side.frontier & other.frontier)
        if not meeting:
            continue
        found: list[Chain] = []
        for node in meeting:
            for before in _ways(ahead, node):
                for behind in _ways(back, node):
                    found.append((*reversed(before), *behind))
                    if len(found) == most:
                        return found
                    await reach.pause()
                reach.run.check(found, reach.at)
        return found
    return []


def _ways(side: Side, node: int) -> Iterator[Chain]:
    """Give all shortest chains of relationships from a node to the end of a side."""
    gone: list[int] = []
    waiting = [iter(sorted(side.before[node]))]
    if not side.before[node]:
        yield ()
    while waiting:
        step = next(waiting[-1], None)
        if step is None:
            waiting.pop()
            del gone[-1:]
            continue
        gone.append(step[0])
        if side.before[step[1]]:
            waiting.append(iter(sorted(side.before[step[1]])))
        else:
            yield tuple(gone)
            del gone[-1:]
