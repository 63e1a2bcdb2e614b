"""CREATE: what can be made together is made together: nodes of all rows and patterns, then the relationships."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.execution.executor import Rows, Run
from kgmem.query.execution.graph import NewNode, NewRelationship
from kgmem.query.execution.paths.selection import build_path
from kgmem.query.execution.properties import all_labels, all_properties
from kgmem.query.planning.steps import Create
from kgmem.query.tree.expressions import Located
from kgmem.query.tree.patterns import NodePattern, PathPattern, RelationshipPattern
from kgmem.query.tree.traversal import names_in
from kgmem.query.values import Node

# For what has a name, and for each row, further properties.
More = Mapping[str, Sequence[Mapping[str, Any]]]


async def create(run: Run, step: Create, rows: Rows) -> Rows:
    """Return each row with the nodes and relationships created for it."""
    made = [dict(row) for row in rows]
    await make(run, step.patterns, made)
    hidden = [name for name in made[0] if name[:1] == "\0"] if made else []
    for row in made if hidden else ():
        for name in hidden:
            del row[name]
    return made


async def make(
    run: Run, patterns: Sequence[PathPattern], rows: Rows, *, merging: bool = False, more: More | None = None
) -> None:
    """Create the patterns for each row and put them into the row; unnamed parts get a hidden name."""
    if not rows:
        return
    waiting = _Waiting(run, rows, merging=merging, more=more or {})
    for number, pattern in enumerate(patterns):
        names = [
            element.variable.name if element.variable is not None else f"\0{number}.{n}"
            for n, element in enumerate(pattern.elements)
        ]
        for name, element in zip(names, pattern.elements, strict=True):
            if isinstance(element, NodePattern) and not waiting.has(name):
                await waiting.node(name, element)
        for n, element in enumerate(pattern.elements):
            if isinstance(element, RelationshipPattern):
                await waiting.link((names[n - 1], names[n], names[n + 1]), element)
        if pattern.variable is not None:
            await waiting.flush()
            for row in rows:
                row[pattern.variable.name] = build_path(row, names, {})
    await waiting.flush()


@dataclass(slots=True)
class _Waiting:
    """What is to be made, until something depends on it."""

    run: Run
    rows: Rows
    merging: bool
    more: More = field(default_factory=dict)
    nodes: dict[str, NodePattern] = field(default_factory=dict)
    links: list[tuple[tuple[str, str, str], RelationshipPattern]] = field(default_factory=list)

    def has(self, name: str) -> bool:
        """Whether a node is there, or waits."""
        return name in self.nodes or name in self.rows[0]

    async def node(self, name: str, element: NodePattern) -> None:
        """Add a node to those that wait."""
        await self._before(element.labels, element.properties)
        self.nodes[name] = element

    async def link(self, names: tuple[str, str, str], element: RelationshipPattern) -> None:
        """Add a relationship to those that wait."""
        await self._before(element.types, element.properties)
        self.links.append((names, element))

    async def flush(self) -> None:
        """Make what waits."""
        nodes, links = self.nodes, self.links
        self.nodes, self.links = {}, []
        if nodes:
            await _make_nodes(self.run, nodes, self.rows, merging=self.merging, more=self.more)
        if links:
            await _make_relationships(self.run, links, self.rows, merging=self.merging, more=self.more)

    async def _before(self, *parts: Located | None) -> None:
        """Make what waits when something else that is made needs it."""
        asked = frozenset().union(*(names_in(part) for part in parts if part is not None))
        if asked and asked & (self.nodes.keys() | {names[1] for names, _ in self.links}):
            await self.flush()


async def _make_nodes(run: Run, nodes: dict[str, NodePattern], rows: Rows, *, merging: bool, more: More) -> None:
    wanted: list[NewNode] = []
    for name, element in nodes.items():
        labels = await all_labels(run, element.labels, rows)
        properties = await all_properties(run, element.properties, rows, nulls=not merging)
        _add(properties, more.get(name))
        wanted += map(NewNode, labels, properties)
    made = iter(await run.transaction.create_nodes(wanted))
    for name in nodes:
        for row in rows:
            row[name] = next(made)
    run.counters.nodes_created += len(wanted)
    _count(run, (each.properties for each in wanted), sum(len(each.labels) for each in wanted))


async def _make_relationships(
    run: Run,
    links: list[tuple[tuple[str, str, str], RelationshipPattern]],
    rows: Rows,
    *,
    merging: bool,
    more: More,
) -> None:
    wanted = []
    for (left, name, right), element in links:
        kinds = await all_labels(run, element.types, rows)
        properties = await all_properties(run, element.properties, rows, nulls=not merging)
        _add(properties, more.get(name))
        for row, (kind, *_), held in zip(rows, kinds, properties, strict=True):
            start, end = _end(run, row, left, element.at), _end(run, row, right, element.at)
            if element.direction == "in":
                start, end = end, start
            wanted.append(NewRelationship(kind, start.id, end.id, held))
    made = iter(await run.transaction.create_relationships(wanted))
    for (_, name, _), _ in links:
        for row in rows:
            row[name] = next(made)
    run.counters.relationships_created += len(wanted)
    _count(run, (each.properties for each in wanted), 0)


def _add(properties: Sequence[dict[str, Any]], more: Sequence[Mapping[str, Any]] | None) -> None:
    for held, further in zip(properties, more or (), strict=False):
        held.update(further)


def _end(run: Run, row: Row, name: str, at: int) -> Node:
    held = row.get(name)
    if not isinstance(held, Node):
        problem = "The start or end of this relationship is null or not a node."
        raise run.error("InvalidArgumentType", problem, at, type="TypeError", hint="Filter such rows with WHERE.")
    if run.own(held.id, at) in run.gone:
        problem = "The start or end of this relationship was deleted earlier in this query."
        raise run.error("DeletedEntityAccess", problem, at, type="EntityNotFound")
    return held


def _count(run: Run, properties: Iterable[Any], labels: int) -> None:
    run.counters.properties_set += sum(map(len, properties))
    run.counters.labels_added += labels
