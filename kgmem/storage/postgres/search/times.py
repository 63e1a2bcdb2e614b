"""When: the valid time that a question asks for, and what stands when it asks for none."""

from kgmem.domain.interval import Interval, parse_time
from kgmem.domain.question import When
from kgmem.storage.postgres.layout import VERTEX, Layout
from kgmem.storage.postgres.search.request import Parameters, SearchRequest


def conditions(when: When, parameters: Parameters) -> list[str]:
    """Give the conditions on items that the times of a question make."""
    window = _window(when)
    if not window:
        return []
    start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
    return [f"i.valid && tstzrange({start}, {end})"]


def stands(layout: Layout, request: SearchRequest, parameters: Parameters) -> str:
    """Give the default's condition: valid now, unless the question names a time or the label tells of occurrences."""
    when = request.question.when
    if when.any_time or _window(when):
        return "true"
    known = [layout.labels[VERTEX, name].id for name in request.occurrences if (VERTEX, name) in layout.labels]
    exempt = f" OR (i.id >> 48) = ANY ({parameters.add(known, 'bigint[]')})" if known else ""
    return f"(i.kind = 2 OR i.valid @> now(){exempt})"


def of_links(when: When, parameters: Parameters) -> list[str]:
    """Give the conditions on relationships (rows `e` of the edge table) that a question goes along.

    They hold at the time that is asked for, or now.
    """
    if when.any_time:
        return []
    window = _window(when)
    if not window:
        return ["e.valid @> now()"]
    start, end = parameters.add(window.start, "timestamptz"), parameters.add(window.end, "timestamptz")
    return [f"e.valid && tstzrange({start}, {end})"]


def _window(when: When) -> Interval | None:
    """Give the range of valid time that a question asks for."""
    if when.valid_at is not None:
        return parse_time(when.valid_at)
    if when.between is not None:
        first, last = when.between
        start = parse_time(first).start if first is not None else None
        return Interval(start, parse_time(last).end if last is not None else None)
    return None
