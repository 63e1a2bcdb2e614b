"""Times and intervals against Python's own calendar, and beyond where that ends."""

import calendar
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import (
    ALWAYS,
    DAY,
    FIRST_YEAR,
    LAST_YEAR,
    SECOND,
    Interval,
    instant_of,
    iso,
    now,
    parse_time,
    valid_interval,
)

MOMENTS = st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC))
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
BOUNDS = st.none() | st.integers(-50, 50)
INTERVALS = st.builds(Interval, BOUNDS, BOUNDS)


@given(MOMENTS, OFFSETS)
def test_an_instant_of_any_zone_is_the_one_python_means(moment: datetime, zone: timezone) -> None:
    told = parse_time(moment.astimezone(zone).isoformat())
    assert told == Interval(instant_of(moment), instant_of(moment) + 1)


@given(MOMENTS)
def test_an_instant_written_and_read_is_the_same(moment: datetime) -> None:
    instant = instant_of(moment)
    assert parse_time(iso(instant)).start == instant
    assert datetime.fromisoformat(iso(instant)) == moment


@given(st.integers(FIRST_YEAR * 366 * DAY, LAST_YEAR * 365 * DAY))
def test_every_instant_that_kgmem_holds_is_written_and_read_again(instant: int) -> None:
    if parse_time("-4712").start <= instant < parse_time("294275").end:  # type: ignore[operator]
        assert parse_time(iso(instant)).start == instant


@given(st.dates())
def test_a_day_lasts_until_the_next(day: "datetime") -> None:
    told = parse_time(f"{day.year:04}-{day.month:02}-{day.day:02}")
    start = instant_of(datetime(day.year, day.month, day.day, tzinfo=UTC))
    assert told == Interval(start, start + DAY)


@given(st.integers(1, 9998), st.integers(1, 12))
def test_a_month_is_as_long_as_the_calendar_says(year: int, month: int) -> None:
    told = parse_time(f"{year:04}-{month:02}")
    assert told.start == instant_of(datetime(year, month, 1, tzinfo=UTC))
    assert told.end is not None
    assert told.end - told.start == calendar.monthrange(year, month)[1] * DAY


