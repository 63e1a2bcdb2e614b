"""Look-ups: each candidate is valued by meaning and by words, also where only other retrievers list it.

Without them a candidate that is the 41st of a retriever would count nothing there, and the 40th almost the whole.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from kgmem.domain.recall.fusion import LookedUp
from kgmem.store.db.sql import NOTHING, SQL, compose, fill, identifier, join, number
from kgmem.store.graph.layout import Layout

# The names of their rows, and whose they are.
ROWS: Final[Mapping[str, str]] = {"meaning_looked_up": "meaning", "words_looked_up": "words"}
_COLUMNS: Final[Mapping[str, str]] = {"meaning": "meaning_looked_up", "words_many": "words_looked_up"}
_PASSAGES = 32  # Of a candidate, from its first on: some 29,000 characters.
# What reads the passages of candidates, by piece, and what reads tables that value everything that is seen.
_OF_PASSAGES: Final[Mapping[str, str]] = {
    "near_many": "meaning",
    "near_few": "meaning",
    "near_then": "meaning",
    "words_many": "words_many",
}
_OF_TABLES: Final = ("words_few", "words_then", "plain_words")
# The tables in which pieces compute the value of everything that is seen.
_TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "words_few": ("recall", "words_of_few"),
    "words_then": ("temporal", "words_of_then"),
}


def tables(layout: Layout, texts: Mapping[str, Sequence[str]], places: Mapping[str, SQL]) -> list[SQL]:
    """Return the tables for WITH that the pieces of retrievers read."""
    of = [_TABLES[piece] for pieces in texts.values() for piece in pieces if piece in _TABLES]
    return [fill(layout.sql(file, name, held=layout.held_name), places) for file, name in of]


def rows(layout: Layout, texts: Mapping[str, Sequence[str]], places: Mapping[str, SQL]) -> list[SQL]:
    """Return the queries of rows (retriever, item, value, stands) that complete retrievers by tables of their own."""
    names = [piece for pieces in texts.values() for piece in pieces if piece in _OF_TABLES]
    return [fill(layout.sql("lookups", name), {**places, "passages": number(_PASSAGES)}) for name in names]


def columns(
    layout: Layout, texts: Mapping[str, Sequence[str]], places: Mapping[str, SQL]
) -> tuple[dict[str, SQL], SQL]:
    """Return what completes retrievers by the passages of a candidate `c`: columns by name, and their source."""
    names = dict.fromkeys(_OF_PASSAGES[piece] for pieces in texts.values() for piece in pieces if piece in _OF_PASSAGES)
    if not names:
        return {}, NOTHING
    if "words_many" in names:
        places = {**places, "patterns": compose("({})", fill(layout.sql("lookups", "patterns"), places))}
    values = {name: fill(layout.sql("lookups", name), places) for name in names}
    vectors = layout.sql("lookups", "vectors", table=layout.vectors or "") if "meaning" in names else NOTHING
    aliases = {name: identifier(name) for name in names}
    filled = {
        "values": join(", ", (compose("{} AS {}", value, aliases[name]) for name, value in values.items())),
        "vectors": vectors,
        "passages": number(_PASSAGES),
    }
    read = {_COLUMNS[name]: compose("t.{}", alias) for name, alias in aliases.items()}
    return read, fill(layout.sql("lookups", "texts"), filled)


def completed(
    retrievers: Mapping[str, Sequence[tuple[int, float]]], looked_up: Mapping[str, Mapping[int, float]]
) -> dict[str, LookedUp[int]]:
    """Return the values that were looked up, by retriever, with the least of what retrievers found themselves.

    BM25 gives 0 to what shares no word with the question: that counts as the least, and is no value of a hit.
    """
    found = {id_ for ranking in retrievers.values() for id_, _ in ranking if id_ >= 0}
    complete = {}
    for name, values in looked_up.items():
        listed = dict(retrievers.get(name, ()))
        known = {**values, **listed}
        of_found = [known[id_] for id_ in found & known.keys()]
        lowest = min(of_found, default=0.0)
        if name != "words":
            complete[name] = LookedUp(values, lowest)
            continue
        shared = {id_: value for id_, value in values.items() if value > 0}
        complete[name] = LookedUp(shared, lowest if len(of_found) == len(found) else 0.0)
    return complete
