"""Hops: what lies within so many relationships of the entities that a question names."""

from collections.abc import Sequence

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Hops
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, join, number
from kgmem.store.graph.layout import EDGE, Layout
from kgmem.store.search import temporal
from kgmem.store.search.request import Dimension, Parameters, SearchRequest


def hops(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return what the neighbourhood of a question adds; its value is 1 at the start and falls by 1/(1 + hops)."""
    question = request.question
    asked = question.graph.hops
    if asked is None:
        return None
    keys = sorted(set(asked.start))
    conditions = temporal.of_links(question.when, parameters) + _of_kinds(layout, asked, parameters)
    names = {
        "keys": parameters.add(keys, "text[]"),
        "paths": parameters.add(list(visible_from(question.scope)), "text[]"),
        "edge_filters": join("", (compose(" AND {}", each) for each in conditions)),
    }
    tables = [fill(layout.sql("neighbourhood_filter", "start"), names)]
    tables += [_ring_table(layout, asked, distance, names) for distance in range(1, asked.most + 1)]
    rings = join(
        " UNION ALL ",
        (compose("SELECT id, {} AS hops FROM {}", number(each), _ring(each)) for each in range(asked.most + 1)),
    )
    tables.append(compose("rings AS MATERIALIZED ({})", rings))
    must = question.mode("graph") == "must"
    unknown = NotFound(f"Not all of graph.hops.from is here: {', '.join(keys)[:200]}.", hint="Give keys of entities.")
    return Dimension(
        "hops",
        tables=tables,
        condition=SQL("i.id IN (SELECT id FROM rings)") if must else NOTHING,
        candidates=layout.sql("neighbourhood_filter", "nearest"),
        value=SQL("(SELECT 1.0 / (1 + r.hops) FROM rings r WHERE r.id = i.id)"),
        reads=SQL("SELECT id FROM rings") if must else NOTHING,
        refusals=[(compose("(SELECT count(*) FROM ring0) < {}", number(len(keys))), unknown)],
    )


def _ring(distance: int) -> SQL:
    return compose("ring{}", number(distance))


def _ring_table(layout: Layout, hops: Hops, distance: int, names: dict[str, SQL]) -> SQL:
    """Return the table of items at just this number of hops: level by level, so that no item is visited twice."""
    ways = [way for way in ("out", "in") if hops.direction in {way, "both"}]
    steps = join(
        " UNION ",
        (fill(layout.sql("neighbourhood_filter", way), {**names, "last": _ring(distance - 1)}) for way in ways),
    )
    before = join(" UNION ALL ", (compose("SELECT id FROM {}", _ring(each)) for each in range(distance)))
    return compose(
        "{ring} AS MATERIALIZED ({steps} EXCEPT ({before}))", ring=_ring(distance), steps=steps, before=before
    )


def _of_kinds(layout: Layout, hops: Hops, parameters: Parameters) -> list[SQL]:
    if not hops.kinds:  # Similarities are derived: they are followed where they are asked for.
        alike = layout.labels.get((EDGE, SIMILAR_TO))
        return [compose("e.kind <> {}", number(alike.id))] if alike else []
    known: Sequence[int] = [layout.labels[EDGE, kind].id for kind in hops.kinds if (EDGE, kind) in layout.labels]
    return [compose("e.kind = ANY ({})", parameters.add(known, "integer[]"))]
