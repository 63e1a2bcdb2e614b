"""Values as JSON, and back: what JSON has not is a map with the key $type.

{"$type": "date", "value": "1969-07-20"}            time, localtime, datetime, localdatetime and duration too
{"$type": "point", "srid": 4326, "value": [lon, lat]}
{"$type": "bytes", "value": "AAECAw=="}             in Base64
{"$type": "float", "value": "NaN"}                  and Infinity, -Infinity
{"$type": "node", "id": 1, "element_id": "...", "labels": [...], "properties": {...}}
{"$type": "relationship", "id": 2, "element_id": "...", "type": "KNOWS", "start": 1, "end": 3, "properties": {...}}
{"$type": "path", "nodes": [...], "relationships": [...]}
{"$type": "map", "value": {...}}                    a map that has the key $type itself
"""

import math
from collections.abc import Mapping
from typing import Any

from kgmem.query.errors import ValueProblem
from kgmem.query.values.agtype import TAG, restored, stored
from kgmem.query.values.elements import Node, Path, Relationship, small_id

_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_LEAST, _MOST = -(2**63), 2**63 - 1
_DEEPEST = 100


def to_json(value: Any) -> Any:
    """Return a value in the types of JSON."""
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if kind is float:
        return value if math.isfinite(value) else {TAG: "float", "value": _named(value)}
    if kind is list or kind is tuple:
        return [to_json(each) for each in value]
    if kind is Node or kind is Relationship or kind is Path:
        return _element(value)
    if isinstance(value, Mapping):
        plain = {name: to_json(each) for name, each in value.items()}
        return {TAG: "map", "value": plain} if TAG in plain else plain
    return stored(value)


def from_json(plain: Any, depth: int = 0) -> Any:
    """Return the value that JSON stands for: a parameter. Raises ValueProblem."""
    if depth > _DEEPEST:
        raise ValueProblem(f"A parameter is nested more than {_DEEPEST} levels deep.")
    kind = type(plain)
    if kind is list:
        return [from_json(each, depth + 1) for each in plain]
    if kind is int and not _LEAST <= plain <= _MOST:
        raise ValueProblem(f"{plain} does not fit into a 64-bit integer.", detail="NumberOutOfRange")
    if kind is not dict:
        return plain
    if TAG not in plain:
        return {name: from_json(each, depth + 1) for name, each in plain.items()}
    return _of_tagged(plain, depth)


def _of_tagged(plain: dict[str, Any], depth: int) -> Any:
    name, value = plain[TAG], plain.get("value")
    if name == "map" and type(value) is dict and len(plain) == 2:
        return {key: from_json(each, depth + 1) for key, each in value.items()}
    if name == "float" and isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    found = restored(plain)
    if type(found) is dict:
        hint = "Types are date, time, localtime, datetime, localdatetime, duration, point, bytes, float and map."
        raise ValueProblem(f"Unsupported typed value: {str(plain)[:100]}.", hint=hint)
    return found


def _named(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _element(value: Node | Relationship | Path) -> dict[str, Any]:
    if isinstance(value, Path):
        return {
            TAG: "path",
            "nodes": [to_json(node) for node in value.nodes],
            "relationships": [to_json(link) for link in value.relationships],
        }
    properties = {name: to_json(each) for name, each in value.properties.items()}
    if isinstance(value, Node):
        head = {TAG: "node", "id": small_id(value.id), "element_id": value.element_id, "labels": list(value.labels)}
        return {**head, "properties": properties}
    return {
        TAG: "relationship",
        "id": small_id(value.id),
        "element_id": value.element_id,
        "type": value.type,
        "start": small_id(value.start),
        "end": small_id(value.end),
        "properties": properties,
    }
