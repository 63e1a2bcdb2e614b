"""Narrowing: where the filters of a question leave little, its arms read just that, and compare it exactly.

An approximate index loses what it does not visit: of a filter that passes 0.1 %, HNSW would have to visit thousands of
vectors for each that counts. So what a dimension's own index gives is counted in the statement, up to a limit, and the
statement itself decides by which way its arms find their candidates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kgmem.store.graph.layout import Layout
from kgmem.store.search.request import Dimension

# So many rows are compared in about the time in which HNSW looks for the best among 200,000.
NARROW = 2000
# A text takes longer to weigh than a vector, and the text index loses nothing by a filter but time.
_NARROW_WORDS = 1000
_EXACTLY = {"near_many": "near_narrow", "words_many": "words_narrow", "listed": "listed_narrow"}

_NOTHING = "(SELECT NULL::bigint AS id WHERE false)"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a statement has beside its arms: tables for WITH, and the places `wide`, `wide_words` and `narrow` of arms.

    `wide` is whether an arm goes through its index, and `wide_words` the arm of words; else `narrow` (id) is read.
    """

    tables: Sequence[str] = ()
    places: Mapping[str, str] = field(
        default_factory=lambda: {"wide": "true", "wide_words": "true", "narrow": _NOTHING}
    )

    def pieces(self, of: Sequence[str]) -> list[str]:
        """Give the pieces of an arm, with those that read exactly what is narrow."""
        if not self.tables:
            return list(of)
        return [each for piece in of for each in (piece, _EXACTLY.get(piece)) if each]


def narrowing(layout: Layout, dimensions: Sequence[Dimension]) -> Narrowing:
    """Give how a question is narrowed by the first of its dimensions that leaves few."""
    reading = [each for each in dimensions if each.reads]
    if not reading:
        return Narrowing()
    tables = [
        layout.sql("narrow", "probe") % {"name": each.name, "reads": each.reads, "limit": NARROW + 1}
        for each in reading
    ]
    whens = [f"WHEN (SELECT count(*) <= {NARROW} FROM probe_{each.name}) THEN '{each.name}'" for each in reading]  # noqa: S608 - no text of callers
    tables.append(layout.sql("narrow", "narrow_by") % {"whens": " ".join(whens)})
    rows = [
        f"SELECT id FROM probe_{each.name} WHERE (SELECT name FROM narrow_by) = '{each.name}'"  # noqa: S608 - no text of callers
        for each in reading
    ]
    tables.append(f"narrow (id) AS MATERIALIZED ({' UNION ALL '.join(rows)})")
    places = {"wide": "(SELECT name IS NULL FROM narrow_by)", "wide_words": _many_of("narrow"), "narrow": "narrow"}
    places["wide_words"] = f"({places['wide']} OR {places['wide_words']})"
    return Narrowing(tables, places)


def chosen(by: Dimension, places: Mapping[str, str]) -> Narrowing:
    """Give how a question is narrowed to what a dimension chooses."""
    told = {"wide": "false", "wide_words": _many_of("chosen"), "narrow": "chosen"}
    return Narrowing([f"chosen (id) AS MATERIALIZED ({by.chooses % places})"], told)


def _many_of(table: str) -> str:
    return f"(SELECT count(*) > {_NARROW_WORDS} FROM {table})"  # noqa: S608 - no text of callers
