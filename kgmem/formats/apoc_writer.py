"""Writes the JSON Lines that Neo4j's apoc.import.json reads."""

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.entity import Entity
from kgmem.domain.relationship import Relationship
from kgmem.formats.apoc_points import place_value
from kgmem.formats.records import Record, WriteOptions, kind_of
from kgmem.formats.vertices import Flattening, Held

# Neo4j finds the ends of a relationship by their labels; those of so many nodes are remembered to name them.
REMEMBERED: Final = 500_000


class APOCWriter:
    """Writes each record as one line: entities, episodes and sources as nodes."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._kind = options.kind
        self._flattening = Flattening()
        self.lost: Mapping[str, int] = self._flattening.lost
        self._labels: dict[str, tuple[str, ...]] = {}
        self._shared: dict[tuple[str, ...], tuple[str, ...]] = {}  # One tuple for all nodes of the same labels.

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        for record in records:
            if self._kind in {None, kind_of(record)}:
                shape = self._edge(record) if isinstance(record, Relationship) else self._node(record)
                self._stream.write(orjson.dumps(shape, option=orjson.OPT_APPEND_NEWLINE))

    def close(self) -> None:
        """Do nothing: each record was written when it came."""

    def _node(self, record: Held) -> dict[str, Any]:
        vertex = self._flattening.vertex(record)
        labels = tuple(vertex.labels)
        if labels and isinstance(record, Entity) and len(self._labels) < REMEMBERED:
            self._labels[vertex.id] = self._shared.setdefault(labels, labels)
        properties = dict(vertex.properties)
        if isinstance(record, Entity) and record.place is not None and "place" in properties:
            properties["place"] = place_value(record.place.geometry)
        return {"type": "node", "id": vertex.id, "labels": labels, "properties": properties}

    def _edge(self, record: Relationship) -> dict[str, Any]:
        edge = self._flattening.edge(record)
        return {
            "type": "relationship",
            "id": edge.id,
            "label": edge.kind,
            "properties": edge.properties,
            "start": self._end(edge.start),
            "end": self._end(edge.end),
        }

    def _end(self, id_: str) -> dict[str, Any]:
        labels = self._labels.get(id_)
        return {"id": id_, "labels": labels} if labels else {"id": id_}
