"""The JSON that Neo4j's APOC exports (apoc.export.json.*) and imports: one node or relationship a line.

Its other forms (ARRAY_JSON, JSON, JSON_ID_AS_KEYS) are one document, which is read up to a size.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, BinaryIO, Final

import orjson

from kgmem.domain.entity import Entity
from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.place import parse_place
from kgmem.formats.apoc_points import geometry_of, only_point
from kgmem.formats.apoc_writer import APOCWriter
from kgmem.formats.graph_labels import DEFAULT_KIND
from kgmem.formats.json_values import read_json
from kgmem.formats.lines import LONGEST_LINE, numbered_lines
from kgmem.formats.records import Format, Located, ReadOptions, Record, Rejected, rejected
from kgmem.formats.vertices import EdgeIds, edge_ids, edge_record, vertex_record

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
    """Give the records of a stream; of a document, each with its number in place of a line. Raises InvalidInput."""
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
    """Give the records of numbered lines; of one that is too long (None) a rejection."""
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
    """Give the record that an object of APOC states. Raises InvalidInput."""
    if not isinstance(shape, dict) or str(shape.get("type")) not in _FIELDS:
        raise InvalidInput(
            "This is neither a node nor a relationship of APOC.",
            mend='They are {"type": "node", ...} and {"type": "relationship", "start": {...}, "end": {...}, ...}.',
        )
    unknown = sorted(shape.keys() - _FIELDS[shape["type"]])
    if unknown:
        raise InvalidInput(f"APOC writes no field {unknown[0]!r}.", mend="Put values of your own into properties.")
    properties = shape.get("properties") or {}
    if not isinstance(properties, dict):
        raise InvalidInput("properties is no object.", mend="Give an object.")
    properties = _without_zones(properties)
    if shape["type"] == "node":
        return _node(_key(shape, "a node", keys.property), shape, properties)
    if not all(isinstance(shape.get(end), dict) for end in ("start", "end")):
        raise InvalidInput("start or end is no object.", mend='Give {"id": ...} for each.')
    kind = shape.get("label") or DEFAULT_KIND
    if not isinstance(kind, str):
        raise InvalidInput("label is no text.", mend="Give the relationship's type.")
    id_ = _id(shape, "a relationship") if shape.get("id") is not None else None
    start, end = (_key(shape[name], name, keys.property) for name in ("start", "end"))
    return edge_record(kind, (start, end), properties, id_=id_, ids=keys.ids)


def _node(key: str, shape: Mapping[str, Any], properties: dict[str, Any]) -> Record:
    labels = shape.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
        raise InvalidInput("labels is no list of texts.", mend="Give a list of texts.")
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
    """Give the key of a node, or of the one that an end names with its properties."""
    if name is not None:
        properties = shape.get("properties")
        if not isinstance(properties, dict):
            raise InvalidInput(
                f"{what} does not tell its properties, and so not its {name}.",
                mend="Export with writeNodeProperties: true, or leave out the option key.",
            )
        value = properties.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            return str(value)
    return _id(shape, what)


def _id(shape: Mapping[str, Any], what: str) -> str:
    id_ = shape.get("id")
    if isinstance(id_, bool) or not isinstance(id_, str | int):
        raise InvalidInput(
            f"The id of {what} is missing or no text.", mend="Give each node an id, and name it at ends."
        )
    return str(id_)


def _begins_document(raw: bytes) -> bool:
    """Say whether a file is one document: an array, or an object that is no line of its own."""
    start = raw.lstrip()
    if start.startswith(b"["):
        return True
    return start.strip() == b"{" or re.match(rb'\{\s*"(nodes|rels)"\s*:', start) is not None


def _too_large() -> TooLarge:
    return TooLarge(
        f"The JSON document is larger than {LARGEST_DOCUMENT} bytes.",
        mend="Export one object a line: apoc.export.json.all(FILE, {jsonFormat: 'JSON_LINES'}).",
    )


def _document(first: bytes, stream: BinaryIO, keys: _Keys) -> Iterator[Located | Rejected]:
    raw = first + stream.read(LARGEST_DOCUMENT)
    if len(raw) > LARGEST_DOCUMENT:
        raise _too_large()
    document = read_json(raw, mend="Is the file complete?")
    for number, shape in enumerate(_shapes(document), start=1):
        try:
            yield Located(number, _record(shape, keys))
        except InvalidInput as error:
            yield rejected(number, str(error), orjson.dumps(shape).decode())


def _shapes(document: Any) -> Iterator[Any]:
    """Give the nodes and relationships of an array, or of an object with `nodes` and `rels`."""
    if isinstance(document, list):
        yield from document
        return
    if not isinstance(document, dict) or document.keys() - {"nodes", "rels"}:
        raise InvalidInput("The JSON document is none of APOC's.", mend="Give nodes and rels, or a list of both.")
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
