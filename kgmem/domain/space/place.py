"""Places: GeoJSON geometries, the point that stands for one, and the box around it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kgmem.domain.errors import InvalidInput

_DEPTHS = {"Point": 0, "MultiPoint": 1, "LineString": 1, "MultiLineString": 2, "Polygon": 2, "MultiPolygon": 3}
_PARTS = {"MultiPoint", "MultiLineString", "MultiPolygon"}
_WITH_RINGS = {"Polygon", "MultiPolygon"}
_SHORTEST_RING = 4  # Positions, of which the last is the first (RFC 7946, section 3.1.6).
Position = tuple[float, float]  # Longitude and latitude, in degrees.
_HALF_ROUND = 180.0
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


def parse_place(value: Any, *, stored: bool = False) -> Place:
    """Return the place that a GeoJSON geometry or a pair [lon, lat] describes. Raises InvalidInput.

    The rings of polygons are closed, unless the place was `stored` by whoever did not look.

    The point of anything larger than a point is the middle of its box; of several parts the middle of the narrowest
    stretch of longitudes that holds them all, so that what is split at 180 degrees stands where it is.
    """
    geometry: Any = {"type": "Point", "coordinates": value} if isinstance(value, list | tuple) else value
    if not isinstance(geometry, Mapping) or str(geometry.get("type")) not in _DEPTHS:
        raise InvalidInput(
            "place is not a GeoJSON geometry.",
            hint='Give {"type": "Point", "coordinates": [lon, lat]}, a Polygon or another geometry of RFC 7946.',
        )
    depth = _DEPTHS[geometry["type"]]
    found = list(positions(geometry.get("coordinates"), depth))
    if not found:
        raise InvalidInput("place has no coordinates.", hint="Give at least one [lon, lat].")
    if not stored and geometry["type"] in _WITH_RINGS:
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        for ring in (ring for polygon in polygons for ring in polygon):
            _check_ring(ring)
    lons, lats = [p[0] for p in found], [p[1] for p in found]
    box = (min(lons), min(lats), max(lons), max(lats))
    lon = (box[0] + box[2]) / 2
    if geometry["type"] in _PARTS and box[2] - box[0] > _HALF_ROUND:
        lon = _middle([[p[0] for p in positions(part, depth - 1)] for part in geometry["coordinates"]])
    return Place(dict(geometry), lon, (box[1] + box[3]) / 2, box)


def _check_ring(ring: Sequence[Any]) -> None:
    if len(ring) < _SHORTEST_RING:
        raise InvalidInput(
            f"A ring of place has {len(ring)} positions.", hint="Give at least four, the last being the first."
        )
    if list(ring[0]) != list(ring[-1]):
        raise InvalidInput(
            f"A ring of place begins at {list(ring[0])} and ends at {list(ring[-1])}.",
            hint="Close it: its last position is its first.",
        )


def _middle(parts: Sequence[Sequence[float]]) -> float:
    """Return the middle of the narrowest stretch of longitudes that holds all parts: opposite to the widest gap."""
    stretches = sorted((min(lons), max(lons)) for lons in parts if lons)
    west, east = stretches[0][0], stretches[0][1]
    gaps = []
    for start, end in stretches[1:]:
        gaps.append((start - east, start, east))
        east = max(east, end)
    width, start, _ = max([*gaps, (west + 360 - east, west, east)])
    middle = start + (360 - width) / 2
    return middle - 360 if middle > 180 else middle


def positions(value: Any, depth: int) -> Iterator[Position]:
    """Return the positions in a GeoJSON geometry's coordinates, so many lists deep. Raises InvalidInput."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise InvalidInput("A place's coordinates are lists of numbers.", hint="Give [lon, lat].")
    if depth:
        for part in value:
            yield from positions(part, depth - 1)
        return
    numbers = [v for v in value if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) != len(value) or not 2 <= len(numbers) <= 3:
        raise InvalidInput("A position is two or three numbers.", hint="Give [lon, lat], longitude first.")
    if not all(-_FURTHEST < number < _FURTHEST for number in numbers):
        raise InvalidInput("A coordinate is too large.", hint="Give degrees, and the height in metres.")
    lon, lat = float(numbers[0]), float(numbers[1])
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInput(
            f"[{lon}, {lat}] is not on the earth.",
            hint="Longitude (-180 to 180) comes first, latitude (-90 to 90) second.",
        )
    yield lon, lat
