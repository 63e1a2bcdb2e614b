"""Instants moved by durations, and the durations between instants."""

from typing import TypeGuard

from kgmem.query.values.calendar import checked_days, civil, months_later
from kgmem.query.values.durations import Duration, of_clock
from kgmem.query.values.instants import (
    DAY,
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
