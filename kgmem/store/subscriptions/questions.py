"""Events that match a question: the texts of changed items are rated, never the whole graph."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg

from kgmem.domain.subscriptions.event import Event
from kgmem.domain.subscriptions.subscription import EventFilter, TextScorer
from kgmem.store.db.codecs import encode_halfvec
from kgmem.store.graph.layout import Layout
from kgmem.store.subscriptions.event_log import FILE

_WITHOUT_TEXT: Final = ("claim.", "fact.")
_DIGITS: Final = 3


async def relevant(
    connection: asyncpg.Connection, layout: Layout, asked: EventFilter, scorer: TextScorer, events: Sequence[Event]
) -> list[Event]:
    """Return the events of items whose text, now or before, is relevant enough, each with both relevances.

    Raises EmbedderUnavailable.
    """
    having = [event for event in events if not event.kind.startswith(_WITHOUT_TEXT)]
    if not having:
        return []
    rows = await _texts(connection, layout, scorer, sorted({event.item for event in having}))
    scores = await scorer.score([(row["body"], row["cosine"]) for row in rows])
    best: dict[tuple[int, bool], float] = defaultdict(float)
    for row, score in zip(rows, scores, strict=True):
        key = (row["item"], row["current"])
        best[key] = max(best[key], round(score, _DIGITS))
    rated = [replace(each, relevance=best.get((each.item, True)), previous_relevance=best.get((each.item, False)))
             for each in having]  # fmt: skip
    least = asked.min_relevance
    return [each for each in rated if max(each.relevance or 0.0, each.previous_relevance or 0.0) >= least]


async def best_of(connection: asyncpg.Connection, layout: Layout, scorer: TextScorer, items: Sequence[int]) -> float:
    """Return the relevance of the best text of items, now or before; words alone rate one that waits for its vector."""
    rows = await _texts(connection, layout, scorer, items)
    rated = [(row["body"], row["cosine"] if row["cosine"] is not None else 0.0) for row in rows]
    return max(await scorer.score(rated), default=0.0)


async def _texts(
    connection: asyncpg.Connection, layout: Layout, scorer: TextScorer, items: Sequence[int]
) -> Sequence[Any]:
    """Return the passages of items, and those that they had last before, with cosines where vectors are stored."""
    if scorer.vector is None or not layout.vectors:
        return list(await connection.fetch(layout.sql(FILE, "texts"), items))
    sql = layout.sql(FILE, "texts_near", table=layout.vectors)
    return list(await connection.fetch(sql, items, encode_halfvec(scorer.vector), layout.vectors))
