"""Transactions on graphs, for the execution of Cypher."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import asyncpg

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.schema.schema import GraphSchema, from_mapping, to_mapping
from kgmem.query.execution.graph import GraphTransaction
from kgmem.store.cypher.statement_cache import StatementCache
from kgmem.store.cypher.transaction import DatabaseContext, PostgresTransaction
from kgmem.store.db.database import Database
from kgmem.store.db.replicas import ReadPool
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, ensure_labels, scope_ids


class PostgresGraphs:
    """The graphs of one database, for queries."""

    def __init__(
        self,
        catalog: PostgresCatalog,
        database: Database | None = None,
        statements: StatementCache | None = None,
        *,
        reads: ReadPool | None = None,
    ) -> None:
        """Take the catalog, the pool of transactions (default: the catalog's), and the cache of composed statements.

        `reads`: the pool of transactions that only read, where that is another one.
        """
        self._catalog = catalog
        self._database = database or catalog.database
        self._reads = reads or ReadPool(self._database)
        self._statements = statements or StatementCache()

    def on(self, database: Database) -> "PostgresGraphs":
        """Return the same graphs, with transactions on the connections of another pool."""
        return PostgresGraphs(self._catalog, database, self._statements)

    async def prepare(self, graph: str, labels: Collection[str], types: Collection[str]) -> None:
        """Make the labels and types that a query will write, before its transaction."""
        async with self._catalog.on(graph, reads=(), expires=False) as layout:
            await ensure_labels(self._catalog.database, layout, VERTEX, labels)
            await ensure_labels(self._catalog.database, layout, EDGE, types)

    async def named(self, name: str) -> str:
        """Return the name of the graph that is meant, whatever the case. Raises NotFound."""
        try:
            return (await self._catalog.layout(name)).graph.name
        except NotFound:
            same = [each.name for each in await self._catalog.list() if each.name.casefold() == name.casefold()]
            if len(same) != 1:
                raise
            return same[0]

    async def schema(self, graph: str) -> GraphSchema:
        """Return the schema that holds in a graph."""
        return (await self._catalog.layout(graph)).schema()

    async def change_schema(self, graph: str, change: Callable[[GraphSchema], GraphSchema]) -> None:
        """Change a graph's own schema, and make or drop the indexes that it declares. Raises Conflict."""
        await self._catalog.change_schema(
            graph, lambda held: replace(held, schema=to_mapping(change(from_mapping(held.schema))))
        )

    @asynccontextmanager
    async def reading(self, graph: str, scope: str | None, *, once: bool = False) -> AsyncIterator[GraphTransaction]:
        """Begin a transaction that reads one snapshot; a request that runs `once` needs none."""
        async with self._catalog.on(graph, reads=()) as layout, self._reads.connection() as connection:
            if once and scope is None:
                transaction = self._opened(connection, layout, scope, [], once=True)
                yield transaction
            else:
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    transaction = await self._transaction(connection, layout, scope, make=False)
                    yield transaction
            for of, ids in transaction.read():
                self._catalog.usage.note(of, ids)

    async def writing(
        self,
        graph: str,
        scope: str | None,
        work: Callable[[GraphTransaction], Awaitable[Any]],
        *,
        follow: bool = True,
    ) -> Any:
        """Run work in a transaction and commit it; again from its start when writers met on the same rows.

        `follow`: also where the server of the database went away before the commit, on the one that takes its place.
        """
        async with self._catalog.on(graph, reads=()) as layout:

            async def run(connection: asyncpg.Connection) -> Any:
                transaction = await self._transaction(connection, layout, scope, make=True)
                result = await work(transaction)
                await transaction.finish()
                return result

            return await self._database.transact(run, follow=follow)

    async def _transaction(
        self, connection: asyncpg.Connection, layout: Layout, scope: str | None, *, make: bool
    ) -> PostgresTransaction:
        numbers: dict[str, int] = {}
        if scope is not None:
            numbers = await scope_ids(connection, layout, visible_from(scope), make=make)
        return self._opened(connection, layout, scope, list(numbers.values()), make=make)

    def _opened(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        scope: str | None,
        seen: list[int],
        *,
        make: bool = False,
        once: bool = False,
    ) -> PostgresTransaction:
        async def on(graph: str) -> PostgresTransaction:
            other = await self._catalog.layout(await self.named(graph))
            return await self._transaction(connection, other, scope, make=make)

        reach = DatabaseContext(self._catalog.database, self._statements, self.named, on)
        return PostgresTransaction(connection, layout, scope, seen, reach=reach, once=once)
