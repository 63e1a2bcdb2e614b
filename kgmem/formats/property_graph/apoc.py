"""The JSON that Neo4j's APOC exports (apoc.export.json.*) and imports: one node or relationship a line.

Its other forms (ARRAY_JSON, JSON, JSON_ID_AS_KEYS) are one document, which is read up to a size.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.io.json_values import read_json
from kgmem.formats.io.lines import LONGEST_LINE, numbered_lines
from kgmem.formats.property_graph.elements import EdgeIds, Flattening, Held, edge_ids, edge_record, vertex_record
from kgmem.formats.property_graph.labels import DEFAULT_KIND
from kgmem.formats.records import Format, Located, ReadOptions, Record, Rejected, WriteOptions, kind_of, rejected

# Points as Neo4j's APOC writes them into JSON, and places as such points.

_SRIDS = {2: "wgs-84", 3: "wgs-84-3d"}


def geometry_of(value: Any) -> dict[str, Any] | None:
    """Return the GeoJSON point of {"crs": "wgs-84", "latitude": ..., "longitude": ...}; None for anything else."""
    if not isinstance(value, Mapping) or not str(value.get("crs", "")).startswith("wgs-84"):
        return None
    held = [value.get(name) for name in ("longitude", "latitude", "height")]
    numbers = [number for number in held if isinstance(number, int | float) and not isinstance(number, bool)]
    is_whole = len(numbers) >= 2 and numbers == (held if held[2] is not None else held[:2])
    if not is_whole or not -180 <= numbers[0] <= 180 or not -90 <= numbers[1] <= 90:
        return None
    return {"type": "Point", "coordinates": numbers}


def only_point(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the point of the one property that is a point on the earth; None where there are several, or none."""
    found = [geometry for geometry in map(geometry_of, properties.values()) if geometry is not None]
    return found[0] if len(found) == 1 else None


def place_value(geometry: Mapping[str, Any]) -> Any:
    """Return a place as APOC writes a point; any other geometry, which Neo4j has not, as GeoJSON in a text."""
    held: Sequence[Any] = geometry.get("coordinates", ())
    if geometry.keys() == {"type", "coordinates"} and geometry["type"] == "Point" and len(held) in _SRIDS:
        height = held[2] if len(held) > 2 else None
        return {"crs": _SRIDS[len(held)], "latitude": held[1], "longitude": held[0], "height": height}
    return orjson.dumps(geometry).decode()


# Writes the JSON Lines that Neo4j's apoc.import.json reads.

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


LARGEST_DOCUMENT: Final = 32 * 1024 * 1024
_FIELDS = {
    "node": frozenset({"type", "id", "labels", "properties"}),
    "relationship": frozenset({"type", "id", "label", "start", "end", "properties"}),
}
_TIMES = ("valid_from", "valid_to")
_ZONED = re.compile(r"([+-]?\d{4,}-\d{2}-\d{2}T[\d:.]+(?:Z|[+-][\d:]+))\[[\w/+-]+\]")


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the keys of entities and relationships are made of."""

    property: str | None  # Of nodes, whose id is the key of those without it.
    ids: EdgeIds


def read(stream: BinaryIO, options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of a stream; of a document, each with its number in place of a line. Raises InvalidInput."""
    lines = numbered_lines(stream, LARGEST_DOCUMENT)  # A document may stand on one line.
    first = next(((line, raw) for line, raw in lines if raw is None or not raw.isspace()), None)
    if first is None:
        return
    if first[1] is None:
        raise _too_large()
    if _begins_document(first[1]):
        yield from _document(first[1], stream, _keys(options))
        return
    yield from read_lines(chain([first], lines), options)


def read_lines(lines: Iterable[tuple[int, bytes | None]], options: ReadOptions) -> Iterator[Located | Rejected]:
    """Return the records of numbered lines; of one that is too long (None) a rejection."""
    keys = _keys(options)
    for line, raw in lines:
        if raw is None or len(raw) > LONGEST_LINE:
            yield rejected(line, f"The line is longer than {LONGEST_LINE} bytes.", "")
        elif not raw.isspace():
            try:
                yield Located(line, _record(read_json(raw), keys))
            except InvalidInput as error:
                yield rejected(line, str(error), raw.decode(errors="replace").rstrip("\r\n"))


