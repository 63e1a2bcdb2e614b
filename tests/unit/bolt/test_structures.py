"""Values as Bolt's structures, in every version."""

from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.bolt.handshake import VERSIONS, Version
from kgmem.bolt.packstream import BadPackStream, Packer, Structure, unpack
from kgmem.bolt.structures import Vector, hydrate, packer
from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship, small_id
from kgmem.query.values.instants import Date, DateTime, LocalDateTime, LocalTime, Time, at_instant
from kgmem.query.values.points import Point

SECOND = 1_000_000_000
CLOCK = st.integers(0, 86_400 * SECOND - 1)
DAYS = st.integers(-1_000_000, 1_000_000)
OFFSETS = st.integers(-18 * 60, 18 * 60).map(lambda minutes: minutes * 60)
INSTANTS = st.integers(-(10**10) * SECOND, 10**10 * SECOND)
VALUES = st.one_of(
    DAYS.map(Date),
    CLOCK.map(LocalTime),
    st.builds(Time, CLOCK, OFFSETS),
    st.builds(LocalDateTime, DAYS, CLOCK),
    st.builds(lambda instant, offset: at_instant(instant, offset, None), INSTANTS, OFFSETS),
    st.builds(lambda instant: at_instant(instant, None, "Europe/Stockholm"), INSTANTS),
    st.builds(Duration, *(st.integers(-(10**9), 10**9),) * 3, st.integers(0, SECOND - 1)),
    st.builds(Point, st.just(7203), *(st.floats(-1e9, 1e9),) * 2),
    st.builds(Point, st.just(4979), st.floats(-180, 180), st.floats(-90, 90), st.floats(-1e4, 1e4)),
)


def sent(value: Any, version: Version, *, utc: bool = True) -> Any:
    """Return a value as a client would send it back."""
    return unpack(written(value, packer(version, str, utc=utc)), hydrate, uuids=version >= Version(6, 1))


def written(value: Any, by: Packer) -> bytes:
    out = bytearray()
    by.pack(value, out)
    return bytes(out)


def seen(value: Any, version: Version) -> Any:
    """Return a value as a client reads it."""
    return unpack(written(value, packer(version, lambda id_: f"n{id_}", utc=version.major > 4)), Structure)


@given(VALUES)
def test_every_value_comes_back_in_every_version(value: Any) -> None:
    for version in VERSIONS:
        assert sent(value, version) == value


@given(st.builds(lambda instant, offset: at_instant(instant, offset, None), INSTANTS, OFFSETS))
def test_times_with_an_offset_come_back_in_the_old_form_too(value: DateTime) -> None:
    assert sent(value, Version(4, 4), utc=False) == value


def test_the_old_form_tells_the_seconds_of_the_clock() -> None:
    noon = at_instant(0, 3600, None)
    assert seen(noon, Version(4, 4)) == Structure(0x46, [3600, 0, 3600])
    assert seen(noon, Version(5, 0)) == Structure(0x49, [0, 0, 3600])
    assert seen(at_instant(0, None, "Europe/Stockholm"), Version(6, 0)) == Structure(0x69, [0, 0, "Europe/Stockholm"])


A, B = Node(1, ("A",), {"x": 1}, "n1"), Node(2, (), {}, "n2")
AB = Relationship(7, "R", 1, 2, {}, "r7")


def test_nodes_and_relationships_have_element_ids_from_5_on() -> None:
    assert seen(A, Version(4, 4)) == Structure(0x4E, [small_id(1), ["A"], {"x": 1}])
    assert seen(A, Version(5, 0)) == Structure(0x4E, [small_id(1), ["A"], {"x": 1}, "n1"])
    assert seen(AB, Version(4, 4)) == Structure(0x52, [small_id(7), small_id(1), small_id(2), "R", {}])
    assert seen(AB, Version(6, 1)) == Structure(
        0x52, [small_id(7), small_id(1), small_id(2), "R", {}, "r7", "n1", "n2"]
    )


def test_a_path_tells_each_of_its_parts_once_and_which_way_it_went() -> None:
    path = Path((A, B, A), (AB, AB))
    nodes = [Structure(0x4E, [small_id(1), ["A"], {"x": 1}, "n1"]), Structure(0x4E, [small_id(2), [], {}, "n2"])]
    assert seen(path, Version(5, 4)) == Structure(
        0x50, [nodes, [Structure(0x72, [small_id(7), "R", {}, "r7"])], [1, 1, -1, 0]]
    )
    assert seen(Path((A,), ()), Version(5, 4)).fields[2] == []


@pytest.mark.parametrize("code", "bhiqfd")
def test_vectors_are_their_own_kind_from_6_on_and_lists_before(code: str) -> None:
    vector = Vector(array(code, [1, 2, -3]))
    marker, data = seen(vector, Version(6, 0)).fields
    assert (len(marker), len(data)) == (1, 3 * array(code).itemsize)
    assert sent(vector, Version(6, 0)) == [1, 2, -3]
    assert seen(vector, Version(5, 8)) == [1, 2, -3]


@pytest.mark.parametrize(
    ("tag", "fields"),
    [
        (0x4E, [1, [], {}, "n1"]),
        (0x44, ["1"]),
        (0x44, [True]),
        (0x44, [10**15]),
        (0x74, [-1]),
        (0x54, [0, 10**6]),
        (0x69, [0, 0, "Nowhere/Land"]),
        (0x49, [0, 2 * SECOND, 0]),
        (0x58, [1, 0.0, 0.0]),
        (0x58, [4326, 0.0, 91.0]),
        (0x59, [4326, 0.0, 0.0, float("nan")]),
        (0x56, [b"\x00", b""]),
        (0x56, [b"\xc1", b"123"]),
        (0x99, []),
    ],
)
def test_structures_that_are_no_value_are_refused(tag: int, fields: list[Any]) -> None:
    with pytest.raises(BadPackStream):
        hydrate(tag, fields)


@given(st.integers(1, 2**16 - 1), st.integers(1, 2**37 - 1), st.integers(1, 2**16 - 1), st.integers(1, 2**37 - 1))
def test_ids_are_small_enough_for_javascript_and_tell_things_apart(a: int, m: int, b: int, n: int) -> None:
    one, other = small_id(a << 48 | m), small_id(b << 48 | n)
    assert one < 2**53
    assert (one == other) == ((a, m) == (b, n))
