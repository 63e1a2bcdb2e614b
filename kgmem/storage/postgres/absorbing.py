"""Absorbing: bring the index in line with label tables that others wrote, or that it is rebuilt from."""

from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from kgmem.domain.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.errors import InvalidInput
from kgmem.domain.scope import check_scope
from kgmem.domain.statement import EPISODE_LABEL
from kgmem.storage.postgres.edges import discriminator, read_edges
from kgmem.storage.postgres.layout import (
    EDGE,
    VERTEX,
    Layout,
    label_id,
    learn_labels,
    scope_ids,
    source_ids,
)
from kgmem.storage.postgres.passages import Passages, drop_passages_of
from kgmem.storage.postgres.rows import entity_row, episode_row, valid_of
from kgmem.storage.postgres.vertices import CREATED, DELETED, UPDATED, read_vertices


async def register_foreign_labels(connection: asyncpg.Connection, layout: Layout) -> None:
    """Take labels that another client made into the graph's register, under their AGE names."""
    known = {label.age_name for label in layout.labels.values()}
    for row in await connection.fetch(layout.sql("layout", "age_labels"), layout.age_name):
        if row["name"] not in known and not row["name"].startswith("_ag_label"):
            kind = VERTEX if row["kind"] == "v" else EDGE
            register = layout.sql("layout", "register_label")
            await connection.execute(register, layout.age_name, row["name"], kind, row["name"])
    await learn_labels(connection, layout)


