"""The calendar (ISO 8601, proleptic Gregorian; days since 1970-01-01), and time zones: offsets in seconds, or names.

Python's dates and zones end at the years 1 and 9999; Cypher's dates reach from -999,999,999 to 999,999,999. The
conversions are those of Howard Hinnant's "chrono-compatible low-level date algorithms". Before year 1 a zone keeps its
first offset. After 9999 its rules continue: the calendar repeats every 400 years, weekdays included.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kgmem.query.errors import ValueProblem

FIRST_YEAR, LAST_YEAR = -999_999_999, 999_999_999
_ERA = 146_097  # Days in 400 years.
_TO_EPOCH = 719_468  # Days from 0000-03-01 to 1970-01-01.
_LENGTHS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def days_of(year: int, month: int, day: int) -> int:
    """Return the days from 1970-01-01 to a day that exists."""
    if month <= 2:
        year -= 1
    era, of_era = divmod(year, 400)
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * _ERA + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _TO_EPOCH


@lru_cache(4096)
def civil(days: int) -> tuple[int, int, int]:
    """Return year, month and day of a number of days since 1970-01-01."""
    era, of_era = divmod(days + _TO_EPOCH, _ERA)
    year = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + (3 if shifted < 10 else -9)
    return year + era * 400 + (month <= 2), month, of_year - (153 * shifted + 2) // 5 + 1


def is_leap(year: int) -> bool:
    """Whether a year has 366 days."""
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def length_of_month(year: int, month: int) -> int:
    """Return how many days a month has."""
    return 29 if month == 2 and is_leap(year) else _LENGTHS[month - 1]


def weekday(days: int) -> int:
    """Return the day of the week: 1 is Monday, 7 is Sunday."""
    return (days + 3) % 7 + 1


def first_monday(week_year: int) -> int:
    """Return the Monday of the first ISO week of a year: the week that has 4 January in it."""
    fourth = days_of(week_year, 1, 4)
    return fourth - weekday(fourth) + 1


def week_of(days: int) -> tuple[int, int]:
    """Return the year that a day's ISO week counts to, and the week's number in it."""
    thursday = days - weekday(days) + 4
    year = civil(thursday)[0]
    return year, (days - first_monday(year)) // 7 + 1


def checked_date(year: int, month: int, day: int) -> int:
    """Return the days since 1970-01-01 of a date. Raises ValueProblem where there is none such."""
    checked_year(year)
    within("month", month, 1, 12)
    if not 1 <= day <= length_of_month(year, month):
        raise ValueProblem(f"There is no day {day} in month {month} of the year {year}.")
    return days_of(year, month, day)


def checked_week(year: int, week: int, day: int) -> int:
    """Return the days since 1970-01-01 of a day of an ISO week. Raises ValueProblem where there is none such."""
    checked_year(year)
    within("dayOfWeek", day, 1, 7)
    weeks = (first_monday(year + 1) - first_monday(year)) // 7
    if not 1 <= week <= weeks:
        raise ValueProblem(f"The year {year} has no week {week}; it has {weeks} weeks.")
    return first_monday(year) + (week - 1) * 7 + day - 1


def checked_ordinal(year: int, day: int) -> int:
    """Return the days since 1970-01-01 of a day of a year. Raises ValueProblem where there is none such."""
    checked_year(year)
    within("ordinalDay", day, 1, 365 + is_leap(year))
    return days_of(year, 1, 1) + day - 1


def checked_quarter(year: int, quarter: int, day: int) -> int:
    """Return the days since 1970-01-01 of a day of a quarter. Raises ValueProblem where there is none such."""
    checked_year(year)
    within("quarter", quarter, 1, 4)
    start = days_of(year, quarter * 3 - 2, 1)
    end = days_of(year + 1, 1, 1) if quarter == 4 else days_of(year, quarter * 3 + 1, 1)
    within("dayOfQuarter", day, 1, end - start)
    return start + day - 1


def checked_year(year: int) -> None:
    """Raise ValueProblem where a year is out of all bounds."""
    within("year", year, FIRST_YEAR, LAST_YEAR)


def within(what: str, value: int, least: int, most: int) -> None:
    """Raise ValueProblem where a value is not between two others."""
    if not least <= value <= most:
        raise ValueProblem(f"{what} is {value}, but must be from {least} to {most}.")


def months_later(days: int, months: int) -> int:
    """Return the same day so many months later, or the last day of that month where it is shorter."""
    year, month, day = civil(days)
    year, before = divmod(year * 12 + month - 1 + months, 12)
    checked_year(year)
    return days_of(year, before + 1, min(day, length_of_month(year, before + 1)))


FIRST_DAY, LAST_DAY = days_of(FIRST_YEAR, 1, 1), days_of(LAST_YEAR, 12, 31)


def checked_days(days: int) -> int:
    """Return the days, or raise ValueProblem where they lead out of all years."""
    if not FIRST_DAY <= days <= LAST_DAY:
        raise ValueProblem(f"The result is outside the years {FIRST_YEAR} to {LAST_YEAR}.", type="ArithmeticError")
    return days


DAY = 86_400
_MOST = 18 * 3600
_OFFSET = re.compile(r"([+-])(\d{2})(?::?(\d{2})(?::?(\d{2}))?)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*", re.ASCII)
_CYCLE = 146_097  # Days in 400 years.
_LAST_RULED = 2100  # Zone files spell out changes until 2037; what comes after follows their rules.


@lru_cache(1024)
def zone(name: str) -> ZoneInfo:
    """Return a zone by its name. Raises ValueProblem.

    The package tzdata goes before the system's files, which differ in what they tell of times before 1970.
    """
    if not _NAME.fullmatch(name):
        raise _unknown(name)
    *folders, file = name.split("/")
    try:
        with resources.files(".".join(["tzdata.zoneinfo", *folders])).joinpath(file).open("rb") as opened:
            return ZoneInfo.from_file(opened, key=name)
    except (OSError, ModuleNotFoundError, ValueError):
        pass
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _unknown(name) from None


def _unknown(name: str) -> ValueProblem:
    return ValueProblem(
        f"Unknown time zone {name[:60]!r}.", hint="Use a name such as Europe/Stockholm, or +01:00, or Z."
    )


def parse_offset(text: str) -> int | None:
    """Return the seconds east of Greenwich of Z or +hh:mm[:ss]; None where it is no offset. Raises ValueProblem."""
    if text in {"Z", "z"}:
        return 0
    found = _OFFSET.fullmatch(text)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups()[1:])
    offset = hours * 3600 + minutes * 60 + seconds
    if minutes > 59 or seconds > 59 or offset > _MOST:
        raise ValueProblem(f"Invalid offset {text}: offsets are from -18:00 to +18:00.")
    return -offset if found[1] == "-" else offset


def written(offset: int) -> str:
    """Return an offset as it is written: Z, +01:00, +00:53:28."""
    if offset == 0:
        return "Z"
    minutes, seconds = divmod(abs(offset), 60)
    text = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{text}:{seconds:02}" if seconds else text


def parse_zone(text: str) -> tuple[int | None, str | None]:
    """Return the offset, or the name of the zone, that a text is. Raises ValueProblem."""
    offset = parse_offset(text)
    if offset is not None:
        return offset, None
    return None, zone(text).key


def offset_at(name: str, days: int, nanoseconds: int, preferred: int | None = None) -> tuple[int, int]:
    """Return the offset that a zone has at a local time, and how many seconds to move a time that its clocks skip.

    Of two offsets, where clocks went back, the preferred counts, or else the earlier.
    """
    zoned, local = zone(name), _datetime(days, nanoseconds)
    first = _seconds(local.replace(tzinfo=zoned, fold=0).utcoffset())
    second = _seconds(local.replace(tzinfo=zoned, fold=1).utcoffset())
    if preferred is not None and preferred in {first, second} and first > second:
        return preferred, 0
    # Of a time that is skipped, fold 0 tells the offset before, which is the smaller one.
    return (second, second - first) if first < second else (first, 0)


def offset_of_instant(name: str, seconds: int) -> int:
    """Return the offset that a zone has at an instant, in seconds since 1970-01-01T00:00Z."""
    days, rest = divmod(seconds, DAY)
    instant = _datetime(days, rest * 1_000_000_000).replace(tzinfo=UTC)
    return _seconds(instant.astimezone(zone(name)).utcoffset())


def _datetime(days: int, nanoseconds: int) -> datetime:
    """Return a local time, moved by whole cycles of the calendar into the years that Python knows."""
    year = civil(days)[0]
    if year < 2:
        return datetime(2, 1, 1)  # noqa: DTZ001 - a local time
    if year > _LAST_RULED + 400:
        days -= (year - _LAST_RULED) // 400 * _CYCLE
    return datetime(1970, 1, 1) + timedelta(days=days, microseconds=nanoseconds // 1000)  # noqa: DTZ001


def _seconds(offset: timedelta | None) -> int:
    return 0 if offset is None else round(offset.total_seconds())
