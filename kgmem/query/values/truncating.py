"""Temporal values cut off at a unit: the first day of the century, the full hour."""

from collections.abc import Mapping
from typing import Any

from kgmem.query.values import building
from kgmem.query.values.calendar import checked_days, civil, days_of, first_monday, week_of, weekday
from kgmem.query.values.instants import (
    SECOND,
    Date,
    DateTime,
    Instant,
    LocalDateTime,
    LocalTime,
    Time,
    zoned,
)
from kgmem.query.values.problems import ValueProblem, wrong_type
from kgmem.query.values.zones import parse_zone

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
    """The instant cut off at a unit, as a value of another kind, with some parts set anew. Raises ValueProblem."""
    if not isinstance(instant, Date | LocalTime | Time | LocalDateTime | DateTime):
        raise wrong_type("a date or time", instant)
    named = _UNITS.get(unit.lower())
    if named is None:
        raise ValueProblem(f"{unit[:60]!r} is no unit.", hint=f"Units are {', '.join(_UNITS.values())}.")
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
            raise ValueProblem(f"A date has no {unit} to cut off at.")
        return days, clock // _CLOCK[unit] * _CLOCK[unit]
    if not dated and unit != "day":
        raise ValueProblem(f"A time of day has no {unit} to cut off at.")
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
        return building.build_date({"date": Date(days or 0), **parts}) if parts else Date(days or 0)
    if kind is LocalTime:
        return building.build_local_time({"time": LocalTime(clock), **parts})
    if kind is Time:
        return building.build_time({"time": Time(clock, zone[0]), **parts})
    if kind is LocalDateTime:
        return building.build_local_date_time({"datetime": LocalDateTime(days or 0, clock), **parts})
    local = building.build_local_date_time({"datetime": LocalDateTime(days or 0, clock), **parts})
    return zoned(local.days, local.nanoseconds, zone[0], zone[1])


def _added(parts: dict[str, Any], name: str, size: int) -> int:
    if name not in parts:
        return 0
    value = parts.pop(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(f"an integer (for {name})", value)
    if not 0 <= value * size < SECOND:
        raise ValueProblem(f"{name} is {value}, which is not within a second.")
    return value * size
