"""Records as nodes and relationships of Neo4j, and back.

kgmem writes each node under a label of its own and a property `kgmem_id`, by which it is found again. Beside it stand
`kgmem_labels`, where the labels alone do not tell what an entity's are and in which order, and `kgmem_json`, which
names the properties whose text is JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final

import orjson

from kgmem.bridges.neo4j.statements import ID
from kgmem.bridges.neo4j.values import as_instant, as_json, as_property
from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.space.place import parse_place
from kgmem.formats.property_graph.elements import (
    KEY,
    PREFIX,
    EdgeIds,
    Flattening,
    Held,
    edge_record,
    joined,
    parted,
    vertex_record,
)
from kgmem.formats.records import Record, kind_of

LABELS: Final = PREFIX + "labels"
JSON: Final = PREFIX + "json"
DEFAULT_LABEL: Final = "Kgmem"
_OWN = frozenset({ID, LABELS, JSON})
_INSTANTS = frozenset({"valid_from", "valid_to"})


@dataclass(frozen=True, slots=True)
class Node:
    """What is written of one node."""

    id: str
    labels: tuple[str, ...]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """What is written of one relationship."""

    id: str
    kind: str
    start: str
    end: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Shaping:
    """Shapes records as they are written, under a label and a property for keys."""

    label: str = DEFAULT_LABEL
    key: str = ID
    # Keys are ids as they are only where all scopes see them, whatever else the database holds already.
    flattening: Flattening = field(default_factory=lambda: Flattening(plain=SHARED))

    def node(self, record: Held) -> Node:
        """Return the node of an entity, an episode or a source."""
        vertex = self.flattening.vertex(record)
        id_ = vertex.id if isinstance(record, Entity) else _marked_id(record, vertex.properties)
        labels = list(dict.fromkeys(vertex.labels))
        properties = self._properties(vertex.properties, id_)
        if len(vertex.labels) > 1 or self.label in labels:
            properties[LABELS] = list(vertex.labels)
        return Node(id_, tuple(dict.fromkeys((self.label, *labels))), properties)

    def link(self, record: Relationship) -> Link:
        """Return the relationship of Neo4j that a relationship is, after all entities were given."""
        edge = self.flattening.edge(record)
        told = dict(edge.properties)
        # What has no key is known by its kind, its ends and when it begins.
        id_ = f"@{record.valid_from or ''}" if record.key is None else record.key
        if record.scope != SHARED:
            id_ = f"{record.scope}#{id_}"
            told |= {KEY: record.key} if record.key is not None else {}
        properties = _held(parted(told, _OWN)) | {ID: id_}
        return Link(id_, edge.kind, edge.start, edge.end, properties)

    def _properties(self, told: Mapping[str, Any], id_: str) -> dict[str, Any]:
        reserved = _OWN | {self.key}
        if told.get(self.key) == id_:
            reserved -= {self.key}
        return _held(parted(told, reserved)) | {ID: id_, self.key: id_}


@dataclass(frozen=True, slots=True)
class Unshaping:
    """Makes records of what a server stores."""

    label: str = DEFAULT_LABEL
    key: str | None = None  # The property that is an entity's key; None: kgmem's own, else the id that the server gave.
    edge_ids: EdgeIds = "between"

    def node(self, id_: str, labels: Sequence[str], properties: Mapping[str, Any], natural: Any = None) -> Held:
        """Return the record that a node is. Raises InvalidInput."""
        told = _read(properties)
        own = told.get(ID)
        mine = isinstance(own, str)
        key = natural_key(natural) or (own if isinstance(own, str) else id_)
        named = self._labels(labels, told.get(LABELS), mine)
        plain = {name: value for name, value in told.items() if name not in _OWN} if mine else told
        found = vertex_record(key, named, joined(plain, _OWN) if mine else plain)
        point = _only_point(properties) if isinstance(found, Entity) and found.place is None and not mine else None
        # As with lat and lon, the point stays a property.
        return replace(found, place=parse_place(point)) if isinstance(found, Entity) and point else found

    def link(self, id_: str, kind: str, ends: tuple[str, str], properties: Mapping[str, Any]) -> Record:
        """Return the record that a relationship between two keys is. Raises InvalidInput."""
        told = _read(properties)
        own = told.get(ID)
        if not isinstance(own, str):
            return edge_record(kind, ends, told, id_=id_, ids=self.edge_ids)
        plain = {name: value for name, value in told.items() if name not in _OWN}
        return edge_record(kind, ends, joined(plain, _OWN), id_=own, ids="key")

    def _labels(self, labels: Sequence[str], told: Any, mine: bool) -> list[str]:
        """Return an entity's labels: in the order in which kgmem wrote them, as long as they are the same."""
        if not mine:
            return list(labels)
        if isinstance(told, list) and {*told, self.label} == {*labels, self.label}:
            return told
        return [name for name in labels if name != self.label]


def natural_key(value: Any) -> str | None:
    """Return a property's value as a key; None where it makes none."""
    told = as_json(value)
    if isinstance(told, bool | list | dict) or told is None:
        return None
    return str(told) or None


def _marked_id(record: Episode | Source, properties: Mapping[str, Any]) -> str:
    """Return the id of an episode or a source, which is no entity's, and the same for the same one."""
    key = record.key
    if key is None:
        key = blake2b(orjson.dumps(properties, option=orjson.OPT_SORT_KEYS), digest_size=12).hexdigest()
    id_ = f"{PREFIX}{kind_of(record)}:{key}"
    return f"{record.scope}#{id_}" if isinstance(record, Episode) and record.scope != SHARED else id_


def _held(properties: Mapping[str, Any]) -> dict[str, Any]:
    held: dict[str, Any] = {}
    texts: list[str] = []
    for name, value in properties.items():
        held[name], is_json = as_property(value)
        if is_json:
            texts.append(name)
    return held | {JSON: texts} if texts else held


def _read(properties: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: as_instant(value) if name in _INSTANTS else as_json(value) for name, value in properties.items()}
    texts = told.get(JSON)
    for name in texts if isinstance(texts, list) and ID in told else ():
        if isinstance(told.get(name), str):
            try:
                told[name] = orjson.loads(told[name])
            except orjson.JSONDecodeError:
                continue  # Somebody wrote another text since.
    return told


def _only_point(properties: Mapping[str, Any]) -> Any:
    """Return the point of the one property that is a point on the earth; None where there are several, or none."""
    found = [as_json(value) for value in properties.values() if getattr(value, "srid", None) in {4326, 4979}]
    if len(found) != 1:
        return None
    try:
        parse_place(found[0])
    except InvalidInput:
        return None
    return found[0]
