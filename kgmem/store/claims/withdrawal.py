"""Withdrawal of claims: what only they state is deleted, and the rest names a source that still states it."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

import asyncpg

from kgmem.domain.graph.entity import RELATIONSHIP
from kgmem.store.claims.claim_rows import CLAIM
from kgmem.store.graph.layout import Layout, label_id
from kgmem.store.graph.records import dumps
from kgmem.store.write.delete import delete_edges
from kgmem.store.write.edges import read_edges
from kgmem.store.write.vertices import DELETED, UPDATED, keep_history


async def end_claims(
    connection: asyncpg.Connection,
    layout: Layout,
    ids: Sequence[int],
    scope: int | None = None,
    *,
    spared: Collection[int] = (),
) -> tuple[Sequence[Any], list[int]]:
    """End claims (of one scope, if given), with the relationships that only they state, unless these are spared.

    Returns the rows of the claims that ended, and the ids of these relationships. Topics are for the caller to weigh.
    """
    rows = await connection.fetch(layout.sql("claims", "withdraw_claims"), list(ids), scope)
    gone = [row["id"] for row in rows]
    if not gone:
        return [], []
    await connection.execute(layout.sql("write", "change"), DELETED, CLAIM, gone, [])
    left = await connection.fetch(layout.sql("claims", "edges_without_claims"), gone)
    lost = [row["id"] for row in left if row["id"] not in spared]
    locked = await connection.fetch(layout.sql("claims", "lock_edges"), lost)
    await delete_edges(connection, layout, locked)
    stated = await connection.fetch(layout.sql("claims", "edges_of_claims"), gone)
    await hand_over(connection, layout, [row["id"] for row in stated])
    return rows, lost


async def hand_over(connection: asyncpg.Connection, layout: Layout, edges: Sequence[int]) -> None:
    """Replace the source of relationships that it does not state any more by one that does; by none where nobody does.

    Each gets a new version; those whose source still states them stay as they are.
    """
    rows = await connection.fetch(layout.sql("claims", "edges_to_hand_over"), list(edges)) if edges else []
    if not rows:
        return
    source_of = {row["id"]: row["source"] for row in rows}
    locked = await connection.fetch(layout.sql("claims", "lock_edges"), sorted(source_of))
    held = await read_edges(connection, layout, [row["id"] for row in locked])
    there = [row for row in locked if row["id"] in held]
    versions = [(row, held[row["id"]][1], held[row["id"]][0]) for row in there]
    await keep_history(connection, layout, RELATIONSHIP, versions, deleted=False)
    groups: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in there:
        (start, end), stored = held[row["id"]]
        named = {name: value for name, value in stored.items() if name != "source"}
        if source_of[row["id"]] is not None:
            named["source"] = source_of[row["id"]]
        groups[label_id(row["id"])].append((row["id"], start, end, dumps(named)))
    for label, told in groups.items():
        sql = layout.sql("write", "update_label_edges", label=layout.by_id[label].age_name)
        await connection.execute(sql, *map(list, zip(*told, strict=True)))
    ids = [row["id"] for row in there]
    await connection.execute(layout.sql("claims", "hand_over"), ids)
    await connection.execute(layout.sql("write", "change"), UPDATED, RELATIONSHIP, ids, [])