async def absorb(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    """Index these vertices and edges as the label tables hold them now; gives how many were created, changed, gone."""
    await register_foreign_labels(connection, layout)
    vertices = [id_ for id_ in ids if _kind(layout, id_) == VERTEX]
    edges = [id_ for id_ in ids if _kind(layout, id_) == EDGE]
    passages = Passages(layout)
    # Vertices first, since an edge of this batch may lead to a vertex of this batch.
    changed = await _absorb_vertices(connection, passages, vertices) + await _absorb_edges(connection, layout, edges)
    await passages.store(connection)
    return changed


async def remove(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    """Take vertices that no longer exist, with their passages, and edges, out of the index."""
    held = await connection.fetch(layout.sql("absorb", "items"), list(ids))
    for kind in (ENTITY, EPISODE):
        rows = [row for row in held if row["kind"] == kind]
        if rows:
            gone = [row["id"] for row in rows]
            await drop_passages_of(connection, layout, gone)
            await connection.execute(layout.sql("write", "delete_items"), gone)
            await connection.execute(layout.sql("write", "change"), DELETED, kind, gone, [row["key"] for row in rows])
    edges = await connection.fetch(layout.sql("absorb", "edges"), list(ids))
    if edges:
        gone = [row["id"] for row in edges]
        await connection.execute(layout.sql("write", "delete_edges"), gone)
        await connection.execute(layout.sql("write", "change"), DELETED, RELATIONSHIP, gone, [])
    return len(held) + len(edges)


async def _absorb_vertices(connection: asyncpg.Connection, passages: Passages, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    layout = passages.layout
    stored = await read_vertices(connection, layout, ids)
    held = {row["id"]: row for row in await connection.fetch(layout.sql("absorb", "items"), list(ids))}
    await _learn(connection, layout, stored.values())
    changed: dict[tuple[int, int], list[int]] = {}
    for id_, properties in sorted(stored.items()):
        kind = EPISODE if layout.by_id[label_id(id_)].name == EPISODE_LABEL else ENTITY
        await _put_item(connection, passages, (id_, kind), properties, held.get(id_))
        changed.setdefault((UPDATED if id_ in held else CREATED, kind), []).append(id_)
    for (operation, kind), group in changed.items():
        await connection.execute(layout.sql("write", "change"), operation, kind, group, [])
    return len(stored) + await remove(connection, layout, [id_ for id_ in held if id_ not in stored])


async def _put_item(
    connection: asyncpg.Connection, passages: Passages, what: tuple[int, int], stored: Mapping[str, Any], held: Any
) -> None:
    layout, (id_, kind) = passages.layout, what
    row = episode_row(stored) if kind == EPISODE else entity_row(stored)
    scope = layout.scopes[_scope(stored)]
    key = stored.get("key")
    key = key if isinstance(key, str) and key else f"_{id_}"
    if await connection.fetchval(layout.sql("absorb", "key_taken"), scope, key, kind, id_):
        key = f"{key}#{id_}"  # Another client stored a second vertex under a key; both stay to be seen.
    version = (held["version"] if held else await _last_version(connection, layout, id_)) + 1
    await connection.execute(
        layout.sql("absorb", "put_item"),
        id_,
        kind,
        scope,
        key,
        layout.sources.get(_text(stored.get("source"))),
        row.valid.start,
        row.valid.end,
        row.place.lon if row.place else None,
        row.place.lat if row.place else None,
        row.place.area if row.place else None,
        list(row.labels) if row.labels else None,
        version,
    )
    passages.want(id_, row.passages, new=False)


async def _absorb_edges(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> int:
    if not ids:
        return 0
    stored = await read_edges(connection, layout, ids)
    held = {row["id"]: row for row in await connection.fetch(layout.sql("absorb", "edges"), list(ids))}
    await _learn(connection, layout, [properties for _, properties in stored.values()])
    changed: dict[int, list[int]] = {}
    for id_, (ends, properties) in sorted(stored.items()):
        await _put_edge(connection, layout, id_, (ends, properties), held.get(id_))
        changed.setdefault(UPDATED if id_ in held else CREATED, []).append(id_)
    for operation, group in changed.items():
        await connection.execute(layout.sql("write", "change"), operation, RELATIONSHIP, group, [])
    return len(stored) + await remove(connection, layout, [id_ for id_ in held if id_ not in stored])


async def _put_edge(
    connection: asyncpg.Connection,
    layout: Layout,
    id_: int,
    edge: tuple[tuple[int, int], Mapping[str, Any]],
    held: Any,
) -> None:
    (source, target), stored = edge
    kind, scope = label_id(id_), layout.scopes[_scope(stored)]
    key, valid = _text(stored.get("key")) or None, valid_of(stored.get("valid_from"), stored.get("valid_to"))
    number = discriminator(key, _text(stored.get("valid_from")) or None)
    if await connection.fetchval(layout.sql("absorb", "edge_taken"), source, target, kind, scope, number, id_):
        number = id_  # AGE allows parallel edges that kgmem would call the same; its id tells this one apart.
    if key and await connection.fetchval(layout.sql("absorb", "edge_key_taken"), scope, key, id_):
        key = f"{key}#{id_}"
    version = (held["version"] if held else await _last_version(connection, layout, id_)) + 1
    await connection.execute(
        layout.sql("absorb", "put_edge"),
        id_,
        source,
        target,
        kind,
        scope,
        layout.sources.get(_text(stored.get("source"))),
        _number(stored.get("strength")),
        _number(stored.get("confidence")),
        valid.start,
        valid.end,
        number,
        key,
        version,
    )


async def _last_version(connection: asyncpg.Connection, layout: Layout, id_: int) -> int:
    version: int = await connection.fetchval(layout.sql("absorb", "history_version"), id_)
    return version


async def _learn(connection: asyncpg.Connection, layout: Layout, stored: Any) -> None:
    properties = list(stored)
    await scope_ids(connection, layout, [_scope(p) for p in properties], make=True)
    await source_ids(connection, layout, [_text(p.get("source")) or None for p in properties], make=True)


def _kind(layout: Layout, id_: int) -> int | None:
    label = layout.by_id.get(label_id(id_))
    return label.kind if label else None


def _scope(stored: Mapping[str, Any]) -> str:
    try:
        return check_scope(_text(stored.get("scope")))
    except InvalidInput:
        return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
