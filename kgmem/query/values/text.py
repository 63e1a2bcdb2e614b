"""Values and text: parse ISO 8601 forms of temporal values, and format values as toString and Cypher do."""

import math
import re
from decimal import Decimal
from typing import Any

from kgmem.query.errors import ValueProblem
from kgmem.query.values.calendar import (
    checked_date,
    checked_ordinal,
    checked_week,
    checked_year,
    offset_at,
    parse_offset,
    zone,
)
from kgmem.query.values.durations import Duration
from kgmem.query.values.elements import Node, Path, Relationship
from kgmem.query.values.instants import INSTANTS, SECOND, Date, DateTime, LocalDateTime, LocalTime, Time, zoned
from kgmem.query.values.points import Point

_DATE = re.compile(
    r"""(?P<year>\d{4}|[+-]\d{1,9}(?=-|$))
        (?: -W(?P<week>\d{1,2})(?:-(?P<weekday>\d))? | W(?P<week2>\d{2})(?P<weekday2>\d)?
          | -Q(?P<quarter>\d)-(?P<of_quarter>\d{1,2})
          | -(?P<ordinal>\d{3}) | (?P<ordinal2>\d{3})
          | -(?P<month>\d{1,2})(?:-(?P<day>\d{1,2}))? | (?P<month2>\d{2})(?P<day2>\d{2})? )?""",
    re.VERBOSE | re.ASCII,
)
_TIME = re.compile(
    r"""(?P<hour>\d{2})(?: :(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?
          | (?P<minute2>\d{2})(?:(?P<second2>\d{2})(?:[.,](?P<fraction2>\d{1,9}))?)? )?""",
    re.VERBOSE | re.ASCII,
)
_DIVIDED = re.compile(r"([^Tt]*)[Tt](.*)")
_ZONED = re.compile(r"([^Zz+\-\[]*)([Zz]|[+-][\d:]+)?(?:\[([^\]]*)\])?", re.ASCII)


