"""Points as Neo4j's APOC writes them into JSON, and places as such points."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

_SRIDS = {2: "wgs-84", 3: "wgs-84-3d"}


def geometry_of(value: Any) -> dict[str, Any] | None:
    """Give the GeoJSON point of {"crs": "wgs-84", "latitude": ..., "longitude": ...}; None for anything else."""
    if not isinstance(value, Mapping) or not str(value.get("crs", "")).startswith("wgs-84"):
        return None
    held = [value.get(name) for name in ("longitude", "latitude", "height")]
    numbers = [number for number in held if isinstance(number, int | float) and not isinstance(number, bool)]
    is_whole = len(numbers) >= 2 and numbers == (held if held[2] is not None else held[:2])
    if not is_whole or not -180 <= numbers[0] <= 180 or not -90 <= numbers[1] <= 90:
        return None
    return {"type": "Point", "coordinates": numbers}


def only_point(properties: Mapping[str, Any]) -> dict[str, Any] | None:
    """Give the point of the one property that is a point on the earth; None where there are several, or none."""
    found = [geometry for geometry in map(geometry_of, properties.values()) if geometry is not None]
    return found[0] if len(found) == 1 else None


def place_value(geometry: Mapping[str, Any]) -> Any:
    """Give a place as APOC writes a point; any other geometry, which Neo4j has not, as GeoJSON in a text."""
    held: Sequence[Any] = geometry.get("coordinates", ())
    if geometry.keys() == {"type", "coordinates"} and geometry["type"] == "Point" and len(held) in _SRIDS:
        height = held[2] if len(held) > 2 else None
        return {"crs": _SRIDS[len(held)], "latitude": held[1], "longitude": held[0], "height": height}
    return orjson.dumps(geometry).decode()
