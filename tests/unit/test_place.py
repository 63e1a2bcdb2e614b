"""Places: what of GeoJSON is read, and what is refused."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.space.place import parse_place

LONGITUDES, LATITUDES = st.floats(-180, 180), st.floats(-90, 90)
POSITIONS = st.tuples(LONGITUDES, LATITUDES).map(list)


@given(LONGITUDES, LATITUDES)
def test_a_pair_is_a_point_with_longitude_first(lon: float, lat: float) -> None:
    place = parse_place([lon, lat])
    assert (place.lon, place.lat) == (lon, lat)
    assert place.box == (lon, lat, lon, lat)
    assert place.geometry == {"type": "Point", "coordinates": [lon, lat]}


@given(st.lists(POSITIONS, min_size=1, max_size=20))
def test_the_box_holds_every_position_and_the_point_lies_in_the_box(positions: list[list[float]]) -> None:
    place = parse_place({"type": "MultiPoint", "coordinates": positions})
    west, south, east, north = place.box
    assert all(west <= lon <= east and south <= lat <= north for lon, lat in positions)
    assert west <= place.lon <= east or east - west > 180
    assert south <= place.lat <= north


@pytest.mark.parametrize(
    ("longitudes", "middle"),
    [
        ([179, -179], 180),
        ([177, -179], 179),
        ([179, -177], -179),
        ([-100, 0, 170], -95),
        ([-90, 90], 0),
        ([100, -100], 180),
    ],
)
def test_the_point_of_parts_on_both_sides_of_the_antimeridian_lies_between_them(
    longitudes: list[float], middle: float
) -> None:
    place = parse_place({"type": "MultiPoint", "coordinates": [[lon, 10] for lon in longitudes]})
    assert place.lon == middle
    squares = [[[[lon, 0], [lon, 1], [lon, 2], [lon, 0]]] for lon in longitudes]
    assert parse_place({"type": "MultiPolygon", "coordinates": squares}).lon == middle


@pytest.mark.parametrize(
    ("kind", "coordinates", "box"),
    [
        ("Point", [7.5, 51.5], (7.5, 51.5, 7.5, 51.5)),
        ("Point", [7, 51, 120.5], (7, 51, 7, 51)),
        ("LineString", [[0, 0], [2, 1]], (0, 0, 2, 1)),
        ("Polygon", [[[0, 0], [4, 0], [4, 3], [0, 0]]], (0, 0, 4, 3)),
        ("MultiLineString", [[[0, 0], [1, 1]], [[-2, -2], [0, 0]]], (-2, -2, 1, 1)),
        ("MultiPolygon", [[[[0, 0], [1, 0], [1, 1], [0, 0]]], [[[5, 5], [6, 5], [6, 6], [5, 5]]]], (0, 0, 6, 6)),
    ],
)
def test_every_geometry_has_its_box(kind: str, coordinates: Any, box: tuple[float, ...]) -> None:
    place = parse_place({"type": kind, "coordinates": coordinates})
    assert place.box == box
    west, south, east, north = map(float, box)
    assert place.area == f"({west},{south}),({east},{north})"


def test_the_geometry_is_kept_as_it_was_given() -> None:
    given_ = {"type": "Point", "coordinates": [1, 2, 3], "bbox": [1, 2, 1, 2]}
    assert parse_place(given_).geometry == given_


@pytest.mark.parametrize(
    "value",
    [
        None,
        "Berlin",
        5,
        {},
        {"type": "Point"},
        {"type": "Circle", "coordinates": [0, 0]},
        {"type": ["Point"], "coordinates": [0, 0]},
        {"type": "GeometryCollection", "geometries": []},
        {"type": "Point", "coordinates": "0,0"},
        {"type": "Point", "coordinates": {"lon": 0, "lat": 0}},
        {"type": "Point", "coordinates": [[0, 0]]},
        {"type": "Polygon", "coordinates": [[0, 0]]},
        {"type": "MultiPoint", "coordinates": []},
        [],
        [1],
        [1, 2, 3, 4],
        ["1", "2"],
        [True, False],
        [None, None],
        [181, 0],
        [0, 91],
        [0, -90.0001],
        [math.nan, 0],
        [0, math.inf],
        [0, 0, math.nan],
        [0, 0, math.inf],
        [10**400, 0],
    ],
)
def test_what_is_no_place_on_earth_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        parse_place(value)
