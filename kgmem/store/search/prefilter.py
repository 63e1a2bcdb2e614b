"""Filters of candidates (labels, kinds of hit, sources), and pre-filtering: few candidates are compared exactly.

An approximate index misses what it does not visit: with a filter that 0.1 % of the items pass, HNSW would visit
thousands of vectors for each one that counts. So the statement counts, up to a limit, the items that the index of each
dimension returns, and then chooses whether its retrievers read only those items or search their own index.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.recall.question import What
from kgmem.store.db.sql import SQL, compose, fill, identifier, join, literal, number
from kgmem.store.graph.layout import EDGE, LABEL_SHIFT, VERTEX, Layout
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

_KINDS = {"entity": ENTITY, "episode": EPISODE, "fact": RELATIONSHIP}


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


# So many rows are compared in about the time in which HNSW looks for the best among 200,000.
NARROW = 2000
# A text takes longer to weigh than a vector, and the text index loses nothing by a filter but time.
_NARROW_WORDS = 1000
_EXACTLY = {"near_many": "near_narrow", "words_many": "words_narrow", "listed": "listed_narrow"}

_NOTHING = SQL("(SELECT NULL::bigint AS id WHERE false)")


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
