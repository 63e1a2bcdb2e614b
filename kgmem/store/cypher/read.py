"""Nodes and relationships by id, out of AGE's label tables: one statement whatever their labels."""

import asyncio
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

import asyncpg

from kgmem.query.execution.graph import MatchQuery
from kgmem.query.tree.patterns import AnyLabel, LabelName, Labels, NotLabel
from kgmem.query.tree.traversal import children
from kgmem.query.values import Node, Relationship
from kgmem.store.cypher.properties import node_of, relationship_of
from kgmem.store.db.sql import SQL, compose, join, parameter
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, know_labels, label_id, learn_labels

_IN_THREAD = 1000  # Rows that take longer to read than a thread takes to be handed them.
BEGINS = frozenset({"=", "IN"})  # Operators of conditions at whose nodes a statement begins.


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads rows of label tables by id."""

    connection: asyncpg.Connection
    layout: Layout

    async def nodes(self, ids: Collection[int]) -> tuple[dict[int, Node], dict[int, str]]:
        """Return nodes by id, and the texts of their rows."""
        nodes, _, texts = await self.both(ids, ())
        return nodes, texts

    async def relationships(self, ids: Collection[int]) -> tuple[dict[int, Relationship], dict[int, str]]:
        """Return relationships by id, and the texts of their rows."""
        _, relationships, texts = await self.both((), ids)
        return relationships, texts

    async def both(
        self, nodes: Collection[int], relationships: Collection[int]
    ) -> tuple[dict[int, Node], dict[int, Relationship], dict[int, str]]:
        """Return nodes and relationships by id, and the texts of their rows, all by one statement."""
        groups = [
            *await self._groups(SQL("SELECT id, start_id, end_id, properties"), relationships, EDGE),
            *await self._groups(SQL("SELECT id, NULL::graphid, NULL::graphid, properties"), nodes, VERTEX),
        ]
        if not groups:
            return {}, {}, {}
        parts = (
            compose("{} FROM {} WHERE id = ANY ({})", columns, table, parameter(n, "graphid[]"))
            for n, (columns, table, _) in enumerate(groups, start=1)
        )
        rows = await self.connection.fetch(join(" UNION ALL ", parts), *(group for _, _, group in groups))

        def read() -> tuple[dict[int, Node], dict[int, Relationship], dict[int, str]]:
            by_id, found, held = self.layout.by_id, {}, {}
            for id_, start, end, text in rows:
                name = by_id[label_id(id_)].name
                if start is None:
                    found[id_] = node_of(id_, name, text)
                else:
                    held[id_] = relationship_of(id_, name, (start, end), text)
            return found, held, {row[0]: row[3] for row in rows}

        return await asyncio.to_thread(read) if len(rows) > _IN_THREAD else read()

    async def _groups(self, columns: SQL, ids: Collection[int], kind: int) -> list[tuple[SQL, SQL, list[int]]]:
        """Return what is read out of each label's table: columns, the table and ids."""
        groups: dict[int, list[int]] = defaultdict(list)
        for id_ in ids:
            groups[label_id(id_)].append(id_)
        await know_labels(self.connection, self.layout, (group[0] for group in groups.values()))
        return [
            (columns, self.layout.table(held), group)
            for label, group in sorted(groups.items())
            if (held := self.layout.by_id.get(label)) is not None and held.kind == kind
        ]


async def know_names(connection: asyncpg.Connection, layout: Layout, sought: MatchQuery) -> None:
    """Learn the labels that a pattern names, where another process made some since this one last looked."""
    pattern = sought.pattern
    asked = [
        *((VERTEX, each) for node in pattern.nodes for each in node.labels),
        *((EDGE, link.types) for link in pattern.links if link.types is not None),
    ]
    named = {node.name for node in pattern.nodes if node.labels}
    # A property of a node of any label is looked for in the tables of all labels; where the search begins at the node,
    # AGE's parent table stands for them.
    begun = set() if pattern.links else {each.name for each in sought.conditions if each.operator in BEGINS}
    anywhere = any(each.name not in named | begun for each in sought.conditions)
    if anywhere or any(_is_unknown(layout, kind, labels) for kind, labels in asked):
        await learn_labels(connection, layout)


def _is_unknown(layout: Layout, kind: int, labels: Labels) -> bool:
    if isinstance(labels, LabelName):
        return (kind, labels.name) not in layout.labels
    parts = (each for each in children(labels) if isinstance(each, Labels))
    return isinstance(labels, NotLabel | AnyLabel) or any(_is_unknown(layout, kind, each) for each in parts)
