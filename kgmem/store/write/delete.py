"""Deleting: vertices with their edges, edges alone; what goes is counted, and its last version kept in the history."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import asyncpg

from kgmem.domain.errors import VersionConflict
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP, DeleteResult
from kgmem.store.graph.layout import Layout, label_id, learn_subsystems, scope_ids
from kgmem.store.graph.stored_properties import read_vertices
from kgmem.store.write import fact_index
from kgmem.store.write.edges import read_edges
from kgmem.store.write.passages import drop_passages_of
from kgmem.store.write.vertices import DELETED, keep_history


async def vertices(
    connection: asyncpg.Connection, layout: Layout, kind: int, names: tuple[str, Sequence[str]], version: int | None
) -> DeleteResult:
    """Delete vertices of one scope by key, with their edges. Raises VersionConflict."""
    scope, keys = names
    number = (await scope_ids(connection, layout, [scope], make=False)).get(scope)
    if number is None:
        return DeleteResult(missing=list(keys))
    wanted = list(dict.fromkeys(keys))
    await connection.execute(layout.sql("write", "ends_may_go"))
    rows = await connection.fetch(layout.sql("write", "lock_items_to_delete"), kind, [number] * len(wanted), wanted)
    if version is not None and any(row["version"] != version for row in rows):
        raise VersionConflict(
            f"{wanted[0]!r} is stored in version {rows[0]['version']}, not {version}.",
            hint="Read it again, and send the version that you read.",
        )
    ids = [row["id"] for row in rows]
    found = {row["key"] for row in rows}
    missing = [key for key in wanted if key not in found]
    if not ids:
        return DeleteResult(missing=missing)
    edges = await connection.fetch(layout.sql("write", "lock_edges_of"), ids)
    of_edges = await delete_edges(connection, layout, edges)
    passages, vectors, kept = await delete_vertices(connection, layout, kind, rows)
    return DeleteResult(
        entities=len(ids) if kind == ENTITY else 0,
        episodes=0 if kind == ENTITY else len(ids),
        relationships=len(edges),
        passages=passages + of_edges[0],
        vectors=vectors + of_edges[1],
        missing=missing,
        kept_in_history=kept + of_edges[2],
    )


async def delete_vertices(
    connection: asyncpg.Connection, layout: Layout, kind: int, rows: Sequence[Any]
) -> tuple[int, int, int]:
    """Delete vertices that are locked and have no edges; return the passages, vectors, and versions kept in history."""
    ids = [row["id"] for row in rows]
    await learn_subsystems(connection, layout)
    stored = await read_vertices(connection, layout, ids)
    versions = [(row, stored[row["id"]], None) for row in rows if row["id"] in stored]
    kept = await keep_history(connection, layout, kind, versions, deleted=True)
    passages, vectors = await drop_passages_of(connection, layout, ids)
    await _delete_rows(connection, layout, ids)
    await connection.execute(layout.sql("write", "delete_items"), ids)
    await connection.execute(layout.sql("communities", "leave"), ids)
    await connection.execute(layout.sql("feedback", "forget"), ids)
    await connection.execute(layout.sql("tiers", "forget"), ids)
    if kind == EPISODE:
        await connection.execute(layout.sql("sessions", "forget"), ids)
    await connection.execute(layout.sql("write", "change"), DELETED, kind, ids, [row["key"] for row in rows])
    return passages, vectors, kept


async def relationships(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int], scope: str) -> DeleteResult:
    """Delete edges of one scope by id."""
    number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
    rows = await connection.fetch(layout.sql("write", "lock_edges_by_id"), list(set(ids)), number)
    found = {row["id"] for row in rows}
    passages, vectors, kept = await delete_edges(connection, layout, rows)
    missing = [str(id_) for id_ in ids if id_ not in found]
    return DeleteResult(
        relationships=len(rows), passages=passages, vectors=vectors, missing=missing, kept_in_history=kept
    )


async def delete_edges(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> tuple[int, int, int]:
    """Delete edges that are locked; return the passages and vectors of facts, and the versions kept in history."""
    ids = [row["id"] for row in rows]
    if not ids:
        return 0, 0, 0
    await learn_subsystems(connection, layout)
    stored = await read_edges(connection, layout, ids)
    versions = [(row, stored[row["id"]][1], stored[row["id"]][0]) for row in rows if row["id"] in stored]
    kept = await keep_history(connection, layout, RELATIONSHIP, versions, deleted=True)
    passages, vectors = await fact_index.drop(connection, layout, ids)
    await _delete_rows(connection, layout, ids)
    await connection.execute(layout.sql("write", "delete_edges"), ids)
    await connection.execute(layout.sql("communities", "unsay"), ids)
    await connection.execute(layout.sql("feedback", "forget"), ids)
    await connection.execute(layout.sql("tiers", "forget"), ids)
    await connection.execute(layout.sql("claims", "withdraw_edges"), ids)
    await connection.execute(layout.sql("write", "change"), DELETED, RELATIONSHIP, ids, [])
    return passages, vectors, kept


async def _delete_rows(connection: asyncpg.Connection, layout: Layout, ids: Sequence[int]) -> None:
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[label_id(id_)].append(id_)
    for label, group in groups.items():
        sql = layout.sql("write", "delete_vertices", label=layout.by_id[label].age_name)
        await connection.execute(sql, group)
