"""Times that a text names: where they stand, and what they mean.

Only stretches that the model takes for dates are read, and brackets; the words around one ("since", "between ... and")
belong to it. What kgmem's own rules do not read goes to dateparser if it names a day with its year, in any of a few
languages; dateparser alone would take "the 1990s" for today.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Final

import dateparser
from spacy.tokens import Doc

from kgmem.domain.text.extraction import FoundTime, Span
from kgmem.domain.time.dates import DateMeant, date_meant
from kgmem.domain.time.interval import parse_time

_BEFORE: Final = re.compile(
    r"(?:\b(?:between|from|since|until|till|up to|before|after|by|as of|prior to|following)\s+|\b(?:pre|post)-)?"
    r"(?:\b(?:the\s+)?(?:(?:early|mid|late|beginning|start|end|middle|(?:first|second|latter) half)"
    r"(?:\s+of)?[\s-]+))?(?:the\s+|year\s+)*$",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"\s*(?:-|\u2013|\u2014|to|and|until|till|through)\s*(?:the\s+)?", re.IGNORECASE)
_WIDEN: Final = re.compile(r"\s*(?:onwards?|on\b(?!\s+\w)|to (?:the )?present|BCE?|B\.C\.|AD|CE)", re.IGNORECASE)
_PIECE: Final = re.compile(r"[^,;()]+(?:,\s*\d{4})?")
_BIRTH: Final = re.compile(
    r"^\s*(?:born|b\.|died|d\.|founded|est\.|established|since|released)?\s*(?:on|in|c\.)?\s*", re.IGNORECASE
)
_FULL_DATE: Final = re.compile(r"\d{1,2}\D{1,15}\d{4}|\d{4}\D{1,15}\d{1,2}|\d{1,2}[./]\d{1,2}[./]\d{4}")
_LANGUAGES: Final = ["en", "de", "fr", "es", "it", "pt", "nl"]
_YEAR: Final = re.compile(r"(?:1\d|20)\d\d")
_CALENDAR: Final = frozenset({"DATE", "TIME"})
_WEEK: Final = 7 * 86_400_000_000  # Microseconds.
_YEAR_LONG: Final = 365 * 86_400_000_000
_WEEKDAYS: Final = frozenset({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"})
_BARE_MONTHS: Final = frozenset({"may", "march", "mar", "sun", "sat", "dec", "jan", "august"})


def times_of(doc: Doc, text: str, brackets: Sequence[tuple[int, int]], reference: int | None) -> list[FoundTime]:
    """Return the times that a text names, in order, none inside of another."""
    found = [*_dated(doc, text, reference), *_bracketed(text, brackets, reference)]
    kept: list[FoundTime] = []
    for time in sorted(found, key=lambda each: (each.span.start, -each.span.end)):
        if not kept or time.span.start >= kept[-1].span.end:
            kept.append(time)
    return kept


def not_to_come(time: FoundTime, reference: int | None) -> FoundTime:
    """Return a time that is over as of the reference: "in August" of what happened is the August before.

    Only what names no year moves, by a year, and what names a day of the week, by a week.
    """
    start = time.interval.start
    if reference is None or start is None or start <= reference or _YEAR.search(time.text):
        return time
    words = {word.lower().rstrip(".,s") for word in time.text.split()}
    if words & {"next", "coming", "tomorrow"}:
        return time
    step = _WEEK if any(word in _WEEKDAYS for word in words) else _YEAR_LONG
    meant = date_meant(time.text, reference - step)
    over = meant is not None and meant.interval.start is not None and meant.interval.start <= reference
    return replace(time, interval=meant.interval) if meant is not None and over else time


def _dated(doc: Doc, text: str, reference: int | None) -> Iterator[FoundTime]:
    stretches = [
        (ent.start_char, ent.end_char)
        for ent in doc.ents
        if ent.label_ == "DATE" or (ent.label_ == "CARDINAL" and _YEAR.fullmatch(ent.text) and _follows(doc, ent.start))
    ]
    for number, (start, end) in enumerate(stretches):
        for one, other in _readings(text, start, end, stretches[number + 1 :]):
            made = _read(text, one, other, reference)
            if made is not None:
                yield made
                break


def _follows(doc: Doc, start: int) -> bool:
    """Return whether a number of four digits stands where a year does."""
    return start > 0 and doc[start - 1].lower_ in {
        "in",
        "since",
        "until",
        "by",
        "from",
        "between",
        "during",
        "and",
        "to",
    }


def _readings(text: str, start: int, end: int, later: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Return the stretches that may be one time, the longest first."""
    led = _BEFORE.search(text[:start])
    first = led.start() if led else start
    ends = [end]
    if widened := _WIDEN.match(text, end):
        ends.insert(0, widened.end())
    if later and _BETWEEN.fullmatch(text[end : later[0][0]]):
        ends.insert(0, later[0][1])
    seen = set()
    for last in ends:
        for begin in (first, start):
            if (begin, last) not in seen:
                seen.add((begin, last))
                yield begin, last


def _bracketed(text: str, brackets: Sequence[tuple[int, int]], reference: int | None) -> Iterator[FoundTime]:
    for start, end in brackets:
        for piece in _PIECE.finditer(text, start + 1, end - 1):
            if not any(letter.isdigit() for letter in piece[0]):
                continue
            lead = _BIRTH.match(piece[0])
            begin = piece.start() + (lead.end() if lead else 0)
            stripped = text[begin : piece.end()].rstrip()
            # "born 3 May 1920 in Oslo": the place is none of the time's.
            cut = re.match(r"(.+?\d{3,4})\s+in\s", stripped)
            made = _read(text, begin, begin + len(cut[1] if cut else stripped), reference)
            if made is not None:
                yield made


def _read(text: str, start: int, end: int, reference: int | None) -> FoundTime | None:
    phrase = text[start:end]
    if phrase.strip().lower() in _BARE_MONTHS and not phrase.strip()[:1].isupper():
        return None
    meant, by = date_meant(phrase, reference), "rules:dates"
    if meant is None and _FULL_DATE.search(phrase):
        meant, by = _by_dateparser(phrase.strip()), "dateparser"
    if meant is None:
        return None
    start += len(phrase) - len(phrase.lstrip())
    return FoundTime(
        text[start:end].rstrip(),
        Span(start, start + len(text[start:end].rstrip())),
        meant.interval,
        meant.granularity,
        by,
    )


def _by_dateparser(phrase: str) -> DateMeant | None:
    """The day that a phrase names with its year, in one of a few languages; nothing relative, nothing guessed."""
    found = _dateparser().get_date_data(phrase)
    if found.date_obj is None or found.period != "day":
        return None
    year = re.search(r"\d{4}", phrase)
    if year is None or int(year[0]) != found.date_obj.year:
        return None
    return DateMeant(parse_time(found.date_obj.date().isoformat()), "day")


@cache
def _dateparser() -> Any:
    settings = {"REQUIRE_PARTS": ["day", "month", "year"], "STRICT_PARSING": True, "PARSERS": ["absolute-time"]}
    return dateparser.date.DateDataParser(languages=_LANGUAGES, settings=settings)
