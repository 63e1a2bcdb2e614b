"""Temporal arithmetic: add durations to instants, durations between instants, and truncation to a unit."""

from collections.abc import Mapping
from typing import Any, TypeGuard

from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.values import components
from kgmem.query.values.calendar import (
    checked_days,
    civil,
    days_of,
    first_monday,
    months_later,
    parse_zone,
    week_of,
    weekday,
)
from kgmem.query.values.durations import Duration, of_clock
from kgmem.query.values.instants import (
    DAY,
    SECOND,
    Date,
    DateTime,
    Instant,
    LocalDateTime,
    LocalTime,
    Time,
    at_instant,
    zoned,
)

_Dated = Date | LocalDateTime | DateTime
_Point = LocalDateTime | DateTime


def shifted(instant: Instant, by: Duration, sign: int = 1) -> Instant:
    """Return an instant moved on by a duration, or with sign -1 back: first by its months, then days, then seconds."""
    clock = sign * by.clock
    if isinstance(instant, LocalTime):
        return LocalTime((instant.nanoseconds + clock) % DAY)
    if isinstance(instant, Time):
        return Time((instant.nanoseconds + clock) % DAY, instant.offset)
    days = months_later(instant.days, sign * by.months) if by.months else instant.days
    days = checked_days(days + sign * by.days)
    if isinstance(instant, Date):
        # Of a time of day, a date takes whole days.
        return Date(checked_days(days + sign * (by.clock // DAY if by.clock >= 0 else -(-by.clock // DAY))))
    if isinstance(instant, LocalDateTime):
        more, nanoseconds = divmod(instant.nanoseconds + clock, DAY)
        return LocalDateTime(checked_days(days + more), nanoseconds)
    start = zoned(days, instant.nanoseconds, instant.offset, instant.zone)
    return at_instant(start.instant + clock, start.offset, start.zone)


def between(start: Instant, end: Instant) -> Duration:
    """Return the duration from one instant to another, in months, days and what remains."""
    if not (_dated(start) and _dated(end)):
        return in_seconds(start, end)
    first, last = _aligned(start, end)
    months = _months(first, last)
    first = _moved(first, months, 0)
    days = _days(first, last)
    first = _moved(first, 0, days)
    return of_clock(months, days, _instant(last) - _instant(first))


def in_months(start: Instant, end: Instant) -> Duration:
    """Return the whole months from one instant to another; none where one of them has no date."""
    return Duration(_months(*_aligned(start, end)) if _dated(start) and _dated(end) else 0, 0, 0, 0)


def in_days(start: Instant, end: Instant) -> Duration:
    """Return the whole days from one instant to another; none where one of them has no date."""
    return Duration(0, _days(*_aligned(start, end)) if _dated(start) and _dated(end) else 0, 0, 0)


def in_seconds(start: Instant, end: Instant) -> Duration:
    """Return the time from one instant to another; what has no date is taken to be of the other's day."""
    if _dated(start):
        first, last = _aligned(start, end if _dated(end) else _on_day(end, start.days))
        return of_clock(0, 0, _instant(last) - _instant(first))
    if _dated(end):
        first, last = _aligned(_on_day(start, end.days), end)
        return of_clock(0, 0, _instant(last) - _instant(first))
    if isinstance(start, Time) and isinstance(end, Time):
        return of_clock(0, 0, end.instant - start.instant)
    return of_clock(0, 0, _clock(end) - _clock(start))


def _clock(instant: Instant) -> int:
    return 0 if isinstance(instant, Date) else instant.nanoseconds


def _dated(instant: Instant) -> TypeGuard[_Dated]:
    return not isinstance(instant, LocalTime | Time)


def _on_day(time: Instant, days: int) -> _Point:
    if isinstance(time, Time):
        return DateTime(days, time.nanoseconds, time.offset)
    return LocalDateTime(days, 0 if isinstance(time, Date) else time.nanoseconds)


def _aligned(start: _Dated, end: _Dated) -> tuple[_Point, _Point]:
    """Both with date and time; with the zone of the first where both have one, or else of the one that has one."""
    first, last = _with_time(start), _with_time(end)
    if isinstance(first, DateTime) and isinstance(last, LocalDateTime):
        last = zoned(last.days, last.nanoseconds, first.offset, first.zone)
    elif isinstance(last, DateTime) and isinstance(first, LocalDateTime):
        first = zoned(first.days, first.nanoseconds, last.offset, last.zone)
    if isinstance(first, DateTime) and isinstance(last, DateTime):
        last = at_instant(last.instant, first.offset, first.zone)
    return first, last


def _with_time(instant: _Dated) -> _Point:
    return LocalDateTime(instant.days, 0) if isinstance(instant, Date) else instant


def _instant(point: _Point) -> int:
    return point.instant if isinstance(point, DateTime) else point.days * DAY + point.nanoseconds


def _whole_days(first: _Point, last: _Point) -> int:
    """Return the day of the last point, short of the day that is not whole yet."""
    if last.days > first.days and last.nanoseconds < first.nanoseconds:
        return last.days - 1
    if last.days < first.days and last.nanoseconds > first.nanoseconds:
        return last.days + 1
    return last.days


def _days(first: _Point, last: _Point) -> int:
    return _whole_days(first, last) - first.days


def _months(first: _Point, last: _Point) -> int:
    packed = []
    for days in (first.days, _whole_days(first, last)):
        year, month, day = civil(days)
        packed.append((year * 12 + month - 1) * 32 + day)
    difference = packed[1] - packed[0]
    return -(-difference // 32) if difference < 0 else difference // 32


def _moved(point: _Point, months: int, days: int) -> _Point:
    later = checked_days((months_later(point.days, months) if months else point.days) + days)
    if isinstance(point, LocalDateTime):
        return LocalDateTime(later, point.nanoseconds)
    return zoned(later, point.nanoseconds, point.offset, point.zone)


_YEARS = {"millennium": 1000, "century": 100, "decade": 10, "year": 1}
_CLOCK = {
    "hour": 3600 * SECOND,
    "minute": 60 * SECOND,
    "second": SECOND,
    "millisecond": 1_000_000,
    "microsecond": 1000,
}
_DATE_UNITS = (*_YEARS, "weekYear", "quarter", "month", "week", "day")
_UNITS = {unit.lower(): unit for unit in (*_DATE_UNITS, *_CLOCK)}


def truncated(kind: type[Instant], unit: str, instant: Any, parts: Mapping[str, Any]) -> Instant:
    """The instant cut off at a unit, as a value of another kind, with some parts set again. Raises ValueProblem."""
    if not isinstance(instant, Date | LocalTime | Time | LocalDateTime | DateTime):
        raise wrong_type("a date or time", instant)
    named = _UNITS.get(unit.lower())
    if named is None:
        raise ValueProblem(f"Unknown unit {unit[:60]!r}.", hint=f"Units are {', '.join(_UNITS.values())}.")
    days, clock = _cut(kind, named, instant)
    parts = dict(parts)
    offset, zone = (
        (instant.offset, getattr(instant, "zone", None)) if isinstance(instant, Time | DateTime) else (0, None)
    )
    if "timezone" in parts and kind in {Time, DateTime}:
        given = parts.pop("timezone")
        if not isinstance(given, str):
            raise wrong_type("a string (for timezone)", given)
        offset_given, zone = parse_zone(given)
        offset = offset_given if offset_given is not None else 0
        if zone is not None:
            offset = zoned(days or 0, clock, None, zone).offset
    return _filled(kind, days, clock, (offset, zone), parts)


def _cut(kind: type[Instant], unit: str, instant: Instant) -> tuple[int | None, int]:
    days = getattr(instant, "days", None)
    clock = getattr(instant, "nanoseconds", 0)
    dated = kind in {Date, LocalDateTime, DateTime}
    if dated and days is None:
        raise wrong_type("a value with a date", instant)
    if unit in _CLOCK:
        if kind is Date:
            raise ValueProblem(f"A date cannot be truncated to {unit}.")
        return days, clock // _CLOCK[unit] * _CLOCK[unit]
    if not dated and unit != "day":
        raise ValueProblem(f"A time of day cannot be truncated to {unit}.")
    return (_cut_days(unit, days) if dated and days is not None else None), 0


def _cut_days(unit: str, days: int) -> int:
    year, month, _ = civil(days)
    if unit in _YEARS:
        return checked_days(days_of(year // _YEARS[unit] * _YEARS[unit], 1, 1))
    if unit == "weekYear":
        return checked_days(first_monday(week_of(days)[0]))
    if unit == "quarter":
        return days_of(year, (month - 1) // 3 * 3 + 1, 1)
    if unit == "month":
        return days_of(year, month, 1)
    return checked_days(days - weekday(days) + 1) if unit == "week" else days


def _filled(
    kind: type[Instant], days: int | None, clock: int, zone: tuple[int, str | None], parts: dict[str, Any]
) -> Instant:
    """Return the value of a kind; parts that are finer than what was cut off are added to what is left."""
    finer = sum(
        _added(parts, name, size) for name, size in (("millisecond", 10**6), ("microsecond", 1000), ("nanosecond", 1))
    )
    clock += finer
    if kind is Date:
        return components.build_date({"date": Date(days or 0), **parts}) if parts else Date(days or 0)
    if kind is LocalTime:
        return components.build_local_time({"time": LocalTime(clock), **parts})
    if kind is Time:
        return components.build_time({"time": Time(clock, zone[0]), **parts})
    if kind is LocalDateTime:
        return components.build_local_date_time({"datetime": LocalDateTime(days or 0, clock), **parts})
    local = components.build_local_date_time({"datetime": LocalDateTime(days or 0, clock), **parts})
    return zoned(local.days, local.nanoseconds, zone[0], zone[1])


def _added(parts: dict[str, Any], name: str, size: int) -> int:
    if name not in parts:
        return 0
    value = parts.pop(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(f"an integer (for {name})", value)
    if not 0 <= value * size < SECOND:
        raise ValueProblem(f"{name} is {value}, but must be less than a second.")
    return value * size
