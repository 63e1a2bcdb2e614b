"""Reads of the index as of an earlier time, and the records of items and relationships at that time.

A transaction begun by `as_known` reads the views of as_of.sql through `Layout.as_known()`: {index}.item, {index}.edge,
{index}.passage, {index}.source and the vectors are then those of that time, with the same columns. So a statement that
takes its tables from the layout, and the present from `present`, answers as of then without change; only label tables
(properties) must not be read, since they have the current state: `rows` returns what they had.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from kgmem.domain.graph.entity import EPISODE
from kgmem.domain.recall.question import When
from kgmem.domain.time.interval import iso, parse_time
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import Layout, know_labels, label_id

_THEN = SQL("(SELECT current_setting('kgmem.known_at')::timestamptz)")


def present(when: When) -> SQL:
    """Return the SQL of the moment that counts as now: that of known_at, where the question has one."""
    return SQL("now()") if when.known_at is None else _THEN


@asynccontextmanager
async def as_known(connection: asyncpg.Connection, known_at: str) -> AsyncIterator[None]:
    """Begin a transaction that reads what was known at a time; of a year or a day that is its first instant."""
    # Nothing was known before 1970, and Postgres reads no years BC in this form.
    instant = max(parse_time(known_at).start or 0, 0)
    async with connection.transaction(readonly=True):
        await connection.execute(statement("temporal", "as_known"), iso(instant))
        yield


def sharing(layout: Layout) -> SQL:
    """Return the statement for the passages of any time that may share a word with the question."""
    return layout.sql("temporal", "sharing_unindexed" if layout.wordless else "sharing", held=layout.held_name)


async def rows(
    connection: asyncpg.Connection, layout: Layout, ids: Sequence[int], links: Sequence[int]
) -> dict[int, dict[str, Any]]:
    """Return what items and relationships said then, by id, with the columns of fetch_items.

    Those of which the properties are lost, because another client wrote over them, tell what the index knew, and are
    marked `lost`.
    """
    found: dict[int, dict[str, Any]] = {}
    for name, wanted in (("items_then", ids), ("edges_then", links)):
        if wanted:
            sql = layout.sql("temporal", name, held=layout.held_name)
            found |= {row["id"]: dict(row) for row in await connection.fetch(sql, list(wanted))}
    await know_labels(connection, layout, [row["thing"] for row in found.values()])
    held = await _held(connection, layout, [row["thing"] for row in found.values() if row["present"]])
    for row in found.values():
        if row["properties"] is None and row["present"]:
            row["properties"] = held.get(row["thing"])
        if row["properties"] is None:
            row |= {"properties": _remains(row), "lost": True}
    return {id_: row for id_, row in found.items() if label_id(id_) in layout.by_id}


async def _held(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> dict[int, str]:
    """Return the properties that the label tables hold now."""
    groups: dict[int, list[int]] = {}
    for id_ in ids:
        groups.setdefault(label_id(id_), []).append(id_)
    found: dict[int, str] = {}
    for label, group in groups.items():
        if label in layout.by_id:
            sql = layout.sql("write", "read_vertices", label=layout.by_id[label].age_name)
            found |= {row["id"]: row["properties"] for row in await connection.fetch(sql, group)}
    return found


def _remains(row: Any) -> str:
    """Return as properties what the index itself knew."""
    start, end = row["valid_from"], row["valid_to"]
    told: dict[str, Any] = {"key": row["key"], "text": row["body"]}
    if row["kind"] == EPISODE:
        told["occurred_at"] = iso(start) if start is not None else None
    else:
        told |= {
            "valid_from": iso(start) if start is not None else None,
            "valid_to": iso(end) if end is not None else None,
        }
    if row["lon"] is not None:
        told["place"] = {"type": "Point", "coordinates": [row["lon"], row["lat"]]}
    return orjson.dumps({name: value for name, value in told.items() if value is not None}).decode()