def _record(shape: Any, keys: _Keys) -> Record:
    """Return the record that an object of APOC states. Raises InvalidInput."""
    if not isinstance(shape, dict) or str(shape.get("type")) not in _FIELDS:
        raise InvalidInput(
            "This is neither a node nor a relationship of APOC.",
            hint='They are {"type": "node", ...} and {"type": "relationship", "start": {...}, "end": {...}, ...}.',
        )
    unknown = sorted(shape.keys() - _FIELDS[shape["type"]])
    if unknown:
        raise InvalidInput(f"APOC writes no field {unknown[0]!r}.", hint="Put values of your own into properties.")
    properties = shape.get("properties") or {}
    if not isinstance(properties, dict):
        raise InvalidInput("properties is no object.", hint="Give an object.")
    properties = _without_zones(properties)
    if shape["type"] == "node":
        return _node(_key(shape, "a node", keys.property), shape, properties)
    if not all(isinstance(shape.get(end), dict) for end in ("start", "end")):
        raise InvalidInput("start or end is no object.", hint='Give {"id": ...} for each.')
    kind = shape.get("label") or DEFAULT_KIND
    if not isinstance(kind, str):
        raise InvalidInput("label is no text.", hint="Give the relationship's type.")
    id_ = _id(shape, "a relationship") if shape.get("id") is not None else None
    start, end = (_key(shape[name], name, keys.property) for name in ("start", "end"))
    return edge_record(kind, (start, end), properties, id_=id_, ids=keys.ids)


def _node(key: str, shape: Mapping[str, Any], properties: dict[str, Any]) -> Record:
    labels = shape.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InvalidInput("labels is no list of texts.", hint="Give a list of texts.")
    place = geometry_of(properties.get("place"))
    if place is not None:
        properties["place"] = place
    found = vertex_record(key, labels, properties)
    point = only_point(properties) if isinstance(found, Entity) and found.place is None else None
    # As with lat and lon, the point stays a property, as Neo4j knows it.
    return replace(found, place=parse_place(point)) if isinstance(found, Entity) and point else found


def _without_zones(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Take the name of the zone off valid times, which have its offset too: 2020-01-01T00:00+01:00[Europe/Paris]."""
    return {
        name: _ZONED.sub(r"\1", value) if name in _TIMES and isinstance(value, str) else value
        for name, value in properties.items()
    }


def _keys(options: ReadOptions) -> _Keys:
    return _Keys(options.options.get("key") or None, edge_ids(options.options))


def _key(shape: Mapping[str, Any], what: str, name: str | None) -> str:
    """Return the key of a node, or of the one that an end names with its properties."""
    if name is not None:
        properties = shape.get("properties")
        if not isinstance(properties, dict):
            raise InvalidInput(
                f"{what} does not tell its properties, and so not its {name}.",
                hint="Export with writeNodeProperties: true, or omit the option key.",
            )
        value = properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return _id(shape, what)


def _id(shape: Mapping[str, Any], what: str) -> str:
    id_ = shape.get("id")
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        raise InvalidInput(
            f"The id of {what} is missing or no text.", hint="Give each node an id, and name it at ends."
        )
    return str(id_)


def _begins_document(raw: bytes) -> bool:
    """Return whether a file is one document: an array, or an object that is no line of its own."""
    start = raw.lstrip()
    if start.startswith(b"["):
        return True
    return start.strip() == b"{" or re.match(rb'\{\s*"(nodes|rels)"\s*:', start) is not None


def _too_large() -> TooLarge:
    return TooLarge(
        f"The JSON document is larger than {LARGEST_DOCUMENT} bytes.",
        hint="Export one object a line: apoc.export.json.all(FILE, {jsonFormat: 'JSON_LINES'}).",
    )


def _document(first: bytes, stream: BinaryIO, keys: _Keys) -> Iterator[Located | Rejected]:
    raw = first + stream.read(LARGEST_DOCUMENT)
    if len(raw) > LARGEST_DOCUMENT:
        raise _too_large()
    document = read_json(raw, hint="Is the file complete?")
    for number, shape in enumerate(_shapes(document), start=1):
        try:
            yield Located(number, _record(shape, keys))
        except InvalidInput as error:
            yield rejected(number, str(error), orjson.dumps(shape).decode())


def _shapes(document: Any) -> Iterator[Any]:
    """Return the nodes and relationships of an array, or of an object with `nodes` and `rels`."""
    if isinstance(document, list):
        yield from document
        return
    if not isinstance(document, dict) or document.keys() - {"nodes", "rels"}:
        raise InvalidInput("The JSON document is none of APOC's.", hint="Give nodes and rels, or a list of both.")
    for group in ("nodes", "rels"):
        held = document.get(group) or []
        yield from held.values() if isinstance(held, dict) else held


FORMAT = Format(
    "apoc",
    (),
    read,
    APOCWriter,
    options={
        "key": "reading: the property that is a node's key; without it, and for nodes that have none, their id is",
        "edge_ids": "reading: a relationship's id counts between its ends (between), is its key (key), or not (ignore)",
    },
)
