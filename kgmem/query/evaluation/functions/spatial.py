"""Functions of points and vectors."""

import math
from collections.abc import Callable, Mapping

from kgmem.domain.space.geometry import EARTH_RADIUS_KM
from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.values import Node, Point, Relationship, Value
from kgmem.query.values.points import central_angle, distance, point_of_map, within_box

_COORDINATES = ("x", "y", "z", "longitude", "latitude", "height", "crs", "srid")


def _point(value: Value) -> Point | None:
    if type(value) is Node or type(value) is Relationship:
        value = {name: value.properties[name] for name in _COORDINATES if name in value.properties}
    if type(value) is not dict:
        raise wrong_type("a map with coordinates", value)
    return point_of_map(value)


def _distance(left: Value, right: Value) -> float | None:
    return distance(left, right) if type(left) is Point and type(right) is Point else None


def _within_box(point: Value, low: Value, high: Value) -> bool | None:
    if type(point) is Point and type(low) is Point and type(high) is Point:
        return within_box(point, low, high)
    return None


def place(value: Value) -> Point | None:
    """Return where something is: a point on the earth, a GeoJSON point, [lon, lat], or what has one as its place."""
    if type(value) is Node or type(value) is Relationship:
        value = value.properties.get("place", value.properties.get("location"))
    if type(value) is dict and "coordinates" in value:
        value = value["coordinates"]
    if value is None:
        return None
    if type(value) is Point:
        if value.geographic:
            return value
        raise ValueProblem("The point has no longitude and latitude.", hint="Create it with longitude and latitude.")
    if type(value) is list and len(value) >= 2 and all(type(each) in {int, float} for each in value):
        return Point(4326, float(value[0]), float(value[1]))
    if type(value) is dict:
        return point_of_map(value)
    raise wrong_type("a point, [longitude, latitude], or a node with a place", value)


def _distance_km(left: Value, right: Value) -> float | None:
    one, other = place(left), place(right)
    return None if one is None or other is None else central_angle(one, other) * EARTH_RADIUS_KM


def kilometres(geometry: Value, spot: Point) -> float | None:
    """Return the distance from a GeoJSON geometry's point to a point on the earth."""
    found = place(geometry)
    return None if found is None else central_angle(found, spot) * EARTH_RADIUS_KM


def _vector(value: Value) -> list[float]:
    if type(value) is not list or not all(type(each) in {int, float} for each in value):
        raise wrong_type("a list of numbers", value)
    return [float(each) for each in value]


def _vectors(left: Value, right: Value) -> tuple[list[float], list[float]]:
    one, other = _vector(left), _vector(right)
    if len(one) != len(other) or not one:
        raise ValueProblem(f"Cannot compare vectors of {len(one)} and {len(other)} dimensions.")
    return one, other


def _cosine(left: Value, right: Value) -> float | None:
    """Return the similarity of two directions: 1 of the same, 0.5 at right angles, 0 of opposites, as in Neo4j."""
    one, other = _vectors(left, right)
    norms = math.hypot(*one) * math.hypot(*other)
    if not norms:
        return None
    return (1 + max(-1.0, min(1.0, sum(a * b for a, b in zip(one, other, strict=True)) / norms))) / 2


def _euclidean(left: Value, right: Value) -> float:
    one, other = _vectors(left, right)
    return 1 / (1 + math.dist(one, other) ** 2)


PURE: Mapping[str, Callable[..., Value]] = {
    "kgmem.distance_km": _distance_km,
    "point": _point,
    "point.distance": _distance,
    "point.withinbbox": _within_box,
    "vector.similarity.cosine": _cosine,
    "vector.similarity.euclidean": _euclidean,
}
