"""Values between JSON and what Neo4j's driver gives and takes."""

import math
from typing import Any
from uuid import UUID

import pytest
import pytz
from hypothesis import given
from hypothesis import strategies as st
from neo4j.spatial import CartesianPoint, Point, WGS84Point
from neo4j.time import Date, DateTime, Duration, Time
from neo4j.vector import Vector

from kgmem.bridges.neo4j.statements import quoted
from kgmem.bridges.neo4j.values import as_instant, as_json, as_property
from kgmem.domain.errors import InvalidInput
from tests.records import properties

OSLO = pytz.timezone("Europe/Oslo")


def unknown_point() -> Point:
    point = Point((1.0, 2.0))
    point.srid = 99
    return point


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, None),
        (True, True),
        (2**63 - 1, 2**63 - 1),
        (1.5, 1.5),
        (math.nan, "NaN"),
        (math.inf, "Infinity"),
        ([1.0, -math.inf], [1.0, "-Infinity"]),
        (b"\x00\xff", "AP8="),
        (bytearray(b"a"), "YQ=="),
        (Date(1969, 7, 20), "1969-07-20"),
        (Time(20, 17, 40), "20:17:40"),
        (Time(20, 17, 40, 5, tzinfo=pytz.FixedOffset(120)), "20:17:40.000000005+02:00"),
        (DateTime(1969, 7, 20, 20, 17), "1969-07-20T20:17:00"),
        (DateTime(1969, 7, 20, 20, 17, 40, 500_000_000, tzinfo=pytz.UTC), "1969-07-20T20:17:40.5Z"),
        (DateTime(900, 1, 1, tzinfo=pytz.FixedOffset(-90)), "0900-01-01T00:00:00-01:30"),
        (OSLO.localize(DateTime(2020, 1, 2, 3, 4, 5, 6)), "2020-01-02T03:04:05.000000006+01:00[Europe/Oslo]"),
        (Duration(months=14, days=-3, seconds=5, nanoseconds=7), "P1Y2M-3DT5.000000007S"),
        (WGS84Point((10.75, 59.91)), {"type": "Point", "coordinates": [10.75, 59.91]}),
        (WGS84Point((10.75, 59.91, 23)), {"type": "Point", "coordinates": [10.75, 59.91, 23.0]}),
        (CartesianPoint((1, 2)), {"x": 1.0, "y": 2.0, "crs": "cartesian"}),
        (CartesianPoint((1, 2, math.nan)), {"x": 1.0, "y": 2.0, "z": "NaN", "crs": "cartesian-3d"}),
        (unknown_point(), {"x": 1.0, "y": 2.0, "srid": 99}),
        (Vector([1.0, 0.5], "f32"), [1.0, 0.5]),
        (Vector([1, 2], "i8"), [1, 2]),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": {"b": [Date(2000, 1, 1), {"c": b""}]}}, {"a": {"b": ["2000-01-01", {"c": ""}]}}),
    ],
    ids=str,
)
def test_every_type_of_the_driver_has_its_json(value: Any, told: Any) -> None:
    assert as_json(value) == told
    assert type(as_json(value)) is type(told)


def test_a_valid_time_goes_without_the_name_of_its_zone() -> None:
    assert as_instant(OSLO.localize(DateTime(2020, 1, 2))) == "2020-01-02T00:00:00+01:00"
    assert as_instant("[x]") == "[x]"


def test_a_type_that_nobody_knows_is_named() -> None:
    with pytest.raises(InvalidInput, match="complex"):
        as_json({"a": [1j]})


@pytest.mark.parametrize(
    "value", [1, 1.0, "", True, [], [1, 2], ["a"], [True], [0.5], {"type": "Point", "coordinates": [1.5, 2.0]}], ids=str
)
def test_what_neo4j_has_is_held_as_it_is(value: Any) -> None:
    assert as_property(value)[1] is False


@pytest.mark.parametrize(
    "value",
    [
        {}, [1, 1.0], [True, 1], [None], [[1]], [{}], {"a": 1}, {"type": "Point", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": [200.0, 2.0]}, {"type": "Point", "coordinates": [1.0, 2.0], "bbox": []},
        {"type": "Point", "coordinates": "12"}, {"x": 1, "y": 2.0, "crs": "cartesian"}, {"x": 1.0, "crs": "cartesian"},
    ],
    ids=str,
)  # fmt: skip
def test_any_other_map_or_list_is_held_as_json(value: Any) -> None:
    assert as_property(value)[1] is True


@given(properties)
def test_what_is_held_as_it_is_comes_back_as_it_was(told: dict[str, Any]) -> None:
    for value in told.values():
        held, is_json = as_property(value)
        assert is_json or repr(as_json(held)) == repr(value)


@given(st.lists(st.floats(-90, 90), min_size=2, max_size=3), st.sampled_from(["cartesian", "earth"]))
def test_points_come_back_as_they_were(at: list[float], where: str) -> None:
    crs = {2: "cartesian", 3: "cartesian-3d"}[len(at)]
    value = (
        {"type": "Point", "coordinates": at}
        if where == "earth"
        else dict(zip(["x", "y", "z"], at, strict=False)) | {"crs": crs}
    )
    held, is_json = as_property(value)
    assert not is_json
    assert as_json(held) == value


@pytest.mark.parametrize(
    ("name", "told"),
    [("Person", "`Person`"), ("a`b", "`a``b`"), ("a\\u0060b", "`a\\u005cu0060b`"), ("a\\nb", "`a\\nb`")],
)
def test_no_name_can_end_its_quotes(name: str, told: str) -> None:
    assert quoted(name) == told
