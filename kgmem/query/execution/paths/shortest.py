"""Shortest paths: bidirectional breadth-first search, then longer paths in the order of their lengths."""

import heapq
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.paths.reach import Reach, Side
from kgmem.query.execution.paths.selection import Wanted, wanted
from kgmem.query.planning.steps import Search
from kgmem.query.values import Path

# Trails between two nodes, no relationship twice, in the order of their lengths.
# The algorithm divides what is left after each trail into the trails that begin alike and then go another way, and
# gives the shortest of each part in turn (E. Lawler, "A procedure for computing the k best solutions to discrete
# optimization problems", Management Science 18, 1972; J. Yen's algorithm is the same for paths without a loop). The
# shortest way from a node to the end that avoids the relationships gone along already repeats none, so that each part
# needs one search by A*, estimated by the distances from the end.

Chain = tuple[int, ...]
# Of a part of all trails: the length of its shortest or less, whether it is less, what all begin with, where that ends,
# and the shortest where it is known.
_Part = tuple[int, bool, Chain, int, Chain]


@dataclass(slots=True)
class Trails:
    """Enumerates the trails between the two ends of a search."""

    reach: Reach
    first: int
    last: int
    _parts: list[_Part] = field(default_factory=list)

    async def __call__(self) -> AsyncIterator[Chain]:
        """Return the relationships of each trail, the shortest trails first."""
        reach, link = self.reach, self.reach.asked.link
        if not reach.depth:
            await reach.look_around(shortest=False)
        self._parts = [(0, True, (), self.first, ())]
        while self._parts:
            length = self._parts[0][0]
            if link.most is not None and length > link.most:
                return
            if length > reach.depth and not reach.closed:
                await reach.grow()
                continue
            await reach.pause()
            _, unsure, begin, end, chain = heapq.heappop(self._parts)
            if unsure:
                await self._complete(begin, end)
                continue
            if length >= link.least:
                yield chain
            await self._divide(len(begin), chain)
            reach.run.check(self._parts, reach.at)

    async def _complete(self, begin: Chain, end: int) -> None:
        """Find the shortest trail that begins with a chain; where the graph is not known far enough, look later."""
        most = None if self.reach.closed else self.reach.depth - len(begin)
        rest = await self._shortest(end, frozenset(begin), most) if self.reach.met else None
        if rest is not None:
            heapq.heappush(self._parts, (len(begin) + len(rest), False, begin, end, (*begin, *rest)))
        elif not self.reach.closed:
            heapq.heappush(self._parts, (self.reach.depth + 1, True, begin, end, ()))

    async def _divide(self, begin: int, chain: Chain) -> None:
        """Put in place of a part those of its trails that leave the chain behind its first `begin` relationships."""
        nodes = [self.first]
        for id_ in chain:
            nodes.append(self.reach.onward[nodes[-1]][id_])
        await self.reach.fill(nodes[begin:])
        for place in range(begin, len(nodes)):
            used = chain[:place]
            for id_, there in self.reach.onward[nodes[place]].items():
                if id_ in used or chain[place : place + 1] == (id_,):
                    continue
                far = self._estimate(there)
                if far is not None:
                    heapq.heappush(self._parts, (place + 1 + far, True, (*used, id_), there, ()))

    def _estimate(self, node: int) -> int | None:
        """Return the least number of relationships from a node to the end; None where none leads there."""
        far = self.reach.back.distance.get(node)
        if far is None and self.reach.back.frontier:
            return self.reach.back.depth + 1
        return far

    async def _shortest(self, start: int, used: frozenset[int], most: int | None) -> Chain | None:
        """Return a shortest way to the end along other relationships than those used, of at most `most`."""
        far = self._estimate(start)
        came: dict[int, tuple[int, int]] = {}
        waiting = [] if far is None else [(far, 0, start)]
        least = {start: 0}
        while waiting:
            await self.reach.pause()
            total, gone, here = heapq.heappop(waiting)
            if most is not None and total > most:
                return None
            if here == self.last:
                return self._way(came, start)
            if -gone > least[here]:
                continue
            for id_, there in self.reach.onward.get(here, {}).items():
                far = self._estimate(there)
                if id_ in used or far is None or least.get(there, 1 - gone + 1) <= 1 - gone:
                    continue
                least[there] = 1 - gone
                came[there] = (id_, here)
                heapq.heappush(waiting, (1 - gone + far, gone - 1, there))
        return None

    def _way(self, came: dict[int, tuple[int, int]], start: int) -> Chain:
        found: list[int] = []
        here = self.last
        while here != start:
            id_, here = came[here]
            found.append(id_)
        return tuple(reversed(found))


