"""Cypher values of every type, for laws (hypothesis)."""

from hypothesis import strategies as st

from kgmem.query.values import Date, Duration, LocalDateTime, LocalTime, Node, Path, Point, Relationship, Time
from kgmem.query.values.calendar import FIRST_DAY, LAST_DAY
from kgmem.query.values.instants import DAY, SECOND, at_instant

DAYS = st.integers(FIRST_DAY, LAST_DAY)
CLOCKS = st.one_of(st.integers(0, DAY - 1), st.integers(0, 86_399).map(lambda seconds: seconds * SECOND))
OFFSETS = st.one_of(st.integers(-18, 18).map(lambda hours: hours * 3600), st.integers(-64_800, 64_800))
ZONES = st.sampled_from(["Europe/Stockholm", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC"])
INSTANTS = st.integers((FIRST_DAY + 2) * DAY, (LAST_DAY - 2) * DAY)
_AMOUNTS = st.integers(-(10**12), 10**12)

dates = st.builds(Date, DAYS)
date_times = st.one_of(
    st.builds(lambda instant, offset: at_instant(instant, offset, None), INSTANTS, OFFSETS),
    st.builds(lambda instant, zone: at_instant(instant, None, zone), INSTANTS, ZONES),
    st.builds(lambda instant, zone: at_instant(instant, None, zone), st.integers(0, 2**61), ZONES),
)
local_date_times = st.builds(LocalDateTime, DAYS, CLOCKS)
local_times = st.builds(LocalTime, CLOCKS)
times = st.builds(Time, CLOCKS, OFFSETS)
temporals = st.one_of(dates, local_times, times, local_date_times, date_times)
durations = st.builds(Duration, _AMOUNTS, _AMOUNTS, _AMOUNTS, st.integers(0, SECOND - 1))
_coordinates = st.floats(-1e9, 1e9)
points = st.one_of(
    st.builds(Point, st.just(7203), _coordinates, _coordinates),
    st.builds(Point, st.just(9157), _coordinates, _coordinates, _coordinates),
    st.builds(Point, st.just(4326), st.floats(-180, 180), st.floats(-90, 90)),
    st.builds(Point, st.just(4979), st.floats(-180, 180), st.floats(-90, 90), _coordinates),
)
integers = st.integers(-(2**63), 2**63 - 1)
numbers = st.one_of(integers, st.integers(-3, 3), st.floats(), st.sampled_from([0.0, -0.0, 1.0, 2.0**53, 2**53 + 1]))
_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6)
plain = st.one_of(st.none(), st.booleans(), numbers, _text, temporals, durations, points)


def _grown(children: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    names = st.one_of(_text, st.sampled_from(["$type", "value", "a", "b"]))
    return st.one_of(st.lists(children, max_size=3), st.dictionaries(names, children, max_size=3))


storable = st.recursive(plain, _grown, max_leaves=6)
nodes = st.builds(lambda i: Node(i, ("A",), {"id": i}, f"n{i}"), st.integers(0, 3))
relationships = st.builds(lambda i: Relationship(i, "R", 0, 1, {}, f"r{i}"), st.integers(0, 3))
paths = st.builds(lambda start, end, link: Path((start, end), (link,)), nodes, nodes, relationships)
values = st.recursive(st.one_of(plain, nodes, relationships, paths), _grown, max_leaves=6)
