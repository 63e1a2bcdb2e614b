"""Imports: the loading of their batches, each of which is noted in the register in the transaction that stores it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final, TypeAlias

import asyncpg
import orjson

from kgmem.domain.agents.session_records import Stored, name_of, stored_as, stored_with
from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BELIEF_KINDS, BeliefKind, BeliefRecord
from kgmem.domain.distillation.run import DISTILLED_FROM
from kgmem.domain.errors import Conflict, InvalidInput, NotFound
from kgmem.domain.graph.batch import Batch, BatchResult, Rejection, Stated
from kgmem.domain.graph.episode import Episode
from kgmem.store.agents.restore import CheckContent, RestoredState, restore_state
from kgmem.store.agents.session_restore import restore_block, restore_session
from kgmem.store.db.savepoints import REFUSALS
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import (
    EDGE,
    VERTEX,
    Layout,
    ensure_labels,
    learn_labels,
    make_sources,
    scope_ids,
    source_ids,
)
from kgmem.store.graph.subsystems import Subsystem
from kgmem.store.ledger.records import ImportedRecords
from kgmem.store.ledger.records import import_records as restore_ledger
from kgmem.store.load.copy_entities import load_entities
from kgmem.store.load.copy_episodes import load_beliefs, load_episodes, load_sources
from kgmem.store.load.copy_load import (
    BatchIds,
    BatchLoad,
    Describe,
    StagedRows,
    copy_staged,
    redirect,
    renumber,
    stage_batch,
    take_numbers,
)
from kgmem.store.load.copy_relationships import load_relationships
from kgmem.store.load.deferred_indexes import DeferredIndexes, Statistics
from kgmem.store.load.import_register import LAST, ImportRegister
from kgmem.store.write.episodes import ensure_episode_labels
from kgmem.store.write.expiry import note_written
from kgmem.store.write.rows import item_sql

Waits: TypeAlias = tuple[str, int, str, BeliefRecord]  # File, line, record as text, record.
# The fields of records of what the graph believes that name a source.
_SOURCES: Final[Mapping[BeliefKind, Sequence[str]]] = {"claim": ("source",), "trust": ("source", "other")}
_KINDS = {"entity": VERTEX, "relationship": EDGE}
_SUBSYSTEMS: Final[Mapping[Stored, Sequence[Subsystem]]] = {
    "agent state": ("agent_states",),
    "session": ("sessions", "session_parts"),
    "memory block": ("blocks",),
    "ledger": ("ledger",),
}
_EPISODE_BYTES = 16 * 1024 * 1024  # Of episodes that are stored at once; one alone may be larger.


class PostgresImports(ImportRegister):
    """Imports of every graph."""

    def __init__(self, catalog: PostgresCatalog, describe: Describe, check_content: CheckContent) -> None:
        """Take the catalog, what writes the text of a rejected record, and what checks the content of agent states."""
        super().__init__(catalog)
        self._check_content = check_content
        self.aside = DeferredIndexes(catalog)
        self._statistics = Statistics(catalog.database)
        self._describe = describe

    async def amend(self, graph: str, id_: int, batch: Batch) -> BatchResult:
        """Store further statements on what an import stored, as its own, and count none of them as read."""
        return await self.store(graph, id_, None, batch)

    async def store(self, graph: str, id_: int, number: int | None, batch: Batch) -> BatchResult:
        """Store a batch and note it, in one transaction; without a number it only amends what is stored."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")
            kind = _KINDS[batch.kind]
            staged = await asyncio.to_thread(stage_batch, layout.graph, batch, self._describe)
            await ensure_labels(self.database, layout, kind, staged.labels)
            if staged.expiring:
                await layout.ensure("expiry")
            await self.aside.consider(layout, kind, staged.labels, staged.count, vectors=staged.vectors)
            if kind == EDGE:
                await self.aside.consider(layout, VERTEX, (), _facts(layout, staged))
            async with self.database.connection() as connection:
                scopes = await scope_ids(connection, layout, staged.scopes, make=True)
                await make_sources(connection, layout, staged.sources)
            labels = {layout.labels[kind, name]: count for name, count in staged.labels.items()}
            taken = await self.database.transact(partial(take_numbers, labels=labels, alone=True))

            async def work(connection: asyncpg.Connection) -> BatchResult:
                before = await _enter(connection, layout, id_, LAST if number is None else number)
                if before and number is not None:
                    return before
                load = BatchLoad(
                    connection, layout.apart(), kind, taken, scopes, id_, self._describe, staged.worded > 0
                )
                await _prepare(load)
                await copy_staged(connection, batch.kind, staged)
                await renumber(load, batch.kind)
                await redirect(load, batch.kind)
                load = await _loaded(load, staged.count, last=False)
                if staged.expiring:
                    await note_written(connection, load.layout)
                if number is None:
                    return load.result
                load.result.rejections += staged.rejections
                load.result.read = staged.count + len(staged.rejections)
                await _journal(connection, id_, number, _counted(load.result, batch.kind))
                return load.result

            result = await self.database.transact(work)
            await self._statistics.grow(layout, kind, result.created)
            return result

    async def link(self, graph: str, id_: int, most: int) -> BatchResult | None:
        """Store the next relationships that waited; what still lacks an end is rejected. None when none are left."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")

            async def work(connection: asyncpg.Connection) -> BatchResult | None:
                await _enter(connection, layout, id_, LAST)
                load = BatchLoad(connection, layout.apart(), EDGE, BatchIds(), {}, id_, self._describe)
                await _prepare(load)
                rows = await connection.fetch(load.sql("take_back"), id_, most)
                if not rows:
                    return None
                load.scopes = await scope_ids(connection, load.layout, {row["scope"] for row in rows}, make=False)
                counts: dict[str, int] = {}
                for row in rows:
                    counts[row["kind"]] = counts.get(row["kind"], 0) + row["count"]
                if any((EDGE, kind) not in load.layout.labels for kind in counts):  # A process that died made it.
                    await learn_labels(connection, load.layout)
                labels = {load.layout.labels[EDGE, kind]: count for kind, count in counts.items()}
                load.numbers = await take_numbers(connection, labels, alone=False)
                await renumber(load, "relationship")
                total = sum(counts.values())
                load = await _loaded(load, total, last=True)
                if "expiry" in load.layout.subsystems.made:  # What waited may say when it expires.
                    await note_written(connection, load.layout)
                number = await connection.fetchval(statement("imports", "next_number"), id_, LAST)
                await _journal(connection, id_, number, _counted(load.result, "relationship"))
                return load.result

            result = await self.database.transact(work)
            if result is not None:
                await self._statistics.grow(layout, EDGE, result.created)
            return result

    async def note(
        self,
        graph: str,
        id_: int,
        number: int,
        *,
        sources: Sequence[Stated[Source]],
        waiting: Sequence[tuple[str, int, str]],
        rejections: Sequence[Rejection],
        checked: Mapping[str, int] | None = None,
    ) -> BatchResult:
        """Store the rest of a chunk: sources; episodes (file, line, record) that have to wait; what is rejected.

        Of a dry run it tells how many records of each kind were `checked` and found good.
        """
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")

            async def work(connection: asyncpg.Connection) -> BatchResult:
                before = await _enter(connection, layout, id_, number)
                if before:
                    return before
                load = BatchLoad(connection, layout, VERTEX, BatchIds(), {}, id_, self._describe)
                await load_sources(load, sources)
                if waiting:
                    columns = map(list, zip(*waiting, strict=True))
                    await connection.execute(statement("imports", "await_episodes"), id_, *columns)
                result = _counted(load.result, "source")
                result.kinds |= checked or {}
                result.read = len(sources) + len(waiting) + len(rejections) + sum((checked or {}).values())
                result.rejections += rejections
                await _journal(connection, id_, number, result)
                return result

            return await self.database.transact(work)

    async def link_episodes(
        self, graph: str, id_: int, most: int, read: Callable[[str], Episode]
    ) -> BatchResult | None:
        """Store the next episodes that waited; what cannot be stored is rejected. None when none are left."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")
            async with self.database.connection() as connection:
                rows = await connection.fetch(statement("imports", "waiting_episodes"), id_, most, _EPISODE_BYTES)
                if not rows:
                    return None
                stated = {row["id"]: Stated(row["file"], row["line"], read(row["record"])) for row in rows}
                episodes = [each.record for each in stated.values()]
                scopes = await scope_ids(connection, layout, {episode.scope for episode in episodes}, make=True)
                await source_ids(connection, layout, {episode.source for episode in episodes}, make=True)
            await ensure_episode_labels(self.database, layout, episodes)
            expiring = any(each.expires_at is not None for each in episodes)
            if expiring:
                await layout.ensure("expiry")

            async def work(connection: asyncpg.Connection) -> BatchResult:
                await _enter(connection, layout, id_, LAST)
                own = replace(layout.apart(), scopes=scopes)
                load = BatchLoad(connection, own, VERTEX, BatchIds(), scopes, id_, self._describe)
                await _prepare(load)
                taken = await connection.fetch(statement("imports", "settle_episodes"), id_, list(stated))
                passages = await load_episodes(load, [stated[row["id"]] for row in taken])
                if expiring:
                    await note_written(connection, own)
                number = await connection.fetchval(statement("imports", "next_number"), id_, LAST)
                await _journal(connection, id_, number, _counted(load.result, "episode"))
                for wanted in passages:
                    await wanted.store(connection)
                return load.result

            return await self.database.transact(work)

    async def await_beliefs(self, graph: str, id_: int, number: int, waiting: Sequence[Waits]) -> BatchResult:
        """Queue records of claims, facts, agent states and the like until all else is stored."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")

            async def work(connection: asyncpg.Connection) -> BatchResult:
                before = await _enter(connection, layout, id_, number)
                if before:
                    return before
                rows = [(*each[:3], *_queued(each[3])) for each in waiting]
                columns = map(list, zip(*rows, strict=True))
                await connection.execute(statement("imports", "await_beliefs"), id_, *columns)
                result = BatchResult(read=len(waiting))
                await _journal(connection, id_, number, result)
                return result

            return await self.database.transact(work)

    async def link_beliefs(
        self, graph: str, id_: int, most: int, read: Callable[[str, BeliefKind], BeliefRecord]
    ) -> BatchResult | None:
        """Store the next records of what the graph believes; what cannot be stored is rejected. None: none are left."""
        async with self.catalog.on(graph) as layout:
            await layout.ensure("history")
            async with self.database.connection() as connection:
                rows = await connection.fetch(statement("imports", "waiting_beliefs"), id_, most, _EPISODE_BYTES)
                if not rows:
                    return None
                kind = BELIEF_KINDS[rows[0]["kind"] - 1]
                stated = {row["id"]: Stated(row["file"], row["line"], read(row["record"], kind)) for row in rows}
                told = [each.record.told for each in stated.values()]
                scopes = await scope_ids(connection, layout, {each.record.scope for each in stated.values()}, make=True)
                names = {each.get(name) for each in told for name in _SOURCES.get(kind, ())}
                await source_ids(connection, layout, names, make=True)
            if kind == "claim":  # One of a kind that no relationship has yet makes the first.
                kinds = {each["predicate"] for each in told if each.get("object") and each.get("predicate")}
                await ensure_labels(self.database, layout, EDGE, kinds)
            if kind == "distillation":
                await ensure_labels(self.database, layout, EDGE, [DISTILLED_FROM])
            if kind == "publication" or any(each.get("published_from") is not None for each in told):
                await layout.ensure(
                    "publications"
                )  # Its triggers wait for who writes claims, so not in the transaction.

            async def work(connection: asyncpg.Connection) -> BatchResult:
                await _enter(connection, layout, id_, LAST)
                own = replace(layout.apart(), scopes=scopes)
                load = BatchLoad(connection, own, VERTEX, BatchIds(), scopes, id_, self._describe)
                taken = await connection.fetch(statement("imports", "settle_episodes"), id_, list(stated))
                await load_beliefs(load, [stated[row["id"]] for row in taken])
                number = await connection.fetchval(statement("imports", "next_number"), id_, LAST)
                await _journal(connection, id_, number, _counted(load.result, kind))
                return load.result

            return await self.database.transact(work)

    async def link_states(
        self, graph: str, id_: int, read: Callable[[str, BeliefKind], BeliefRecord]
    ) -> BatchResult | None:
        """Store the next agent state, session or block that waited, or reject all its records. None: none left."""
        async with self.catalog.on(graph) as layout:
            async with self.database.connection() as connection:
                about = await connection.fetchval(statement("imports", "next_about"), id_)
            if about is None:
                return None
            for subsystem in _SUBSYSTEMS[stored_as(about)]:
                await layout.ensure(subsystem)

            async def work(connection: asyncpg.Connection) -> BatchResult:
                await _enter(connection, layout, id_, LAST)
                result = await self._restored(connection, layout, (id_, about), read)
                await connection.execute(statement("imports", "settle_about"), id_, about)
                number = await connection.fetchval(statement("imports", "next_number"), id_, LAST)
                await _journal(connection, id_, number, result)
                return result

            return await self.database.transact(work)

    async def _restored(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        waiting: tuple[int, str],
        read: Callable[[str, BeliefKind], BeliefRecord],
    ) -> BatchResult:
        """Store a state, session or block from the records that wait for it; one that is damaged changes nothing."""
        what = stored_as(waiting[1])

        async def records() -> AsyncIterator[BeliefRecord]:
            async for row in connection.cursor(statement("imports", "waiting_about"), *waiting, prefetch=1):
                yield read(row["record"], BELIEF_KINDS[row["kind"] - 1])

        try:
            async with connection.transaction():
                apart = layout.apart()
                done: RestoredState | ImportedRecords
                if what == "session":
                    done = await restore_session(connection, apart, records())
                elif what == "memory block":
                    done = await restore_block(connection, apart, records())
                elif what == "ledger":
                    done = await restore_ledger(connection, apart, records())
                else:
                    done = await restore_state(connection, apart, records(), self._check_content)
        except (InvalidInput, Conflict) as error:
            rows = await connection.fetch(statement("imports", "heads_about"), *waiting)
            named = what if what == "ledger" else f"{what} {name_of(waiting[1])!r}"
            why = f"The {named} was not imported. {error}"
            return BatchResult(rejections=[Rejection(row["file"], row["line"], why, row["record"]) for row in rows])
        return BatchResult(created=done.created, updated=done.updated, unchanged=done.unchanged, kinds=done.kinds)

    async def build_indexes(self, graph: str) -> None:
        """Build what large batches have set aside, and let the planner know what was loaded."""
        await self.aside.build(graph)
        async with self.catalog.on(graph) as layout:
            await self._statistics.settle(layout)

    async def left_without_indexes(self) -> Sequence[str]:
        """Return the graphs of which an import that died has left indexes aside."""
        return await self.aside.left()


def _queued(record: BeliefRecord) -> tuple[int, str | None, int | None]:
    """Return the rank of a record's kind, and of one that is stored with others what about, and its place there."""
    rank = BELIEF_KINDS.index(record.kind) + 1
    return (rank, *stored_with(record.kind, record.told))


