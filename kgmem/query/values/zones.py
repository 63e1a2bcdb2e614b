"""Time zones: offsets in seconds, and zones by name, in any year.

Python knows zones from the year 1 to 9999. Before, a zone keeps its first offset; after, its rules go on: the calendar
repeats every 400 years, weekdays included.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kgmem.query.values.calendar import civil
from kgmem.query.values.problems import ValueProblem

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
        f"{name[:60]!r} is no time zone.", hint="Give a name such as Europe/Stockholm, or +01:00, or Z."
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
        raise ValueProblem(f"{text} is no offset; offsets reach from -18:00 to +18:00.")
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
