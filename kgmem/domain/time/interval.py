"""Times and intervals: ISO 8601 in, half-open ranges of microseconds out, any year that Postgres can store.

Instants are whole microseconds since 1970-01-01T00:00:00Z in the proleptic Gregorian calendar with astronomical
years (year 0 is 1 BC), because Python's datetime ends at year 1 and history does not.

`relation` returns Allen's thirteen relations (J. F. Allen, "Maintaining Knowledge about Temporal Intervals", 1983).
Intervals are half-open: one meets another where its end is the start of the other, as 1961 meets 1962. An open start
is before every instant and an open end after every one; two open starts (or ends) are equal. So exactly one relation
holds between any two intervals. An interval with neither start nor end has no valid time and no relation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from kgmem.domain.errors import InvalidInput

SECOND = 1_000_000
DAY = 86_400 * SECOND
# Postgres timestamptz: 4713 BC (astronomical year -4712) to 294276 AD.
FIRST_YEAR, LAST_YEAR = -4712, 294275

_ISO = re.compile(
    r"""(?P<year>[+-]?\d{1,6})
        (?:-(?P<month>\d{2})
           (?:-(?P<day>\d{2})
              (?:[T ](?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?
                 \s?(?P<zone>Z|z|[+-]\d{2}(?::?\d{2})?)?)?)?)?$""",
    re.VERBOSE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open range [start, end) of instants; None is open on that side."""

    start: int | None = None
    end: int | None = None

    def overlaps(self, other: "Interval") -> bool:
        """Return whether the two share an instant."""
        starts_in_time = self.start is None or other.end is None or self.start < other.end
        ends_in_time = self.end is None or other.start is None or other.start < self.end
        return starts_in_time and ends_in_time

    def contains(self, instant: int) -> bool:
        """Return whether the instant lies inside."""
        return (self.start is None or self.start <= instant) and (self.end is None or instant < self.end)


ALWAYS = Interval()


def parse_time(text: str) -> Interval:
    """Return the interval of an ISO 8601 text.

    A year, a month and a day are intervals of that length; a time of day is an instant (one microsecond long). No zone
    means UTC. Years may be negative, with 1 to 6 digits. Raises InvalidInput.
    """
    found = _ISO.match(text.strip())
    if not found:
        raise InvalidInput(
            f"{text!r} is not a valid time.",
            hint="Give ISO 8601: 1969, 1969-07, 1969-07-20 or 1969-07-20T20:17:40Z.",
            value=text,
        )
    year = int(found["year"])
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise InvalidInput(
            f"{text!r} is outside the years that kgmem can store.", hint="Years are from 4713 BC to 294275 AD."
        )
    if found["month"] is None:
        return Interval(_days(year, 1, 1) * DAY, _days(year + 1, 1, 1) * DAY)
    month = int(found["month"])
    if not 1 <= month <= 12:
        raise InvalidInput(f"{text!r} has no month {month}.", hint="Months are 01 to 12.")
    next_month = _days(year + month // 12, month % 12 + 1, 1)
    if found["day"] is None:
        return Interval(_days(year, month, 1) * DAY, next_month * DAY)
    day = int(found["day"])
    start = _days(year, month, day)
    if day < 1 or start >= next_month:
        raise InvalidInput(f"{text!r} has no day {day}.", hint="Check the length of the month.")
    if found["hour"] is None:
        return Interval(start * DAY, (start + 1) * DAY)
    instant = start * DAY + _clock(found, text)
    return Interval(instant, instant + 1)


def valid_interval(valid_from: str | None, valid_to: str | None) -> Interval:
    """Return the half-open range between two times as callers state them.

    It begins where `valid_from` begins. A year or a month as `valid_to` is included to its end; a day or an instant
    is the first moment that no longer belongs, as in SQL, except that the same day twice means that day. Raises
    InvalidInput when nothing lies between.
    """
    start = parse_time(valid_from).start if valid_from is not None else None
    if valid_to is None:
        return Interval(start, None)
    last = parse_time(valid_to)
    coarse = re.fullmatch(r"[+-]?\d{1,6}(-\d{2})?", valid_to.strip()) is not None
    end = last.end if coarse or valid_from == valid_to else last.start
    if start is not None and end is not None and end <= start:
        raise InvalidInput(
            f"valid_to {valid_to!r} is not after valid_from {valid_from!r}.",
            hint="An interval must end after it starts; leave valid_to out while it is still true.",
        )
    return Interval(start, end)


def iso(instant: int) -> str:
    """Return an instant as ISO 8601 in UTC, without a fraction where it is a whole second."""
    days, micros = divmod(instant, DAY)
    year, month, day = _civil(days)
    seconds, fraction = divmod(micros, SECOND)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    tail = f".{fraction:06}".rstrip("0") if fraction else ""
    sign = "-" if year < 0 else ""
    return f"{sign}{abs(year):04}-{month:02}-{day:02}T{clock}{tail}Z"


def now() -> int:
    """Return the current instant."""
    return instant_of(datetime.now(UTC))


def instant_of(moment: datetime) -> int:
    """Return the instant of a datetime; one without a zone is UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    delta = aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return delta.days * DAY + delta.seconds * SECOND + delta.microseconds


def _clock(found: re.Match[str], text: str) -> int:
    """Return the microseconds since midnight UTC that a match's time of day names."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        raise InvalidInput(f"{text!r} has an invalid time of day.", hint="Hours 00-23, minutes and seconds 00-59.")
    micros = int((found["fraction"] or "")[:6].ljust(6, "0"))
    offset = 0
    zone = found["zone"]
    if zone and zone not in "Zz":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        if int(digits[:2]) > 23 or int(digits[2:]) > 59:
            raise InvalidInput(f"{text!r} has an invalid time zone.", hint="Zones are Z or +00:00 to +23:59.")
        offset = (int(digits[:2]) * 60 + int(digits[2:])) * (-1 if zone[0] == "-" else 1)
    return (hour * 3600 + minute * 60 + second - offset * 60) * SECOND + micros


def _days(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 (Hinnant, "chrono-Compatible Low-Level Date Algorithms", days_from_civil)."""
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * 146_097 + day_of_era - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a day count from 1970-01-01 (ibid., civil_from_days)."""
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted = (5 * day_of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year_of_era + era * 400 + (month <= 2), month, day_of_year - (153 * shifted + 2) // 5 + 1


Allen = Literal[
    "before", "meets", "overlaps", "starts", "during", "finishes", "equals",
    "after", "met_by", "overlapped_by", "started_by", "contains", "finished_by",
]  # fmt: skip
FIRST, LAST = -(2**63), 2**63 - 1  # Where open ends lie.
_YEAR = 365 * DAY
# Of intervals that share an instant: how the starts compare, and the ends.
_SHARING: Mapping[tuple[int, int], Allen] = {
    (-1, -1): "overlaps", (-1, 0): "finished_by", (-1, 1): "contains",
    (0, -1): "starts", (0, 0): "equals", (0, 1): "started_by",
    (1, -1): "during", (1, 0): "finishes", (1, 1): "overlapped_by",
}  # fmt: skip

INVERSES: Mapping[Allen, Allen] = {
    "before": "after", "meets": "met_by", "overlaps": "overlapped_by", "starts": "started_by", "during": "contains",
    "finishes": "finished_by", "equals": "equals",
}  # fmt: skip


def relation(one: Interval, other: Interval) -> Allen:
    """Return Allen's relation of one interval to another."""
    (start, end), (first, last) = ends(one), ends(other)
    if end <= first:
        return "before" if end < first else "meets"
    if start >= last:
        return "after" if start > last else "met_by"
    return _SHARING[_sign(start - first), _sign(end - last)]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def ends(interval: Interval) -> tuple[int, int]:
    """Return both ends as integers; open ends are FIRST and LAST."""
    return (
        FIRST if interval.start is None else interval.start,
        LAST if interval.end is None else interval.end,
    )


def is_timeless(interval: Interval) -> bool:
    """Return whether the interval has neither start nor end: it has no valid time."""
    return interval.start is None and interval.end is None


def scale(interval: Interval) -> int:
    """Return the time at which closeness to an interval has fallen to a half: its own length, but a day at least.

    So what is a year off 1969 is half as close, and what is a day off 1969-07-20, too. Of an open interval: a year.
    """
    if interval.start is None or interval.end is None:
        return _YEAR
    return max(interval.end - interval.start, DAY)
