"""The rollback of an import: planned once, record by record, then done in batches, each a transaction.

The change feed lists what was done under the import's number below zero. So an interrupted rollback goes on where it
was, and its result is counted from there.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import orjson

from kgmem.domain.errors import Conflict
from kgmem.domain.graph.entity import ENTITY, EPISODE, RELATIONSHIP
from kgmem.domain.imports import KeptItem, UndoResult
from kgmem.store.claims.withdrawal import end_claims
from kgmem.store.db.database import transact_on
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import VERTEX, Layout, ensure_labels
from kgmem.store.load.rollback_batches import RollbackBatch, RollbackOutcome, delete_edges, delete_vertices, restore

_BATCH = 2000
_SHOWN = 100  # Kept items that are told one by one.
_KINDS: dict[int, Any] = {ENTITY: "entity", EPISODE: "episode", RELATIONSHIP: "relationship"}
# Relationships first, since a vertex goes only when none is left; what is restored may leave a vertex that then goes.
_STEPS: tuple[tuple[str, int, Callable[[RollbackBatch], Awaitable[RollbackOutcome]]], ...] = (
    ("restore", RELATIONSHIP, restore),
    ("delete", RELATIONSHIP, delete_edges),
    ("restore", EPISODE, restore),
    ("delete", EPISODE, delete_vertices),
    ("restore", ENTITY, restore),
    ("delete", ENTITY, delete_vertices),
)
OnUndone = Callable[[int, int], None]  # How much is done, and of how much.


async def undo(
    catalog: PostgresCatalog, graph: str, import_id: int, *, dry_run: bool, progress: OnUndone | None
) -> UndoResult:
    """Undo an import, or with `dry_run` only return what that would do."""
    async with catalog.on(graph) as layout, catalog.database.connection() as connection:
        if not await connection.fetchval(statement("rollback", "take_turn"), import_id):
            raise Conflict("Another process is undoing this import.", hint="Wait until it is done.")
        try:
            await _plan(connection, layout, import_id)
            if dry_run:
                return await _told(connection, layout, await _planned(connection))
            labels = await connection.fetch(layout.sql("rollback", "labels"))
            await ensure_labels(catalog.database, layout, VERTEX, [row["label"] for row in labels])
            await _work(connection, layout, import_id, progress)
            rows = await connection.fetch(layout.sql("rollback", "came_undone"), import_id)
            done = {("delete", row["kind"]) if row["kind"] else ("restore", 0): row["count"] for row in rows}
            stays = {what: count for what, count in (await _planned(connection)).items() if what not in done}
            return await _told(connection, layout, {**_without_acts(stays), **done})
        finally:
            if not connection.is_closed():  # Else both are gone already.
                await connection.execute(SQL("DROP TABLE IF EXISTS kgmem_undo"))
                await connection.execute(statement("rollback", "give_turn"), import_id)


async def _plan(connection: asyncpg.Connection, layout: Layout, import_id: int) -> None:
    async with connection.transaction():
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        await connection.execute(SQL("DROP TABLE IF EXISTS kgmem_undo"))
        await connection.execute(statement("rollback", "plan_table"))
        await connection.execute(layout.sql("rollback", "plan"), import_id)
        for name in ("plan_ids", "plan_index"):
            await connection.execute(statement("rollback", name))
        await connection.execute(SQL("ANALYZE kgmem_undo"))
        await connection.execute(layout.sql("rollback", "plan_connected"))


async def _work(connection: asyncpg.Connection, layout: Layout, import_id: int, progress: OnUndone | None) -> None:
    planned = await _planned(connection)
    total, done = sum(planned.get(step[:2], 0) for step in _STEPS), 0
    for act, kind, step in _STEPS:
        after = 0
        while rows := await connection.fetch(statement("rollback", "next"), act, kind, after, _BATCH):
            after = rows[-1]["id"]

            async def work(connection: asyncpg.Connection, rows: list[Any] = rows, kind: int = kind) -> RollbackOutcome:
                await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
                batch = RollbackBatch(connection, layout.apart(), import_id, kind, rows)
                outcome = await step(batch)  # noqa: B023 - called before the loop goes on
                for reason, ids in outcome.kept.items():
                    await connection.execute(statement("rollback", "settle"), ids, reason)
                for passages in outcome.passages:
                    await passages.store(connection)
                return outcome

            await transact_on(connection, work)
            done += len(rows)
            if progress:
                progress(done, total)
    # Last, since a relationship that names another source now would count as changed by others.
    await _withdraw(connection, layout, import_id)


async def _withdraw(connection: asyncpg.Connection, layout: Layout, import_id: int) -> None:
    """Take the claims of the import back: what their sources stated before counts again, and topics become stale."""
    spared = {row["id"] for row in await connection.fetch(statement("rollback", "spared"))}
    after = 0
    while rows := await connection.fetch(layout.sql("rollback", "next_claims"), import_id, after, _BATCH):
        after = rows[-1]["id"]

        async def work(connection: asyncpg.Connection, rows: list[Any] = rows) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
            former = [row["former"] for row in rows if row["former"] is not None]
            await connection.execute(layout.sql("rollback", "claim_again"), former)
            ended, _ = await end_claims(connection, layout.apart(), [row["id"] for row in rows], spared=spared)
            await connection.execute(layout.sql("claims", "mark_stale"), sorted({row["topic"] for row in ended}))

        await transact_on(connection, work)


async def _planned(connection: asyncpg.Connection) -> dict[tuple[str, int], int]:
    rows = await connection.fetch(statement("rollback", "planned"))
    return {(row["act"], row["kind"]): row["count"] for row in rows}


def _without_acts(planned: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
    return {what: count for what, count in planned.items() if what[0] not in {"delete", "restore"}}


async def _told(connection: asyncpg.Connection, layout: Layout, counts: dict[tuple[str, int], int]) -> UndoResult:
    def total(act: str) -> int:
        return sum(count for (name, _), count in counts.items() if name == act)

    kept = await connection.fetch(layout.sql("rollback", "kept"), _SHOWN)
    return UndoResult(
        deleted={_KINDS[kind]: count for (act, kind), count in sorted(counts.items()) if act == "delete"},
        restored=total("restore"),
        changed=total("changed"),
        connected=total("connected"),
        unknown=total("unknown"),
        kept=[KeptItem(_KINDS[row["kind"]], row["key"], row["act"]) for row in kept],
    )


def as_json(undone: UndoResult) -> str:
    """Return what taking an import back out did as the register holds it."""
    counts = {name: getattr(undone, name) for name in ("deleted", "restored", "changed", "connected", "unknown")}
    return orjson.dumps(counts).decode()
