"""Records as vertices and edges, and back, for graph formats that know nothing else.

An entity is a vertex and a relationship an edge. Episodes and sources become vertices too, which a
property marks as what they are, so that a graph written whole is read back whole.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Literal, TypeAlias

import orjson

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import Field, stated_fields
from kgmem.domain.graph.batch import BatchKind
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, visible_from
from kgmem.domain.space.place import Place, parse_place
from kgmem.domain.time.interval import parse_time, valid_interval
from kgmem.formats.records import kind_of
from kgmem.formats.wire import FIELDS, from_wire, to_wire
from kgmem.formats.wkt import geojson_of, is_wkt

# Between records and the property graphs of other systems, where a vertex or an edge is nothing but its properties.
# Reading: which of its properties are more than that (a name, a valid time, a place). Writing: the same, flattened,
# so that what was written reads back as the same record.

# What other systems have words of their own for keeps kgmem's name before it: their `source` is seldom a source.
PREFIX = "kgmem_"
VECTOR = PREFIX + "embedding"
_SHARED_WORDS = frozenset({"name", "text", "valid_from", "valid_to", "place"})
# What a vertex or an edge has beside its properties.
_BESIDE = frozenset({"key", "label", "labels", "kind", "start", "end", "properties", "version", "derived_from"})
_FIELDS: Final[Mapping[BatchKind, Mapping[str, Field]]] = {
    "entity": {field.name: field for field in stated_fields(Entity) if field.name not in _BESIDE},
    "relationship": {field.name: field for field in stated_fields(Relationship) if field.name not in _BESIDE},
}
# Field -> the property that it is.
NAMES: Final[Mapping[BatchKind, Mapping[str, str]]] = {
    what: {name: name if name in _SHARED_WORDS else PREFIX + name for name in fields}
    for what, fields in _FIELDS.items()
}
# Numbers that say where something is; they stay properties too, as the other system knows them.
COORDINATES = (("lon", "lat"), ("longitude", "latitude"), ("lng", "lat"), ("long", "lat"))
_LATITUDES = frozenset(pair[1] for pair in COORDINATES)
_PARALLEL = "~"  # Before the key of a relationship that has none of its own.


def entity(key: str, labels: Sequence[str], properties: Mapping[str, Any]) -> Entity:
    """Return the entity that a vertex with these labels (the first is its type) and properties is.

    `name`, `text`, `valid_from`, `valid_to` and `place` (GeoJSON or WKT) become the fields, and so do their like with
    `kgmem_` before them; `lat` and `lon` (or `latitude` and `longitude`) make a place and stay properties. What does
    not read as a field stays a property. Raises InvalidInput when an interval ends before it starts, or for what no
    entity may have.
    """
    fields, rest = _lifted("entity", properties)
    place = fields.get("place") or _point(rest)
    held = {name: value for name, value in fields.items() if name != "place"}
    _read("entity", {"key": key, "labels": list(labels), "properties": rest, **held})
    return Entity(
        key=key,
        label=labels[0] if labels else None,
        labels=list(labels[1:]) or None,
        properties=rest,
        place=place,
        **held,
    )


def relationship(
    kind: str, ends: tuple[str, str], properties: Mapping[str, Any], *, key: str | None = None, parallel: bool = True
) -> Relationship:
    """Return the relationship that an edge with these ends (keys) and properties is.

    Other systems hold many edges of one kind between the same two; without a key of its own, such an edge gets one
    made of all that it says, so that each stays and the same file twice changes nothing. `parallel=False` leaves it
    out, and edges of the same kind, ends and valid_from become one. Raises InvalidInput.
    """
    fields, rest = _lifted("relationship", properties)
    told = {"kind": kind, "from": ends[0], "to": ends[1], "properties": rest, **fields}
    _read("relationship", told | ({"key": key} if key is not None else {}))
    found = Relationship(kind=kind, start=ends[0], end=ends[1], key=key, properties=rest, **fields)
    return found if key is not None or not parallel else with_content_key(found)


def content_key(kind: str, start: str, end: str, properties: Mapping[str, Any]) -> str:
    """Return the key of a relationship that has none: made of all that it says, as `relationship_properties` has it."""
    data = orjson.dumps([kind, start, end, properties], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return _PARALLEL + blake2b(data, digest_size=12).hexdigest()


def with_content_key(found: Relationship) -> Relationship:
    """Return a relationship a key made of all that it says, so that another of its kind and ends stays beside it."""
    return replace(found, key=_content_key_of(found))


def entity_properties(held: Entity) -> dict[str, Any]:
    """Return all that an entity says beside its key and labels as one flat map of JSON values."""
    flat = _flat("entity", held)
    if held.place is not None:
        own = _point(held.properties)
        if own is None or own.geometry != dict(held.place.geometry):
            flat["place"] = dict(held.place.geometry)
    return flat


def relationship_properties(held: Relationship) -> dict[str, Any]:
    """Return all that a relationship says beside its key, kind and ends as one flat map of JSON values."""
    return _flat("relationship", held)


def relationship_key(held: Relationship) -> str | None:
    """Return a relationship's key; None where it would get the same again from what it says."""
    if held.key is None or not held.key.startswith(_PARALLEL):
        return held.key
    return None if _content_key_of(held) == held.key else held.key


