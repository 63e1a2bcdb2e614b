"""Rows that merging and its undoing share: an entity written as a new version, records of merges."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.graph.entity import ENTITY
from kgmem.domain.text.resolution import Merge
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout, label_id
from kgmem.store.graph.records import alike, dumps, encoded
from kgmem.store.write.passages import Passages
from kgmem.store.write.rows import entity_row, item_sql
from kgmem.store.write.vertices import UPDATED, keep_history


async def rewrite_entity(
    connection: asyncpg.Connection,
    passages: Passages,
    row: Any,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    vector: Sequence[float] | None,
) -> None:
    """Write the next version of an entity that is locked, unless nothing changes."""
    if alike(before, after):
        return
    layout, id_ = passages.layout, row["id"]
    await keep_history(connection, layout, ENTITY, [(row, before, None)], deleted=False)
    label = layout.by_id[label_id(id_)].age_name
    await connection.execute(layout.sql("write", "update_vertices", label=label), [id_], [dumps(after)])
    told = entity_row(after)
    row_of_item = (id_, layout.sources.get(after.get("source") or ""), None, *told.parts)
    sql = item_sql(layout.sql("write", "update_items"))
    await connection.execute(sql, *([value] for value in row_of_item))
    passages.want(id_, told.passages, vector, new=False)
    await connection.execute(layout.sql("write", "change"), UPDATED, ENTITY, [id_], [])


async def given_vector(connection: asyncpg.Connection, layout: Layout, id_: int) -> list[float] | None:
    """Return the vector that a caller gave with an entity's first passage."""
    if not layout.vectors:
        return None
    text = await connection.fetchval(layout.sql("merge", "given_vector", table=layout.vectors), id_)
    return None if text is None else [float(each) for each in orjson.loads(text)]


def encoded_text(record: Mapping[str, Any]) -> str:
    """Return a record as the register holds it."""
    return encoded(record).decode()


def as_merge(row: Any, scope: str) -> Merge:
    """Return a merge as it is recorded."""
    told = orjson.loads(row["record"])["told"]
    return Merge(
        id=row["id"],
        kept=row["kept_key"],
        gone=row["gone_key"],
        scope=scope,
        by=row["by"],
        reason=row["reason"],
        at=iso(row["at"]),
        undone_at=iso(row["undone_at"]) if row["undone_at"] else None,
        undone_by=row["undone_by"],
        undone_reason=row["undone_reason"],
        **told,
    )
