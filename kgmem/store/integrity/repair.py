"""Repair: what was found is made again from what it is derived from, the ground of each step before the step."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import asyncpg

from kgmem.domain.errors import KgmemError
from kgmem.log import EventLog
from kgmem.store.db.sql import SQL, compose, deparsed
from kgmem.store.db.statements import statement
from kgmem.store.graph import unique_rules
from kgmem.store.graph.layout import Layout, lock_labels, register_foreign_labels
from kgmem.store.graph.structure import make
from kgmem.store.integrity import references
from kgmem.store.integrity.inspector import InspectionResult
from kgmem.store.load.deferred_indexes import DeferredIndexes
from kgmem.store.sync import index_sync
from kgmem.store.sync.keyword_index_repair import build_anew
from kgmem.store.sync.retrieval_index import PostgresIndex
from kgmem.store.write import fact_index
from kgmem.store.write.passages import drop_passages

log = EventLog(__name__)

_BATCH = 2000
_ABSORBED = (
    "nodes-unindexed", "nodes-differ", "relationships-unindexed", "relationships-differ", "facts-differ",
    "passages-differ",
)  # fmt: skip
Work = Callable[[asyncpg.Connection], Awaitable[None]]


class Repair:
    """The repair of one graph by what a look at it found."""

    def __init__(self, index: PostgresIndex, found: InspectionResult) -> None:
        """Take the index, which repairs rows as it indexes what other clients write, and the findings."""
        self.index = index
        self.found = found
        self.layout = found.layout

    async def everything(self) -> None:
        """Repair what is derivable. A step that fails is logged, and what it left is found again by the next look."""
        await self._structure()
        if self.found.has("labels"):
            await self._step("labels", self._labels)
        if self.found.has("nodes-gone", "relationships-gone"):
            await self._whole("nodes-gone", lambda: self.index.remove_orphans(self.layout))
            await self._step("relationships-gone", self._gone)
        await self._absorb()
        await self._texts()
        await self._tables()
        await self._indexes()

    async def _structure(self) -> None:
        for sql in self.found.structure.statements:
            await make(self.index.database, sql)
        if self.found.structure.keyword_index_gone or self.found.has("keyword-index"):
            await self._step("keyword-index", self._keyword_index)
        if self.found.has("sequences"):
            await self._step("sequences", self._sequences)

    async def _tables(self) -> None:
        for check in ("extraction-gone", "facts-lost", "states-lost"):
            if self.found.has(check):
                await self._step(check, partial(self._run, check, ()))
        for check in ("topics-unweighed", "properties-differ", "feed"):
            if ids := self.found.ids.get(check):
                await self._step(check, partial(self._run, check, (ids,)))

    async def _indexes(self) -> None:
        for name in self.found.btrees:
            await self._step(f"REINDEX {name}", partial(_execute, compose("REINDEX INDEX {}", deparsed(name))))
        if self.found.has("vector-index"):
            sql = self.layout.sql("retrieval_index", "reindex", which=f"{self.layout.vectors}_hnsw")
            await self._step("vector-index", partial(_execute, sql))
        if self.found.has("property-indexes"):
            await self._step("property-indexes", self._property_indexes)
        elif self.found.has("unique-values"):
            await self._step("unique-values", self._unique_values)
        if self.found.has("left-indexes"):
            aside = DeferredIndexes(self.index.catalog)
            await self._whole("left-indexes", lambda: aside.build(self.layout.graph.name))

    async def _step(self, name: str, work: Work) -> None:
        """Do one step in a transaction of its own."""

        async def patient(connection: asyncpg.Connection) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '10s'"))
            await work(connection)

        await self._whole(name, lambda: self.index.database.transact(patient))

    async def _whole(self, name: str, work: Callable[[], Awaitable[object]]) -> None:
        try:
            await work()
        except (KgmemError, asyncpg.PostgresError) as error:
            log.warning("integrity_repair_failed", graph=self.layout.graph.name, step=name, error=error)

    async def _run(self, check: str, arguments: Sequence[Any], connection: asyncpg.Connection) -> None:
        await connection.execute(self.layout.sql("integrity", f"repair_{check.replace('-', '_')}"), *arguments)

    async def _keyword_index(self, connection: asyncpg.Connection) -> None:
        if self.index.catalog.words:
            await build_anew(connection, self.layout)
        else:
            await connection.execute(self.layout.sql("retrieval_index", "drop_words"))
            await connection.execute(self.layout.sql("graph", "words_gin"))

    async def _sequences(self, connection: asyncpg.Connection) -> None:
        for _, sequence, largest in await references.lagging_sequences(connection, self.layout):
            await connection.execute(statement("integrity", "repair_sequence"), sequence, largest)

    async def _labels(self, connection: asyncpg.Connection) -> None:
        """Register labels under the names that AGE has for them, and index what bears them."""
        before = set(self.layout.by_id)
        await lock_labels(connection, self.layout)
        await register_foreign_labels(connection, self.layout)
        for id_ in self.layout.by_id.keys() - before:
            sql = self.layout.sql("integrity", "ids_of_label", label=self.layout.by_id[id_].age_name)
            self.found.ids["nodes-unindexed"] += [row["id"] for row in await connection.fetch(sql)]

    async def _gone(self, connection: asyncpg.Connection) -> None:
        gone = [*self.found.ids.get("nodes-gone", []), *self.found.ids.get("relationships-gone", [])]
        # What is still there in the label tables is indexed again by the step that follows.
        await index_sync.remove(connection, self.layout, gone)
        strays = [row["id"] for row in await connection.fetch(self.layout.sql("integrity", "stray_facts"))]
        await fact_index.drop(connection, self.layout, strays)

    async def _absorb(self) -> None:
        wanted = {id_ for check in _ABSORBED for id_ in self.found.ids.get(check, [])}
        ids = sorted(wanted | set(self.found.ids.get("relationships-gone", [])))
        for start in range(0, len(ids), _BATCH):
            part = ids[start : start + _BATCH]

            async def work(connection: asyncpg.Connection, part: Sequence[int] = part) -> Layout:
                own = self.layout.apart()
                await index_sync.IndexSync(connection, own, is_rebuild=True).sync(part)
                return own

            await self._whole("contents", partial(self.index.database.transact, work))

    async def _texts(self) -> None:
        layout, space = self.layout, self.layout.graph.space
        if self.found.has("passages-gone"):
            await self._step("passages-gone", self._passages)
        if self.found.has("vectors-gone"):
            for table in layout.vector_tables():
                lost = layout.sql("index_sync", "lost_vectors", table=table)
                moved = layout.sql("integrity", "repair_vectors_gone", table=table)
                await self._step("vectors-gone", partial(_execute, lost))
                await self._step("vectors-gone", partial(_execute, moved))
        if self.found.has("waiting-gone"):
            known = [each for each in (space.id if space else None, layout.next_space) if each]
            await self._step("waiting-gone", partial(self._run, "waiting-gone", (known,)))
        if space and (missing := self.found.ids.get("vectors-missing")):
            await self._step("vectors-missing", partial(self._run, "vectors-missing", (missing, space.id)))

    async def _passages(self, connection: asyncpg.Connection) -> None:
        # Read again: those of a node that was only missing from the index belong to it again by now.
        gone = await references.compare_list(connection, self.layout, "passages-gone")
        await drop_passages(connection, self.layout, gone)

    async def _unique_values(self, connection: asyncpg.Connection) -> None:
        await unique_rules.fill(connection, self.layout)

    async def _property_indexes(self, connection: asyncpg.Connection) -> None:
        await lock_labels(connection, self.layout)
        labels = self.layout.by_id.values()
        await self.index.catalog.index_properties(connection, self.layout, labels, lenient=True)


async def _execute(sql: SQL, connection: asyncpg.Connection) -> None:
    await connection.execute(sql)
