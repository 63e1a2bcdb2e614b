"""Allen's relations: one and only one between any two intervals, each with its inverse, half-open throughout."""

from collections.abc import Callable
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.time.interval import (
    DAY,
    INVERSES,
    Allen,
    Interval,
    is_timeless,
    parse_time,
    relation,
    scale,
    valid_interval,
)

_ENDS = st.one_of(st.none(), st.integers(-4, 4))


def _is_one(ends: tuple[int | None, int | None]) -> bool:
    start, end = ends
    return start is None or end is None or start < end


INTERVALS = st.tuples(_ENDS, _ENDS).filter(_is_one).map(lambda ends: Interval(*ends))
# What each relation says of the ends of one (s, e) and another (a, b).
DEFINITIONS: dict[Allen, Callable[[float, float, float, float], bool]] = {
    "before": lambda s, e, a, b: e < a,
    "meets": lambda s, e, a, b: e == a,
    "overlaps": lambda s, e, a, b: s < a < e < b,
    "starts": lambda s, e, a, b: s == a and e < b,
    "during": lambda s, e, a, b: a < s and e < b,
    "finishes": lambda s, e, a, b: e == b and s > a,
    "equals": lambda s, e, a, b: s == a and e == b,
    "after": lambda s, e, a, b: s > b,
    "met_by": lambda s, e, a, b: s == b,
    "overlapped_by": lambda s, e, a, b: a < s < b < e,
    "started_by": lambda s, e, a, b: s == a and e > b,
    "contains": lambda s, e, a, b: s < a and e > b,
    "finished_by": lambda s, e, a, b: e == b and s < a,
}


def _numbers(one: Interval) -> tuple[float, float]:
    return float("-inf") if one.start is None else one.start, float("inf") if one.end is None else one.end


@given(INTERVALS, INTERVALS)
def test_exactly_one_relation_holds_between_any_two_intervals(one: Interval, other: Interval) -> None:
    holding = [name for name, holds in DEFINITIONS.items() if holds(*_numbers(one), *_numbers(other))]
    assert holding == [relation(one, other)]


@given(INTERVALS, INTERVALS)
def test_the_inverse_relation_holds_the_other_way_round(one: Interval, other: Interval) -> None:
    both = {**INVERSES, **{inverse: name for name, inverse in INVERSES.items()}}
    assert set(both) == set(get_args(Allen))
    assert relation(other, one) == both[relation(one, other)]


@given(INTERVALS, INTERVALS)
def test_intervals_share_an_instant_unless_they_are_apart_or_meet(one: Interval, other: Interval) -> None:
    assert one.overlaps(other) == (relation(one, other) not in {"before", "after", "meets", "met_by"})


@pytest.mark.parametrize(
    ("one", "name", "other"),
    [
        ("1961", "meets", "1962"),
        ("1961", "before", "1963"),
        ("1969-07", "during", "1969"),
        ("1969-01", "starts", "1969"),
        ("1969-12", "finishes", "1969"),
        ("1969-12-31", "finishes", "1969-12"),
        ("1969", "equals", "1969"),
        ("1969-02-28", "meets", "1969-03"),
        ("-0043", "met_by", "-0044"),
    ],
)
def test_years_months_and_days_are_intervals_of_their_own_length(one: str, name: str, other: str) -> None:
    assert relation(parse_time(one), parse_time(other)) == name


def test_what_lasts_ends_with_all_that_lasts_and_after_all_that_ended() -> None:
    lasting = valid_interval("1970", None)
    assert relation(lasting, valid_interval("1960", None)) == "finishes"
    assert relation(lasting, valid_interval("1970", None)) == "equals"
    assert relation(lasting, valid_interval("1960", "1980")) == "overlapped_by"
    assert relation(valid_interval(None, "1969"), lasting) == "meets"
    assert is_timeless(Interval())
    assert not is_timeless(lasting)


def test_closeness_halves_with_the_length_of_what_is_asked_for() -> None:
    assert scale(parse_time("1969")) == 365 * DAY
    assert scale(parse_time("1969-07-20")) == DAY
    assert scale(parse_time("1969-07-20T20:17:40Z")) == DAY
    assert scale(valid_interval("1969", None)) == 365 * DAY
