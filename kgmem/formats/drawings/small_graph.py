"""A graph that is small enough to be drawn: its entities and relationships by name, with a limit on how many."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from kgmem.domain.errors import TooLarge
from kgmem.domain.fields import stored_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.elements import Flattening
from kgmem.formats.records import Kind, Record, kind_of

# What a drawing leaves out, in words; other fields go by their names.
_WORDS = {
    "text": "texts",
    "place": "places",
    "valid_from": "valid times",
    "valid_to": "ends of valid times",
    "strength": "strengths",
    "confidence": "confidences",
    "source": "sources of facts",
}
_DRAWN = frozenset({"name", "labels"})


@dataclass(slots=True)
class SmallGraph:
    """The nodes (id -> name, labels) and edges (ids, kind) of a drawing, and what it omits."""

    format: str
    most_nodes: int
    most_edges: int
    kind: Kind | None
    nodes: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    edges: list[tuple[str, str, str]] = field(default_factory=list)
    _flattening: Flattening = field(default_factory=lambda: Flattening(vectors=False))

    @property
    def lost(self) -> Counter[str]:
        """What was omitted, in words, each with how often."""
        return self._flattening.lost

    def add(self, records: Iterable[Record]) -> None:
        """Take some records. Raises TooLarge when there are more than can be drawn."""
        for record in records:
            kind = kind_of(record)
            if self.kind not in {None, kind}:
                continue
            if isinstance(record, Entity):
                vertex = self._flattening.vertex(record)
                self.nodes[vertex.id] = (record.name or record.key, tuple(vertex.labels))
                self._lose(record)
            elif isinstance(record, Relationship):
                edge = self._flattening.edge(record)
                self.edges.append((edge.start, edge.end, edge.kind))
                self._lose(record)
            else:
                self.lost["episodes" if kind == "episode" else "sources"] += 1
            self._check()

    def ends(self) -> Mapping[str, tuple[str, tuple[str, ...]]]:
        """Return all nodes, those included that only edges name."""
        named = {id_: (id_, ()) for start, end, _ in self.edges for id_ in (start, end)}
        return named | self.nodes

    def _lose(self, record: Entity | Relationship) -> None:
        left_out = [field.name for field in stored_fields(type(record)) if field.role == "value"]
        held = {_WORDS.get(name, name): getattr(record, name) for name in left_out if name not in _DRAWN}
        self.lost.update({words for words, value in held.items() if value is not None and value != ""})
        if record.properties:
            self.lost["properties"] += len(record.properties)

    def _check(self) -> None:
        for what, held, most in (("nodes", self.nodes, self.most_nodes), ("edges", self.edges, self.most_edges)):
            if len(held) > most:
                raise TooLarge(
                    f"{self.format} draws at most {most} {what}, and the graph has more.",
                    hint="Export one scope, or to GraphML or GEXF for Gephi.",
                )
