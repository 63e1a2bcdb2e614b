"""The register of imports, and the loading of their batches: each is journaled in the transaction that stores it."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import asyncpg
import orjson

from kgmem.domain.batch import Batch, BatchResult, Rejection
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.imports import Import, ImportState, Waiting
from kgmem.domain.interval import iso
from kgmem.storage.postgres.aside import Aside
from kgmem.storage.postgres.bulk import Load, fill, take_bases
from kgmem.storage.postgres.bulk_entities import load_entities
from kgmem.storage.postgres.bulk_relationships import load_relationships
from kgmem.storage.postgres.catalog import PostgresCatalog
from kgmem.storage.postgres.layout import EDGE, VERTEX, ensure_labels, scope_ids, source_ids
from kgmem.storage.postgres.staging import Describe, stage_batch
from kgmem.storage.postgres.statements import statement
from kgmem.storage.postgres.statistics import Statistics

_KINDS = {"entity": VERTEX, "relationship": EDGE}
_PAGE = 5000
_LAST = 2**62  # Batches of what waited are numbered from here on.


class PostgresImports:
    """Imports of every graph."""

    def __init__(self, catalog: PostgresCatalog, describe: Describe) -> None:
        """Take the catalog, which knows the database, and what writes the text of a rejected record."""
        self.catalog = catalog
        self.aside = Aside(catalog)
        self._statistics = Statistics(catalog.database)
        self._describe = describe
        self.database = catalog.database

    async def begin(
        self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any], source: str | None
    ) -> int:
        """Register an import; gives its id."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int = await connection.fetchval(statement("imports", "begin"), layout.id, *told, source)
        return id_

    async def resume(self, graph: str, files: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> int | None:
        """Give the newest import of the same files in the same way that did not end, and let it run; None without."""
        layout = await self.catalog.layout(graph)
        told = orjson.dumps(files).decode(), orjson.dumps(options, option=orjson.OPT_SORT_KEYS).decode()
        async with self.database.connection() as connection:
            id_: int | None = await connection.fetchval(statement("imports", "unfinished"), layout.id, *told)
            if id_ is not None:
                await connection.execute(statement("imports", "resume"), id_)
        return id_

    async def stored(self, id_: int) -> frozenset[int]:
        """Give the numbers of the batches that were stored."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "numbers"), id_, _LAST)
        return frozenset(row["number"] for row in rows)

    async def store(self, graph: str, id_: int, number: int, batch: Batch) -> BatchResult:
        """Store a batch and note it, in one transaction."""
        async with self.catalog.on(graph) as layout:
            kind = _KINDS[batch.kind]
            staged = await asyncio.to_thread(stage_batch, layout.graph, batch, self._describe)
            await ensure_labels(self.database, layout, kind, staged.labels)
            await self.aside.consider(layout, kind, staged.labels, staged.count)
            async with self.database.connection() as connection:
                scopes = await scope_ids(connection, layout, staged.scopes, make=True)
                await source_ids(connection, layout, staged.sources, make=True)
            labels = {layout.labels[kind, name]: count for name, count in staged.labels.items()}
            bases = await take_bases(self.database, labels)

            async def work(connection: asyncpg.Connection) -> BatchResult:
                before = await _stored_already(connection, id_, number)
                if before:
                    return before
                load = Load(connection, layout.apart(), kind, bases, scopes, id_, self._describe)
                load.result.rejections += staged.rejections
                await _prepare(load)
                await fill(connection, batch.kind, staged)
                if kind == VERTEX and staged.count:
                    await load_entities(load, staged.count)
                elif staged.count:
                    await load_relationships(load, staged.count, last=False)
                load.result.read = staged.count + len(staged.rejections)
                await _journal(connection, id_, number, _counted(load.result, batch.kind))
                return load.result

            result = await self.database.transact(work)
            await self._statistics.grow(layout, kind, result.created)
            return result

    async def link(self, graph: str, id_: int, most: int) -> BatchResult | None:
        """Store the next relationships that waited; what still lacks an end is rejected. None when none are left."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> BatchResult | None:
                load = Load(connection, layout.apart(), EDGE, {}, {}, id_, self._describe)
                await _prepare(load)
                rows = await connection.fetch(load.sql("take_back"), id_, most)
                if not rows:
                    return None
                load.scopes = await scope_ids(connection, load.layout, {row["scope"] for row in rows}, make=False)
                counts: dict[str, int] = {}
                for row in rows:
                    counts[row["kind"]] = counts.get(row["kind"], 0) + row["count"]
                load.bases = await take_bases(
                    self.database, {load.layout.labels[EDGE, kind]: count for kind, count in counts.items()}
                )
                total = sum(counts.values())
                await load_relationships(load, total, last=True)
                number = await connection.fetchval(statement("imports", "next_number"), id_, _LAST)
                await _journal(connection, id_, number, _counted(load.result, "relationship"))
                return load.result

            return await self.database.transact(work)

    async def note(
        self,
        id_: int,
        number: int | None,
        result: BatchResult,
        *,
        episodes: Sequence[tuple[str, int, str]] = (),
        settled: int | None = None,
    ) -> None:
        """Note what was stored otherwise or not at all, and episodes (file, line, record) that have to wait.

        `settled` is the last of the episodes that waited and do so no more.
        """

        async def work(connection: asyncpg.Connection) -> None:
            if episodes:
                columns = map(list, zip(*episodes, strict=True))
                await connection.execute(statement("imports", "await_episodes"), id_, *columns)
            if settled is not None:
                await connection.execute(statement("imports", "settle_episodes"), id_, settled)
            own = number
            if own is None:
                own = await connection.fetchval(statement("imports", "next_number"), id_, _LAST)
            await _journal(connection, id_, own, result)

        await self.database.transact(work)

    async def claim(self, graph: str, id_: int, ids: Sequence[int]) -> None:
        """Say that these items, which were stored the usual way just now, came with an import."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql("imports", "claim"), id_, list(ids))

    async def waiting(self, id_: int) -> Waiting:
        """Count what waits until all entities are there."""
        async with self.database.connection() as connection:
            row = await connection.fetchrow(statement("imports", "waiting"), id_)
        return Waiting(row["relationships"], row["episodes"])

    async def waiting_episodes(self, id_: int, limit: int) -> Sequence[tuple[int, str, int, str]]:
        """Give the first episodes that wait: id, file, line, and the record's wire shape as JSON."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("imports", "waiting_episodes"), id_, limit)
        return [tuple(row) for row in rows]

    async def build_indexes(self, graph: str) -> None:
        """Build what large batches have set aside."""
        await self.aside.build(graph)

    async def finish(self, id_: int, state: ImportState, error: str | None = None) -> None:
        """Write how an import ended."""
        async with self.database.connection() as connection:
            await connection.execute(statement("imports", "finish"), id_, state, error)

    async def list(self, graph: str, *, id_: int | None = None, limit: int = 100) -> Sequence[Import]:
        """Give the imports of a graph, newest first. Raises NotFound for a graph that is not."""
        await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            return [_import_of(row) for row in await connection.fetch(statement("imports", "get"), graph, id_, limit)]

    async def get(self, graph: str, id_: int) -> Import:
        """Give an import. Raises NotFound."""
        found = await self.list(graph, id_=id_)
        if not found:
            raise NotFound(f"There is no import {id_} of {graph!r}.", mend="List them: GET /v1/graphs/GRAPH/imports.")
        return found[0]

    async def rejections(self, id_: int) -> AsyncGenerator[Rejection, None]:
        """Give the records that an import rejected, in the order in which it did."""
        after = 0
        while True:
            async with self.database.connection() as connection:
                rows = await connection.fetch(statement("imports", "rejections"), id_, after, _PAGE)
            for row in rows:
                yield Rejection(row["file"], row["line"], row["reason"], row["record"])
                after = row["id"]
            if len(rows) < _PAGE:
                return


async def _prepare(load: Load) -> None:
    """Make the temporary tables of a connection that has none yet, and let a batch take its time."""
    await load.connection.execute("SET LOCAL statement_timeout = '10min'")
    for name in ("entity_stage", "relationship_stage", "found_stage"):
        await load.connection.execute(statement("bulk", name))


async def _stored_already(connection: asyncpg.Connection, id_: int, number: int) -> BatchResult | None:
    """Give what became of a batch whose commit was not heard of, when it was committed after all."""
    row = await connection.fetchrow(statement("imports", "batch"), id_, number)
    return BatchResult(**{name: row[name] for name in ("read", "created", "updated", "unchanged")}) if row else None


def _counted(result: BatchResult, kind: str) -> BatchResult:
    taken = result.created + result.updated + result.unchanged
    result.kinds = {kind: taken} if taken else {}
    return result


async def _journal(connection: asyncpg.Connection, id_: int, number: int, result: BatchResult) -> None:
    rejected = result.rejections
    if rejected:
        columns = map(list, zip(*((r.file, r.line, r.reason, r.record) for r in rejected), strict=True))
        await connection.execute(statement("imports", "reject"), id_, *columns)
    tag = await connection.execute(
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
    if tag.endswith(" 0"):
        raise InvalidInput(
            "Another process runs this import.", mend="Let it end, or stop it before you resume the import here."
        )


def _import_of(row: Any) -> Import:
    return Import(
        id=row["id"],
        graph=row["graph"],
        state=row["state"],
        files=orjson.loads(row["files"]),
        options=orjson.loads(row["options"]),
        source=row["source"],
        created_at=iso(row["created_at"]),
        finished_at=iso(row["finished_at"]) if row["finished_at"] is not None else None,
        error=row["error"],
        **{name: int(row[name]) for name in ("read", "created", "updated", "unchanged", "rejected")},
        kinds={kind: int(count) for kind, count in orjson.loads(row["kinds"]).items()},
    )
