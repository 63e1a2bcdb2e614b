"""The reading half of the store of claims: facts, claims, sources, decisions, as of now or as it was known."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson

from kgmem.domain.claims.claim import (
    ClaimFilter,
    ClaimStatement,
    Correlated,
    Decision,
    FactFilter,
    SourceStanding,
    StoredFact,
)
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import visible_from
from kgmem.store.claims import fact_queries
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout
from kgmem.store.search.as_of import as_known

_MOST_CORRELATIONS = 1000


class FactReads:
    """What is read of claims and facts."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    @asynccontextmanager
    async def _reading(
        self, graph: str, known_at: str | None = None
    ) -> AsyncIterator[tuple[asyncpg.Connection, Layout]]:
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            if known_at is None:
                yield connection, layout
            else:
                async with as_known(connection, known_at):
                    yield connection, layout.as_known()

    async def any(self, graph: str) -> bool:
        """Return whether a graph has claims."""
        async with self._reading(graph) as (connection, layout):
            return bool(await connection.fetchval(layout.sql("fact_queries", "any")))

    async def fact(self, graph: str, id_: int, scope: str, *, known_at: str | None = None) -> StoredFact:
        """Return a fact by its id or a relationship's. Raises NotFound."""
        async with self._reading(graph, known_at) as (connection, layout):
            return await fact_queries.fact(connection, layout, id_, scope)

    async def facts_by_id(
        self, graph: str, ids: Sequence[int], scope: str, *, known_at: str | None = None
    ) -> Mapping[int, StoredFact]:
        """Return facts by their ids or those of relationships; what there is none of is missing."""
        async with self._reading(graph, known_at) as (connection, layout):
            return await fact_queries.facts_by_id(connection, layout, ids, scope)

    async def facts(
        self, graph: str, asked: FactFilter, *, predicates: Sequence[str] | None = None
    ) -> Page[StoredFact]:
        """Return a page of the facts that a scope sees."""
        async with self._reading(graph, asked.known_at) as (connection, layout):
            return await fact_queries.facts(connection, layout, asked, predicates=predicates)

    async def facts_of(self, graph: str, scope: str, subject: str, predicate: str | None) -> Sequence[StoredFact]:
        """Return what a scope sees of one subject."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.facts_of_subject(connection, layout, scope, subject, predicate)

    async def claims(self, graph: str, asked: ClaimFilter) -> Page[ClaimStatement]:
        """Return a page of the claims that a scope sees."""
        async with self._reading(graph, asked.known_at) as (connection, layout):
            return await fact_queries.claims(connection, layout, asked)

    async def claims_by_id(self, graph: str, ids: Sequence[int]) -> Sequence[ClaimStatement]:
        """Return claims by id, withdrawn ones too."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.claims_by_id(connection, layout, ids)

    async def copies(self, graph: str, scope: str, among: Sequence[str] | None) -> Sequence[Mapping[str, Any]]:
        """Return the pairs of sources that were found to depend on each other."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.copies(connection, layout, scope, among)

    async def standings(self, graph: str, keys: Sequence[str] | None) -> Sequence[SourceStanding]:
        """Return what was learned of sources."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.standings(connection, layout, keys)

    async def standing_history(self, graph: str, key: str) -> Sequence[Mapping[str, Any]]:
        """Return earlier reliabilities of a source."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.standing_history(connection, layout, key)

    async def decisions(
        self,
        graph: str,
        scope: str,
        *,
        before: int | None,
        limit: int,
        subject: str | None = None,
        predicate: str | None = None,
    ) -> Sequence[Decision]:
        """Return the audit trail, the newest first; only what is about a subject and a predicate."""
        async with self._reading(graph) as (connection, layout):
            return await fact_queries.decisions(
                connection, layout, scope, before=before, limit=limit, said=(subject, predicate)
            )

    async def correlations(self, graph: str, scope: str) -> Sequence[Correlated]:
        """Return the correlations that a scope sees."""
        async with self._reading(graph) as (connection, layout):
            sql = layout.sql("fact_queries", "correlations")
            rows = await connection.fetch(sql, list(visible_from(scope)), None, _MOST_CORRELATIONS)
            return await fact_queries.correlated(connection, layout, rows)

    async def log(self, graph: str, action: str, by: str, reason: str, detail: Mapping[str, Any]) -> None:
        """Note in the audit trail what was done to the whole graph."""
        async with self._reading(graph) as (connection, layout):
            await layout.ensure("claims")
            told = orjson.dumps(detail).decode()
            sql = layout.sql("fact_queries", "put_decision")
            await connection.execute(sql, 0, None, None, action, None, [], by, reason, told)
