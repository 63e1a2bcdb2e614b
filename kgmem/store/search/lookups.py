"""Look-ups: each candidate is valued by meaning and by words, also where only other retrievers list it.

Without them a candidate that is the 41st of a retriever would count nothing there, and the 40th almost the whole.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from kgmem.domain.recall.fusion import LookedUp
from kgmem.store.db.sql import SQL, fill, number
from kgmem.store.graph.layout import Layout

# The names of their rows, and whose they are.
ROWS: Final[Mapping[str, str]] = {"meaning_looked_up": "meaning", "words_looked_up": "words"}
_PASSAGES = 32  # Of a candidate, from its first on: some 29,000 characters.
_PIECES: Final[Mapping[str, str]] = {
    "near_many": "meaning",
    "near_few": "meaning",
    "near_then": "meaning",
    "words_many": "words_many",
    "words_few": "words_few",
    "words_then": "words_then",
    "plain_words": "plain_words",
}
# The tables in which pieces compute the value of everything that is seen.
_TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "words_few": ("recall", "words_of_few"),
    "words_then": ("temporal", "words_of_then"),
}


def tables(layout: Layout, texts: Mapping[str, Sequence[str]], places: Mapping[str, SQL]) -> list[SQL]:
    """Return the tables for WITH that the pieces of retrievers read."""
    of = [_TABLES[piece] for pieces in texts.values() for piece in pieces if piece in _TABLES]
    return [fill(layout.sql(file, name, held=layout.held_name), places) for file, name in of]


def lookups(layout: Layout, texts: Mapping[str, Sequence[str]], places: Mapping[str, SQL]) -> list[SQL]:
    """Return the queries of the rows that complete retrievers; they read the table `candidate`."""
    names = dict.fromkeys(_PIECES[piece] for pieces in texts.values() for piece in pieces if piece in _PIECES)
    filled = {**places, "passages": number(_PASSAGES)}
    return [fill(layout.sql("lookups", name, table=layout.vectors or ""), filled) for name in names]


def completed(
    retrievers: Mapping[str, Sequence[tuple[int, float]]], rows: Mapping[str, Mapping[int, float]]
) -> dict[str, LookedUp[int]]:
    """Return the values that were looked up, by retriever, with the least of what retrievers found themselves.

    BM25 gives 0 to what shares no word with the question: that counts as the least, and is no value of a hit.
    """
    found = {id_ for ranking in retrievers.values() for id_, _ in ranking if id_ >= 0}
    complete = {}
    for name, values in rows.items():
        listed = dict(retrievers.get(name, ()))
        of_found = [value for id_ in found if (value := listed.get(id_, values.get(id_))) is not None]
        lowest = min(of_found, default=0.0)
        if name != "words":
            complete[name] = LookedUp(values, lowest)
            continue
        shared = {id_: value for id_, value in values.items() if value > 0}
        complete[name] = LookedUp(shared, lowest if len(of_found) == len(found) else 0.0)
    return complete
