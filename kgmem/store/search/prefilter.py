"""Filters of candidates (labels, kinds of hit, sources, hops), and pre-filtering: few candidates are compared exactly.

An approximate index misses what it does not visit: with a filter that 0.1 % of the items pass, HNSW would visit
thousands of vectors for each one that counts. So the statement counts, up to a limit, the items that the index of each
dimension returns, and then chooses whether its retrievers read only those items or search their own index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.derived.similarity import SIMILAR_TO
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Hops, What
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, literal, number
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Layout
from kgmem.store.search import temporal
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

_KINDS = {"entity": ENTITY, "episode": EPISODE, "fact": RELATIONSHIP}
# So many rows are compared in about the time in which HNSW looks for the best among 200,000.
NARROW = 2000
# A text takes longer to weigh than a vector, and the text index loses nothing by a filter but time.
_NARROW_WORDS = 1000
_EXACTLY = {"near_many": "near_narrow", "words_many": "words_narrow", "listed": "listed_narrow"}
_NOTHING = SQL("(SELECT NULL::bigint AS id WHERE false)")


def labelled(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return the dimension that reads all items with one of the question's labels; None for a question without labels.

    The id of an item contains its main label; further labels have an index."""
    what = request.question.what
    if not what.labels:
        return None
    found = []
    for label_id in _numbers(layout, what):
        first = label_id << LABEL_SHIFT
        ends = {
            "first": parameters.add(first, "bigint"),
            "end": parameters.add(first + (1 << LABEL_SHIFT), "bigint"),
        }
        found.append(fill(layout.sql("prefilter", "labelled"), ends))
    return Dimension("labels", reads=join(" UNION ALL ", [*found, layout.sql("prefilter", "labelled_besides")]))


def conditions(layout: Layout, what: What, parameters: Parameters) -> list[SQL]:
    """Return the conditions on items for the labels, kinds of hit and sources of a question, joined by AND."""
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
    """Return the ids of those labels of a question that the graph has; the label of a fact is its kind."""
    named = [(kind, name) for name in what.labels for kind in (VERTEX, EDGE)]
    return [layout.labels[each].id for each in named if each in layout.labels]


@dataclass(frozen=True, slots=True)
class Prefilter:
    """What a statement has beside its retrievers: tables for WITH, and their places `wide`, `wide_words` and `narrow`.

    `wide` is whether a retriever goes through its index, and `wide_words` that of words; else `narrow` (id) is read.
    """

    tables: Sequence[SQL] = ()
    places: Mapping[str, SQL] = field(
        default_factory=lambda: {"wide": SQL("true"), "wide_words": SQL("true"), "narrow": _NOTHING}
    )

    def pieces(self, of: Sequence[str]) -> list[str]:
        """Return the pieces of a retriever, with those that read exactly what is narrow."""
        if not self.tables:
            return list(of)
        return [each for piece in of for each in (piece, _EXACTLY.get(piece)) if each]


def narrowing(layout: Layout, dimensions: Sequence[Dimension]) -> Prefilter:
    """Return how a question is narrowed by the first of its dimensions that leaves few."""
    reading = [each for each in dimensions if each.reads]
    if not reading:
        return Prefilter()
    tables = [
        fill(
            layout.sql("prefilter", "probe"), {"probe": _probe(each), "reads": each.reads, "limit": number(NARROW + 1)}
        )
        for each in reading
    ]
    whens = [
        compose("WHEN (SELECT count(*) <= {} FROM {}) THEN {}", number(NARROW), _probe(each), literal(each.name))
        for each in reading
    ]
    tables.append(fill(layout.sql("prefilter", "narrow_by"), {"whens": join(" ", whens)}))
    rows = [
        compose("SELECT id FROM {} WHERE (SELECT name FROM narrow_by) = {}", _probe(each), literal(each.name))
        for each in reading
    ]
    tables.append(compose("narrow (id) AS MATERIALIZED ({})", join(" UNION ALL ", rows)))
    places = {
        "wide": SQL("(SELECT name IS NULL FROM narrow_by)"),
        "wide_words": _many_of(SQL("narrow")),
        "narrow": SQL("narrow"),
    }
    places["wide_words"] = compose("({} OR {})", places["wide"], places["wide_words"])
    return Prefilter(tables, places)


def chosen(by: Dimension, places: Mapping[str, SQL]) -> Prefilter:
    """Return how a question is narrowed to what a dimension chooses."""
    told = {"wide": SQL("false"), "wide_words": _many_of(SQL("chosen")), "narrow": SQL("chosen")}
    return Prefilter([compose("chosen (id) AS MATERIALIZED ({})", fill(by.chooses, places))], told)


def _probe(dimension: Dimension) -> SQL:
    return identifier(f"probe_{dimension.name}")


def _many_of(table: SQL) -> SQL:
    return compose("(SELECT count(*) > {} FROM {})", number(_NARROW_WORDS), table)


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
