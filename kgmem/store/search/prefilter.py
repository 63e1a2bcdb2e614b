"""Narrowing: where the filters of a question leave little, its retrievers read just that, and compare it exactly.

An approximate index loses what it does not visit: of a filter that passes 0.1 %, HNSW would have to visit thousands of
vectors for each that counts. So what a dimension's own index gives is counted in the statement, up to a limit, and the
statement itself decides by which way its retrievers find their candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.store.db.sql import SQL, compose, fill, identifier, join, literal, number
from kgmem.store.graph.layout import Layout
from kgmem.store.search.request import Dimension

# So many rows are compared in about the time in which HNSW looks for the best among 200,000.
NARROW = 2000
# A text takes longer to weigh than a vector, and the text index loses nothing by a filter but time.
_NARROW_WORDS = 1000
_EXACTLY = {"near_many": "near_narrow", "words_many": "words_narrow", "listed": "listed_narrow"}

_NOTHING = SQL("(SELECT NULL::bigint AS id WHERE false)")


@dataclass(frozen=True, slots=True)
class Narrowing:
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


def narrowing(layout: Layout, dimensions: Sequence[Dimension]) -> Narrowing:
    """Return how a question is narrowed by the first of its dimensions that leaves few."""
    reading = [each for each in dimensions if each.reads]
    if not reading:
        return Narrowing()
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
    return Narrowing(tables, places)


def chosen(by: Dimension, places: Mapping[str, SQL]) -> Narrowing:
    """Return how a question is narrowed to what a dimension chooses."""
    told = {"wide": SQL("false"), "wide_words": _many_of(SQL("chosen")), "narrow": SQL("chosen")}
    return Narrowing([compose("chosen (id) AS MATERIALIZED ({})", fill(by.chooses, places))], told)


def _probe(dimension: Dimension) -> SQL:
    return identifier(f"probe_{dimension.name}")


def _many_of(table: SQL) -> SQL:
    return compose("(SELECT count(*) > {} FROM {})", number(_NARROW_WORDS), table)
