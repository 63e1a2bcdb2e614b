"""Values in the typed JSON of Neo4j's Query API v2: {"$type": "Integer", "_value": "1"}."""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.errors import ValueProblem
from kgmem.query.values.durations import Duration, parse_duration
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time
from kgmem.query.values.points import Point, point_of
from kgmem.query.values.text import (
    parse_date,
    parse_date_time,
    parse_local_date_time,
    parse_local_time,
    parse_time,
)

ElementIds = Callable[[int], str]
_POINT = re.compile(r"SRID=(\d{1,6});\s*POINT(?: Z)?\s*\(([^()]{1,200})\)")
_DEEPEST = 100


def _tagged(name: str, value: Any) -> dict[str, Any]:
    return {"$type": name, "_value": value}


def typed(value: Any, node_ids: ElementIds) -> dict[str, Any]:
    """Return a value in typed JSON; `node_ids` gives the element ids of the nodes at the ends of relationships."""
    if isinstance(value, list | tuple):
        return _tagged("List", [typed(each, node_ids) for each in value])
    if isinstance(value, Node | Relationship | Path):
        return _element(value, node_ids)
    if isinstance(value, Mapping):
        return _tagged("Map", {name: typed(each, node_ids) for name, each in value.items()})
    if isinstance(value, DateTime):
        return _tagged("ZonedDateTime" if value.zone else "OffsetDateTime", str(value))
    name, write = _WRITERS[type(value)]
    return _tagged(name, write(value))


def _element(value: Node | Relationship | Path, node_ids: ElementIds) -> dict[str, Any]:
    if isinstance(value, Path):
        return _tagged("Path", [typed(each, node_ids) for each in value.elements])
    if isinstance(value, Node):
        return _tagged("Node", _node(value, node_ids))
    return _tagged("Relationship", _relationship(value, node_ids))


def _node(node: Node, node_ids: ElementIds) -> dict[str, Any]:
    properties = {name: typed(each, node_ids) for name, each in node.properties.items()}
    return {"_element_id": node.element_id, "_labels": list(node.labels), "_properties": properties}


def _relationship(link: Relationship, node_ids: ElementIds) -> dict[str, Any]:
    return {
        "_element_id": link.element_id,
        "_start_node_element_id": node_ids(link.start),
        "_end_node_element_id": node_ids(link.end),
        "_type": link.type,
        "_properties": {name: typed(each, node_ids) for name, each in link.properties.items()},
    }


def _float(value: float) -> str:
    return repr(value) if math.isfinite(value) else "NaN" if math.isnan(value) else _infinite(value)


def _infinite(value: float) -> str:
    return "Infinity" if value > 0 else "-Infinity"


def _point(value: Point) -> str:
    kind = "POINT" if value.z is None else "POINT Z"
    return f"SRID={value.srid};{kind} ({' '.join(map(repr, value.coordinates))})"


_WRITERS: Mapping[type, tuple[str, Callable[[Any], Any]]] = {
    type(None): ("Null", lambda value: value),
    bool: ("Boolean", lambda value: value),
    int: ("Integer", str),
    float: ("Float", _float),
    str: ("String", lambda value: value),
    Date: ("Date", str),
    LocalTime: ("LocalTime", str),
    Time: ("Time", str),
    LocalDateTime: ("LocalDateTime", str),
    Duration: ("Duration", str),
    Point: ("Point", _point),
    bytes: ("Base64", lambda value: base64.b64encode(value).decode()),
}


def untyped(plain: Any, depth: int = 0) -> Any:
    """Return the value that typed JSON stands for; what has no type is taken as it is. Raises ValueProblem."""
    if depth > _DEEPEST:
        raise ValueProblem(f"A parameter is nested more than {_DEEPEST} levels deep.")
    if isinstance(plain, list):
        return [untyped(each, depth + 1) for each in plain]
    if not isinstance(plain, dict):
        return plain
    if "$type" not in plain:
        return {name: untyped(each, depth + 1) for name, each in plain.items()}
    value = plain.get("_value")
    name = plain["$type"]
    if name in {"List", "Map"}:
        return untyped(value, depth + 1)
    try:
        return _READERS[name](value)
    except ValueProblem:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
        raise ValueProblem(f"Invalid typed value of the Query API: {str(plain)[:100]}.") from error


def _parsed_point(text: str) -> Point:
    found = _POINT.fullmatch(text)
    if found is None:
        raise ValueProblem(f"Invalid point {text[:60]!r}.", hint="Write SRID=4326;POINT (lon lat).")
    return point_of(int(found[1]), tuple(map(float, found[2].split())))


def _integer(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueProblem(f"{text[:40]} does not fit into a 64-bit integer.", detail="NumberOutOfRange")
    return value


def _real(text: str) -> float:
    value = float(text)
    if math.isinf(value) and str(text).lstrip("+-").lower() not in {"infinity", "inf"}:
        raise ValueProblem(f"{str(text)[:40]} is too large for a number.", detail="NumberOutOfRange")
    return value


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "Null": lambda _value: None,
    "Boolean": bool,
    "Integer": _integer,
    "Float": _real,
    "String": str,
    "Base64": lambda value: base64.b64decode(value, validate=True),
    "Date": parse_date,
    "Time": parse_time,
    "LocalTime": parse_local_time,
    "DateTime": parse_date_time,
    "OffsetDateTime": parse_date_time,
    "ZonedDateTime": parse_date_time,
    "LocalDateTime": parse_local_date_time,
    "Duration": parse_duration,
    "Point": _parsed_point,
}
