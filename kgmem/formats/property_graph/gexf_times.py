"""Times of GEXF as valid times, and back.

GEXF's intervals are closed and a day in them is whole; kgmem's `valid_to` is the first day that no longer belongs.
"""

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import DAY, SECOND, iso, parse_time, valid_interval
from kgmem.formats.property_graph.xml_elements import Element

Numbers = Literal["years", "keep"]
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d{1,3})?")
_OPEN = frozenset({"", "infinity", "-infinity", "inf", "-inf", "+infinity"})
_DAY = re.compile(r"[+-]?\d{1,6}-\d{2}-\d{2}")
_COARSE = re.compile(r"[+-]?\d{1,6}(-\d{2})?")
_ZONED_DAY = re.compile(r"([+-]?\d{1,6}-\d{2}-\d{2})(Z|[+-]\d{2}:\d{2})")
_STAMPS = re.compile(r"[^\s,;<>\[\]\"']+")
_PAIRS = re.compile(r"\[\s*([^\s,\]]*)\s*,\s*([^\s,\]]*)\s*\]")
_LAST_YEAR: Final = 9999
_LEAST_SECONDS, _LEAST_MILLISECONDS = 1e8, 1e11
_FIELDS = ("start", "end", "startopen", "endopen", "timestamp", "timestamps", "intervals")


def number_option(options: Mapping[str, str]) -> Numbers:
    """Return what the option `times` says of times that are numbers. Raises InvalidInput."""
    said = options.get("times", "years")
    if said not in {"years", "keep"}:
        raise InvalidInput(f"times={said!r} is no way to read numbers as times.", hint="Give years or keep.")
    return "years" if said == "years" else "keep"


def times_of(element: Element, numbers: Numbers) -> dict[str, Any]:
    """Return a node's or an edge's times as properties: valid_from and valid_to where there is one interval.

    Of several (spells, timestamps) these are the first beginning and the last end, and `spells` lists all. A time that
    is none (a step of a simulation) stays a property of its own name.
    """
    told = {name: element.attributes[name].strip() for name in _FIELDS if element.attributes.get(name, "").strip()}
    spells = _spells(element, told)
    if not spells:
        return {}
    intervals = [_interval(spell, numbers) for spell in spells]
    if any(found is None for found in intervals):
        kept = {name: _plain(value) for name, value in told.items()}
        return kept or {"spells": [{name: _plain(value) for name, value in spell.items()} for spell in spells]}
    known = [found for found in intervals if found is not None]
    if len(known) == 1:
        return known[0]
    starts = [found.get("valid_from") for found in known]
    ends = [found.get("valid_to") for found in known]
    hull: dict[str, Any] = {"spells": known}
    if None not in starts:
        hull["valid_from"] = min(starts, key=lambda time: _begin(str(time)))
    if None not in ends:
        hull["valid_to"] = max(ends, key=lambda time: _end(str(time)))
    return hull


def days_of(valid_from: str | None, valid_to: str | None) -> dict[str, str]:
    """Return start and end as the first and the last day (xs:date) of an interval, where they lie in the years 1-9999.

    Other tools take days; kgmem reads the exact times from the properties beside.
    """
    try:
        interval = valid_interval(valid_from, valid_to)
    except InvalidInput:
        return {}
    days = {
        "start": None if interval.start is None else interval.start,
        "end": None if interval.end is None else interval.end - 1,
    }
    texts = {name: iso(instant).partition("T")[0] for name, instant in days.items() if instant is not None}
    return {name: text for name, text in texts.items() if len(text) == 10 and text[:4] != "0000" and text[0] != "-"}


def _spells(element: Element, told: Mapping[str, str]) -> list[dict[str, str]]:
    """Return all intervals that an element names, each as the attributes of one spell."""
    found = [
        {name: value for name, value in spell.attributes.items() if name in _FIELDS}
        for group in element.children
        if group.name in {"spells", "slices"}
        for spell in group.children
    ]
    found += [{"timestamp": stamp} for stamp in _STAMPS.findall(told.get("timestamps", ""))]
    found += [{"start": start, "end": end} for start, end in _PAIRS.findall(told.get("intervals", ""))]
    if found:
        return found
    own = {name: value for name, value in told.items() if name not in {"timestamps", "intervals"}}
    return [own] if own else []


def _interval(spell: Mapping[str, str], numbers: Numbers) -> dict[str, str] | None:
    """Return the valid times of one spell; None when one of its times is none."""
    stamp = spell.get("timestamp")
    start, start_open = _stated(spell, "start", stamp)
    end, end_open = _stated(spell, "end", stamp)
    first, last = _time(start, numbers), _time(end, numbers)
    if (first is None and start.lower() not in _OPEN) or (last is None and end.lower() not in _OPEN):
        return None
    found = {}
    if first is not None:
        found["valid_from"] = _after(first) if start_open else first
    if last is not None:
        found["valid_to"] = _before(last) if end_open else _through(last, first)
    return found


def _stated(spell: Mapping[str, str], name: str, stamp: str | None) -> tuple[str, bool]:
    closed = spell.get(name, stamp)
    return (closed.strip(), False) if closed is not None else (spell.get(name + "open", "").strip(), True)


def _time(text: str, numbers: Numbers) -> str | None:
    """Return a time of GEXF as kgmem writes it; None when it is none."""
    if _NUMBER.fullmatch(text) and not _DAY.fullmatch(text):
        return _number_time(float(text)) if numbers == "years" and len(text) < 30 else None
    zoned = _ZONED_DAY.fullmatch(text)
    bare = zoned[1] if zoned else text
    try:
        parse_time(bare)
    except InvalidInput:
        return None
    return bare


def _number_time(number: float) -> str | None:
    """Return a number as a time: a year, or, where no year is that large, what Gephi counts from 1970."""
    if abs(number) <= _LAST_YEAR:
        year = f"{int(number)}"
        return year if number.is_integer() and _is_time(year) else None
    if abs(number) < _LEAST_SECONDS:
        return None
    instant = number * (SECOND if abs(number) < _LEAST_MILLISECONDS else SECOND / 1000)
    text = iso(int(instant)) if abs(instant) < 200_000 * 366 * DAY else ""
    return text if _is_time(text) else None


def _is_time(text: str) -> bool:
    try:
        parse_time(text)
    except InvalidInput:
        return False
    return True


def _after(time: str) -> str:
    """Return the first day or instant after a time."""
    return _short(_end(time))


def _before(time: str) -> str:
    """Return a time as the first moment that no longer belongs; a year or month in valid_to would be included."""
    return _short(_begin(time)) if _COARSE.fullmatch(time) else time


def _through(time: str, start: str | None) -> str:
    """Return a time as the end of an interval that includes it."""
    return _short(_end(time)) if _DAY.fullmatch(time) and time != start else time


def _short(instant: int) -> str:
    text = iso(instant)
    return text.removesuffix("T00:00:00Z")


def _begin(time: str) -> int:
    return parse_time(time).start or 0


def _end(time: str) -> int:
    return parse_time(time).end or 0


def _plain(text: str) -> Any:
    """Return a time that is none as the number that it is, else as its text."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not math.isfinite(number):
        return text
    return int(number) if number.is_integer() and abs(number) < 2**53 and "." not in text else number


def spells_shown(value: Any) -> Sequence[Mapping[str, str]]:
    """Return the days of each spell that a property holds which was read from several; nothing for anything else."""
    if not isinstance(value, list):
        return []
    return [days_of(spell.get("valid_from"), spell.get("valid_to")) for spell in value if isinstance(spell, Mapping)]
