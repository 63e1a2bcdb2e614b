"""Adopting: relationships that were written with a source, of kinds that are weighed, count as that source's claims."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from kgmem.domain.claim import ClaimStatement
from kgmem.domain.consensus import Consensus
from kgmem.storage.postgres.claim_rows import write_claims
from kgmem.storage.postgres.database import Database
from kgmem.storage.postgres.edges import read_edges
from kgmem.storage.postgres.layout import EDGE, Layout, learn_labels, scope_ids, source_ids
from kgmem.storage.postgres.passages import Passages
from kgmem.storage.postgres.records import others_of, text_of
from kgmem.storage.postgres.weighing import weigh_topics

_PAGE = 500


def weighed_kinds(layout: Layout) -> list[str]:
    """Give the kinds of which relationships are weighed: those declared functional, and those with a rule."""
    schema = layout.schema()
    functional = {name for name, kind in schema.kinds.items() if kind.functional}
    return sorted(functional | schema.rules.keys())


async def adopt(
    connection: asyncpg.Connection, layout: Layout, consensus: Consensus, relationships: Sequence[int]
) -> int:
    """Take relationships as claims, and weigh what they speak of; gives how many claims are new.

    What a relationship said before it was changed it claims no more.
    """
    kinds = set(weighed_kinds(layout))
    rows = await connection.fetch(layout.sql("claims", "edges_to_adopt"), list(relationships))
    held = await read_edges(connection, layout, [row["id"] for row in rows])
    known = [row for row in rows if row["id"] in held and layout.by_id[row["kind"]].name in kinds]
    if not known:
        return 0
    scopes = await scope_ids(connection, layout, {row["scope"] for row in known}, make=False)
    await source_ids(connection, layout, {row["source"] for row in known}, make=False)
    own = replace(layout, scopes=scopes)
    stated = [_claim(own, row, held[row["id"]][1]) for row in known]
    passages = Passages(own)
    edges = [row["id"] for row in known]
    stored = await write_claims(connection, passages, stated, edges=edges)
    superseded = await connection.fetch(own.sql("claims", "supersede_claims"), edges, stored.ids)
    topics = dict(stored.changed)
    missing = sorted({row["topic"] for row in superseded} - topics.keys())
    await weigh_topics(connection, passages, consensus, topics.values())
    await passages.store(connection)
    if missing:
        await connection.execute(own.sql("claims", "mark_stale"), missing)
    return len(stored.created)


async def adopt_all(database: Database, layout: Layout, consensus: Consensus) -> int:
    """Take all relationships as claims that are none yet; gives how many claims are new."""
    async with database.connection() as connection:
        await learn_labels(connection, layout)
        await connection.execute(layout.sql("claims", "withdraw_lost"))
    numbers = [layout.labels[EDGE, kind].id for kind in weighed_kinds(layout) if (EDGE, kind) in layout.labels]
    after, total = 0, 0
    while numbers:

        async def work(connection: asyncpg.Connection, after: int = after) -> tuple[list[int], int]:
            rows = await connection.fetch(layout.sql("claims", "adoptable"), after, numbers, _PAGE)
            ids = [row["id"] for row in rows]
            return ids, await adopt(connection, layout, consensus, ids) if ids else 0

        ids, made = await database.transact(work)
        total += made
        if not ids:
            break
        after = ids[-1]
    return total


def _claim(layout: Layout, row: Any, stored: dict[str, Any]) -> ClaimStatement:
    """Give what a relationship claims: that it is, or, where its kind's rule says so, the value that it holds."""
    kind = layout.by_id[row["kind"]].name
    rule = layout.schema().rules.get(kind)
    others = others_of(stored, "relationship")
    held = {name: others[name] for name in (rule.value if rule else ()) if others.get(name) is not None}
    value = next(iter(held.values())) if len(held) == 1 and rule and len(rule.value) == 1 else held or None
    return ClaimStatement(
        source=row["source"],
        subject=row["start_key"],
        predicate=kind,
        object=row["end_key"],
        value=value,
        valid_from=text_of(stored, "valid_from"),
        valid_to=text_of(stored, "valid_to"),
        confidence=_confidence(row["confidence"]),
        scope=row["scope"],
    )


def _confidence(told: float | None) -> float:
    return 1.0 if told is None else min(max(round(told, 6), 0.0), 1.0)