def _lifted(what: BatchKind, properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part properties into fields and what stays."""
    fields: dict[str, Any] = {}
    names = NAMES[what]
    for known, name in names.items():
        if name in properties:
            value = _as_field(_FIELDS[what][known], properties[name])
            if value is not None:
                fields[known] = value
    if not fields:
        return fields, dict(properties)
    taken = {names[field] for field in fields}
    rest = {_unescaped(name, taken): value for name, value in properties.items() if name not in taken}
    if "valid_from" in fields or "valid_to" in fields:
        valid_interval(fields.get("valid_from"), fields.get("valid_to"))
    return fields, rest


def _flat(what: BatchKind, held: Entity | Relationship) -> dict[str, Any]:
    fields = {name: getattr(held, field) for field, name in NAMES[what].items() if field != "place"}
    said = {
        name: list(map(float, value)) if name == VECTOR else value
        for name, value in fields.items()
        if value is not None and (name == VECTOR or value != "")
    }
    taken = said.keys() | ({"place"} if isinstance(held, Entity) and held.place else set())
    return {_escaped(name, taken): value for name, value in held.properties.items()} | said


def _escaped(name: str, taken: Any) -> str:
    """Return a property that bears the name of a field which is there an underscore more."""
    return name + "_" if name.rstrip("_") in taken else name


def _unescaped(name: str, taken: Any) -> str:
    return name[:-1] if name.endswith("_") and name.rstrip("_") in taken else name


def _as_field(field: Field, value: Any) -> Any:
    """Return a property's value as the field of its name holds it; None where it is none."""
    if field.type == "place":
        return _place(value)
    if field.type == "vector":
        return _vector(value)
    if field.is_number:
        is_number = isinstance(value, int | float) and field.allows(value)
        return (value if field.type == "integer" else float(value)) if is_number else None
    if field.type == "time":
        return _time(value)
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> str | None:
    """Return a time as kgmem writes it; a bare number is a year."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        parse_time(str(value))
    except InvalidInput:
        return None
    return str(value)


def _vector(value: Any) -> Vector | None:
    numbers = isinstance(value, list) and all(type(item) in {int, float} for item in value)
    return [float(item) for item in value] if numbers and value else None


def _place(value: Any) -> Place | None:
    """Return the place that a GeoJSON geometry, its text, or a WKT text describes; None for anything else."""
    try:
        if isinstance(value, str) and is_wkt(value):
            return parse_place(geojson_of(value))
        told = orjson.loads(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
        return parse_place(told) if isinstance(told, Mapping) else None
    except (InvalidInput, ValueError):
        return None


def _point(properties: Mapping[str, Any]) -> Place | None:
    """Return the point that two of the properties name, when both are degrees."""
    if _LATITUDES.isdisjoint(properties):
        return None
    for pair in COORDINATES:
        values = [properties.get(name) for name in pair]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
            try:
                return parse_place([float(value) for value in values if value is not None])
            except InvalidInput:
                return None
    return None


def _read(what: BatchKind, told: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a value is none that the field may have."""
    known = FIELDS[what]
    for name, value in told.items():
        known[name][1](value, name)


def _content_key_of(found: Relationship) -> str:
    return content_key(found.kind, found.start, found.end, relationship_properties(found))


MARKER: Final = PREFIX + "kind"  # Of a vertex that is an episode or a source, and says so.
KEY: Final = PREFIX + "key"  # The key of what is known in the file by another id.
ENDS: Final = (PREFIX + "from", PREFIX + "to")  # The keys of an edge's ends, likewise.
KEYLESS: Final = PREFIX + "keyless"  # True for an edge that is known by its kind, ends and valid_from alone.
LOST_VECTORS: Final = "embeddings"
_LABELS = {"episode": "Episode", "source": "Source"}
_RENAMED = {name: PREFIX + name for name in ("key", "source", "scope")}
_RESERVED = frozenset({*FIELDS["episode"], *_RENAMED.values(), MARKER})

Held: TypeAlias = Entity | Episode | Source
EdgeIds = Literal["between", "key", "ignore"]


@dataclass(frozen=True, slots=True)
class Vertex:
    """One node: its id in the file, its labels, the first of which is its type, and its properties."""

    id: str
    labels: Sequence[str]
    properties: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Edge:
    """One directed edge between the nodes of two ids."""

    id: str
    kind: str
    start: str
    end: str
    properties: Mapping[str, Any]


@dataclass(slots=True)
class Flattening:
    """Turns records into vertices and edges whose ids are unique in one file, and counts what that loses.

    A node's id is its entity's key. Where a graph holds several scopes, the same key may stand in two of them: then
    the id of a scoped one is `scope#key`, and only for these are the keys remembered.
    """

    lost: Counter[str] = field(default_factory=Counter)
    vectors: bool = True  # Whether a property may hold a list of some hundred numbers.
    plain: str | None = None  # The scope whose keys are ids as they are: the first one met.
    _scoped: set[tuple[str, str]] = field(default_factory=set)
    _counted: int = 0

    def vertex(self, record: Held) -> Vertex:
        """Return the vertex of an entity, an episode or a source."""
        if not isinstance(record, Entity):
            return self._marked(record)
        self.plain = record.scope if self.plain is None else self.plain
        if record.scope != SHARED:
            self._scoped.add((record.scope, record.key))
        if record.embedding is not None and not self.vectors:
            self.lost[LOST_VECTORS] += 1
            record = replace(record, embedding=None)
        labels = [*([record.label] if record.label else []), *(record.labels or ())]
        id_, properties = self._id(record.scope, record.key), entity_properties(record)
        return Vertex(id_, labels, properties if id_ == record.key else {**properties, KEY: record.key})

    def edge(self, record: Relationship) -> Edge:
        """Return the edge of a relationship, after all entities were given."""
        properties = relationship_properties(record)
        id_ = record.key
        if record.key is None:
            self._counted += 1
            id_ = f"e{self._counted}"
            properties[KEYLESS] = True
        elif not record.key.startswith("~"):
            properties[KEY] = relationship_key(record)
        keys = (record.start, record.end)
        start, end = (self._end(record.scope, key) for key in keys)
        properties |= {name: key for name, key, id_of in zip(ENDS, keys, (start, end), strict=True) if id_of != key}
        return Edge(str(id_), record.kind, start, end, properties)

    def _marked(self, record: Episode | Source) -> Vertex:
        kind = kind_of(record)
        shape = to_wire(record)
        own = {_escaped_name(name): value for name, value in shape.pop("properties", {}).items()}
        told = {_RENAMED.get(name, name): value for name, value in shape.items()}
        self._counted += record.key is None
        id_ = f"{kind}:{record.key if record.key is not None else self._counted}"
        scope = record.scope if isinstance(record, Episode) else SHARED
        return Vertex(f"{scope}#{id_}" if scope else id_, [_LABELS[kind]], {MARKER: kind, **own, **told})

    def _id(self, scope: str, key: str) -> str:
        return key if scope == self.plain else f"{scope}#{key}"

    def _end(self, scope: str, key: str) -> str:
        """Return the id of the nearest entity of that key which a relationship of this scope sees."""
        for seen in reversed(visible_from(scope)):
            if (seen, key) in self._scoped:
                return self._id(seen, key)
        return key if self.plain in {None, SHARED} else self._id(SHARED, key)


def vertex_record(id_: str, labels: Sequence[str], properties: Mapping[str, Any]) -> Held:
    """Return the record that a vertex is. Raises InvalidInput."""
    kind = str(properties.get(MARKER))
    if kind not in _LABELS:
        own = {name: value for name, value in properties.items() if name != KEY}
        return entity(_text(properties.get(KEY), id_), labels, own)
    known = {_RENAMED.get(name, name): name for name in FIELDS["episode" if kind == "episode" else "source"]}
    shape: dict[str, Any] = {known[name]: value for name, value in properties.items() if name in known}
    own = {_unescaped_name(name): value for name, value in properties.items() if name not in known and name != MARKER}
    if own and kind == "episode":
        shape["properties"] = own
    record = from_wire("episode" if kind == "episode" else "source", shape)
    assert isinstance(record, Episode | Source)  # noqa: S101  # What from_wire builds of these two.
    return record


def edge_record(
    kind: str, ends: tuple[str, str], properties: Mapping[str, Any], *, id_: str | None, ids: EdgeIds = "between"
) -> Relationship:
    """Return the relationship that an edge is. Raises InvalidInput.

    Most tools number edges, each file from the start, so an edge's id counts only between its two ends: two files may
    use the same, and an edge that changed is still the same one. `ids="key"` takes ids for keys as they are.
    """
    start, end = (_text(properties.get(name), id_of) for name, id_of in zip(ENDS, ends, strict=True))
    told = {name: value for name, value in properties.items() if name not in {KEY, KEYLESS, *ENDS}}
    if properties.get(KEYLESS) is True:
        return relationship(kind, (start, end), told, parallel=False)
    key = properties.get(KEY)
    return relationship(kind, (start, end), told, key=key if isinstance(key, str) else _edge_key(id_, ends, ids))


def edge_ids(options: Mapping[str, str]) -> EdgeIds:
    """Return what the option `edge_ids` says. Raises InvalidInput."""
    said = options.get("edge_ids", "between")
    for known in ("between", "key", "ignore"):
        if said == known:
            return known
    raise InvalidInput(f"edge_ids={said!r} is no way to read the ids of edges.", hint="Give between, key or ignore.")


def edge_key(id_: str, ends: tuple[str, str]) -> str:
    """Return the key of an edge whose id counts between its two ends, which are given by their ids."""
    # What begins with ~ was made by kgmem, and is unique already.
    return id_ if id_.startswith("~") else "~" + blake2b(orjson.dumps([*ends, id_]), digest_size=12).hexdigest()


def parted(properties: Mapping[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    """Return properties whose names keep clear of what a format needs for itself, by an underscore more."""
    return {name + "_" if name.rstrip("_") in reserved else name: value for name, value in properties.items()}


def joined(properties: Mapping[str, Any], reserved: frozenset[str]) -> dict[str, Any]:
    """Return properties as they were before `parted`."""
    return {
        name[:-1] if name.endswith("_") and name.rstrip("_") in reserved else name: value
        for name, value in properties.items()
    }


def _edge_key(id_: str | None, ends: tuple[str, str], ids: EdgeIds) -> str | None:
    if id_ is None or id_ == "" or ids == "ignore":
        return None
    return id_ if ids == "key" else edge_key(id_, ends)


def _text(value: Any, otherwise: str) -> str:
    return value if isinstance(value, str) else otherwise


def _escaped_name(name: str) -> str:
    return name + "_" if name.rstrip("_") in _RESERVED else name


def _unescaped_name(name: str) -> str:
    return name[:-1] if name.endswith("_") and name.rstrip("_") in _RESERVED else name
