"""Setting indexes aside: a large load into a small graph is ten times faster when some are built at its end.

Only what nothing stands on is set aside (no unique index), and only in a graph that holds little: what was held
before is then still found, but read through. What is set aside is noted with the text that makes it again, in the same
transaction, so nothing is forgotten when the import is killed: the next one, or a worker, builds it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence

import asyncpg

from kgmem.storage.postgres.catalog import PostgresCatalog
from kgmem.storage.postgres.layout import EDGE, Layout
from kgmem.storage.postgres.statements import statement

LARGE = 10_000  # From how many rows on a batch is large.
_SMALL = 50_000  # Below how many rows a graph's tables are small.


class Aside:
    """Sets indexes aside and builds them again."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._turn = asyncio.Lock()
        self._considered: set[tuple[int, int]] = set()

    async def consider(self, layout: Layout, kind: int, labels: Iterable[str], count: int) -> None:
        """Set aside what a batch of so many rows would spend most of its time on, if the graph is small."""
        if count < LARGE:
            return
        async with self._turn:  # Who comes second waits until it is done, and then need not maintain what is gone.
            if (layout.id, kind) not in self._considered:
                await self._consider(layout, kind, labels)
                self._considered.add((layout.id, kind))

    async def _consider(self, layout: Layout, kind: int, labels: Iterable[str]) -> None:
        what = "edge" if kind == EDGE else "passage"
        async with self.database.connection() as connection:
            if not await connection.fetchval(layout.sql("aside", f"few_{what}s"), _SMALL):
                return
            tables = [what] if kind == EDGE else [what, *layout.vector_tables()]
            found = list(await connection.fetch(statement("aside", "indexes"), layout.index_name, tables))
            if kind == EDGE:
                names = [layout.labels[EDGE, name].age_name for name in labels]
                found += await connection.fetch(statement("aside", "indexes"), layout.age_name, names)
        if found:
            await self._set_aside(layout, [(row["name"], row["definition"]) for row in found])

    async def _set_aside(self, layout: Layout, indexes: Sequence[tuple[str, str]]) -> None:
        names, definitions = map(list, zip(*indexes, strict=True))

        async def drop(connection: asyncpg.Connection) -> None:
            await connection.execute(statement("aside", "one_at_a_time"), layout.id)
            await connection.execute(statement("aside", "note"), layout.id, names, definitions)
            for name in names:
                await connection.execute(f"DROP INDEX IF EXISTS {name}")

        await self.database.transact(drop)

    async def build(self, graph: str) -> int:
        """Build what is set aside of a graph; gives how many indexes."""
        layout = await self.catalog.layout(graph)
        async with self.database.connection() as connection:
            held = [tuple(row) for row in await connection.fetch(statement("aside", "held"), layout.id)]
        for name, definition in held:
            await self.database.transact(_building(layout.id, name, definition))
        self._considered = {each for each in self._considered if each[0] != layout.id}
        self.catalog.forget(graph)
        return len(held)

    async def left(self) -> Sequence[str]:
        """Give the graphs of which an import that died has left something aside."""
        async with self.database.connection() as connection:
            return [row["name"] for row in await connection.fetch(statement("aside", "left"))]


def _building(graph: int, name: str, definition: str) -> Callable[[asyncpg.Connection], Awaitable[None]]:
    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute("SET LOCAL statement_timeout = 0")
        await connection.execute("SET LOCAL max_parallel_maintenance_workers = 2")
        await connection.execute(statement("aside", "one_at_a_time"), graph)
        if not await connection.fetchval(statement("aside", "exists"), name):
            await connection.execute(definition)
        await connection.execute(statement("aside", "forget"), graph, name)

    return work
