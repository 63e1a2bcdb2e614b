"""What a statement gives of each part of a pattern, and how it becomes nodes and relationships."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kgmem.query.planning.column_pruning import ALL, IDENTITY
from kgmem.query.planning.steps import LinkPart, NodePart
from kgmem.query.values import Node
from kgmem.query.values.agtype import from_agtype
from kgmem.store.cypher.properties import link_properties, node_of, node_properties, property_of, relationship_of
from kgmem.store.db.sql import NOTHING, SQL, compose
from kgmem.store.graph.layout import Layout, label_id

if TYPE_CHECKING:
    from kgmem.store.cypher.match import MatchStatement


@dataclass(slots=True)
class RowCache:
    """Caches what the rows of one answer contain: the texts of the rows of label tables, and nodes, by id."""

    texts: dict[int, str] = field(default_factory=dict)
    nodes: dict[int, Node] = field(default_factory=dict)


Reader = Callable[[Sequence[Any], RowCache], Any]
_FIRST = 3  # The columns before those of the parts.


class ResultShapes:
    """The columns of a statement that tell of its parts, and what reads each part out of a row."""

    def __init__(self, statement: "MatchStatement") -> None:
        """Take a statement whose tables and conditions are complete."""
        self.columns: list[SQL] = []
        self.readers: list[Reader] = []
        self._statement = statement
        self._layout = statement.layout
        for part in statement.pattern.parts:
            self.readers.append(self._part(part))

    def _part(self, part: NodePart | LinkPart) -> Reader:
        sought = self._statement.sought
        need = sought.needs.get(part.name)
        if part.bound or need is None:
            return lambda _row, _seen: None
        id_ = self._statement.ids[part.name]
        asked = sorted(need - {IDENTITY})
        if isinstance(part, LinkPart) and part.repeats:
            return self._plain(id_)
        if sought.folded and ALL not in need and IDENTITY not in need and isinstance(part, NodePart):
            return self._folded(part, id_, asked)
        if not asked or not self._statement.lean:
            return self._plain(id_) if asked or IDENTITY in need or not sought.folded else lambda _row, _seen: None
        if isinstance(part, LinkPart):
            return self._link(part, id_)
        return self._node(part, id_)

    def _add(self, column: SQL) -> int:
        self.columns.append(column)
        return _FIRST + len(self.columns) - 1

    def _plain(self, id_: SQL) -> Reader:
        at = self._add(id_)
        return lambda row, _seen: row[at]

    def _properties(self, part: NodePart, id_: SQL) -> SQL:
        alias = self._statement.rows.get(part.name)
        return node_properties(self._layout, part, id_) if alias is None else compose("{}.properties", alias)

    def _folded(self, part: NodePart, id_: SQL, asked: list[str]) -> Reader:
        properties = self._properties(part, id_) if asked else NOTHING
        if asked and not properties:
            return self._plain(id_)
        # As text, since 1 and 1.0 are equal to AGE.
        places = [(name, self._add(compose("agtype_out({})::text", property_of(properties, name)))) for name in asked]

        def read(row: Sequence[Any], _seen: RowCache) -> Node:
            held = {name: from_agtype(row[at]) for name, at in places if row[at] is not None}
            return Node(0, (), held, "0")

        return read

    def _node(self, part: NodePart, id_: SQL) -> Reader:
        properties = self._properties(part, id_)
        at = self._add(id_)
        if not properties:
            return lambda row, _seen: row[at]
        text, layout = self._add(properties), self._layout

        def read(row: Sequence[Any], seen: RowCache) -> Any:
            found, told = row[at], row[text]
            if told is None:
                return found
            held = seen.nodes.get(found)
            if held is None:
                held = seen.nodes[found] = node_of(found, _name(layout, found), told)
                seen.texts[found] = told
            return held

        return read

    def _link(self, part: LinkPart, id_: SQL) -> Reader:
        properties = link_properties(self._layout, part, id_)
        at = self._add(id_)
        if not properties:
            return lambda row, _seen: row[at]
        alias = self._statement.edges[part.name]
        start, end = self._add(compose("{}.source", alias)), self._add(compose("{}.target", alias))
        text, layout = self._add(properties), self._layout

        def read(row: Sequence[Any], seen: RowCache) -> Any:
            found, told = row[at], row[text]
            if told is None:
                return found
            seen.texts[found] = told
            return relationship_of(found, _name(layout, found), (row[start], row[end]), told)

        return read


def _name(layout: Layout, id_: int) -> str:
    return layout.by_id[label_id(id_)].name
