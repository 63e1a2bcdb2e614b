"""The temporal retriever: conditions on valid time, the ranking by recency, and which relationships are valid then.

An item without a valid time is true at any time: it passes valid_at and between, and no Allen relation selects it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import LiteralString

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question, Relation, When, Where, Why
from kgmem.domain.time.interval import SECOND, Allen, Interval, parse_time, scale, valid_interval
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, literal
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search import as_of
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

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
    """The interval of a question; its SQL is about a row `i` of the item table, ends are seconds since 1970."""

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


_DAY = 86_400.0
_EDGE = SQL("e")
_START = SQL("date_part('epoch', coalesce(lower(i.valid), '-infinity'))")
_END = SQL("date_part('epoch', coalesce(upper(i.valid), 'infinity'))")
_TIMELESS = SQL("lower_inf(i.valid) AND upper_inf(i.valid)")


def when(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """The dimension of valid time: what a question asks for as a must filters, and orders where nothing else does.

    As a should it values what the other retrievers found: 1 where it holds, and otherwise at most a half, by closeness.
    """
    question = request.question
    span = span_of(layout, question, parameters)
    if span is None:
        return None
    must = question.mode("when") == "must"
    asked = bool(question.weight("when")) and not (must and _ranked_by_text(request))
    value = _closeness(span) if must else _held(span)
    places = {"holds": span.holds, "value": value, "closeness": _closeness(span)}
    found = fill(layout.sql("temporal", "holding"), places)
    if not span.only_timed:
        found = compose("({}) UNION ALL ({})", found, fill(layout.sql("temporal", "timeless"), {}))
    return Dimension(
        "when",
        tables=span.tables,
        condition=span.holds if must else NOTHING,
        candidates=found if asked and not _ranked_by_text(request) else NOTHING,
        value=value if asked else NOTHING,
        reads=_reads(layout, span) if must else NOTHING,
        refusals=span.refusals,
    )


def recency(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return the dimension of age: 1 for what begins now or later, a half after so many days."""
    question = request.question
    half = question.when.half_life_days
    if half is None or not question.weight("recency"):
        return None
    now = compose("date_part('epoch', {})", as_of.present(question.when))
    halving = parameters.add(half * _DAY, "float8")
    value = compose(
        "CASE WHEN NOT lower_inf(i.valid) THEN "
        "power(2::float8, greatest(-1000, least(0, {start} - {now}) / {halving})) END",
        start=_START,
        now=now,
        halving=halving,
    )
    others = _ranked_by_text(request) or span_asked(question) or (question.where, question.why) != (Where(), Why())
    found = NOTHING if others else fill(layout.sql("temporal", "recent"), {"value": value})
    return Dimension("recency", candidates=found, value=value)


def asks_now(question: Question) -> bool:
    """Return whether a question has no valid time, so that now counts."""
    return not (question.when.any_time or span_asked(question))


def of_occurrences(layout: Layout, request: SearchRequest, parameters: Parameters) -> SQL:
    """Return a condition, to be put after another, that also passes items whose labels tell of occurrences."""
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    return compose(" OR (i.id >> 48) = ANY ({})", parameters.add(known, "bigint[]")) if known else NOTHING


def of_links(when: When, parameters: Parameters, *, row: SQL = _EDGE) -> list[SQL]:
    """Return the conditions on relationships (rows `e` of the edge table, or items) that a question goes along.

    They are valid at the time of the question, or now.
    """
    if when.any_time:
        return []
    window = window_of(when)
    if not window:
        return [compose("{}.valid @> {}", row, as_of.present(when))]
    start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
    return [compose("{}.valid && tstzrange({}, {})", row, start, end)]


def span_asked(question: Question) -> bool:
    """Return whether a question has a valid time."""
    return window_of(question.when) is not None or question.when.relation is not None


def _ranked_by_text(request: SearchRequest) -> bool:
    return request.question.what.text is not None or request.vector is not None


def _reads(layout: Layout, span: Span) -> SQL:
    """Return the query for the ids of all that can meet the condition, by indexes."""
    name = "reads_timed" if span.only_timed else "reads_window"
    return fill(layout.sql("temporal", name), {"index": span.index, "holds": span.holds})


def _held(span: Span) -> SQL:
    """Return the value of what is only preferred: a half, halved again with each `scale` that lies between."""
    close = compose("0.5 * power(2::float8, greatest(-1000, -{} / {}))", _gap(span), span.scale)
    return compose(
        "CASE WHEN {timeless} THEN NULL WHEN {holds} THEN 1::float8 ELSE {close} END",
        timeless=_TIMELESS,
        holds=span.holds,
        close=close,
    )


def _closeness(span: Span) -> SQL:
    """Return the SQL of how near the times are, 1 where nothing is between them.

    Of items that share time with the question, that is how near the ends are; open ends do not count.
    """
    ends = compose("({} + {})", _apart(_START, span.start), _apart(_END, span.end))
    return compose(
        "CASE WHEN {timeless} THEN NULL ELSE 1 / (1 + {} / {scale}) END",
        ends if span.shares else _gap(span),
        timeless=_TIMELESS,
        scale=span.scale,
    )


def _gap(span: Span) -> SQL:
    """Return the seconds that lie between the times."""
    return compose(
        "greatest(0, {start} - {_end}, {_start} - {end})", start=span.start, _end=_END, _start=_START, end=span.end
    )


def _apart(one: SQL, other: SQL) -> SQL:
    return compose(
        "CASE WHEN 'infinity' IN (abs({one}), abs({other})) THEN 0 ELSE abs({one} - {other}) END", one=one, other=other
    )
