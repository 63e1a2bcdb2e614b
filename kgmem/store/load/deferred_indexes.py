"""Deferred indexes: a large load into a small graph is ten times faster when some indexes are built at its end.

Only indexes that enforce nothing are deferred (no unique index), and only in a small graph: queries meanwhile scan its
rows. The definition of a deferred index is stored in the transaction that drops it, so nothing is forgotten when the
import is killed: the next one, or a worker, builds it, concurrently with readers and writers.

Statistics: what the planner knows of a table that grows by a load, long before autovacuum looks at it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from kgmem.store.db.database import Database
from kgmem.store.db.errors import RETRYABLE
from kgmem.store.db.sql import SQL, compose, deparsed, identifier, join, replaced
from kgmem.store.db.statements import statement
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, VERTEX, Layout

LARGE = 10_000  # From how many rows on a load is large.
_SMALL = 50_000  # Below how many rows a graph's tables are small.
# An index of vectors is deferred by itself and earlier: to add one row takes about as long as to build ten to fifteen.
_LARGE_OF_VECTORS = 1_000
_TIMES = 5  # A table of vectors is small below so many times the rows that the load has brought so far.
_TRIES = 5
_PAUSE = 0.1  # Seconds between looks whether another process is done building.
_LEAST = 20_000  # Rows by which a table has to grow before it is analyzed.
# At the end of a load: autovacuum would look at the table for fewer, but only within a minute.
_LEAST_AT_END, _SHARE_AT_END = 1_000, 0.1


class DeferredIndexes:
    """Sets indexes aside and builds them again."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._turn = asyncio.Lock()
        self._considered: set[tuple[int, str]] = set()
        self._rows: Counter[tuple[int, str]] = Counter()  # That loads have brought since the last build.

    async def consider(self, layout: Layout, kind: int, labels: Iterable[str], count: int, *, vectors: int = 0) -> None:
        """Set aside what a load would spend most of its time on, if the graph is small.

        `count` and `vectors` are the rows of its next batch. Those of all batches since the last build count together:
        the rows of a batch are few where each is long.
        """
        what = "edge" if kind == EDGE else "passage"
        if self._is_large(layout, what, count, LARGE):
            edges = [layout.labels[EDGE, name].age_name for name in labels] if kind == EDGE else []
            few = layout.sql("deferred_indexes", f"few_{what}s")
            tables = [what] if kind == EDGE else [what, *layout.vector_tables()]
            await self._once(layout, what, (few, _SMALL), tables, edges)
        tables = layout.vector_tables()
        if tables and self._is_large(layout, "vectors", vectors, _LARGE_OF_VECTORS):
            few = layout.sql("deferred_indexes", "few_vectors", table=tables[0])
            most = min(_SMALL, _TIMES * self._rows[layout.id, "vectors"])
            await self._once(layout, "vectors", (few, most), tables, [])

    def _is_large(self, layout: Layout, what: str, count: int, least: int) -> bool:
        """Count rows that are about to come; return whether they make a large load that was not considered yet."""
        if not count:
            return False
        self._rows[layout.id, what] += count
        return self._rows[layout.id, what] >= least and (layout.id, what) not in self._considered

    async def _once(
        self, layout: Layout, what: str, few: tuple[SQL, int], tables: Sequence[str], edges: Sequence[str]
    ) -> None:
        async with self._turn:  # Who comes second waits until it is done, and then need not maintain what is gone.
            if (layout.id, what) not in self._considered:
                await self._consider(layout, few, tables, edges)
                self._considered.add((layout.id, what))

    async def _consider(
        self, layout: Layout, few: tuple[SQL, int], tables: Sequence[str], edges: Sequence[str]
    ) -> None:
        async with self.database.connection() as connection:
            if not await connection.fetchval(*few):
                return
            try:
                found = list(
                    await connection.fetch(statement("deferred_indexes", "indexes"), layout.index_name, tables)
                )
                found += await connection.fetch(statement("deferred_indexes", "indexes"), layout.age_name, edges)
                # What another process dropped while this was read has no text any more.
                found = [row for row in found if row["definition"] is not None]
                if found:
                    await _set_aside(connection, layout, found)
            except (asyncpg.InternalServerError, *RETRYABLE):
                # Another process drops an index, or somebody reads on and on: the load maintains what is there then.
                await connection.execute(statement("deferred_indexes", "forget_standing"), layout.id)
        self.catalog.forget(layout.graph.name)

    async def build(self, graph: str) -> int:
        """Build the deferred indexes of a graph; return how many."""
        layout = await self.catalog.layout(graph)
        built = 0
        if await self._held(layout):
            async with self._builder(layout) as connection:
                for name, definition in await self._held(layout):
                    await _build(connection, layout, name, definition)
                    built += 1
        self._considered = {each for each in self._considered if each[0] != layout.id}
        for each in [each for each in self._rows if each[0] == layout.id]:
            del self._rows[each]
        self.catalog.forget(graph)
        return built

    async def _held(self, layout: Layout) -> list[tuple[str, str]]:
        async with self.database.connection() as connection:
            rows = await connection.fetch(statement("deferred_indexes", "held"), layout.id)
        return [(row["name"], row["definition"]) for row in rows]

    @asynccontextmanager
    async def _builder(self, layout: Layout) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection that may take its time, to one process at a time."""
        async with self.database.connection() as connection:
            try:
                await connection.execute(SQL("SET statement_timeout = 0"))
                # Looked for again and again: who waits for it inside of a statement would hold the building up.
                while not await connection.fetchval(statement("deferred_indexes", "take_turn"), layout.id):  # noqa: ASYNC110 - of others
                    await asyncio.sleep(_PAUSE)
                yield connection
            finally:
                if not connection.is_closed():  # Else both are gone already.
                    await connection.execute(statement("deferred_indexes", "give_turn"))
                    await connection.execute(SQL("RESET statement_timeout"))

    async def left(self) -> Sequence[str]:
        """Return the graphs of which an import that died has left something aside."""
        async with self.database.connection() as connection:
            return [row["name"] for row in await connection.fetch(statement("deferred_indexes", "left"))]


async def _set_aside(connection: asyncpg.Connection, layout: Layout, found: Sequence[asyncpg.Record]) -> None:
    """Drop indexes that were noted before, all or none of them.

    The locks come first and the commit with the same message: a DROP INDEX that is rolled back, even because this
    process dies, leaves sessions of pg_textsearch with memory that is gone, which ends them and all others.
    """
    columns = [row["name"] for row in found], [row["definition"] for row in found]
    await connection.execute(statement("deferred_indexes", "note"), layout.id, *columns)
    tables = join(", ", dict.fromkeys(deparsed(row["on"]) for row in found))
    indexes = join(", ", (deparsed(row["qualified"]) for row in found))
    # Whoever reads holds this up, and all who come later wait behind it; so it waits a moment only.
    await connection.execute(
        compose("SET LOCAL lock_timeout = '300ms'; LOCK TABLE {}; DROP INDEX IF EXISTS {}", tables, indexes)
    )


async def _build(connection: asyncpg.Connection, layout: Layout, name: str, definition: str) -> None:
    """Build one index beside readers and writers, and forget that it was set aside."""
    for attempt in range(1, _TRIES + 1):
        there = await connection.fetchrow(
            statement("deferred_indexes", "built"), name, [layout.index_name, layout.age_name]
        )
        if there and there["indisvalid"]:
            break
        if there:  # Whoever was building it died, or met another who locks the table.
            await connection.execute(compose("DROP INDEX IF EXISTS {}", deparsed(there["qualified"])))
        try:
            await connection.execute(_beside(definition))
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            break  # Its table is gone, as that of an embedding space which the graph has left.
        except (asyncpg.DuplicateTableError, *RETRYABLE):  # A rebuild of the whole index may have made it meanwhile.
            if attempt == _TRIES:
                raise
    await connection.execute(statement("deferred_indexes", "forget"), layout.id, name)


def _beside(definition: str) -> SQL:
    """Return the text of CREATE INDEX so that nobody has to wait for it."""
    return replaced(deparsed(definition), SQL("CREATE INDEX "), SQL("CREATE INDEX CONCURRENTLY "), most=1)


class Statistics:
    """Analyzes a graph's tables as often as they double; without that a join may be planned as for an empty table."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database
        self._known: dict[tuple[int, SQL], int] = {}
        self._since: dict[tuple[int, SQL], int] = {}

    async def grow(self, layout: Layout, kind: int, rows: int) -> None:
        """Note that so many rows were inserted, and analyze the table when it is time."""
        table = identifier(layout.index_name, "item" if kind == VERTEX else "edge")
        name = (layout.id, table)
        since = self._since[name] = self._since.get(name, 0) + rows
        if since < _LEAST:
            return
        async with self.database.connection() as connection:
            known = self._known.get(name)
            if known is None:
                known = max(0, await connection.fetchval(statement("deferred_indexes", "rows_known"), table))
                self._known[name] = known
            if since >= known:
                # Other imports of the graph may have added to it meanwhile, or ended.
                self._known[name] = known + since
                self._since[name] = max(0, self._since.get(name, since) - since)
                await _analyze(connection, table)

    async def settle(self, layout: Layout) -> None:
        """Analyze what has grown since by a tenth or more: the first queries after a load are planned for all of it."""
        for name in [each for each in self._since if each[0] == layout.id]:
            since = self._since.pop(name, 0)
            self._known.pop(name, None)
            if since < _LEAST_AT_END:
                continue
            async with self.database.connection() as connection:
                known = await connection.fetchval(statement("deferred_indexes", "rows_known"), name[1])
                if since >= _SHARE_AT_END * known:
                    await _analyze(connection, name[1])


async def _analyze(connection: asyncpg.Connection, table: SQL) -> None:
    # While an index of the table is built it would have to wait, until its statement takes too long.
    await connection.execute(compose("ANALYZE (SKIP_LOCKED) {}", table))
