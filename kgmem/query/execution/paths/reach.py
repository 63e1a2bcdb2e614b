"""What a search for paths knows of the graph: how far it has come from each end, one level in one statement."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Run
from kgmem.query.execution.graph import Hop, Level
from kgmem.query.planning.steps import NODES_NAME, Search
from kgmem.query.tree.expressions import ListPredicate
from kgmem.query.values import Node

_PAUSE = 256  # Calls of `pause` after which others have their turn.


@dataclass(slots=True)
class Side:
    """The nodes reached from one end: their distances, the last level, and its depth."""

    backwards: bool
    frontier: set[int]
    distance: dict[int, int]
    before: dict[int, list[tuple[int, int]]]
    depth: int = 0

    @classmethod
    def of(cls, end: int, *, backwards: bool) -> "Side":
        """Return a side that has not gone anywhere yet."""
        return cls(backwards, {end}, {end: 0}, {end: []})


@dataclass(slots=True)
class Reach:
    """Both sides of a search between two nodes, and all relationships that they have found.

    `onward` holds, for each node, where its relationships lead in the direction of the path, by their ids.
    """

    run: Run
    asked: Search
    row: Row
    at: int
    ahead: Side
    back: Side
    onward: dict[int, dict[int, int]] = field(default_factory=lambda: defaultdict(dict))
    complete: set[int] = field(default_factory=set)  # Nodes of which all relationships onward are known.
    met: bool = False  # Whether a node is reached from both ends, and so a path known.
    _paused: int = 0
    _passed: dict[int, bool] = field(default_factory=dict)  # Whether a node may be part of a path.
    _near: list[Level] = field(default_factory=list)  # What was read beforehand, in the order of going there.

    @classmethod
    def between(cls, run: Run, asked: Search, row: Row, at: int) -> "Reach":
        """Begin at the two nodes that the search is between."""
        first, last = row[asked.link.left].id, row[asked.link.right].id
        sides = Side.of(first, backwards=False), Side.of(last, backwards=True)
        return cls(run, asked, row, at, *sides, met=first == last)

    def places(self, chain: Sequence[int]) -> list[int]:
        """Return the nodes along a chain of relationships that was found."""
        found = [self.row[self.asked.link.left].id]
        for id_ in chain:
            found.append(self.onward[found[-1]][id_])
        return found

    async def may_begin(self) -> bool:
        """Whether both ends may be part of a path."""
        link = self.asked.link
        ends = {self.row[name].id: self.row[name] for name in (link.left, link.right)}
        return not self.asked.node_conditions or len(await self._meeting(ends.values())) == len(ends)

    @property
    def closed(self) -> bool:
        """Whether all nodes that can be on a path are known: one of the sides has no further nodes."""
        return not self.ahead.frontier or not self.back.frontier

    @property
    def depth(self) -> int:
        """How long a path may be so that all its relationships are known; there is no end where all is known."""
        return self.ahead.depth + self.back.depth

    async def look_around(self, *, shortest: bool) -> None:
        """Read up to two levels from each end at once, where that is not too much: most paths are short.

        With `shortest` nothing else than the shortest paths will be asked for.
        """
        link, row = self.asked.link, self.row
        asked = row[link.left].id, row[link.right].id
        self._near = list(await self.run.transaction.around(link, *asked, shortest=shortest))

    async def grow(self) -> Side:
        """Go one level further from the end that has less before it; returns its side."""
        side = self.ahead if len(self.ahead.frontier) <= len(self.back.frontier) else self.back
        near: Sequence[Hop] | None = None
        if self._near:
            backwards, near = self._near.pop(0)
            side = self.back if backwards else self.ahead
        level: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for here, id_, there in await self._leads(side.frontier, backwards=side.backwards, near=near):
            if there not in side.distance:
                level[there].append((id_, here))
        side.depth += 1
        side.before |= level
        side.distance |= dict.fromkeys(level, side.depth)
        side.frontier = set(level)
        other = self.back if side is self.ahead else self.ahead
        self.met = self.met or not other.distance.keys().isdisjoint(level)
        self.run.check(side.distance, self.at)
        return side

    async def fill(self, nodes: Collection[int]) -> None:
        """Learn all relationships that lead onward from nodes."""
        missing = set(nodes) - self.complete
        if missing:
            await self._leads(missing, backwards=False)

    async def pause(self) -> None:
        """Stop where the time is over, and let others have their turn every so often."""
        self._paused += 1
        if self._paused % _PAUSE == 0:
            await self.run.turn()

    async def _leads(
        self, nodes: Collection[int], *, backwards: bool, near: Sequence[Hop] | None = None
    ) -> Sequence[Hop]:
        found = (
            [each for each in near if each[0] in nodes]  # Not beyond what is excluded.
            if near is not None
            else list(await self.run.transaction.expand(self.asked.link, nodes, backwards=backwards))
        )
        self.run.given += len(found)
        self.run.check(found, self.at)
        if self.asked.conditions:
            kept = await self._allowed({id_ for _, id_, _ in found})
            found = [each for each in found if each[1] in kept]
        if self.asked.node_conditions:
            passable = await self._passable({there for _, _, there in found})
            found = [each for each in found if each[2] in passable]
        for here, id_, there in found:
            if backwards:
                self.onward[there][id_] = here
            else:
                self.onward[here][id_] = there
        if not backwards:
            self.complete |= set(nodes)
        return found

    async def _allowed(self, ids: Collection[int]) -> set[int]:
        """Return those relationships that may be part of a path."""
        name = self.asked.link.name
        relationships = await self.run.transaction.relationships(ids)
        rows = [{**self.row, name: [each]} for each in relationships.values()]
        conditions = [each for each in self.asked.conditions if isinstance(each, ListPredicate)]
        return {each[name][0].id for each in await self.run.where(conditions, rows)}

    async def _passable(self, ids: Collection[int]) -> set[int]:
        """Return those nodes that may be part of a path."""
        missing = [id_ for id_ in ids if id_ not in self._passed]
        self._passed |= dict.fromkeys(missing, False)
        nodes = await self.run.transaction.nodes(missing)
        self._passed |= dict.fromkeys(await self._meeting(nodes.values()), True)
        return {id_ for id_ in ids if self._passed[id_]}

    async def _meeting(self, nodes: Iterable[Node]) -> set[int]:
        rows = [{**self.row, NODES_NAME: [each]} for each in nodes]
        return {each[NODES_NAME][0].id for each in await self.run.where(self.asked.node_conditions, rows)}
