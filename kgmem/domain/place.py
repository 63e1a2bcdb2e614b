"""Places: GeoJSON geometries, the point that stands for one, and the box around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import InvalidInput

_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_FURTHEST = 1e12  # Neither NaN nor infinity is within it.


@dataclass(frozen=True, slots=True)
class Place:
    """Where something is: a GeoJSON geometry in degrees (lon, lat; WGS 84, RFC 7946)."""

    geometry: Mapping[str, Any]
    lon: float
    lat: float
    box: tuple[float, float, float, float]  # west, south, east, north

    @property
    def area(self) -> str:
        """The box as Postgres writes one."""
        west, south, east, north = self.box
        return f"({west},{south}),({east},{north})"


def parse_place(value: Any) -> Place:
    """Give the place that a GeoJSON geometry or a pair [lon, lat] describes. Raises InvalidInput.

    The point of anything larger than a point is the middle of its box.
    """
    geometry: Any = {"type": "Point", "coordinates": value} if isinstance(value, list | tuple) else value
    if not isinstance(geometry, Mapping) or str(geometry.get("type")) not in _DEPTHS:
        raise InvalidInput(
            "place is not a GeoJSON geometry.",
            mend='Give {"type": "Point", "coordinates": [lon, lat]}, a Polygon or another geometry of RFC 7946.',
        )
    positions = list(_positions(geometry.get("coordinates"), _DEPTHS[geometry["type"]]))
    if not positions:
        raise InvalidInput("place has no coordinates.", mend="Give at least one [lon, lat].")
    lons, lats = [p[0] for p in positions], [p[1] for p in positions]
    box = (min(lons), min(lats), max(lons), max(lats))
    return Place(dict(geometry), (box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box)


def _positions(value: Any, depth: int) -> Iterator[tuple[float, float]]:
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidInput("A place's coordinates are lists of numbers.", mend="Give [lon, lat].")
    if depth:
        for part in value:
            yield from _positions(part, depth - 1)
        return
    numbers = [v for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != len(value) or not 2 <= len(numbers) <= 3:
        raise InvalidInput("A position is two or three numbers.", mend="Give [lon, lat], longitude first.")
    if not all(-_FURTHEST < number < _FURTHEST for number in numbers):
        raise InvalidInput("A coordinate is out of all bounds.", mend="Give degrees, and the height in metres.")
    lon, lat = float(numbers[0]), float(numbers[1])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInput(
            f"[{lon}, {lat}] is not on the earth.",
            mend="Longitude (-180 to 180) stands first, latitude (-90 to 90) second.",
        )
    yield lon, lat
