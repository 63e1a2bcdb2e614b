"""Dates relative to the speaker ("last Friday", "two weeks ago", "March"), parts of periods, and granularity."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, Literal

from kgmem.domain.time.interval import DAY, Interval, iso, parse_time
from kgmem.domain.time.times_in_text import MONTH, NUMBERS, SEASONS, month_number, month_of, unit_of

Granularity = Literal["instant", "day", "month", "season", "year", "decade", "century", "range"]
_WEEK: Final = 7
_LENGTHS: Final[tuple[tuple[int, Granularity], ...]] = (
    (0, "instant"), (1, "day"), (31, "month"), (92, "season"), (366, "year"), (3653, "decade"), (36525, "century"),
)  # fmt: skip
THIRDS: Final = {"early": 0, "beginning": 0, "start": 0, "mid": 1, "middle": 1, "late": 2, "end": 2, "close": 2}


@dataclass(frozen=True, slots=True)
class DateMeant:
    """The interval that a phrase means, and how fine it is."""

    interval: Interval
    granularity: Granularity


def cut(whole: DateMeant, number: int, parts: int) -> Interval:
    """Return one of equal parts; those of a century and a decade are whole years, those of a year whole months."""
    start, end = whole.interval.start or 0, whole.interval.end or 0
    first = date.fromisoformat(iso(start)[:10])
    if whole.granularity in {"decade", "century"}:
        years = 10 if whole.granularity == "decade" else 100
        edges = [round(years * n / parts) for n in range(parts + 1)]
        # Of ten years four are early: 1990 to 1993, 1994 to 1996, 1997 to 1999.
        edges = [0, 4, 7, 10] if (years, parts) == (10, 3) else edges
        one, two = first.year + edges[number], first.year + edges[number + 1] - 1
        return from_to(f"{one:04}", f"{two:04}")
    if whole.granularity == "year":
        step = 12 // parts
        return Interval(month_of(first.year, step * number + 1).start, month_of(first.year, step * (number + 1)).end)
    days = (end - start) // DAY
    return Interval(start + days * number // parts * DAY, start + days * (number + 1) // parts * DAY)


def day_interval(day: date) -> Interval:
    """Return a whole day."""
    return parse_time(day.isoformat())


def from_to(first: str, last: str) -> Interval:
    """Return the stretch from the start of one year, month or day to the end of another."""
    return Interval(parse_time(first).start, parse_time(last).end)


def between(one: Interval, two: Interval) -> DateMeant | None:
    """Return the stretch from the start of one to the end of the other; None where that would be empty."""
    if one.start is None or two.end is None or one.start >= two.end:
        return None
    return DateMeant(Interval(one.start, two.end), "range")


def granularity_of(interval: Interval) -> Granularity:
    """Return how fine a time is, by its length; what is as long as no unit is a range."""
    if interval.start is None or interval.end is None:
        return "range"
    days = (interval.end - interval.start) // DAY
    return "range" if days == _WEEK else next((name for most, name in _LENGTHS if days <= most), "range")


_WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAY: Final = re.compile(
    rf"^(?P<which>last|this|next|past|coming|previous)?\s*(?P<day>{'|'.join(_WEEKDAYS)})s?$", re.IGNORECASE
)
_YEARLESS: Final = re.compile(
    rf"^(?P<which>last|this|next|past|early|late|mid)?[\s-]*(?:(?P<d1>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?"
    rf"(?P<month>{MONTH})(?:\s+(?:the\s+)?(?P<d2>\d{{1,2}})(?:st|nd|rd|th)?)?$",
    re.IGNORECASE,
)
_SEASONLESS: Final = re.compile(
    r"^(?P<which>last|this|next|past)\s+(?P<season>spring|summer|autumn|fall|winter)$", re.IGNORECASE
)
_COUNT: Final = rf"\d{{1,3}}|{'|'.join(NUMBERS)}|an"
_UNIT: Final = "(?P<unit>day|week|month|year|decade)"
_AHEAD: Final = re.compile(
    rf"^in\s+(?:about\s+)?(?P<count>{_COUNT})\s+{_UNIT}s?(?:'?\s+time)?$",
    re.IGNORECASE,
)
_AGO: Final = re.compile(
    rf"^(?:about\s+)?(?P<count>{_COUNT}|a couple of|couple of)\s+{_UNIT}s?\s+(?:ago|earlier|back)$",
    re.IGNORECASE,
)
_WINDOW: Final = re.compile(
    rf"^(?P<which>last|past|next|coming)\s+(?:(?P<count>\d{{1,3}}|{'|'.join(NUMBERS[1:])}|few)\s+){_UNIT}s$",
    re.IGNORECASE,
)
_NAMED_DAYS: Final = {
    "today": 0,
    "tonight": 0,
    "this morning": 0,
    "this afternoon": 0,
    "this evening": 0,
    "yesterday": -1,
    "last night": -1,
    "yesterday morning": -1,
    "yesterday evening": -1,
    "yesterday afternoon": -1,
    "day before yesterday": -2,
    "tomorrow": 1,
    "tomorrow morning": 1,
    "day after tomorrow": 2,
}


def relative_date(text: str, today: date | None) -> DateMeant | None:
    """Return what is meant by words that stand for a time as seen from today; None for others, and without a today."""
    if today is None:
        return None
    bare = re.sub(r"^the\s+", "", text.lower())
    if bare in _NAMED_DAYS:
        return DateMeant(unit_of(today, "day", _NAMED_DAYS[bare]), "day")
    if bare in {"last weekend", "this weekend", "next weekend", "weekend"}:
        monday = today - timedelta(days=today.weekday()) + timedelta(weeks={"l": -1, "n": 1}.get(bare[0], 0))
        return DateMeant(
            Interval(day_interval(monday + timedelta(days=5)).start, day_interval(monday + timedelta(days=6)).end),
            "range",
        )
    for pattern, read in _RELATIVE_READERS:
        if found := pattern.match(bare):
            return read(found, today)
    return None


def _weekday(found: re.Match[str], today: date) -> DateMeant:
    """Return the last such day up to today; "next" is in the week to come, "this" in this week."""
    wanted, which = _WEEKDAYS.index(found["day"].lower()), (found["which"] or "").lower()
    monday = today - timedelta(days=today.weekday())
    if which in {"next", "coming"}:
        ahead = (wanted - today.weekday()) % 7 or 7
        return DateMeant(day_interval(today + timedelta(days=ahead)), "day")
    if which == "this":
        return DateMeant(day_interval(monday + timedelta(days=wanted)), "day")
    back = (today.weekday() - wanted) % 7
    return DateMeant(day_interval(today - timedelta(days=back or (7 if which else 0))), "day")


def _yearless(found: re.Match[str], today: date) -> DateMeant:
    """Return the month or day of the year that lies nearest, unless the phrase says "last" or "next"."""
    month, day, which = month_number(found["month"]), found["d1"] or found["d2"], (found["which"] or "").lower()
    if which in {"last", "past"}:
        year = today.year - (month >= today.month)
    elif which == "next":
        year = today.year + (month <= today.month)
    elif which == "this":
        year = today.year
    else:
        year = min(
            (today.year - 1, today.year, today.year + 1),
            key=lambda one: abs(12 * (one - today.year) + month - today.month),
        )
    if day:
        return DateMeant(parse_time(f"{year:04}-{month:02}-{int(day):02}"), "day")
    whole = DateMeant(month_of(year, month), "month")
    return DateMeant(cut(whole, THIRDS[which], 3), "range") if which in THIRDS else whole


def _seasonless(found: re.Match[str], today: date) -> DateMeant | None:
    first = SEASONS[found["season"].lower()]
    years = range(today.year - 2, today.year + 2)
    spans = [(month_of(year, first), month_of(year + (first == 12), (first + 1) % 12 + 1)) for year in years]
    moment, which = day_interval(today).start or 0, found["which"].lower()
    if which in {"last", "past"}:
        fitting = [each for each in spans if (each[1].end or 0) <= moment][-1:]
    elif which == "next":
        fitting = [each for each in spans if (each[0].start or 0) > moment][:1]
    else:
        fitting = [each for each in spans if (each[1].end or 0) > moment][:1]
    return DateMeant(Interval(fitting[0][0].start, fitting[0][1].end), "season") if fitting else None


def _ago(found: re.Match[str], today: date) -> DateMeant:
    interval = unit_of(today, found["unit"].lower(), -_count(found["count"]))
    return DateMeant(interval, granularity_of(interval))


def _ahead(found: re.Match[str], today: date) -> DateMeant:
    interval = unit_of(today, found["unit"].lower(), _count(found["count"]))
    return DateMeant(interval, granularity_of(interval))


def _window(found: re.Match[str], today: date) -> DateMeant:
    count, back = _count(found["count"]), found["which"].lower() in {"last", "past"}
    there = unit_of(today, found["unit"].lower(), -count if back else count)
    now = day_interval(today)
    return DateMeant(Interval(there.start, now.end) if back else Interval(now.start, there.end), "range")


def _count(text: str) -> int:
    few = {"an": 1, "a couple of": 2, "couple of": 2, "few": 3}
    return few.get(text.lower(), 0) or (int(text) if text.isdigit() else max(1, NUMBERS.index(text.lower())))


_RELATIVE_READERS: Final[tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], DateMeant | None]], ...]] = (
    (_WEEKDAY, _weekday),
    (_YEARLESS, _yearless),
    (_SEASONLESS, _seasonless),
    (_AGO, _ago),
    (_AHEAD, _ahead),
    (_WINDOW, _window),
)
