"""Statistics: what the planner knows of a table that grows by a load, long before autovacuum looks at it."""

import asyncpg

from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL, compose, identifier
from kgmem.store.db.statements import statement
from kgmem.store.graph.layout import VERTEX, Layout

_LEAST = 20_000
# At the end of a load: autovacuum would look at the table for fewer, but only within a minute.
_LEAST_AT_END, _SHARE_AT_END = 1_000, 0.1


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