_AT_ONCE = 256  # Paths that are read and tried together.
_FOUND = "\0found"


async def search(run: Run, asked: Search, rows: Rows, at: int) -> Rows:
    """Return each row with each of the shortest paths between its two nodes; none where there is no path."""
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
    """Return the shortest paths between the two nodes of a link, as many as are wanted."""
    link = asked.link
    first, last = row[link.left], row[link.right]
    if first is None or last is None:
        return []
    if first.id == last.id and link.least > 0 and not asked.cycles:
        return []
    reach = Reach.between(run, asked, row, at)
    if not await reach.may_begin():
        return []
    paths = await _paths(reach, await _chains(reach, number))
    if not asked.predicates:
        return paths
    kept = await _meeting(reach, paths)
    if kept or not paths:
        return kept
    return await _first_meeting(reach, number)


async def _first_meeting(reach: Reach, number: Wanted) -> list[Path]:
    """Return the shortest of the paths that meet what is required of whole paths: one after another is tried."""
    kept: list[Path] = []
    waiting: list[Chain] = []
    tried = 0
    async for chain in Trails(reach, reach.row[reach.asked.link.left].id, reach.row[reach.asked.link.right].id)():
        if waiting and (len(waiting) > tried or len(waiting) == _AT_ONCE or len(chain) > len(waiting[0])):
            kept += await _meeting(reach, await _paths(reach, waiting))
            tried, waiting = tried + len(waiting), []
        if kept and (number.paths is not None or len(chain) > len(kept[0].relationships)):
            break
        waiting.append(chain)
        reach.run.check(kept, reach.at)
    else:
        kept += await _meeting(reach, await _paths(reach, waiting)) if waiting else []
    return kept[: number.paths]


async def _meeting(reach: Reach, paths: Sequence[Path]) -> list[Path]:
    """Return the paths that meet what is required of whole paths."""
    asked = reach.asked
    told: Rows = [{**reach.row, asked.link.name: list(path.relationships), _FOUND: path} for path in paths]
    if asked.path is not None:
        told = [{**row, asked.path: row[_FOUND]} for row in told]
    return [row[_FOUND] for row in await reach.run.where(asked.predicates, told)]


async def _paths(reach: Reach, chains: Sequence[Chain]) -> list[Path]:
    """Read chains of relationships; what another client has deleted meanwhile is no path."""
    first, last = reach.row[reach.asked.link.left], reach.row[reach.asked.link.right]
    places = [reach.places(chain) for chain in chains]
    between = {id_ for each in places for id_ in each} - {first.id, last.id}
    nodes, held = await reach.run.transaction.both(between, {id_ for chain in chains for id_ in chain})
    nodes = {**nodes, first.id: first, last.id: last}
    return [
        Path(tuple(nodes[id_] for id_ in along), tuple(held[id_] for id_ in chain))
        for chain, along in zip(chains, places, strict=True)
        if all(id_ in held for id_ in chain) and all(id_ in nodes for id_ in along)
    ]


async def _chains(reach: Reach, number: Wanted) -> Sequence[Chain]:
    """Return the relationships of the shortest paths."""
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
    """Return the chains of the least length, at most `most`: from both ends, level by level, until they meet."""
    ahead, back, longest = reach.ahead, reach.back, reach.asked.link.most
    asked = reach.asked
    await reach.look_around(shortest=not (asked.conditions or asked.node_conditions or asked.predicates))
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
    """Return all shortest chains of relationships from a node to the end of a side."""
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
