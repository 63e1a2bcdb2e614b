"""Times in a question's text, in English: "in spring 1969", "between 1961 and 1965", "last year", "the 19th century".

What may be a number as well ("1500 people"), what is denied ("not in 1969"), and two times that have nothing to do with
each other are not understood: then nothing is said. Seasons are those of the north (spring is March to May; winter 1969
ends in February 1970), weeks begin on Monday, and the 19th century is 1801 to 1900.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from kgmem.domain.errors import InvalidInput
from kgmem.domain.time.interval import FIRST_YEAR, Interval, iso, parse_time

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}
NUMBERS = ("a", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_UNITS = {
    "day": 1,
    "week": 7,
    "month": 1,
    "year": 12,
    "decade": 120,
    "century": 1200,
}  # Days, and from month on months.
MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"  # noqa: E501
_ERA = r"(?:\s*(?:bce?|b\.c\.)(?![a-z]))"
# After a number that is a year no noun follows which it could count, but these may.
_AFTER = r"(?!\s+(?!(?:and|or|the|a|an|did|do|does|was|were|is|are|has|had|who|what|when|where|which|why|how|that|to|in|on|at|by|for|with|from|of|about|until|till|through|onwards?|but|as)\b)[a-z])(?![\w%°])(?!\s*%)(?![.,:/-]\d)"  # noqa: E501
_YEAR = r"(?:1\d|20)\d\d"
_TIME = rf"""(?:
    (?P<iso>(?<!\d)\d{{4}}-\d\d-\d\d(?!\d)|(?<!\d)\d{{4}}-(?:0[1-9]|1[0-2])(?![\d-]))
  | (?P<dmy>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<dmy_month>{MONTH}),?\s+(?P<dmy_year>\d{{3,4}}){_AFTER}
  | (?P<mdy_month>{MONTH})\s+(?P<mdy>\d{{1,2}})(?:st|nd|rd|th)?,?\s+(?P<mdy_year>\d{{4}}){_AFTER}
  | (?P<month>{MONTH}),?\s+(?:of\s+)?(?P<month_year>\d{{4}}){_AFTER}
  | (?P<season>spring|summer|autumn|fall|winter)\s+(?:of\s+)?(?P<season_year>\d{{4}}){_AFTER}
  | (?:the\s+)?(?P<decade>\d{{3}})0'?s\b
  | (?:the\s+)?(?P<century>\d{{1,2}})(?:st|nd|rd|th)[\s-]+century(?P<century_bc>{_ERA})?
  | (?P<bc>\d{{1,4}}){_ERA}
  | (?:ad\s+(?P<ad>\d{{1,4}})|(?P<ad_after>\d{{1,4}})\s*(?:ad|ce)\b)
  | (?P<ago>\d{{1,3}}|{"|".join(NUMBERS)})\s+(?P<ago_unit>day|week|month|year|decade)s?\s+ago\b
  | (?P<relative>last|this|next)\s+(?P<unit>week|month|year|decade|century)\b
  | (?P<day>today|yesterday|tomorrow)\b
  | (?P<year>{_YEAR}){_AFTER}
)"""
_FLAGS = re.VERBOSE | re.IGNORECASE
_LONGEST = 2000  # Characters that are read; a longer text is no question about a time.
POINT = re.compile(_TIME, _FLAGS)
_PAST = re.compile(
    rf"\b(?:in|over|during|within)\s+the\s+(?:last|past)\s+(?P<count>\d{{1,3}}|{'|'.join(NUMBERS[2:])})\s+"
    r"(?P<unit>day|week|month|year|decade)s\b",
    re.IGNORECASE,
)
_RANGE = re.compile(
    r"\b(?:between\s+(?P<b1>[^?!;]{1,40}?)\s+and\s+(?P<b2>[^?!;]{1,40})"
    r"|from\s+(?P<f1>[^?!;]{1,40}?)\s+(?:to|until|till|through)\s+(?P<f2>[^?!;]{1,40})"
    rf"|(?P<d1>{_YEAR})\s*(?:-|\u2013|\u2014|\bto\b)\s*(?P<d2>{_YEAR}){_AFTER})",
    re.IGNORECASE,
)
_LEAD = re.compile(
    r"(?P<word>\b(?:before|until|till|up\s+to|by|after|since|from|in|during|on|of|around|about|throughout|within|year|circa))"
    r"\s+(?:the\s+)?(?:year\s+|early\s+|mid-?\s*|late\s+)?$",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(?:not|n't|except|besides|other\s+than|apart\s+from)\s+(?:\w+\s+)?$", re.IGNORECASE)
_FROM_ON = re.compile(r"\s+(?:on|onwards?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TimeInText:
    """A time that a text names: the words that do, and the interval that they mean."""

    text: str
    interval: Interval


def time_in(text: str, now: int) -> TimeInText | None:
    """The time that a text names, relative to `now` where it says so; None when it names none, or not clearly."""
    try:
        found = list(_times(text[:_LONGEST], date.fromisoformat(iso(now)[:10])))
    except (InvalidInput, ValueError, OverflowError):
        return None  # A day or a year that there is not.
    if not found:
        return None
    narrow = min(found, key=lambda each: _length(each.interval))
    return narrow if all(_within(narrow.interval, each.interval) for each in found) else None


def _times(text: str, today: date) -> Iterator[TimeInText]:
    """Return the times that a text names, one after the other."""
    rest = text
    for pattern, make in ((_PAST, _past), (_RANGE, _range)):
        for match in list(pattern.finditer(rest)):
            made = make(match, today)
            if made is None:
                continue
            end, interval = made
            if not _DENIED.search(rest[: match.start()]):
                yield TimeInText(rest[match.start() : end].strip(), interval)
            rest = rest[: match.start()] + "\n" * (end - match.start()) + rest[end:]
    for match in POINT.finditer(rest):
        before = rest[: match.start()]
        lead = _LEAD.search(before)
        word = lead["word"].lower() if lead else ""
        if match["year"] and not word and rest[match.end() :].strip(" ?!.\n"):
            continue  # A number within a text may count anything.
        if _DENIED.search(before[: lead.start()] if lead else before) or (before and before[-1] in ".,-/" and not word):
            continue
        interval = _led(word, point(match, today), rest[match.end() :])
        yield TimeInText(text[lead.start() if lead else match.start() : match.end()].strip(), interval)


def _led(word: str, named: Interval, after: str) -> Interval:
    """Return the interval that a time means behind a word such as before or since."""
    if word == "before":
        return Interval(None, named.start)
    if word in {"until", "till", "by"} or word.startswith("up"):
        return Interval(None, named.end)
    if word == "after":
        return Interval(named.end, None)
    if word == "since" or (word == "from" and _FROM_ON.match(after)):
        return Interval(named.start, None)
    return named


def _past(match: re.Match[str], today: date) -> tuple[int, Interval]:
    count = _number(match["count"])
    start = _shifted(today, match["unit"].lower(), -count)
    return match.end(), Interval(parse_time(start.isoformat()).start, parse_time(today.isoformat()).end)


def _range(match: re.Match[str], today: date) -> tuple[int, Interval] | None:
    """Return the interval from the first to the last of two times, and where they end; None when they are none."""
    name = next(name for name in ("b", "f", "d") if match[f"{name}1"])
    one = POINT.fullmatch(match[f"{name}1"].strip())
    other = POINT.match(match[f"{name}2"])
    if not one or not other:
        return None
    interval = Interval(point(one, today).start, point(other, today).end)
    if interval.start is None or interval.end is None or interval.start >= interval.end:
        return None
    return match.start(f"{name}2") + other.end(), interval


def point(match: re.Match[str], today: date) -> Interval:
    """Return the interval that one time names. Raises InvalidInput, ValueError."""
    name = next(name for name, value in match.groupdict().items() if value is not None and name in _READERS)
    return _READERS[name](match, today)


def _season(match: re.Match[str], _: date) -> Interval:
    year, first = int(match["season_year"]), SEASONS[match["season"].lower()]
    last = (year, first + 2) if first < 12 else (year + 1, 2)
    return Interval(month_of(year, first).start, month_of(*last).end)


def _century(match: re.Match[str], _: date) -> Interval:
    number = int(match["century"])
    if number < 1:
        raise ValueError("the century does not exist")
    first = -100 * number + 1 if match["century_bc"] else 100 * (number - 1) + 1
    return _years(first, first + 99)


def _relative(match: re.Match[str], today: date) -> Interval:
    offset = {"last": -1, "this": 0, "next": 1}[match["relative"].lower()]
    return unit_of(today, match["unit"].lower(), offset)


def unit_of(today: date, unit: str, offset: int) -> Interval:
    """Return the day, week, month, ... so many from today's."""
    if unit == "century":
        first = (today.year - 1) // 100 * 100 + 1 + 100 * offset
        return _years(first, first + 99)
    if unit == "decade":
        first = today.year // 10 * 10 + 10 * offset
        return _years(first, first + 9)
    moved = _shifted(today, unit, offset)
    if unit == "year":
        return _years(moved.year, moved.year)
    if unit == "month":
        return month_of(moved.year, moved.month)
    first_day = moved - timedelta(days=moved.weekday()) if unit == "week" else moved
    last_day = first_day + timedelta(days=6 if unit == "week" else 0)
    return Interval(parse_time(first_day.isoformat()).start, parse_time(last_day.isoformat()).end)


