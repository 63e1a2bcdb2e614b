"""Hops: what lies within so many relationships of the entities that a question names."""

from collections.abc import Sequence

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Hops
from kgmem.store.graph.layout import EDGE, Layout
from kgmem.store.search import temporal
from kgmem.store.search.request import Dimension, Parameters, SearchRequest


def hops(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Give what the neighbourhood of a question adds; its value is 1 at the start and falls by 1/(1 + hops)."""
    question = request.question
    asked = question.graph.hops
    if asked is None:
        return None
    keys = sorted(set(asked.start))
    conditions = temporal.of_links(question.when, parameters) + _of_kinds(layout, asked, parameters)
    names = {
        "keys": parameters.add(keys, "text[]"),
        "paths": parameters.add(list(visible_from(question.scope)), "text[]"),
        "edge_filters": "".join(f" AND {each}" for each in conditions),
    }
    tables = [layout.sql("hops", "start") % names]
    tables += [_ring(layout, asked, number, names) for number in range(1, asked.most + 1)]
    rings = " UNION ALL ".join(f"SELECT id, {number} AS hops FROM ring{number}" for number in range(asked.most + 1))  # noqa: S608 - no text of callers
    tables.append(f"rings AS MATERIALIZED ({rings})")
    must = question.mode("graph") == "must"
    unknown = NotFound(f"Not all of graph.hops.from is here: {', '.join(keys)[:200]}.", mend="Give keys of entities.")
    return Dimension(
        "hops",
        tables=tables,
        condition="i.id IN (SELECT id FROM rings)" if must else "",
        candidates=layout.sql("hops", "nearest"),
        value="(SELECT 1.0 / (1 + r.hops) FROM rings r WHERE r.id = i.id)",
        reads="SELECT id FROM rings" if must else "",
        refusals=[(f"(SELECT count(*) FROM ring0) < {len(keys)}", unknown)],  # noqa: S608 - no text of callers
    )


def _ring(layout: Layout, hops: Hops, number: int, names: dict[str, str]) -> str:
    """Give the table of what is so many hops away, and not fewer: level by level, so that nothing is visited twice."""
    ways = [way for way in ("out", "in") if hops.direction in {way, "both"}]
    steps = " UNION ".join(layout.sql("hops", way) % {**names, "last": f"ring{number - 1}"} for way in ways)
    before = " UNION ALL ".join(f"SELECT id FROM ring{each}" for each in range(number))  # noqa: S608 - no text of callers
    return f"ring{number} AS MATERIALIZED ({steps} EXCEPT ({before}))"


def _of_kinds(layout: Layout, hops: Hops, parameters: Parameters) -> list[str]:
    if not hops.kinds:  # Likenesses are derived: they are followed where they are asked for.
        alike = layout.labels.get((EDGE, SIMILAR_TO))
        return [f"e.kind <> {alike.id}"] if alike else []
    known: Sequence[int] = [layout.labels[EDGE, kind].id for kind in hops.kinds if (EDGE, kind) in layout.labels]
    return [f"e.kind = ANY ({parameters.add(known, 'integer[]')})"]
