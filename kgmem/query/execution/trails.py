"""Trails between two nodes, no relationship twice, in the order of their lengths.

The algorithm divides what is left after each trail into the trails that begin alike and then go another way, and gives
the shortest of each part in turn (E. Lawler, "A procedure for computing the k best solutions to discrete optimization
problems", Management Science 18, 1972; J. Yen's algorithm is the same for paths without a loop). The shortest way from
a node to the end that avoids the relationships gone along already repeats none, so that each part needs one search by
A*, estimated by the distances from the end.
"""

import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from kgmem.query.execution.reach import Reach

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
        """Give the relationships of each trail, the shortest trails first."""
        reach, link = self.reach, self.reach.asked.link
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
        """Give the least number of relationships from a node to the end; None where none leads there."""
        far = self.reach.back.distance.get(node)
        if far is None and self.reach.back.frontier:
            return self.reach.back.depth + 1
        return far

    async def _shortest(self, start: int, used: frozenset[int], most: int | None) -> Chain | None:
        """Give a shortest way to the end along other relationships than those used, of at most `most`."""
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
