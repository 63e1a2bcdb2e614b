"""The parts of temporal values and points: date.year, time.hour, duration.days, point.x, by their names."""

from collections.abc import Callable, Mapping
from typing import Any

from kgmem.query.values import zones
from kgmem.query.values.calendar import civil, days_of, week_of, weekday
from kgmem.query.values.durations import Duration
from kgmem.query.values.instants import SECOND, Date, DateTime, LocalDateTime, LocalTime, Time
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
    "timezone": lambda value: getattr(value, "zone", None) or zones.written(value.offset),
    "offset": lambda value: zones.written(value.offset),
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
