"""What is said of time from where the speaker stands in it: "last Friday", "two weeks ago", "March"."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Final

from kgmem.domain.time.date_parts import THIRDS, DateMeant, cut, day_interval, granularity_of
from kgmem.domain.time.interval import Interval, parse_time
from kgmem.domain.time.times_in_text import MONTH, NUMBERS, SEASONS, month_number, month_of, unit_of

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
