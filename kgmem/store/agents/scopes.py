"""What scopes contain, from the tables of each graph, and what goes when one is emptied."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any, Final

import asyncpg

from kgmem.domain.erasure.sought import Sought
from kgmem.domain.graph.entity import ENTITY, EPISODE, Page
from kgmem.domain.graph.scope_contents import MOST_SCOPES, ScopeCounts, ScopeItems, ScopeSummary, Traces
from kgmem.domain.time.interval import iso
from kgmem.store.agents.session_rows import scope_number
from kgmem.store.agents.traces import TextSearch
from kgmem.store.graph.catalog import PostgresCatalog

_FILE: Final = "scopes"
_ERASED_AT_ONCE: Final = 1000
# Rows that hang on others of the scope go before these.
_CLEARED: Final = (
    "lock_states", "clear_times", "clear_states", "clear_checkpoints", "note_states_gone", "clear_rules",
    "clear_blocks", "note_blocks_gone", "clear_groups", "clear_answers", "clear_answer_events",
    "clear_subscriptions", "lock_streams",
    "clear_deliveries", "clear_dead_letters", "clear_work_groups", "clear_messages", "clear_streams",
    "clear_webhook_secrets", "clear_webhook_waiting", "clear_webhook_attempts", "clear_webhooks", "clear_presence",
    "clear_feedback", "clear_published_items", "clear_publications",
    "clear_retention_final",
    "clear_distil_probes", "clear_distil_members", "clear_distil_groups", "clear_distil_runs", "clear_distil_allowance",
    "clear_retention_items", "clear_retention_rules",
)  # fmt: skip
_VERDICTS: Final = (
    "erase_past_verdicts", "erase_verdicts", "erase_past_verdicts", "erase_facts", "erase_past_facts", "erase_origins",
)  # fmt: skip
_LEARNED: Final = (
    "erase_topics", "erase_source_reliability", "erase_past_source_reliability", "erase_predicate_parameters",
    "erase_source_dependence", "erase_consensus_run", "erase_correlation", "erase_adjudication", "erase_merge",
    "erase_merge_candidate", "erase_members", "erase_community", "erase_community_scope", "erase_summary_parts",
    "erase_summary", "erase_blocks", "erase_states",
)  # fmt: skip


class PostgresScopes:
    """Counts what scopes contain, and empties them."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database

    async def list(self, graph: str, within: str, cursor: str | None, limit: int) -> Page[ScopeSummary]:
        """Return a page of the scopes that contain something: this one and those below it, by path."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "list"), within, cursor, limit + 1)
            paths = [row["path"] for row in rows[:limit]]
            counted = await connection.fetch(layout.sql(_FILE, "counts"), paths)
        return Page([_summary([row]) for row in counted], paths[-1] if len(rows) > limit else None)

    async def below(self, graph: str, scope: str) -> Sequence[str]:
        """Return a scope with those below it, the deepest first, at most `MOST_SCOPES` + 1."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "below"), scope, MOST_SCOPES + 1)
        return [row["path"] for row in rows]

    async def summary(self, graph: str, scopes: Sequence[str]) -> ScopeSummary:
        """Return the sums over scopes."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "counts"), list(scopes))
        return _summary(rows)

    async def relationships_elsewhere(self, graph: str, scopes: Sequence[str]) -> int:
        """Return how many relationships of other scopes are at entities or texts of these."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return int(await connection.fetchval(layout.sql(_FILE, "elsewhere"), list(scopes)))

    async def entities(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next entities of a scope."""
        return await self._next(graph, scope, "items", ENTITY, limit)

    async def episodes(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next episodes of a scope."""
        return await self._next(graph, scope, "items", EPISODE, limit)

    async def relationships(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next relationships of a scope."""
        return await self._next(graph, scope, "edges", limit)

    async def claims(self, graph: str, scope: str, limit: int) -> ScopeItems:
        """Return the next claims of a scope that are not withdrawn."""
        return await self._next(graph, scope, "claims", limit)

    async def clear(self, graph: str, scope: str) -> None:
        """Delete blocks, states, rules, subscriptions, streams, feedback and publications, in one transaction."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                number = await scope_number(connection, layout, scope)
                for name in _CLEARED:
                    await connection.execute(layout.sql(_FILE, name), number)

            await self.database.transact(work)

    async def erase(self, graph: str, scope: str) -> int:
        """Take what was known of an empty scope out of the history; returns how many versions and claims."""
        erased = 0
        async with self.catalog.on(graph) as layout:

            async def some(connection: asyncpg.Connection) -> tuple[int, int]:
                number = await scope_number(connection, layout, scope)
                rows = await connection.fetch(layout.sql(_FILE, "gone_items"), number, scope, _ERASED_AT_ONCE)
                ids = [row["id"] for row in rows]
                if ids and "subscriptions" in layout.subsystems.made:
                    await connection.execute(layout.sql("subscriptions", "note_erased"), ids)
                if ids:
                    await connection.execute(layout.sql("extraction", "erase_keys"), ids)
                return len(ids), int(await connection.fetchval(layout.sql("extraction", "erase"), ids))

            async def rest(connection: asyncpg.Connection) -> int:
                number = await scope_number(connection, layout, scope)
                for name in _VERDICTS:  # Deleting a verdict keeps it as a past one, which goes next.
                    await connection.execute(layout.sql(_FILE, name), number)
                claims = int(await connection.fetchval(layout.sql(_FILE, "erase_claims"), number))
                for name in _LEARNED:
                    await connection.execute(layout.sql(_FILE, name), number)
                return claims

            found = _ERASED_AT_ONCE
            while found == _ERASED_AT_ONCE:
                found, versions = await self.database.transact(some)
                erased += versions
            return erased + await self.database.transact(rest)

    async def traces(
        self,
        graph: str,
        texts: Sequence[Sought],
        *,
        server: bool,
        progress: Callable[[int, int], None] | None = None,
    ) -> Traces:
        """Search every table of a graph, with `server` those of the server, too, for texts; return where they are."""
        async with self.catalog.on(graph) as layout:
            searched, found = await TextSearch(self.database, texts).traces(layout, server=server, progress=progress)
        return Traces([each.text for each in texts], searched, found)

    async def _next(self, graph: str, scope: str, name: str, *rest: int) -> ScopeItems:
        async with self.catalog.on(graph, expires=False) as layout, self.database.connection() as connection:
            number = await scope_number(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, name), number, *rest)
        return ScopeItems([row["id"] for row in rows], [row["key"] for row in rows] if name == "items" else [])


def _summary(rows: Sequence[Any]) -> ScopeSummary:
    """Return the sums over the rows of scopes; the name is that of the first."""
    total = ScopeCounts()
    for row in rows:
        total += ScopeCounts(**{each.name: row[each.name] for each in fields(ScopeCounts)})
    oldest = min((row["oldest"] for row in rows if row["oldest"]), default=None)
    newest = max((row["newest"] for row in rows if row["newest"]), default=None)
    return ScopeSummary(
        rows[0]["path"] if rows else "", total, iso(oldest) if oldest else None, iso(newest) if newest else None,
        [row["path"] for row in rows],
    )  # fmt: skip
