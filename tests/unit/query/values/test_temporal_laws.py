"""Laws of the calendar, of durations and of what is printed and read."""

from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kgmem.query.errors import ValueProblem
from kgmem.query.values import Date, DateTime, Duration, LocalDateTime, LocalTime, Time
from kgmem.query.values.calendar import FIRST_DAY, LAST_DAY, civil, days_of, week_of, weekday
from kgmem.query.values.durations import added, of_clock, parse_duration, scaled
from kgmem.query.values.instants import DAY, Instant
from kgmem.query.values.temporal_arithmetic import between, in_seconds, shifted
from kgmem.query.values.text import (
    parse_date,
    parse_date_time,
    parse_local_date_time,
    parse_local_time,
    parse_time,
)
from tests.cypher_values import DAYS, date_times, dates, durations, local_date_times, local_times, temporals, times

_READERS = {
    Date: parse_date,
    LocalTime: parse_local_time,
    Time: parse_time,
    LocalDateTime: parse_local_date_time,
    DateTime: parse_date_time,
}


@given(DAYS)
def test_a_day_of_the_calendar_is_the_day_that_it_came_from(day: int) -> None:
    assert days_of(*civil(day)) == day


@given(st.dates())
def test_the_calendar_is_that_of_python_where_python_has_one(day: date) -> None:
    days = (day - date(1970, 1, 1)).days
    assert civil(days) == (day.year, day.month, day.day)
    assert (*week_of(days), weekday(days)) == tuple(day.isocalendar())
    assert str(Date(days)) == day.isoformat()


@given(temporals)
def test_what_is_printed_is_read_as_the_same(value: Instant) -> None:
    assert _READERS[type(value)](str(value)) == value


@given(durations)
def test_a_duration_that_is_printed_is_read_as_the_same(value: Duration) -> None:
    assert parse_duration(str(value)) == value


@given(durations, durations)
def test_durations_are_added_in_any_order_and_taken_away_again(one: Duration, other: Duration) -> None:
    assert added(one, other) == added(other, one)
    assert added(added(one, other), other, -1) == one
    assert added(one, one) == scaled(one, Fraction(2))


@given(durations)
def test_a_duration_is_as_long_as_its_parts(value: Duration) -> None:
    assert of_clock(value.months, value.days, value.clock) == value
    assert scaled(value, Fraction(-1)) == added(Duration(0, 0, 0, 0), value, -1)


@given(st.one_of(st.tuples(*[local_date_times] * 2), st.tuples(*[dates] * 2)))
def test_the_duration_between_two_instants_leads_from_one_to_the_other(pair: tuple[Instant, Instant]) -> None:
    start, end = pair
    assert shifted(start, between(start, end)) == end
    assert shifted(start, in_seconds(start, end)) == end


@given(date_times, date_times)
def test_the_seconds_between_two_instants_lead_to_the_same_point_in_time(start: DateTime, end: DateTime) -> None:
    found = shifted(start, in_seconds(start, end))
    assert isinstance(found, DateTime)
    assert found.instant == end.instant
    assert (found.zone, start.zone) == (start.zone, found.zone)


@given(st.one_of(local_times, times), durations)
def test_times_of_day_go_round(value: LocalTime | Time, by: Duration) -> None:
    assert shifted(shifted(value, by), by, -1) == value


@given(st.integers(0, 200_000), st.integers(-100_000, 100_000))
def test_days_are_added_to_dates_as_python_adds_them(days: int, more: int) -> None:
    found = shifted(Date(days), Duration(0, more, 0, 0))
    assert str(found) == (date(1970, 1, 1) + timedelta(days=days + more)).isoformat()


@given(local_date_times, st.integers(-1000, 1000))
def test_months_later_is_the_same_day_or_the_last_of_a_shorter_month(value: LocalDateTime, months: int) -> None:
    assume(FIRST_DAY + 40_000 < value.days < LAST_DAY - 40_000)
    found = shifted(value, Duration(months, 0, 0, 0))
    assert isinstance(found, LocalDateTime)
    year, month, day = civil(value.days)
    later_year, later_month, later_day = civil(found.days)
    assert (later_year * 12 + later_month) - (year * 12 + month) == months
    assert later_day == day or (later_day < day and civil(found.days + 1)[2] == 1)


@pytest.mark.parametrize(
    ("start", "by", "end"),
    [
        ("2017-03-26T01:30+01:00[Europe/Stockholm]", "PT1H", "2017-03-26T03:30+02:00[Europe/Stockholm]"),
        ("2017-03-25T02:30+01:00[Europe/Stockholm]", "P1D", "2017-03-26T03:30+02:00[Europe/Stockholm]"),
        ("2017-10-29T02:30+02:00[Europe/Stockholm]", "PT1H", "2017-10-29T02:30+01:00[Europe/Stockholm]"),
        ("2017-10-28T02:30+02:00[Europe/Stockholm]", "P1D", "2017-10-29T02:30+02:00[Europe/Stockholm]"),
        ("2400-10-28T12:00+02:00[Europe/Stockholm]", "P3D", "2400-10-31T12:00+01:00[Europe/Stockholm]"),
    ],
)
def test_clocks_that_go_forward_or_back_are_heeded(start: str, by: str, end: str) -> None:
    assert str(shifted(parse_date_time(start), parse_duration(by))) == end


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (parse_date, "2015-13-01"),
        (parse_date, "2015-02-29"),
        (parse_date, "2015-W54"),
        (parse_date, "2015-366"),
        (parse_date, "tomorrow"),
        (parse_date, "1000000000-01-01"),
        (parse_local_time, "24:00"),
        (parse_local_time, "12:60"),
        (parse_time, "12:00+19:00"),
        (parse_time, "12:00[Europe/Stockholm]"),
        (parse_date_time, "2015-07-21T"),
        (parse_date_time, "2015-07-21T12:00[Nowhere/Land]"),
        (parse_date_time, "2015-07-21T12:00[../../etc/passwd]"),
        (parse_date_time, "2015-07-21T12:00+05:00[Europe/Stockholm]"),
        (parse_duration, "P"),
        (parse_duration, "PT"),
        (parse_duration, "P1S"),
        (parse_duration, ""),
    ],
)
def test_what_is_no_time_is_refused(read: object, text: str) -> None:
    with pytest.raises(ValueProblem):
        read(text)  # type: ignore[operator]


def test_a_day_is_86400_seconds() -> None:
    assert DAY == 86_400 * 10**9
