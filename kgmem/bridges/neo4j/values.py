"""Values of the neo4j driver as JSON, and JSON as values that a property of Neo4j can hold."""

import base64
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import UUID

import orjson
from neo4j.spatial import CartesianPoint, Point, WGS84Point
from neo4j.time import Date, DateTime, Duration, Time

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import DAY, SECOND, iso

_GEOGRAPHIC: Final = {4326, 4979}
_CARTESIAN: Final = {7203: "cartesian", 9157: "cartesian-3d"}
_FRACTION = re.compile(r"(\.\d*?)0+(?=$|[+\-Z])")
_ALIKE = (bool, int, float, str)  # Neo4j holds lists of values of one of these types.


def as_json(value: Any) -> Any:
    """Return a value as JSON.

    Times and durations become ISO 8601, bytes base64, points GeoJSON or a map of x, y (z) and crs, vectors lists,
    floats that are not finite the texts NaN, Infinity and -Infinity. Raises InvalidInput.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    for types, read in _READERS:
        if isinstance(value, types):
            return read(value)
    # Classes that only some versions of the driver have, and what it could make no object of.
    if type(value).__name__ == "Vector":
        return as_json(value.to_native())
    if hasattr(value, "raw_data"):
        return _beyond(value)
    raise InvalidInput(
        f"A value is of a type that is not known here: {type(value).__name__}.",
        hint="Leave it out, or update the Python package neo4j.",
    )


def as_instant(value: Any) -> Any:
    """Return a value as JSON, a time without the name of its zone: its offset says when it is."""
    told = as_json(value)
    return told.partition("[")[0] if isinstance(value, DateTime) else told


def as_property(value: Any) -> tuple[Any, bool]:
    """Return what a property can hold of a JSON value, and whether that is a text of JSON.

    Texts, numbers, truth values and lists of one type of them are stored as they are; GeoJSON's points, and maps as
    `as_json` gives for other points, as points; any other map or list as JSON.
    """
    if isinstance(value, _ALIKE) or value is None:
        return value, False
    if isinstance(value, list) and all(type(item) is type(value[0]) and isinstance(item, _ALIKE) for item in value):
        return value, False
    point = _point(value) if isinstance(value, dict) else None
    return (point, False) if point is not None else (orjson.dumps(value).decode(), True)


def _beyond(broken: Any) -> str:
    """Return a time of a year that Python's calendar has not, before 1 or after 9999. Raises InvalidInput."""
    raw = broken.raw_data
    tag: bytes = getattr(raw, "tag", b"")
    fields: list[Any] = getattr(raw, "fields", [])
    if tag == b"D":
        return iso(fields[0] * DAY).partition("T")[0]
    if tag in {b"d", b"I"}:
        told = iso(fields[0] * SECOND + fields[1] // 1000)
        return told.removesuffix("Z") if tag == b"d" else told
    raise InvalidInput(
        f"A value is none that the Python package neo4j can read: {getattr(broken, 'error', tag)}.",
        hint="Leave it out, or update the package.",
    )


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _map(value: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): as_json(inner) for name, inner in value.items()}


def _list(value: Sequence[Any]) -> list[Any]:
    return [as_json(inner) for inner in value]


def _time(value: Date | Time | DateTime) -> str:
    text = _FRACTION.sub(lambda found: found[1].rstrip("."), value.iso_format(), count=1)
    text = text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text
    zone = getattr(getattr(value, "tzinfo", None), "zone", None)
    return f"{text}[{zone}]" if zone and zone != "UTC" else text


def _map_of(point: Point) -> dict[str, Any]:
    numbers = [float(number) for number in point]
    if point.srid in _GEOGRAPHIC and all(map(math.isfinite, numbers)):
        return {"type": "Point", "coordinates": numbers}
    named = {name: as_json(number) for name, number in zip("xyz", numbers, strict=False)}
    crs = _CARTESIAN.get(point.srid) if point.srid is not None else None
    return {**named, "crs": crs} if crs else {**named, "srid": point.srid}


def _point(value: Mapping[str, Any]) -> Point | None:
    """Return the point that a map is exactly; None for any other, and where a coordinate would come back as a float."""
    if value.keys() == {"type", "coordinates"} and value["type"] == "Point" and isinstance(value["coordinates"], list):
        at = value["coordinates"]
        if len(at) in {2, 3} and _are_floats(at) and -180 <= at[0] <= 180 and -90 <= at[1] <= 90:
            return WGS84Point(at)
    crs = {2: "cartesian", 3: "cartesian-3d"}.get(len(value) - 1)
    if crs is not None and value.get("crs") == crs and value.keys() == {*"xyz"[: len(value) - 1], "crs"}:
        at = [value[name] for name in "xyz"[: len(value) - 1]]
        return CartesianPoint(at) if _are_floats(at) else None
    return None


def _are_floats(numbers: list[Any]) -> bool:
    return all(isinstance(number, float) for number in numbers)


def _base64(value: bytes | bytearray) -> str:
    return base64.b64encode(value).decode()


def _duration(value: Duration) -> str:
    return value.iso_format()


_READERS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (float, _number),
    ((Date, Time, DateTime), _time),
    (Duration, _duration),
    (Point, _map_of),
    ((bytes, bytearray), _base64),
    (UUID, str),
    (Mapping, _map),
    ((list, tuple), _list),  # Last: points and durations are tuples too.
)
