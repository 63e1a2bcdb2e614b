"""Rebuilds of a graph's index from its label tables, and of its facts, beside readers and writers, by jobs."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import asyncpg

from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.slices import broken_off, progress, slice_over
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import SETTINGS_KEPT, PostgresCatalog
from kgmem.store.graph.layout import (
    EDGE,
    LABEL_SHIFT,
    VERTEX,
    Label,
    Layout,
    ensure_labels,
    learn_labels,
    lock_labels,
)
from kgmem.store.graph.structure import make_missing
from kgmem.store.sync import index_sync
from kgmem.store.sync.keyword_index_repair import build_anew
from kgmem.store.write import fact_index
from kgmem.store.write.edges import read_edges
from kgmem.store.write.passages import Passages

_BATCH = 2000  # Items or relationships.
_LABELS = "labels"


class _RemoveOrphans(Protocol):
    async def __call__(self, layout: Layout, *, endless: bool = True) -> int: ...


class Rebuild:
    """One rebuild, from its start or from where a job was interrupted.

    Recall answers throughout: rows are corrected in batches, then the search indexes are rebuilt. The build of one
    index is one step, however long that takes.
    """

    def __init__(self, catalog: PostgresCatalog, layout: Layout, remove_orphans: _RemoveOrphans) -> None:
        """Take the graph's layout, and what takes out of its index what the label tables no longer hold."""
        self.catalog = catalog
        self.database = catalog.database
        self.layout = layout
        self._remove_orphans = remove_orphans
        self._complete = True  # Whether all indexes could be made at the start.

    async def run(self) -> None:
        """Do what is left to do, until the slice of a job is over."""
        begun_at = progress()
        self._complete = bool(begun_at.get("complete", True))
        await ensure_labels(self.database, self.layout, VERTEX, [EPISODE_LABEL])
        steps: dict[str, Callable[[], Awaitable[Any]]] = {
            "structure": self._make_missing,
            # Ends that the index lost come back below: their relationships, and who states them, are not gone.
            "orphans": lambda: self._remove_orphans(self.layout, endless=False),
            # First too, since a damaged text index may refuse what is written.
            "words": self._build_words,
            _LABELS: self._index_labels,
            "endless": lambda: self._remove_orphans(self.layout),
            "facts": lambda: tell_made(self.catalog, self.layout),
            "refused": self._make_what_was_refused,
            "properties": self._build_property_indexes,
            "words again": self._build_words,
            "vectors": self._build_vectors,
        }
        names = list(steps)
        for number in range(names.index(begun_at.get("step", names[0])), len(names)):
            await steps[names[number]]()
            if broken_off() or (number + 1 < len(names) and await slice_over(self._progress(names[number + 1]))):
                return

    def _progress(self, step: str, **within: int) -> dict[str, Any]:
        return {"step": step, "complete": self._complete, **within}

    async def _make_missing(self) -> None:
        """Make the indexes, constraints, triggers and functions that the graph's tables lack."""
        self._complete = await make_missing(self.catalog, self.layout)

    async def _make_what_was_refused(self) -> None:
        if not self._complete:  # Rows that stood twice kept a unique index from being made.
            await make_missing(self.catalog, self.layout)

    async def _index_labels(self) -> None:
        """Bring the rows of the index in line with the label tables, nodes first."""
        begun_at = progress()
        reached = (begun_at["kind"], begun_at["label"]) if "label" in begun_at else None
        for label in sorted(self.layout.by_id.values(), key=lambda each: (each.kind, each.id)):
            if reached is not None and (label.kind, label.id) < reached:
                continue
            here = reached == (label.kind, label.id)
            await self._index_label(label, begun_at["after"] if here else label.id << LABEL_SHIFT)
            if broken_off():
                return

    async def _index_label(self, label: Label, after: int) -> None:
        page = self.layout.sql("index_sync", "page_of_ids", label=label.age_name)
        while True:

            async def work(connection: asyncpg.Connection, after: int = after) -> tuple[list[int], Layout]:
                own = self.layout.apart()
                ids = [row["id"] for row in await connection.fetch(page, after, _BATCH)]
                await index_sync.IndexSync(connection, own, is_rebuild=True).sync(ids)
                return ids, own

            ids, learnt = await self.database.transact(work)
            self.layout.adopt(learnt)
            if not ids:
                return
            after = ids[-1]
            if await slice_over(self._progress(_LABELS, kind=label.kind, label=label.id, after=after)):
                return

    async def _build_property_indexes(self) -> None:
        """Make the missing indexes on properties, without those that stored values conflict with."""

        async def work(connection: asyncpg.Connection) -> None:
            own = self.layout.apart()
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await lock_labels(connection, own)
            await learn_labels(connection, own)
            await self.catalog.index_properties(connection, own, own.by_id.values(), lenient=True)

        await self.database.transact(work)

    async def _build_words(self) -> None:
        """Rebuild the index on texts."""

        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            if self.catalog.words:
                await build_anew(connection, self.layout)
            else:
                await connection.execute(self.layout.sql("retrieval_index", "drop_words"))
                await connection.execute(self.layout.sql("graph", "words_gin"))

        await self.database.transact(work)

    async def _build_vectors(self) -> None:
        """Rebuild the indexes on vectors, without those whose passage is gone."""

        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await connection.execute(self.layout.sql("index_sync", "lost_waiting"))
            await connection.execute(self.layout.sql("lexemes", "forget_orphans"))
            for table in self.layout.vector_tables():
                await connection.execute(self.layout.sql("index_sync", "lost_vectors", table=table))
                await _reindex(connection, self.layout, f"{table}_hnsw")
            if "archive" in self.layout.subsystems.made:
                await connection.execute(self.layout.sql("archive", "reindex"))

        await self.database.transact(work)


