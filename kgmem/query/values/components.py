"""Components of temporal values and points: read them, and build values from them."""

from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.values import calendar
from kgmem.query.values.calendar import (
    checked_date,
    checked_ordinal,
    checked_quarter,
    checked_week,
    civil,
    days_of,
    parse_zone,
    week_of,
    weekday,
    within,
)
from kgmem.query.values.durations import Duration
from kgmem.query.values.instants import (
    DAY,
    SECOND,
    Date,
    DateTime,
    LocalDateTime,
    LocalTime,
    Time,
    at_instant,
    zoned,
)
from kgmem.query.values.points import Point

_Getter = Callable[[Any], Any]


def _day_of_quarter(value: Any) -> int:
    year, month, _ = civil(value.days)
    return int(value.days - days_of(year, (month - 1) // 3 * 3 + 1, 1) + 1)


_DATE: Mapping[str, _Getter] = {
    "year": lambda value: civil(value.days)[0],
    "quarter": lambda value: (civil(value.days)[1] + 2) // 3,
    "month": lambda value: civil(value.days)[1],
    "week": lambda value: week_of(value.days)[1],
    "weekYear": lambda value: week_of(value.days)[0],
    "day": lambda value: civil(value.days)[2],
    "ordinalDay": lambda value: value.days - days_of(civil(value.days)[0], 1, 1) + 1,
    "dayOfYear": lambda value: value.days - days_of(civil(value.days)[0], 1, 1) + 1,
    "weekDay": lambda value: weekday(value.days),
    "dayOfWeek": lambda value: weekday(value.days),
    "dayOfQuarter": _day_of_quarter,
}
_CLOCK: Mapping[str, _Getter] = {
    "hour": lambda value: value.nanoseconds // (3600 * SECOND),
    "minute": lambda value: value.nanoseconds // (60 * SECOND) % 60,
    "second": lambda value: value.nanoseconds // SECOND % 60,
    "millisecond": lambda value: value.nanoseconds % SECOND // 1_000_000,
    "microsecond": lambda value: value.nanoseconds % SECOND // 1000,
    "nanosecond": lambda value: value.nanoseconds % SECOND,
}
_OFFSET: Mapping[str, _Getter] = {
    "timezone": lambda value: getattr(value, "zone", None) or calendar.written(value.offset),
    "offset": lambda value: calendar.written(value.offset),
    "offsetMinutes": lambda value: int(value.offset / 60),
    "offsetSeconds": lambda value: value.offset,
}
_EPOCH: Mapping[str, _Getter] = {
    "epochSeconds": lambda value: value.seconds,
    "epochMillis": lambda value: value.instant // 1_000_000,
}
_DURATION: Mapping[str, _Getter] = {
    "years": lambda value: int(value.months / 12),
    "quarters": lambda value: int(value.months / 3),
    "months": lambda value: value.months,
    "weeks": lambda value: int(value.days / 7),
    "days": lambda value: value.days,
    "hours": lambda value: value.seconds // 3600,
    "minutes": lambda value: value.seconds // 60,
    "seconds": lambda value: value.seconds,
    "milliseconds": lambda value: value.clock // 1_000_000,
    "microseconds": lambda value: value.clock // 1000,
    "nanoseconds": lambda value: value.clock,
    "quartersOfYear": lambda value: int(value.months / 3) % 4,
    "monthsOfQuarter": lambda value: value.months % 3,
    "monthsOfYear": lambda value: value.months % 12,
    "daysOfWeek": lambda value: value.days % 7,
    "minutesOfHour": lambda value: value.seconds // 60 % 60,
    "secondsOfMinute": lambda value: value.seconds % 60,
    "millisecondsOfSecond": lambda value: value.nanoseconds // 1_000_000,
    "microsecondsOfSecond": lambda value: value.nanoseconds // 1000,
    "nanosecondsOfSecond": lambda value: value.nanoseconds,
}
_POINT: Mapping[str, _Getter] = {
    "x": lambda value: value.x,
    "y": lambda value: value.y,
    "z": lambda value: value.z,
    "longitude": lambda value: value.x if value.geographic else None,
    "latitude": lambda value: value.y if value.geographic else None,
    "height": lambda value: value.z if value.geographic else None,
    "crs": lambda value: value.crs,
    "srid": lambda value: value.srid,
}
FIELDS: Mapping[type, Mapping[str, _Getter]] = {
    Date: _DATE,
    LocalTime: _CLOCK,
    Time: {**_CLOCK, **_OFFSET},
    LocalDateTime: {**_DATE, **_CLOCK},
    DateTime: {**_DATE, **_CLOCK, **_OFFSET, **_EPOCH},
    Duration: _DURATION,
    Point: _POINT,
}


_DATE_NAMES = frozenset(
    [
        "year",
        "month",
        "day",
        "week",
        "dayOfWeek",
        "quarter",
        "dayOfQuarter",
        "ordinalDay",
        "weekDay",
        "weekYear",
        "dayOfYear",
        "date",
    ]
)
_CLOCK_NAMES = frozenset(["hour", "minute", "second", "millisecond", "microsecond", "nanosecond", "time"])
_ZONED = frozenset({"timezone"})
_BOTH = frozenset({"datetime"})
_EPOCH_NAMES = frozenset({"epochSeconds", "epochMillis", "nanosecond"})
_FINER = (("millisecond", 1_000_000, 1000), ("microsecond", 1000, 1000), ("nanosecond", 1, 1000))
_SYNONYMS = {"weekDay": "dayOfWeek", "dayOfYear": "ordinalDay"}
_SIZES = {"hour": 23, "minute": 59, "second": 59}


def build_date(parts: Mapping[str, Any]) -> Date:
    """Return the date that a map describes. Raises ValueProblem."""
    parts = _checked(parts, _DATE_NAMES | _ZONED | _BOTH, "date")
    return Date(_days(parts))


def build_local_time(parts: Mapping[str, Any]) -> LocalTime:
    """Return the time of day that a map describes. Raises ValueProblem."""
    parts = _checked(parts, _CLOCK_NAMES | _BOTH, "localtime")
    return LocalTime(_clock(parts))


def build_time(parts: Mapping[str, Any]) -> Time:
    """Return the time of day with an offset that a map describes; where it names none, that of the other. UTC else."""
    parts = _checked(parts, _CLOCK_NAMES | _ZONED | _BOTH, "time")
    base = parts.get("time", parts.get("datetime"))
    nanoseconds = _clock(parts)
    held = base.offset if isinstance(base, Time | DateTime) else None
    if "timezone" not in parts:
        return Time(nanoseconds, held or 0)
    offset, name = parse_zone(_text(parts["timezone"]))
    if name is not None:
        # The offset of a zone is that of the day that is given, or of the first day there is.
        days = base.days if isinstance(base, LocalDateTime | DateTime) else 0
        offset = zoned(days, nanoseconds, None, name).offset
    given = offset or 0
    if held is not None:
        nanoseconds = (nanoseconds + (given - held) * SECOND) % DAY
    return Time(nanoseconds, given)


def build_local_date_time(parts: Mapping[str, Any]) -> LocalDateTime:
    """Return the date and time of day that a map describes. Raises ValueProblem."""
    parts = _checked(parts, _DATE_NAMES | _CLOCK_NAMES | _BOTH, "localdatetime")
    return LocalDateTime(_days(parts), _clock(parts))


def build_date_time(parts: Mapping[str, Any]) -> DateTime:
    """The date, time of day and zone that a map describes; of an instant in a zone it becomes that of another."""
    if not parts.keys().isdisjoint({"epochSeconds", "epochMillis"}):
        return _of_epoch(parts)
    parts = _checked(parts, _DATE_NAMES | _CLOCK_NAMES | _ZONED | _BOTH, "datetime")
    days, nanoseconds = _days(parts), _clock(parts)
    base = parts.get("datetime", parts.get("time"))
    held = (base.offset, getattr(base, "zone", None)) if isinstance(base, Time | DateTime) else None
    if "timezone" not in parts:
        return zoned(days, nanoseconds, *(held or (0, None)))
    offset, name = parse_zone(_text(parts["timezone"]))
    if held is None:
        return zoned(days, nanoseconds, offset, name)
    return at_instant(zoned(days, nanoseconds, *held).instant, offset, name)


def _of_epoch(parts: Mapping[str, Any]) -> DateTime:
    parts = _checked(parts, _EPOCH_NAMES | _ZONED, "datetime")
    instant = _integer(parts.get("epochSeconds", 0), "epochSeconds") * SECOND
    instant += _integer(parts.get("epochMillis", 0), "epochMillis") * 1_000_000
    instant += _integer(parts.get("nanosecond", 0), "nanosecond")
    return at_instant(instant, *parse_zone(_text(parts.get("timezone", "Z"))))


def _checked(parts: Mapping[str, Any], known: frozenset[str], what: str) -> dict[str, Any]:
    """Return the entries that are not null, or raise ValueProblem where one of them means nothing here."""
    for name in parts:
        if name not in known:
            raise ValueProblem(f"A {what} has no {name}.", hint=f"It has {', '.join(sorted(known))}.")
    found = {_SYNONYMS.get(name, name): value for name, value in parts.items() if value is not None}
    if len(found) < len(parts) and not found:
        raise ValueProblem(f"Cannot create a {what}: all its components are null.")
    return found


def _integer(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(f"an integer (for {name})", value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type("a string (for timezone)", value)
    return value


def _days(parts: Mapping[str, Any]) -> int:
    base = parts.get("date", parts.get("datetime"))
    if base is not None and not isinstance(base, Date | LocalDateTime | DateTime):
        raise wrong_type("a value with a date", base)
    days = None if base is None else base.days
    given = {name: _integer(parts[name], name) for name in _DATE_NAMES & parts.keys() if name != "date"}
    if days is not None and not given:
        return days
    return _days_of(given, days)


def _days_of(given: Mapping[str, int], base: int | None) -> int:
    """Return the day that parts of a date name; what they omit is the base's, or else the first."""
    if "week" in given or "dayOfWeek" in given or "weekYear" in given:
        year, week = week_of(base) if base is not None else (None, 1)
        year = given.get("weekYear", given.get("year", year))
        day = given.get("dayOfWeek", weekday(base) if base is not None else 1)
        return checked_week(_year(year), given.get("week", week), day)
    year, month, day = civil(base) if base is not None else (None, 1, 1)
    year = _year(given.get("year", year))
    if "ordinalDay" in given:
        return checked_ordinal(year, given["ordinalDay"])
    if "quarter" in given or "dayOfQuarter" in given:
        return _of_quarter(given, year, base)
    if "day" in given and "month" not in given and base is None:
        raise ValueProblem("A day needs a month.", hint="Add the month, or use ordinalDay.")
    return checked_date(year, given.get("month", month), given.get("day", day))


def _of_quarter(given: Mapping[str, int], year: int, base: int | None) -> int:
    if base is None:
        return checked_quarter(year, given.get("quarter", 1), given.get("dayOfQuarter", 1))
    _, month, day = civil(base)
    quarter = given.get("quarter", (month + 2) // 3)
    if "dayOfQuarter" in given:
        return checked_quarter(year, quarter, given["dayOfQuarter"])
    within("quarter", quarter, 1, 4)
    # The same day of the same month of another quarter.
    first = (month - 1) // 3 * 3 + 1
    return checked_date(year, quarter * 3 - 2 + month - first, given.get("day", day))


def _year(year: int | None) -> int:
    if year is None:
        raise ValueProblem("The year is missing.", hint="Add the year, or a date to take it from.")
    return year


def _clock(parts: Mapping[str, Any]) -> int:
    base = parts.get("time", parts.get("datetime"))
    if base is not None and not isinstance(base, LocalTime | Time | LocalDateTime | DateTime):
        raise wrong_type("a value with a time of day", base)
    found = {}
    for name, most in _SIZES.items():
        held = FIELDS[type(base)][name](base) if base is not None else 0
        found[name] = _integer(parts[name], name) if name in parts else held
        within(name, found[name], 0, most)
    if base is None and any(
        finer in parts and coarser not in parts for coarser, finer in (("hour", "minute"), ("minute", "second"))
    ):
        raise ValueProblem(
            "A unit of time is missing before a smaller one.", hint="Use hour, then minute, then second."
        )
    whole = (found["hour"] * 60 + found["minute"]) * 60 + found["second"]
    return whole * SECOND + _fraction(parts, base)


def _fraction(parts: Mapping[str, Any], base: Any) -> int:
    """Return the nanoseconds of the second: each unit may count all of them, or those that the larger ones leave."""
    given = [each for each in _FINER if each[0] in parts]
    if not given:
        return base.nanoseconds % SECOND if base is not None else 0
    total, larger = 0, False
    for name, size, count in given:
        value = _integer(parts[name], name)
        within(name, value, 0, (count if larger else SECOND // size) - 1)
        total, larger = total + value * size, True
    return total
