"""How fine a time is, and parts of one: thirds, halves, quarters."""

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from kgmem.domain.time.interval import DAY, Interval, iso, parse_time
from kgmem.domain.time.times_in_text import month_of

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
