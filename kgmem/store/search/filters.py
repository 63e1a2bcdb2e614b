"""Filters: what every candidate must be, whatever finds it."""

from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.recall.question import What
from kgmem.store.db.sql import SQL, compose, fill, join
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Layout
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

_KINDS = {"entity": ENTITY, "episode": EPISODE, "fact": RELATIONSHIP}


def labelled(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return what reads all that bears one of the question's labels: ids go by label, and the rest has an index."""
    what = request.question.what
    if not what.labels:
        return None
    found = []
    for number in _numbers(layout, what):
        first = number << LABEL_SHIFT
        ends = {
            "first": parameters.add(first, "bigint"),
            "end": parameters.add(first + (1 << LABEL_SHIFT), "bigint"),
        }
        found.append(fill(layout.sql("prefilter", "labelled"), ends))
    return Dimension("labels", reads=join(" UNION ALL ", [*found, layout.sql("prefilter", "labelled_besides")]))


def conditions(layout: Layout, what: What, parameters: Parameters) -> list[SQL]:
    """Return the conditions on items that labels, kinds of hit and sources make."""
    found = []
    if what.labels:
        known = _numbers(layout, what)
        by_id = compose(
            "((i.id >> 48) = ANY ({}) AND i.labels[1] IS DISTINCT FROM '')", parameters.add(known, "bigint[]")
        )
        found.append(compose("({} OR i.labels && {})", by_id, parameters.add(list(what.labels), "text[]")))
    if what.kinds:
        numbers = [_KINDS.get(kind, 0) for kind in what.kinds]
        found.append(compose("i.kind = ANY ({})", parameters.add(numbers, "smallint[]")))
    if what.sources:
        numbers = [layout.sources.get(key, -1) for key in what.sources]
        found.append(compose("i.source = ANY ({})", parameters.add(numbers, "integer[]")))
    return found


def _numbers(layout: Layout, what: What) -> list[int]:
    """Return the ids of the labels of a question that there are; the label of a fact is its kind."""
    named = [(kind, name) for name in what.labels for kind in (VERTEX, EDGE)]
    return [layout.labels[each].id for each in named if each in layout.labels]