def _shifted(today: date, unit: str, count: int) -> date:
    if unit in {"day", "week"}:
        return today + timedelta(days=_UNITS[unit] * count)
    years, month = divmod(today.year * 12 + today.month - 1 + _UNITS[unit] * count, 12)
    first = date(years, month + 1, 1)
    next_month = date(years + (month == 11), (month + 1) % 12 + 1, 1)
    return first.replace(day=min(today.day, (next_month - first).days))


def _years(first: int, last: int) -> Interval:
    return Interval(parse_time(_padded(first)).start, parse_time(_padded(last)).end)


def _padded(year: int) -> str:
    if year < FIRST_YEAR:
        raise ValueError("the year does not exist")
    return f"{'-' if year < 0 else ''}{abs(year):04}"


def month_of(year: int, month: int) -> Interval:
    return parse_time(f"{_padded(year)}-{month:02}")


def _day_of(year: str, month: str, day: str) -> Interval:
    return parse_time(f"{_padded(int(year))}-{month_number(month):02}-{int(day):02}")


def month_number(name: str) -> int:
    return _MONTHS.index(name[:3].lower()) + 1


def _number(text: str) -> int:
    return int(text) if text.isdigit() else max(1, NUMBERS.index(text.lower()))


_READERS: dict[str, Callable[[re.Match[str], date], Interval]] = {
    "iso": lambda match, _: parse_time(match["iso"]),
    "dmy": lambda match, _: _day_of(match["dmy_year"], match["dmy_month"], match["dmy"]),
    "mdy": lambda match, _: _day_of(match["mdy_year"], match["mdy_month"], match["mdy"]),
    "month": lambda match, _: month_of(int(match["month_year"]), month_number(match["month"])),
    "season": _season,
    "decade": lambda match, _: _years(10 * int(match["decade"]), 10 * int(match["decade"]) + 9),
    "century": _century,
    "bc": lambda match, _: _years(1 - int(match["bc"]), 1 - int(match["bc"])),
    "ad": lambda match, _: _years(int(match["ad"]), int(match["ad"])),
    "ad_after": lambda match, _: _years(int(match["ad_after"]), int(match["ad_after"])),
    "ago": lambda match, today: unit_of(today, match["ago_unit"].lower(), -_number(match["ago"])),
    "relative": _relative,
    "day": lambda match, today: unit_of(
        today, "day", {"today": 0, "yesterday": -1, "tomorrow": 1}[match["day"].lower()]
    ),
    "year": lambda match, _: _years(int(match["year"]), int(match["year"])),
}


def _length(interval: Interval) -> float:
    return float("inf") if interval.start is None or interval.end is None else interval.end - interval.start


def _within(inner: Interval, outer: Interval) -> bool:
    starts = outer.start is None or (inner.start is not None and inner.start >= outer.start)
    return starts and (outer.end is None or (inner.end is not None and inner.end <= outer.end))