@given(st.integers(FIRST_YEAR, LAST_YEAR - 1))
def test_years_follow_each_other_without_a_gap(year: int) -> None:
    told = parse_time(str(year))
    assert told.end == parse_time(str(year + 1)).start
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    assert told.end is not None
    assert told.start is not None
    assert told.end - told.start == (366 if leap else 365) * DAY
    if leap:
        assert parse_time(f"{year}-02-29").end == parse_time(f"{year}-03-01").start
    else:
        with pytest.raises(InvalidInput):
            parse_time(f"{year}-02-29")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1969-07-20T20:17:40Z", "1969-07-20T20:17:40Z"),
        ("1969-07-20T20:17:40z", "1969-07-20T20:17:40Z"),
        ("1969-07-20 20:17", "1969-07-20T20:17:00Z"),
        ("1969-07-20T22:17:40+02:00", "1969-07-20T20:17:40Z"),
        ("1969-07-20T22:17:40+02", "1969-07-20T20:17:40Z"),
        ("1969-07-20T15:47:40-0430", "1969-07-20T20:17:40Z"),
        ("1969-07-20T20:17:40.5", "1969-07-20T20:17:40.5Z"),
        ("1969-07-20T20:17:40,123456789Z", "1969-07-20T20:17:40.123456Z"),
        ("1969-12-31T24:00:00Z", "1970-01-01T00:00:00Z"),
        ("1972-06-30T23:59:60Z", "1972-07-01T00:00:00Z"),
        ("  1969-07-20T20:17:40Z\n", "1969-07-20T20:17:40Z"),
        ("-0043-03-15T12:00:00Z", "-0043-03-15T12:00:00Z"),
        ("+0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
        ("0000-02-29T00:00:00Z", "0000-02-29T00:00:00Z"),
        ("294275-12-31T23:59:59Z", "294275-12-31T23:59:59Z"),
        ("-4712-01-01T00:00:00Z", "-4712-01-01T00:00:00Z"),
    ],
)
def test_times_are_read_in_the_ways_that_people_write_them(text: str, told: str) -> None:
    start = parse_time(text).start
    assert start is not None
    assert iso(start) == told


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "1969-7",
        "1969-13",
        "1969-00",
        "1969-02-30",
        "1969-01-00",
        "1969-01-32",
        "1969-07-20T25:00:00",
        "1969-07-20T24:00:01",
        "1969-07-20T20:60:00",
        "1969-07-20T20:17:61",
        "1969-07-20T20",
        "1969-07-20T20:17:40+99:99",
        "1969-07-20T20:17:40+02:75",
        "1969-07-20T20:17:40 UTC",
        "1969--07",
        "1969-07-20T20:17:40Z trailing",
        "19690720",
        "294276",
        "-4713",
        "9999999",
        "12/07/1969",
        "1969-07-20\n\n1970",
        "١٩٦٩",
        "NaN",
        "infinity",
        "1969\x00",
    ],
)
def test_what_is_no_time_is_refused_with_what_to_give_instead(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_time(text)
    assert raised.value.hint


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_is_refused(text: str) -> None:
    try:
        told = parse_time(text)
    except InvalidInput:
        return
    assert told.start is not None
    assert told.end is not None
    assert told.start < told.end


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "start", "end"),
    [
        (None, None, None, None),
        ("1969", None, "1969-01-01T00:00:00Z", None),
        (None, "1969", None, "1970-01-01T00:00:00Z"),
        ("1969", "1969", "1969-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("1969-07", "1969-07", "1969-07-01T00:00:00Z", "1969-08-01T00:00:00Z"),
        ("1969", "1970-03", "1969-01-01T00:00:00Z", "1970-04-01T00:00:00Z"),
        ("1969-07-16", "1969-07-24", "1969-07-16T00:00:00Z", "1969-07-24T00:00:00Z"),
        ("1969-07-20", "1969-07-20", "1969-07-20T00:00:00Z", "1969-07-21T00:00:00Z"),
        ("1969", "1969-07-20", "1969-01-01T00:00:00Z", "1969-07-20T00:00:00Z"),
        ("1969-07-20", "1969", "1969-07-20T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("-0753", "0476-09-04", "-0753-01-01T00:00:00Z", "0476-09-04T00:00:00Z"),
        ("1969-07-20T20:17:40Z", "1969-07-21T17:54Z", "1969-07-20T20:17:40Z", "1969-07-21T17:54:00Z"),
    ],
)
def test_a_year_or_month_at_the_end_is_included_and_a_day_is_the_first_moment_after(
    valid_from: str | None, valid_to: str | None, start: str | None, end: str | None
) -> None:
    told = valid_interval(valid_from, valid_to)
    assert (told.start is None, told.end is None) == (start is None, end is None)
    assert (told.start is None or iso(told.start)) == (start or True)
    assert (told.end is None or iso(told.end)) == (end or True)


def test_an_instant_that_ends_where_it_begins_is_that_instant() -> None:
    told = valid_interval("1969-07-20T20:17:40Z", "1969-07-20T20:17:40Z")
    assert told.start is not None
    assert told.end == told.start + 1


@pytest.mark.parametrize(
    ("valid_from", "valid_to"),
    [("1970", "1969"), ("1969-07-20", "1969-07-19"), ("1969", "1969-01-01"), ("2000-01-01T00:00:01Z", "2000-01-01")],
)
def test_an_end_that_is_not_after_its_start_is_refused(valid_from: str, valid_to: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        valid_interval(valid_from, valid_to)
    assert valid_from in str(raised.value)
    assert valid_to in str(raised.value)


@given(INTERVALS, INTERVALS)
def test_overlap_is_to_share_an_instant(one: Interval, other: Interval) -> None:
    instants = range(-120, 120)
    inside = [instant for instant in instants if one.contains(instant) and other.contains(instant)]
    assert one.overlaps(other) == other.overlaps(one)
    if _is_range(one) and _is_range(other):
        assert one.overlaps(other) == bool(inside)


def _is_range(interval: Interval) -> bool:
    return interval.start is None or interval.end is None or interval.start < interval.end


def test_always_contains_every_instant() -> None:
    assert ALWAYS.contains(now())
    assert ALWAYS.overlaps(parse_time("-4712"))


def test_a_moment_without_a_zone_is_utc() -> None:
    assert instant_of(datetime(1970, 1, 1, 0, 0, 1)) == SECOND
    assert instant_of(datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1)))) == 0
