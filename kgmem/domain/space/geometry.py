"""Geometry: areas that a question names, checked, and distances on the mean sphere.

Areas are as RFC 7946 has them: edges are straight in degrees, what crosses the antimeridian is split there, and a point
is inside by the even-odd rule over all rings of a polygon, so that holes are holes in either winding order.
A point on an edge is inside.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.recall.question import Spot, Where
from kgmem.domain.space.place import Position, positions

EARTH_RADIUS_KM = 6371.0088  # The mean radius R1 of WGS 84 (Moritz, "Geodetic Reference System 1980").
MOST_POSITIONS = 20_000  # Of one polygon or multipolygon.
MOST_NEAREST = 1000
Box = tuple[float, float, float, float]  # West, south, east, north.


@dataclass(frozen=True, slots=True)
class Edges:
    """The edges of an area: from (x1, y1) to (x2, y2), in degrees."""

    x1: Sequence[float]
    y1: Sequence[float]
    x2: Sequence[float]
    y2: Sequence[float]


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon or multipolygon: its edges, and one or two boxes that hold all of it, on either side of 180 degrees."""

    edges: Edges
    boxes: Sequence[Box]


def haversine_km(one: Position, other: Position) -> float:
    """Return the distance in km on the mean sphere; a position is (longitude, latitude) in degrees."""
    (lon1, lat1), (lon2, lat2) = one, other
    up, along = math.sin(math.radians(lat2 - lat1) / 2), math.sin(math.radians(lon2 - lon1) / 2)
    squared = up * up + math.cos(math.radians(lat1)) * math.cos(math.radians(lat2)) * along * along
    return 2 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(squared)))


def check_where(where: Where) -> None:
    """Raise InvalidInput where what a question says of places does not fit together, or is not on the earth."""
    if where.near is None:
        for name in ("km", "nearest", "half_km"):
            if getattr(where, name) is not None:
                raise InvalidInput(f"where.{name} needs where.near.", hint="Set where.near to a point or an entity.")
    else:
        _check_spot(where.near)
    for name, least in (("km", 0.0), ("half_km", math.ulp(0.0))):
        value = getattr(where, name)
        if value is not None and not least <= value < math.inf:
            raise InvalidInput(f"where.{name} is {value}.", hint="Give a distance in km.")
    if where.nearest is not None and not 1 <= where.nearest <= MOST_NEAREST:
        raise InvalidInput(f"where.nearest is {where.nearest}.", hint=f"Use 1 to {MOST_NEAREST}.")
    if where.box is not None:
        _check_box(where.box)


def _check_spot(spot: Spot) -> None:
    if (spot.point is None) == (spot.entity is None):
        raise InvalidInput(
            "where.near must be either a point or an entity.", hint='Give {"point": [lon, lat]} or {"entity": key}.'
        )
    if spot.point is not None:
        list(positions([*spot.point], 0))


def _check_box(box: Sequence[float]) -> None:
    if len(box) != 4:
        raise InvalidInput("where.box must be four numbers.", hint="Give [west, south, east, north] in degrees.")
    west, south, east, north = box
    list(positions([[west, south], [east, north]], 1))
    if south > north:
        raise InvalidInput(
            f"where.box: south ({south}) is greater than north ({north}).",
            hint="Give [west, south, east, north]; only west may be greater than east, across 180 degrees.",
        )


def area_of(geometry: Any) -> Area:
    """Return the area of a GeoJSON Polygon or MultiPolygon. Raises InvalidInput that says what is wrong with it."""
    if not isinstance(geometry, Mapping) or geometry.get("type") not in {"Polygon", "MultiPolygon"}:
        raise InvalidInput(
            "where.within is not a GeoJSON Polygon or MultiPolygon.",
            hint='Give {"type": "Polygon", "coordinates": [[[lon, lat], ...]]}; for a circle give near and km.',
        )
    told = geometry.get("coordinates")
    if not isinstance(told, list | tuple) or not told:
        raise InvalidInput("where.within has no coordinates.", hint="Give at least one ring of [lon, lat].")
    polygons = told if geometry["type"] == "MultiPolygon" else [told]
    parts = [_rings(polygon) for polygon in polygons]
    size = sum(len(ring) for rings in parts for ring in rings)
    if size > MOST_POSITIONS:
        raise TooLarge(
            f"where.within has {size} positions.", hint=f"Simplify it to {MOST_POSITIONS}.", most=MOST_POSITIONS
        )
    ends = [pair for rings in parts for ring in rings for pair in pairwise(ring)]
    edges = Edges([a[0] for a, _ in ends], [a[1] for a, _ in ends], [b[0] for _, b in ends], [b[1] for _, b in ends])
    return Area(edges, boxes_around([_box(rings) for rings in parts]))


def _rings(polygon: Any) -> list[list[Position]]:
    if not isinstance(polygon, list | tuple) or not polygon:
        raise InvalidInput("where.within: a polygon is a list of rings.", hint="Give the outer ring first, then holes.")
    return [_ring(ring) for ring in polygon]


def _ring(ring: Any) -> list[Position]:
    found = list(positions(ring, 1))
    if len(found) < 4:
        raise InvalidInput(
            f"where.within: a ring has {len(found)} positions.", hint="Give at least four, the last being the first."
        )
    if found[0] != found[-1]:
        raise InvalidInput(
            f"where.within: a ring begins at {list(found[0])} and ends at {list(found[-1])}.",
            hint="Close it: its last position is its first.",
        )
    return found


def _box(rings: Sequence[Sequence[Position]]) -> Box:
    lons, lats = [p[0] for ring in rings for p in ring], [p[1] for ring in rings for p in ring]
    return min(lons), min(lats), max(lons), max(lats)


def boxes_around(parts: Sequence[Box]) -> list[Box]:
    """Return one box, or one on either side of the zero meridian, that hold all parts, as places are stored.

    What touches 180 degrees is stored on its other side too, and what touches a pole at every longitude, since a place
    there may be stored under any of them.
    """
    south, north = min(p[1] for p in parts), max(p[3] for p in parts)
    if north >= 90 or south <= -90:
        return [(-180.0, south, 180.0, north)]
    sides = [_around([p for p in parts if p[2] < 0]), _around([p for p in parts if p[0] > 0])]
    if any(p[0] <= 0 <= p[2] for p in parts):
        sides = [_around(parts)]
    found = [side for side in sides if side]
    west, east = min(p[0] for p in found), max(p[2] for p in found)
    if (west <= -180) != (east >= 180):
        edge = -180.0 if east >= 180 else 180.0
        found = [*found, (edge, south, edge, north)] if len(found) == 1 else [(-180.0, south, 180.0, north)]
    return found


def _around(parts: Sequence[Box]) -> Box | None:
    if not parts:
        return None
    return min(p[0] for p in parts), min(p[1] for p in parts), max(p[2] for p in parts), max(p[3] for p in parts)


def boxes_of(box: Box) -> list[Box]:
    """Return the boxes, none of which crosses 180 degrees, that hold a question's box."""
    west, south, east, north = box
    if west > east:
        return boxes_around([(west, south, 180.0, north), (-180.0, south, east, north)])
    return boxes_around([box])
