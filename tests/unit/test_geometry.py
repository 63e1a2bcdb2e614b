"""Areas and distances: boxes hold all that they stand for, and what is no area is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.space.geometry import EARTH_RADIUS_KM, Box, area_of, boxes_of, haversine_km

LONS, LATS = st.floats(-180, 180), st.floats(-90, 90)


def holds(boxes: Any, lon: float, lat: float) -> bool:
    """Whether one of the boxes holds a point."""
    return any(west <= lon <= east and south <= lat <= north for west, south, east, north in boxes)


@given(LONS, LATS, LONS, LATS, LONS, LATS)
def test_the_boxes_of_a_box_hold_all_that_lies_in_it(
    west: float, one: float, east: float, other: float, lon: float, lat: float
) -> None:
    box: Box = (west, min(one, other), east, max(one, other))
    across = west <= lon <= east if west <= east else lon >= west or lon <= east
    boxes = boxes_of(box)
    assert 1 <= len(boxes) <= 2
    assert all(-180 <= w <= e <= 180 for w, _, e, _ in boxes)
    if across and box[1] <= lat <= box[3]:
        assert holds(boxes, lon, lat)
        if abs(lon) == 180:
            assert holds(boxes, -lon, lat)
        if abs(lat) == 90:
            assert holds(boxes, 12.5, lat)


@given(st.lists(st.tuples(LONS, LATS), min_size=3, max_size=8), st.lists(st.tuples(LONS, LATS), min_size=3, max_size=8))
def test_the_boxes_of_an_area_hold_its_edges(one: list[tuple[float, float]], other: list[tuple[float, float]]) -> None:
    parts = [[[*map(list, ring), list(ring[0])]] for ring in (one, other)]
    area = area_of({"type": "MultiPolygon", "coordinates": parts})
    edges = area.edges
    assert len(edges.x1) == len(one) + len(other)
    assert all(holds(area.boxes, lon, lat) for lon, lat in zip(edges.x1, edges.y1, strict=True))
    assert 1 <= len(area.boxes) <= 2


@given(LONS, LATS, LONS, LATS)
def test_distances_are_the_same_both_ways_and_never_more_than_half_the_way_around(
    lon: float, lat: float, x: float, y: float
) -> None:
    km = haversine_km((lon, lat), (x, y))
    assert km == pytest.approx(haversine_km((x, y), (lon, lat)), rel=1e-9, abs=1e-9)
    assert 0 <= km <= math.pi * EARTH_RADIUS_KM * (1 + 1e-12)


def test_a_degree_along_the_equator_is_111_km() -> None:
    assert haversine_km((0, 0), (1, 0)) == pytest.approx(math.radians(1) * EARTH_RADIUS_KM, rel=1e-12)


@pytest.mark.parametrize(
    "geometry",
    [None, [], {}, {"type": "Polygon"}, {"type": "Polygon", "coordinates": [[["a", 0]] * 4]}, {"type": "LineString"}],
)
def test_what_is_no_area_is_refused(geometry: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        area_of(geometry)
    assert raised.value.hint


def test_an_area_of_too_many_positions_is_refused_with_the_limit() -> None:
    with pytest.raises(TooLarge, match="20001"):
        area_of({"type": "Polygon", "coordinates": [[[0, 0]] * 20_001]})
