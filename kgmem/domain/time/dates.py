"""What a phrase that is known to name a time means: "the early 1990s", "May 5-9, 1880", "last Friday".

The points in time and what they mean are those of times_in_text; here stand what may surround them, ranges of them, and
what only a text with a date of its own can mean. A phrase that names no certain time ("six days", "monthly") gives
nothing. "Early" and "late" are the first and the last third of a stretch, "mid" is the middle one.
"""

import re
from datetime import date
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import Interval, iso, parse_time
from kgmem.domain.time.relative_dates import (
    THIRDS,
    DateMeant,
    Granularity,
    between,
    cut,
    from_to,
    granularity_of,
    relative_date,
)
from kgmem.domain.time.times_in_text import MONTH, POINT, month_number, point

__all__ = ["DateMeant", "Granularity", "date_meant"]


_DASH: Final = r"\s*(?:-|\u2013|\u2014)\s*"
_ABOUT: Final = re.compile(r"^(?:about|around|approximately|roughly|circa|ca?\.|nearly|probably)\s+", re.IGNORECASE)
_LEADING: Final = re.compile(r"^(?:in|on|at|during|of|within|throughout|the|year|years|month of|for)\s+", re.IGNORECASE)
_PARTS: Final = (
    "early mid middle late beginning start end close",
    "first_half second_half latter_half first_quarter second_quarter third_quarter fourth_quarter last_quarter",
)
_PART_NAMES: Final = "|".join(name.replace("_", " ") for line in _PARTS for name in line.split(" "))
_PART: Final = re.compile(
    rf"^(?:the\s+)?(?P<part>{_PART_NAMES}|[1-4](?:st|nd|rd|th)\ quarter|Q[1-4])"
    r"(?:\s*-\s*|\s+)?(?:part\s+)?(?:of\s+|in\s+)?(?:the\s+)?(?P<rest>.+)$",
    re.IGNORECASE,
)
_QUARTERS: Final = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": 3, "1": 0, "2": 1, "3": 2, "4": 3}
_LED: Final = re.compile(
    r"^(?P<word>before|prior to|until|till|up to|by|after|since|following|as of|pre-|post-|from)\s*"
    r"(?P<rest>.+?)(?P<on>\s+on(?:wards?)?)?$",
    re.IGNORECASE,
)
_RANGES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^between\s+(?P<one>.+?)\s+(?:and|to)\s+(?P<two>.+)$",
        rf"^(?:from\s+)?(?P<one>.+?)(?:\s+(?:to|until|till|through|thru|up to)\s+|{_DASH})(?P<two>.+)$",
        r"^(?P<one>.+?)\s+and\s+(?P<two>.+)$",
    )
)
_PRESENT: Final = re.compile(r"^(?:the\s+)?(?:present|now|today|present day)$", re.IGNORECASE)
_TWO_DAYS: Final = (
    rf"(?P<one>\d{{1,2}})(?:st|nd|rd|th)?(?:{_DASH}|\s+to\s+|\s+and\s+)"
    r"(?P<two>\d{1,2})(?:st|nd|rd|th)?"
)
_DAYS_OF_MONTH: Final = (
    re.compile(rf"^(?P<month>{MONTH})\s+{_TWO_DAYS},?\s+(?P<year>\d{{3,4}})$", re.IGNORECASE),
    re.compile(rf"^{_TWO_DAYS}\s+(?P<month>{MONTH}),?\s+(?P<year>\d{{3,4}})$", re.IGNORECASE),
)
_SHORT_RANGE: Final = re.compile(rf"^(?P<one>\d{{4}}){_DASH}(?P<two>\d{{2}})$")
_SHORT_DECADE: Final = re.compile(
    r"^'?(?P<decade>[2-9])0'?s$|^(?P<word>twenties|thirties|forties|fifties|sixties|seventies|eighties|nineties)$",
    re.IGNORECASE,
)
_DECADE_WORDS: Final = ("twenties", "thirties", "forties", "fifties", "sixties", "seventies", "eighties", "nineties")
_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", "twenty-first",
)  # fmt: skip
_CENTURY_WORD: Final = re.compile(rf"\b({'|'.join(_ORDINALS)})(?=[\s-]+century\b)", re.IGNORECASE)
_RELATIVE: Final = re.compile(r"\b(?:ago|last|this|next|today|tomorrow|yesterday)\b", re.IGNORECASE)
_SLASHED: Final = re.compile(r"^(?P<year>\d{4})[/.](?P<month>\d{1,2})[/.](?P<day>\d{1,2})$")
_LONGEST: Final = 80


def date_meant(phrase: str, reference: int | None = None) -> DateMeant | None:
    """Return what a phrase means as a time; None where that is not certain.

    `reference` is when it was said; without it, what is relative ("last year", "Friday", "March") is not understood.
    """
    text = " ".join(phrase[: _LONGEST + 1].split()).strip(' .,;:()"')
    if not text or len(text) > _LONGEST:
        return None
    day = None if reference is None else iso(reference)[:10]
    today = None if day is None or day[0] in "-0" or "T" in day or day[4] != "-" else date.fromisoformat(day)
    try:
        return _meant(text, today, 0)
    except (InvalidInput, ValueError, OverflowError):
        return None  # A day or a year that there is not.


