"""Allen's thirteen relations between intervals (J. F. Allen, "Maintaining Knowledge about Temporal Intervals", 1983).

Intervals are half-open, so one meets another where its end *is* the other's start, with nothing between them and
nothing shared: 1961 meets 1962. An open start lies before every instant and an open end after every one, and two open
starts (or ends) are the same; so exactly one relation holds between any two intervals. What has neither start nor end
has no valid time, and stands in no relation.
"""

from collections.abc import Mapping

from kgmem.domain.recall.question import Allen
from kgmem.domain.time.interval import DAY, Interval

FIRST, LAST = -(2**63), 2**63 - 1  # Where open ends lie.
_YEAR = 365 * DAY
# Of intervals that share an instant: how the starts compare, and the ends.
_SHARING: Mapping[tuple[int, int], Allen] = {
    (-1, -1): "overlaps", (-1, 0): "finished_by", (-1, 1): "contains",
    (0, -1): "starts", (0, 0): "equals", (0, 1): "started_by",
    (1, -1): "during", (1, 0): "finishes", (1, 1): "overlapped_by",
}  # fmt: skip

INVERSES: Mapping[Allen, Allen] = {
    "before": "after", "meets": "met_by", "overlaps": "overlapped_by", "starts": "started_by", "during": "contains",
    "finishes": "finished_by", "equals": "equals",
}  # fmt: skip


def relation(one: Interval, other: Interval) -> Allen:
    """Return the relation in which one interval stands to another."""
    (start, end), (first, last) = ends(one), ends(other)
    if end <= first:
        return "before" if end < first else "meets"
    if start >= last:
        return "after" if start > last else "met_by"
    return _SHARING[_sign(start - first), _sign(end - last)]


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def ends(interval: Interval) -> tuple[int, int]:
    """Return both ends as numbers, open ones beyond all others."""
    return (
        FIRST if interval.start is None else interval.start,
        LAST if interval.end is None else interval.end,
    )


def is_timeless(interval: Interval) -> bool:
    """Say whether the interval has neither start nor end: nobody told when it was."""
    return interval.start is None and interval.end is None


def scale(interval: Interval) -> int:
    """Return the time at which closeness to an interval has fallen to a half: its own length, but a day at least.

    So what is a year off 1969 is half as close, and what is a day off 1969-07-20, too. Of an open interval: a year.
    """
    if interval.start is None or interval.end is None:
        return _YEAR
    return max(interval.end - interval.start, DAY)