async def _reindex(connection: asyncpg.Connection, layout: Layout, which: str) -> None:
    """Rebuild an index, unless a large load has deferred it and builds it itself."""
    with contextlib.suppress(asyncpg.UndefinedTableError):
        async with connection.transaction():
            await connection.execute(layout.sql("retrieval_index", "reindex", which=which))


async def make_facts(catalog: PostgresCatalog, graph: str) -> None:
    """Bring the facts of a graph in line with its setting, in batches beside readers and writers."""
    catalog.forget(graph)
    begun_at = progress()
    if begun_at.get("setting") != (await catalog.layout(graph)).graph.facts:
        begun_at = {}
        # Other processes still write by the setting before, and then for as long as their transactions last.
        await asyncio.sleep(SETTINGS_KEPT)
        catalog.forget(graph)
    layout = await catalog.layout(graph)

    async def wait(connection: asyncpg.Connection) -> None:
        await connection.execute(layout.sql("fact_index", "writers_wait"))
        await learn_labels(connection, layout)

    await catalog.database.transact(wait)
    for label in sorted(layout.by_id.values(), key=lambda each: each.id):
        if label.kind == EDGE and label.id >= begun_at.get("label", 0):
            here = label.id == begun_at.get("label")
            await _make_of_kind(catalog, layout, label, begun_at["after"] if here else label.id << LABEL_SHIFT)
            if broken_off():
                return
    await tell_made(catalog, layout)


async def tell_made(catalog: PostgresCatalog, layout: Layout) -> None:
    """Take facts out of the index whose edge is gone, and note that the rest is as the graph's setting says."""

    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
        gone = [row["id"] for row in await connection.fetch(layout.sql("fact_index", "strays"))]
        await fact_index.drop(connection, layout, gone)
        if layout.graph.facts == "none":
            gone += [row["id"] for row in await connection.fetch(layout.sql("fact_index", "past"))]
        await fact_index.forget(connection, layout, gone)
        await connection.execute(statement("fact_index", "made"), layout.id, layout.graph.facts)

    await catalog.database.transact(work)


async def _make_of_kind(catalog: PostgresCatalog, layout: Layout, label: Label, after: int) -> None:
    page = layout.sql("fact_index", "page", label=label.age_name)
    while True:

        async def work(connection: asyncpg.Connection, after: int = after) -> tuple[int | None, Layout]:
            own = layout.apart()
            await connection.execute(SQL("SET LOCAL statement_timeout = '10min'"))
            ids = [row["id"] for row in await connection.fetch(page, after, _BATCH, layout.graph.facts)]
            rows = await connection.fetch(own.sql("fact_index", "lock"), ids)
            wanted = Passages(own)
            edges = await read_edges(connection, own, [row["id"] for row in rows])
            await fact_index.keep(connection, wanted, edges, is_rebuild=True)
            await wanted.store(connection)
            return (ids[-1] if ids else None), own

        last, learnt = await catalog.database.transact(work)
        layout.adopt(learnt)
        if last is None:
            return
        after = last
        if await slice_over({"setting": layout.graph.facts, "label": label.id, "after": after}):
            return
