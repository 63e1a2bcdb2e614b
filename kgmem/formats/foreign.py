"""Between records and the property graphs of other systems, where a vertex or an edge is nothing but its properties.

Reading: which of its properties are more than that (a name, a valid time, a place). Writing: the same, flattened, so
that what was written reads back as the same record.
"""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from kgmem.domain.embedding import Vector
from kgmem.domain.entity import Entity
from kgmem.domain.errors import InvalidInput
from kgmem.domain.interval import parse_time, valid_interval
from kgmem.domain.place import Place, parse_place
from kgmem.domain.relationship import Relationship
from kgmem.formats.wire import FIELDS
from kgmem.formats.wkt import geojson_of, is_wkt

# What other systems have words of their own for keeps kgmem's name before it: their `source` is seldom a source.
PREFIX = "kgmem_"
VECTOR = PREFIX + "embedding"
_LIFTED = {
    "entity": ("name", "text", "valid_from", "valid_to", "place"),
    "relationship": ("text", "valid_from", "valid_to"),
}
_PREFIXED = {
    "entity": ("source", "scope", "embedding"),
    "relationship": ("strength", "confidence", "source", "scope"),
}
# Field -> the property that it is.
_NAMES = {
    what: {**{field: field for field in fields}, **{field: PREFIX + field for field in _PREFIXED[what]}}
    for what, fields in _LIFTED.items()
}
# Numbers that say where something is; they stay properties too, as the other system knows them.
COORDINATES = (("lon", "lat"), ("longitude", "latitude"), ("lng", "lat"), ("long", "lat"))
_LATITUDES = frozenset(pair[1] for pair in COORDINATES)
_PARALLEL = "~"  # Before the key of a relationship that has none of its own.


def entity(key: str, labels: Sequence[str], properties: Mapping[str, Any]) -> Entity:
    """Give the entity that a vertex with these labels (the first is its type) and properties is.

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
    """Give the relationship that an edge with these ends (keys) and properties is.

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
    """Give the key of a relationship that has none: made of all that it says, as `relationship_properties` has it."""
    data = orjson.dumps([kind, start, end, properties], option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return _PARALLEL + blake2b(data, digest_size=12).hexdigest()


def with_content_key(found: Relationship) -> Relationship:
    """Give a relationship a key made of all that it says, so that another of its kind and ends stays beside it."""
    return Relationship(
        kind=found.kind,
        start=found.start,
        end=found.end,
        key=_content_key_of(found),
        properties=found.properties,
        text=found.text,
        valid_from=found.valid_from,
        valid_to=found.valid_to,
        strength=found.strength,
        confidence=found.confidence,
        source=found.source,
        scope=found.scope,
    )


def entity_properties(held: Entity) -> dict[str, Any]:
    """Give all that an entity says beside its key and labels as one flat map of JSON values."""
    flat = _flat("entity", held)
    if held.place is not None:
        own = _point(held.properties)
        if own is None or own.geometry != dict(held.place.geometry):
            flat["place"] = dict(held.place.geometry)
    return flat


def relationship_properties(held: Relationship) -> dict[str, Any]:
    """Give all that a relationship says beside its key, kind and ends as one flat map of JSON values."""
    return _flat("relationship", held)


def relationship_key(held: Relationship) -> str | None:
    """Give a relationship's key; None where it would get the same again from what it says."""
    if held.key is None or not held.key.startswith(_PARALLEL):
        return held.key
    return None if _content_key_of(held) == held.key else held.key


def _lifted(what: str, properties: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part properties into fields and what stays."""
    fields: dict[str, Any] = {}
    names = _NAMES[what]
    for field, name in names.items():
        if name in properties:
            value = _as_field(field, properties[name])
            if value is not None:
                fields[field] = value
    if not fields:
        return fields, dict(properties)
    taken = {names[field] for field in fields}
    rest = {_unescaped(name, taken): value for name, value in properties.items() if name not in taken}
    if "valid_from" in fields or "valid_to" in fields:
        valid_interval(fields.get("valid_from"), fields.get("valid_to"))
    return fields, rest


def _flat(what: str, held: Entity | Relationship) -> dict[str, Any]:
    fields = {name: getattr(held, field) for field, name in _NAMES[what].items() if field != "place"}
    said = {
        name: list(map(float, value)) if name == VECTOR else value
        for name, value in fields.items()
        if value is not None and (name == VECTOR or value != "")
    }
    taken = said.keys() | ({"place"} if isinstance(held, Entity) and held.place else set())
    return {_escaped(name, taken): value for name, value in held.properties.items()} | said


def _escaped(name: str, taken: Any) -> str:
    """Give a property that bears the name of a field which is there an underscore more."""
    return name + "_" if name.rstrip("_") in taken else name


def _unescaped(name: str, taken: Any) -> str:
    return name[:-1] if name.endswith("_") and name.rstrip("_") in taken else name


def _as_field(field: str, value: Any) -> Any:
    """Give a property's value as the field of its name holds it; None where it is no such thing."""
    if field == "place":
        return _place(value)
    if field == "embedding":
        return _vector(value)
    if field in {"strength", "confidence"}:
        return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
    if field in {"valid_from", "valid_to"}:
        return _time(value)
    return value if isinstance(value, str) and value else None


def _time(value: Any) -> str | None:
    """Give a time as kgmem writes it; a bare number is a year."""
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
    """Give the place that a GeoJSON geometry, its text, or a WKT text describes; None for anything else."""
    try:
        if isinstance(value, str) and is_wkt(value):
            return parse_place(geojson_of(value))
        told = orjson.loads(value) if isinstance(value, str) and value.lstrip().startswith("{") else value
        return parse_place(told) if isinstance(told, Mapping) else None
    except (InvalidInput, ValueError):
        return None


def _point(properties: Mapping[str, Any]) -> Place | None:
    """Give the point that two of the properties name, when both are degrees."""
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


def _read(what: str, told: Mapping[str, Any]) -> None:
    """Raise InvalidInput where a value is none that the field may have."""
    known = FIELDS[what]  # type: ignore[index]  # The two kinds are literals above.
    for name, value in told.items():
        known[name][1](value, name)


def _content_key_of(found: Relationship) -> str:
    return content_key(found.kind, found.start, found.end, relationship_properties(found))
