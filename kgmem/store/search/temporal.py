"""When: the valid time that a question asks for, how it ranks, and along which links a question goes.

What has no valid time at all is true at any time: it passes valid_at and between, and stands in no relation (allen.py).
"""

from kgmem.domain.recall.question import Question, When, Where, Why
from kgmem.store.db.sql import NOTHING, SQL, compose, fill
from kgmem.store.graph.layout import VERTEX, Layout
from kgmem.store.search import as_of
from kgmem.store.search.interval_predicates import Span, span_of, window_of
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

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
    """Say whether a question asks for no time, so that now counts."""
    return not (question.when.any_time or span_asked(question))


def of_occurrences(layout: Layout, request: SearchRequest, parameters: Parameters) -> SQL:
    """Return a condition, to be put after another, that also passes items whose labels tell of occurrences."""
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    return compose(" OR (i.id >> 48) = ANY ({})", parameters.add(known, "bigint[]")) if known else NOTHING


def of_links(when: When, parameters: Parameters, *, row: SQL = _EDGE) -> list[SQL]:
    """Return the conditions on relationships (rows `e` of the edge table, or items) that a question goes along.

    They hold at the time that is asked for, or now.
    """
    if when.any_time:
        return []
    window = window_of(when)
    if not window:
        return [compose("{}.valid @> {}", row, as_of.present(when))]
    start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
    return [compose("{}.valid && tstzrange({}, {})", row, start, end)]


def span_asked(question: Question) -> bool:
    """Say whether a question names a valid time."""
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
    """Return how near the times are, 1 where nothing is between them.

    Of what shares time with what is asked for, that is how near the ends are; those that are open do not count.
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