def _facts(layout: Layout, staged: StagedRows) -> int:
    """Return how many passages staged relationships bring."""
    return {"text": staged.worded, "all": staged.count, "none": 0}[layout.graph.facts]


async def _loaded(load: BatchLoad, count: int, *, last: bool) -> BatchLoad:
    """Load what is staged: as a whole, or row by row when an index refuses some of it."""
    if not count:
        return load
    try:
        async with load.connection.transaction():
            await _load(load, count, last=last)
    except REFUSALS:
        load = replace(load, careful=True, result=BatchResult())
        await _load(load, count, last=last)
    return load


async def _load(load: BatchLoad, count: int, *, last: bool) -> None:
    if load.kind == VERTEX:
        await load_entities(load, count)
    else:
        await load_relationships(load, count, last=last)


async def _prepare(load: BatchLoad) -> None:
    """Make the temporary tables of a connection that has none yet."""
    await load.connection.execute(item_sql(statement("copy_load", "entity_stage")))
    for name in ("relationship_stage", "found_stage"):
        await load.connection.execute(statement("copy_load", name))


async def _enter(connection: asyncpg.Connection, layout: Layout, id_: int, number: int) -> BatchResult | None:
    """Begin a batch of an import; return its result where it was committed already.

    That is so when its commit was not heard of, and when another process works on the import too: the same batch is
    done by one after the other. Raises NotFound for an import that is gone, and Conflict for one that was undone.
    """
    await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
    await connection.execute(statement("imports", "one_at_a_time"), id_, number, layout.id)
    row = await connection.fetchrow(statement("imports", "batch"), id_, number)
    if row is None or row["graph"] != layout.id:
        raise NotFound(f"The import {id_} is gone, and the graph with it.", hint="Import into another graph.")
    if row["state"] in {"undoing", "undone"}:
        raise Conflict(f"The import {id_} was undone meanwhile.", hint="Import the files again.")
    if row["read"] is None:
        return None
    return BatchResult(**{name: row[name] for name in ("read", "created", "updated", "unchanged")})


def _counted(result: BatchResult, kind: str) -> BatchResult:
    taken = result.created + result.updated + result.unchanged
    result.kinds = {kind: taken} if taken else {}
    return result


async def _journal(connection: asyncpg.Connection, id_: int, number: int, result: BatchResult) -> None:
    rejected = result.rejections
    if rejected:
        columns = map(list, zip(*((r.file, r.line, r.reason, r.record) for r in rejected), strict=True))
        await connection.execute(statement("imports", "reject"), id_, *columns)
    await connection.execute(
        statement("imports", "note"),
        id_,
        number,
        result.read,
        result.created,
        result.updated,
        result.unchanged,
        len(rejected),
        orjson.dumps(result.kinds).decode(),
    )