def parse_date(text: str) -> Date:
    """Return the date that a text names: 2015-07-21, 20150721, 2015-W30-2, 2015-202, 2015. Raises ValueProblem."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueProblem(f"Invalid date {text[:60]!r}.", hint="Write dates as 2015-07-21, 2015-W30-2 or 2015-202.")
    year = int(found["year"])
    checked_year(year)
    if week := found["week"] or found["week2"]:
        return Date(checked_week(year, int(week), int(found["weekday"] or found["weekday2"] or 1)))
    if ordinal := found["ordinal"] or found["ordinal2"]:
        return Date(checked_ordinal(year, int(ordinal)))
    if found["quarter"]:
        return Date(_of_quarter(year, int(found["quarter"]), int(found["of_quarter"])))
    month, day = found["month"] or found["month2"] or 1, found["day"] or found["day2"] or 1
    return Date(checked_date(year, int(month), int(day)))


def _of_quarter(year: int, quarter: int, day: int) -> int:
    from_month = checked_date(year, quarter * 3 - 2 if 1 <= quarter <= 4 else 13, 1)
    return from_month + day - 1


def parse_local_time(text: str) -> LocalTime:
    """Return the time of day that a text names: 21:40:32.142, 214032.142, 21:40, 21. Raises ValueProblem."""
    return LocalTime(_clock(text, text))


def parse_time(text: str) -> Time:
    """Return the time of day and offset that a text names; without one it is UTC. Raises ValueProblem."""
    clock, offset, name = _zone(text)
    if name is not None:
        raise ValueProblem(f"{text[:60]!r} has a time zone, but a time can have only an offset.", hint="Write +01:00.")
    return Time(_clock(clock, text), offset or 0)


def parse_local_date_time(text: str) -> LocalDateTime:
    """Return the date and time of day that a text names. Raises ValueProblem."""
    date, clock = _parts(text)
    return LocalDateTime(parse_date(date).days, _clock(clock, text) if clock else 0)


def parse_date_time(text: str) -> DateTime:
    """Return the date, time of day and zone that a text names; without a zone it is UTC. Raises ValueProblem."""
    date, rest = _parts(text)
    if not rest:
        return zoned(parse_date(date).days, 0, 0, None)
    clock, offset, name = _zone(rest)
    days, nanoseconds = parse_date(date).days, _clock(clock, text)
    found = zoned(days, nanoseconds, offset, name)
    if name is not None and offset is not None and found.offset != offset:
        held, _ = offset_at(name, days, nanoseconds)
        problem = f"The offset in {text[:60]!r} is not that of {name} at this time, which is {held} seconds."
        raise ValueProblem(problem, hint="Leave the offset out, or correct it.")
    return found


def _parts(text: str) -> tuple[str, str]:
    """Return the date, and what is behind the T."""
    found = _DIVIDED.fullmatch(text)
    if found is None:
        return text, ""
    if not found[2]:
        raise ValueProblem(f"Missing time of day after the T in {text[:60]!r}.")
    return found[1], found[2]


def _zone(text: str) -> tuple[str, int | None, str | None]:
    found = _ZONED.fullmatch(text)
    if found is None:
        raise ValueProblem(f"Invalid time of day {text[:60]!r}.", hint="Write times as 21:40:32.142+01:00.")
    offset = None
    if found[2]:
        offset = parse_offset(found[2])
        if offset is None:
            raise ValueProblem(f"Invalid offset {found[2][:60]!r}.", hint="Write offsets as Z, +01:00 or +0100.")
    if not found[3]:
        return found[1], offset, None
    inner = parse_offset(found[3])
    return (found[1], inner, None) if inner is not None else (found[1], offset, zone(found[3]).key)


def _clock(text: str, whole: str) -> int:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueProblem(f"Invalid time of day {whole[:60]!r}.", hint="Write times as 21:40:32.142 or 214032.142.")
    hour, minute = int(found["hour"]), int(found["minute"] or found["minute2"] or 0)
    second = int(found["second"] or found["second2"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueProblem(f"Invalid time of day {whole[:60]!r}: hours are up to 23, minutes and seconds up to 59.")
    fraction = (found["fraction"] or found["fraction2"] or "").ljust(9, "0")
    return ((hour * 60 + minute) * 60 + second) * SECOND + int(fraction)


_PLAIN_NAME = re.compile(r"[^\W\d]\w*")
_TEXTS = (str, int, *INSTANTS, Duration, Point)


def text_of(value: Any) -> str | None:
    """Return what toString makes of a value; None of what has no text (lists, maps, nodes, ...)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return written_float(value)
    return str(value) if isinstance(value, _TEXTS) else None


def written_float(value: float) -> str:
    """Return a float as Java writes it, and so every Cypher: 1.0, 1.5E10, NaN, Infinity."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    power = len(digits) - 1 + int(exponent)
    rest = "".join(map(str, digits[1:])).rstrip("0") or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{power}"


def written(value: Any) -> str:
    """Return a value as Cypher writes it: 'a', [1, 2], {a: 1}, (:Person {name: 'Ada'})."""
    if value is None:
        return "null"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(written, value))}]"
    if isinstance(value, dict):
        return _map(value)
    if isinstance(value, Node | Relationship | Path):
        return _element(value)
    return text_of(value) or repr(value)


def _element(value: Node | Relationship | Path) -> str:
    if isinstance(value, Path):
        return _path(value)
    if isinstance(value, Node):
        labels = "".join(f":{_name(label)}" for label in value.labels)
        return f"({' '.join(part for part in (labels, _properties(value)) if part)})"
    return f"[{' '.join(part for part in (f':{_name(value.type)}', _properties(value)) if part)}]"


def _quoted(text: str) -> str:
    for letter, escape in (("\\", "\\\\"), ("'", "\\'"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = text.replace(letter, escape)
    return f"'{text}'"


def _name(name: str) -> str:
    return name if _PLAIN_NAME.fullmatch(name) else f"`{name.replace('`', '``')}`"


def _map(entries: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{_name(name)}: {written(each)}" for name, each in entries.items()) + "}"


def _properties(element: Node | Relationship) -> str:
    return _map(dict(element.properties)) if element.properties else ""


def _path(path: Path) -> str:
    text = written(path.nodes[0])
    for before, relationship, node in zip(path.nodes, path.relationships, path.nodes[1:], strict=False):
        onwards = relationship.start == before.id
        text += f"{'-' if onwards else '<-'}{written(relationship)}{'->' if onwards else '-'}{written(node)}"
    return text
