"""Durations and times of expiry, as callers state them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.expiry import NEVER, duration, expiry_of, timed
from kgmem.domain.time.interval import DAY, SECOND, iso, parse_time

WORDS = ["", "P", "PT", "P1DT", "1", "1y", "P1Y", "P1M", "-1d", "1d2h", "\u0663d", "1e3s", "999999999999w"]
NOON = parse_time("2030-01-01T12:00:00Z").start or 0


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [
        (3600, 3600), (0.5, 0.5), ("30d", 30 * 86400), ("2w", 14 * 86400), ("12 h", 12 * 3600), ("15m", 900),
        ("1.5s", 1.5), ("P30D", 30 * 86400), ("PT12H", 12 * 3600), ("P1DT1H1M1.5S", 90061.5), ("P2W", 14 * 86400),
    ],
)  # fmt: skip
def test_a_duration_is_seconds_or_a_number_with_its_unit_or_iso(ttl: Any, seconds: float) -> None:
    assert duration(ttl) == seconds * SECOND


@pytest.mark.parametrize(
    "ttl",
    [*WORDS, 0, -1, True, None, [], {}, float("nan"), float("inf"), 1e-9, 10**30],
)
def test_what_is_no_duration_is_refused_by_name(ttl: Any) -> None:
    with pytest.raises(InvalidInput) as refused:
        duration(ttl)
    assert refused.value.facts["field"] == "ttl"
    assert refused.value.hint


@given(st.integers(1, 90_000))
def test_the_same_duration_in_each_form_is_the_same(days: int) -> None:
    assert duration(f"{days}d") == duration(f"P{days}D") == duration(days * 86400) == days * DAY


def test_a_duration_becomes_a_time_and_a_time_becomes_utc() -> None:
    assert expiry_of(None, "1d", NOON) == iso(NOON + DAY)
    assert expiry_of("2030-01-02T14:00:00+02:00", None, NOON) == iso(NOON + DAY)
    assert expiry_of("2031", None, NOON) == "2031-01-01T00:00:00Z"
    assert expiry_of(NEVER, None, NOON) == NEVER
    assert expiry_of(None, None, NOON) is None


@pytest.mark.parametrize("over", ["2030", "2030-01-01T12:00:00Z", "1970", "soon", "", "2030-02-30"])
def test_a_time_that_is_over_or_none_is_refused_by_name(over: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        expiry_of(over, None, NOON)
    assert refused.value.facts["field"] == "expires_at"


def test_the_refusal_names_the_place_among_several() -> None:
    with pytest.raises(InvalidInput) as refused:
        timed([Entity("a"), Entity("b", ttl="1d", expires_at="2990")])
    assert refused.value.facts == {"field": "ttl", "place": 1}