def _meant(text: str, today: date | None, depth: int) -> DateMeant | None:
    if depth > 4:
        return None
    text = re.sub(r"\bcenturies\b", "century", text, flags=re.IGNORECASE)
    text = _CENTURY_WORD.sub(lambda word: f"{_ORDINALS.index(word[0].lower()) + 1}th", text)
    for read in (_whole, _days, _range, _led, _part, _relative):
        found = read(text, today, depth)
        if found is not None:
            return found
    shorter = _LEADING.sub("", _ABOUT.sub("", text))
    return _meant(shorter, today, depth + 1) if shorter != text else None


def _whole(text: str, today: date | None, _: int) -> DateMeant | None:
    """Read a point in time: a day, a month, a season, a year, a decade, a century."""
    if slashed := _SLASHED.match(text):
        text = f"{slashed['year']}-{int(slashed['month']):02}-{int(slashed['day']):02}"
    if short := _SHORT_DECADE.match(text):
        tens = int(short["decade"]) if short["decade"] else _DECADE_WORDS.index(short["word"].lower()) + 2
        return DateMeant(from_to(f"19{tens}0", f"19{tens}9"), "decade")
    found = POINT.fullmatch(text)
    if not found or (today is None and _RELATIVE.search(text)):
        return None
    interval = point(found, today or date(1, 1, 1))
    return DateMeant(interval, granularity_of(interval))


def _days(text: str, _: date | None, __: int) -> DateMeant | None:
    """Read days of one month: "May 5-9, 1880"; and years of one century: "1914-18"."""
    if short := _SHORT_RANGE.match(text):
        first, last = int(short["one"]), int(short["one"][:2] + short["two"])
        # "2019-04" is April.
        return DateMeant(from_to(f"{first:04}", f"{last:04}"), "range") if last > first else None
    for pattern in _DAYS_OF_MONTH:
        if found := pattern.match(text):
            month = f"{int(found['year']):04}-{month_number(found['month']):02}"
            return between(parse_time(f"{month}-{int(found['one']):02}"), parse_time(f"{month}-{int(found['two']):02}"))
    return None


def _range(text: str, today: date | None, depth: int) -> DateMeant | None:
    for pattern in _RANGES:
        found = pattern.match(text)
        if not found:
            continue
        two = None if _PRESENT.match(found["two"]) else _meant(found["two"], today, depth + 1)
        one = _meant(_completed(found["one"], found["two"]), today, depth + 1)
        if one is None:
            continue
        if _PRESENT.match(found["two"]):
            return DateMeant(Interval(one.interval.start, None), "range")
        if two is not None:
            return between(one.interval, two.interval)
    return None


def _completed(one: str, two: str) -> str:
    """Return the first end of "May to July 1999" with the year that only the second names."""
    year = re.search(r"\b\d{4}\b", two)
    bare = re.fullmatch(
        rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s+)?{MONTH}(?:\s+\d{{1,2}}(?:st|nd|rd|th)?)?", one.strip(), re.IGNORECASE
    )
    if bare and year:
        return (
            f"{one.strip()} {year[0]}" if not re.search(r"\s\d{1,2}\w*$", one.strip()) else f"{one.strip()}, {year[0]}"
        )
    century = re.search(r"\s+century\b.*$", two, re.IGNORECASE)
    if century and re.fullmatch(r"(?:the\s+)?\d{1,2}(?:st|nd|rd|th)", one.strip(), re.IGNORECASE):
        return one.strip() + century[0]
    return one


def _led(text: str, today: date | None, depth: int) -> DateMeant | None:
    found = _LED.match(text)
    if not found:
        return None
    word = found["word"].lower()
    if word == "from" and not found["on"]:
        return None
    named = _meant(found["rest"], today, depth + 1)
    if named is None:
        return None
    start, end = named.interval.start, named.interval.end
    interval = Interval(start, None)  # Since, as of, from ... on.
    if word in {"before", "prior to", "pre-"}:
        interval = Interval(None, start)
    elif word in {"until", "till", "up to", "by"}:
        interval = Interval(None, end)
    elif word in {"after", "following", "post-"}:
        interval = Interval(end, None)
    return DateMeant(interval, "range")


def _part(text: str, today: date | None, depth: int) -> DateMeant | None:
    """Read a part of a stretch: thirds, halves, quarters, to whole days and of years to whole months."""
    found = _PART.match(text)
    if not found:
        return None
    whole = _meant(found["rest"], today, depth + 1)
    if whole is None or whole.interval.start is None or whole.interval.end is None:
        return None
    word = found["part"].lower()
    if word in THIRDS:
        return DateMeant(cut(whole, THIRDS[word], 3), "range")
    if word.endswith("half"):
        return DateMeant(cut(whole, int(not word.startswith("first")), 2), "range")
    if whole.granularity != "year":
        return None
    first = word[1] if word[0] == "q" else word[0] if word[0].isdigit() else word.split()[0]
    return DateMeant(cut(whole, _QUARTERS[first], 4), "season")


def _relative(text: str, today: date | None, _: int) -> DateMeant | None:
    return relative_date(text, today)
