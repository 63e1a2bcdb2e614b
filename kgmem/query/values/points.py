"""Points: on the earth (WGS 84) and in a plane or space (Cartesian)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kgmem.query.errors import ValueProblem, wrong_type

EARTH = 6_378_140.0  # The radius in metres that Neo4j reckons with, so that distances agree.
_NAMES = {4326: "wgs-84", 4979: "wgs-84-3d", 7203: "cartesian", 9157: "cartesian-3d"}
_SRIDS = {name: srid for srid, name in _NAMES.items()}
_GEOGRAPHIC = frozenset({4326, 4979})
_FLAT = {4326: 4326, 4979: 4326, 7203: 7203, 9157: 7203}
_DEEP = {4326: 4979, 4979: 4979, 7203: 9157, 9157: 9157}
_AXES = (("x", "longitude"), ("y", "latitude"), ("z", "height"))


@dataclass(frozen=True, slots=True)
class Point:
    """A point: the number of its coordinate system, and its coordinates (x or longitude first)."""

    srid: int
    x: float
    y: float
    z: float | None = None

    @property
    def geographic(self) -> bool:
        """Whether it is on the earth."""
        return self.srid in _GEOGRAPHIC

    @property
    def crs(self) -> str:
        """The name of its coordinate system."""
        return _NAMES[self.srid]

    @property
    def coordinates(self) -> tuple[float, ...]:
        """Its two or three coordinates."""
        return (self.x, self.y) if self.z is None else (self.x, self.y, self.z)

    def __str__(self) -> str:
        """Return it as Cypher writes one."""
        named = zip("xyz", self.coordinates, strict=False)
        return f"point({{srid:{self.srid}, {', '.join(f'{name}:{value!r}' for name, value in named)}}})"


def point_of(srid: int, coordinates: tuple[float, ...]) -> Point:
    """Return a point. Raises ValueProblem where the system is not known or the coordinates are none of it."""
    if srid not in _NAMES:
        hint = f"Coordinate systems are {', '.join(f'{number} ({name})' for number, name in _NAMES.items())}."
        raise ValueProblem(f"Unknown coordinate system {srid}.", hint=hint)
    if len(coordinates) != (2 if _FLAT[srid] == srid else 3):
        raise ValueProblem(f"A point in {_NAMES[srid]} cannot have {len(coordinates)} coordinates.")
    if not all(map(math.isfinite, coordinates)):
        raise ValueProblem("A coordinate must be a finite number.")
    x, y = coordinates[:2]
    if srid in _GEOGRAPHIC:
        if not -90 <= y <= 90:
            raise ValueProblem(f"The latitude is {y}, but must be from -90 to 90.")
        if not -180 <= x <= 180:
            x = (x + 180) % 360 - 180
    return Point(srid, x, y, coordinates[2] if len(coordinates) == 3 else None)


def point_of_map(parts: Mapping[str, Any]) -> Point | None:
    """Return the point that a map describes; None where a coordinate is null. Raises ValueProblem."""
    earth = any(name in parts for name in ("longitude", "latitude", "height"))
    found = [_coordinate(parts, names) for names in _AXES]
    if found[0] is _MISSING or found[1] is _MISSING:
        hint = "Use x and y, or longitude and latitude, and z or height for a third."
        raise ValueProblem("A point needs two coordinates.", hint=hint)
    given = [each for each in found if each is not _MISSING]
    if None in given or ("srid" in parts and parts["srid"] is None) or ("crs" in parts and parts["crs"] is None):
        return None
    srid = _srid(parts, earth=earth)
    srid = srid if "srid" in parts or "crs" in parts else (_DEEP if len(given) == 3 else _FLAT)[srid]
    if earth and srid not in _GEOGRAPHIC:
        raise ValueProblem(f"Longitude and latitude cannot be used in {_NAMES[srid]}.")
    if srid in _NAMES and len(given) == 3:
        srid = _DEEP[srid]
    return point_of(srid, tuple(float(each) for each in given))


_MISSING: Any = object()


def _coordinate(parts: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    for name in names:
        if name in parts:
            value = parts[name]
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
                raise wrong_type("a number", value)
            return value
    return _MISSING


def _srid(parts: Mapping[str, Any], *, earth: bool) -> int:
    if "srid" in parts:
        srid = parts["srid"]
        if isinstance(srid, int) and srid in _NAMES:
            return srid
        raise ValueProblem(
            f"Unknown coordinate system {srid!r}.", hint=f"Coordinate systems are {', '.join(map(str, _NAMES))}."
        )
    if "crs" in parts:
        name = str(parts["crs"]).lower()
        if name not in _SRIDS:
            raise ValueProblem(
                f"Unknown coordinate system {name!r}.", hint=f"Coordinate systems are {', '.join(_SRIDS)}."
            )
        return _SRIDS[name]
    return 4326 if earth else 7203


def distance(left: Point, right: Point) -> float | None:
    """Return the distance, in metres on the earth; None between points of different coordinate systems."""
    if left.srid != right.srid:
        return None
    if not left.geographic:
        return math.dist(left.coordinates, right.coordinates)
    metres = central_angle(left, right) * EARTH
    if left.z is None or right.z is None:
        return metres
    # With heights: along a sphere that lies as high as the two do on the average.
    along = metres / EARTH * (EARTH + (left.z + right.z) / 2)
    return math.hypot(along, left.z - right.z)


def central_angle(left: Point, right: Point) -> float:
    """Return the angle between two points on the earth as its centre sees it, in radians (haversine formula)."""
    north, south = math.radians(left.y), math.radians(right.y)
    half = math.sin((south - north) / 2) ** 2
    half += math.cos(north) * math.cos(south) * math.sin(math.radians(right.x - left.x) / 2) ** 2
    return 2 * math.asin(math.sqrt(min(1.0, half)))


def within_box(point: Point, low: Point, high: Point) -> bool | None:
    """Whether a point lies in the box of two corners; a box on the earth may reach over 180 degrees."""
    if not point.srid == low.srid == high.srid:
        return None
    if point.geographic and low.x > high.x:
        across = point.x >= low.x or point.x <= high.x
        return across and all(a <= b <= c for a, b, c in list(_axes(low, point, high))[1:])
    return all(a <= b <= c for a, b, c in _axes(low, point, high))


def _axes(low: Point, point: Point, high: Point) -> Iterator[tuple[float, float, float]]:
    return zip(low.coordinates, point.coordinates, high.coordinates, strict=True)
