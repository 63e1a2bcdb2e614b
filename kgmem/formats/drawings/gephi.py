"""Writes the events that Gephi's graph streaming takes: one JSON object a line, `an` for a node, `ae` for an edge."""

from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import orjson

from kgmem.domain.graph.relationship import Relationship
from kgmem.formats.property_graph.elements import Flattening, Held, parted
from kgmem.formats.records import Format, Record, WriteOptions, kind_of

_OF_NODES = frozenset({"id", "label", "labels", "size", "r", "g", "b", "x", "y", "z"})
_OF_EDGES = frozenset({"id", "label", "source", "target", "directed", "r", "g", "b"})


class GephiWriter:
    """Writes each record as one event."""

    def __init__(self, stream: BinaryIO, options: WriteOptions) -> None:
        """Take the stream to write to."""
        self._stream = stream
        self._kind = options.kind
        self._flattening = Flattening(vectors=False)
        self.lost: Mapping[str, int] = self._flattening.lost

    def write(self, records: Iterable[Record]) -> None:
        """Write some records."""
        for record in records:
            if self._kind in {None, kind_of(record)}:
                event = self._edge(record) if isinstance(record, Relationship) else self._node(record)
                # Gephi takes a carriage return for the end of an event.
                self._stream.write(orjson.dumps(event) + b"\r\n")

    def close(self) -> None:
        """Do nothing: each record was written when it came."""

    def _node(self, record: Held) -> Mapping[str, Any]:
        vertex = self._flattening.vertex(record)
        place = getattr(record, "place", None)
        told = {"label": str(vertex.properties.get("name") or vertex.id), "labels": ";".join(vertex.labels)}
        position = {"x": place.lon, "y": place.lat} if place else {}
        return {"an": {vertex.id: told | position | _attributes(parted(vertex.properties, _OF_NODES))}}

    def _edge(self, record: Relationship) -> Mapping[str, Any]:
        edge = self._flattening.edge(record)
        directed = edge.properties.get("directed") is not False
        told = {"source": edge.start, "target": edge.end, "directed": directed, "label": edge.kind}
        return {"ae": {edge.id: told | _attributes(parted(edge.properties, _OF_EDGES))}}


def _attributes(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties as Gephi takes them: lists and maps as JSON texts."""
    return {
        name: value if isinstance(value, str | int | float) else orjson.dumps(value).decode()
        for name, value in properties.items()
    }


FORMAT = Format("gephi", (), writer=GephiWriter)
