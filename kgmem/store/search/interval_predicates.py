"""Spans: the interval that a question asks for, and the condition that stands for its relation to an item's, in SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question, Relation, When
from kgmem.domain.time.interval import SECOND, Allen, Interval, parse_time, scale, valid_interval
from kgmem.store.db.sql import SQL, compose, fill, literal
from kgmem.store.graph.layout import Layout
from kgmem.store.search.request import Parameters

# What has a valid time: written as the partial index on it has it, so that it is used.
TIMED = SQL("NOT (lower_inf(i.valid) AND upper_inf(i.valid))")
_LOWER, _UPPER = SQL("coalesce(lower(i.valid), '-infinity')"), SQL("coalesce(upper(i.valid), 'infinity')")
# Per relation: the operator that the index on ranges answers, and what the ends must be beyond that (a and b are the
# ends of the interval that is asked for). An open end lies beyond all others.
_HOLDS: Mapping[Allen, tuple[SQL, SQL]] = {
    "before": (SQL("<<"), SQL("%(e)s < %(a)s")),
    "meets": (SQL("-|-"), SQL("%(e)s = %(a)s")),
    "overlaps": (SQL("&&"), SQL("%(s)s < %(a)s AND %(e)s < %(b)s")),
    "starts": (SQL("<@"), SQL("%(s)s = %(a)s AND %(e)s < %(b)s")),
    "during": (SQL("<@"), SQL("%(s)s > %(a)s AND %(e)s < %(b)s")),
    "finishes": (SQL("<@"), SQL("%(s)s > %(a)s AND %(e)s = %(b)s")),
    "equals": (SQL("="), SQL("true")),
    "after": (SQL(">>"), SQL("%(s)s > %(b)s")),
    "met_by": (SQL("-|-"), SQL("%(s)s = %(b)s")),
    "overlapped_by": (SQL("&&"), SQL("%(s)s > %(a)s AND %(e)s > %(b)s")),
    "started_by": (SQL("@>"), SQL("%(s)s = %(a)s AND %(e)s > %(b)s")),
    "contains": (SQL("@>"), SQL("%(s)s < %(a)s AND %(e)s > %(b)s")),
    "finished_by": (SQL("@>"), SQL("%(s)s < %(a)s AND %(e)s = %(b)s")),
}
_APART = {"before", "after", "meets", "met_by"}


@dataclass(frozen=True, slots=True)
class Span:
    """An interval that is asked for; the SQL speaks of a row `i` of the item table, ends are seconds since 1970."""

    start: SQL
    end: SQL
    scale: SQL  # Seconds in which closeness falls to a half.
    index: SQL  # What an index on ranges answers: at least all that has a valid time and holds.
    holds: SQL
    only_timed: bool  # Whether what has no valid time does not hold.
    shares: bool = True  # Whether what holds shares time with the interval.
    tables: Sequence[SQL] = ()
    refusals: Sequence[tuple[SQL, KgmemError]] = ()


def span_of(layout: Layout, question: Question, parameters: Parameters) -> Span | None:
    """The interval that a question asks for: of a relation where it has one, else that of valid_at or between."""
    window, relation = window_of(question.when), question.when.relation
    if relation is None:
        return _of_window(window, parameters) if window else None
    span = _of_relation(layout, question, relation, parameters)
    if window is None:
        return span
    within = _of_window(window, parameters).index
    return Span(
        span.start,
        span.end,
        span.scale,
        compose("{} AND {}", span.index, within),
        compose("{} AND {}", span.holds, within),
        True,
        span.shares,
        span.tables,
        span.refusals,
    )


def window_of(when: When) -> Interval | None:
    """Return the range of valid time that valid_at or between asks for; the last of between counts to its end."""
    if when.valid_at is not None:
        return parse_time(when.valid_at)
    if when.between is not None:
        first, last = when.between
        start = parse_time(first).start if first is not None else None
        return Interval(start, parse_time(last).end if last is not None else None)
    return None


def _of_window(window: Interval, parameters: Parameters) -> Span:
    start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
    holds = compose("i.valid && tstzrange({}, {})", start, end)
    return Span(
        _seconds(start, "-infinity"), _seconds(end, "infinity"), _scale(window, parameters), holds, holds, False
    )


def _of_relation(layout: Layout, question: Question, relation: Relation, parameters: Parameters) -> Span:
    if relation.entity is not None:
        key = parameters.add(relation.entity, "text")
        paths = parameters.add(list(visible_from(question.scope)), "text[]")
        tables = [fill(layout.sql("temporal", "when_of"), {"key": key, "paths": paths})]
        ends, asked = (
            (SQL("(SELECT lower(valid) FROM when_of)"), SQL("(SELECT upper(valid) FROM when_of)")),
            SQL("(SELECT valid FROM when_of)"),
        )
        scale = SQL("(SELECT scale FROM when_of)")
        return _related(relation.name, ends, asked, scale, tables=tables, refusals=_refusals(relation.entity))
    interval = valid_interval(*(relation.of or (None, None)))
    start, end = parameters.add(interval.start, "timestamptz"), parameters.add(interval.end, "timestamptz")
    return _related(relation.name, (start, end), compose("tstzrange({}, {})", start, end), _scale(interval, parameters))


def _related(
    name: Allen,
    ends: tuple[SQL, SQL],
    asked: SQL,
    scale: SQL,
    *,
    tables: Sequence[SQL] = (),
    refusals: Sequence[tuple[SQL, KgmemError]] = (),
) -> Span:
    operator, exactly = _HOLDS[name]
    first, last = compose("coalesce({}, '-infinity')", ends[0]), compose("coalesce({}, 'infinity')", ends[1])
    index = compose("i.valid {operator} {asked} AND {timed}", operator=operator, asked=asked, timed=TIMED)
    holds = compose("{} AND {}", index, fill(exactly, {"s": _LOWER, "e": _UPPER, "a": first, "b": last}))
    seconds = (_seconds(ends[0], "-infinity"), _seconds(ends[1], "infinity"))
    return Span(*seconds, scale, index, holds, True, name not in _APART, tables, refusals)


def _refusals(key: str) -> list[tuple[SQL, KgmemError]]:
    unknown = NotFound(
        f"There is no {key!r} to relate times to.", hint="Give the key of an entity that the scope sees."
    )
    timeless = InvalidInput(
        f"{key!r} has no valid time.", hint="Give it valid_from or valid_to, or ask by an interval (of).", key=key
    )
    return [
        (SQL("NOT EXISTS (SELECT 1 FROM when_of)"), unknown),
        (SQL("EXISTS (SELECT 1 FROM when_of WHERE lower_inf(valid) AND upper_inf(valid))"), timeless),
    ]


def _scale(interval: Interval, parameters: Parameters) -> SQL:
    return parameters.add(scale(interval) / SECOND, "float8")


def _seconds(instant: SQL, else_: LiteralString) -> SQL:
    return compose("date_part('epoch', coalesce({}, {}))", instant, literal(else_))
