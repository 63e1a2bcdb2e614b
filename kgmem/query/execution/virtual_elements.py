"""Nodes and relationships of another graph: ids are unique in one graph only, so they get a virtual id here."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from kgmem.query.evaluation.environment import Row
from kgmem.query.values import Node, Path, Relationship
from kgmem.query.values.elements import drawn_id

_DRAWN_FROM = 1 << 20  # Procedures draw with lower numbers.


@dataclass(slots=True)
class VirtualElements:
    """Nodes and relationships of other graphs with their virtual ids; the same one always gets the same id."""

    drawn: dict[tuple[str, int], int] = field(default_factory=dict)
    home: dict[int, tuple[str, Node | Relationship]] = field(default_factory=dict)

    def led(self, value: Any, start: str, end: str) -> Any:
        """Return a value of the graph `start` as it is seen in the graph `end`."""
        if isinstance(value, Node | Relationship):
            return self._element(value, start, end)
        if isinstance(value, Path):
            nodes = tuple(self.led(each, start, end) for each in value.nodes)
            return Path(nodes, tuple(self.led(each, start, end) for each in value.relationships))
        if isinstance(value, list):
            return [self.led(each, start, end) for each in value]
        if isinstance(value, dict):
            return {name: self.led(each, start, end) for name, each in value.items()}
        return value

    def row(self, row: Mapping[str, Any], start: str, end: str) -> Row:
        """Return a row as it is seen in another graph."""
        return {name: self.led(value, start, end) for name, value in row.items()}

    def _element(self, value: Node | Relationship, start: str, end: str) -> Node | Relationship:
        graph, own = self.home.get(value.id, (start, value))
        if graph == end:
            return own
        if own is not value:  # Of a third graph.
            return value
        new, told = self._drawn(start, value.id), f"{start}:{value.element_id}"
        self.home[new] = (start, value)
        if isinstance(value, Node):
            return replace(value, id=new, element_id=told)
        left, right = self._drawn(start, value.start), self._drawn(start, value.end)
        return replace(value, id=new, element_id=told, start=left, end=right)

    def _drawn(self, graph: str, id_: int) -> int:
        number = self.drawn.setdefault((graph, id_), len(self.drawn))
        return drawn_id(_DRAWN_FROM + number)
