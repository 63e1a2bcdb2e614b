"""The store of claims: each batch is one transaction over claims, facts, the graph and the change feed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import asyncpg

from kgmem.domain.claims.claim import (
    Adjudication,
    ClaimProvenance,
    ClaimResult,
    ClaimStatement,
    Correlated,
    NewAdjudication,
    Withdrawn,
    check_claims,
)
from kgmem.domain.claims.consensus import Consensus
from kgmem.domain.graph.expiry import NEVER, timed
from kgmem.domain.graph.statement import DEFAULT_LABEL
from kgmem.domain.slices import progress
from kgmem.store.claims import adjudication as ruling_
from kgmem.store.claims import batch_consensus, correlation_store, unclaimed
from kgmem.store.claims.answer_log import AnswerLog
from kgmem.store.claims.cited_episodes import check_cited
from kgmem.store.claims.claim_origins import note_origins
from kgmem.store.claims.claim_rows import StoredClaims, Topic, store_provenance, write_claims
from kgmem.store.claims.fact_resolution import weigh_topics
from kgmem.store.claims.fact_store import FactReads
from kgmem.store.claims.withdrawal import end_claims
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import EDGE, VERTEX, Layout, ensure_labels, scope_ids, source_ids
from kgmem.store.write import claims_from_edges
from kgmem.store.write import expiry as expiring
from kgmem.store.write.passages import Passages

_STALE = 200  # Topics that are weighed in one transaction.


class _DryRunResult(Exception):
    """The result of a dry run; raised so that its transaction is rolled back."""

    def __init__(self, done: Withdrawn) -> None:
        self.done = done


class PostgresClaims(FactReads):
    """Claims and what is made of them, in the tables of each graph."""

    def __init__(self, catalog: PostgresCatalog, consensus: Consensus, answers: AnswerLog | None = None) -> None:
        """Take the catalog with its database, the consensus, and the log of recent answers."""
        super().__init__(catalog)
        self.consensus = consensus
        self.answers = answers or AnswerLog(catalog)

    async def put(
        self, graph: str, claims: Sequence[ClaimStatement], *, provenance: Sequence[ClaimProvenance] | None = None
    ) -> ClaimResult:
        """Store claims and resolve the facts that they are about. Raises InvalidInput, UnknownEntities.

        A cited episode must exist. `provenance`: of each claim, the episode that it was extracted from.
        """
        claims = timed(claims)
        check_claims(claims)
        if not claims:
            return ClaimResult(0, 0, [], [])
        await self.answers.flush()
        async with self.catalog.on(graph) as held:
            layout = await self._prepare(held, claims)

            async def work(connection: asyncpg.Connection) -> ClaimResult:
                passages = Passages(layout)
                if provenance is None:  # What texts bring cites the text that is being read.
                    await check_cited(connection, layout, ((each.scope, each.episode) for each in claims))
                stored = await write_claims(connection, passages, claims)
                await note_origins(connection, layout, claims, stored, provenance)
                await expiring.note_claims(connection, layout, stored.ids, claims)
                if provenance:
                    await store_provenance(connection, layout, claims, stored.ids, provenance)
                facts = await weigh_topics(connection, passages, self.consensus, stored.changed.values())
                if len(stored.changed) < len(stored.topics):
                    facts = await self._facts(connection, layout, stored)
                await passages.store(connection)
                created = len(stored.created)
                return ClaimResult(created, len(claims) - created, stored.ids, sorted(facts))

            result = await self.database.transact(work)
            if any(each.expires_at is not None for each in claims):
                self.catalog.expiry.forget(layout)
            return result

    async def replace(self, graph: str, claims: Sequence[ClaimStatement], former: Sequence[int]) -> ClaimResult:
        """Replace the claims of these scopes, subjects and predicates, in one transaction."""
        check_claims(claims)
        async with self.catalog.on(graph) as held:
            layout = await self._prepare(held, claims)

            async def work(connection: asyncpg.Connection) -> ClaimResult:
                passages = Passages(layout)
                stored = await write_claims(connection, passages, claims)
                await note_origins(connection, layout, claims, stored)
                await connection.execute(layout.sql("extraction", "rename"), list(former), stored.ids)
                by_scope: dict[str, list[int]] = {}
                for id_, claim in zip(former, claims, strict=True):
                    if id_ not in set(stored.ids):
                        by_scope.setdefault(claim.scope, []).append(id_)
                for scope, ids in sorted(by_scope.items()):
                    await end_claims(connection, layout, ids, layout.scopes[scope])
                facts = await weigh_topics(connection, passages, self.consensus, stored.topics.values())
                await passages.store(connection)
                created = len(stored.created)
                return ClaimResult(created, len(claims) - created, stored.ids, sorted(facts))

            return await self.database.transact(work)

    async def _facts(self, connection: asyncpg.Connection, layout: Layout, stored: StoredClaims) -> list[int]:
        rows = await connection.fetch(layout.sql("fact_queries", "ids_of_topics"), list(stored.topics))
        return [row["id"] for row in rows]

    async def _prepare(self, layout: Layout, claims: Sequence[ClaimStatement]) -> Layout:
        """Make scopes, sources and labels known before the transaction, since their numbers outlive it."""
        scopes = {claim.scope for claim in claims}
        sources = {claim.source for claim in claims}
        if scopes <= layout.scopes.keys() and sources <= layout.sources.keys():
            numbers = {scope: layout.scopes[scope] for scope in scopes}
        else:
            async with self.database.connection() as connection:
                numbers = await scope_ids(connection, layout, scopes, make=True)
                await source_ids(connection, layout, sources, make=True)
        kinds = {claim.predicate for claim in claims if claim.object is not None}
        await layout.ensure("claims")
        if any(claim.expires_at not in {None, NEVER} for claim in claims):
            await layout.ensure("expiry")
        await ensure_labels(self.database, layout, VERTEX, [DEFAULT_LABEL])
        await ensure_labels(self.database, layout, EDGE, kinds)
        return replace(layout, scopes=numbers)

    async def claims_by(
        self, graph: str, scope: str, *, source: str | None, episode: str | None, after: int, limit: int
    ) -> Sequence[int]:
        """Return the next current claims (ids above `after`) that a source, or a text, states in this scope only."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            number = (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)
            sql = layout.sql("claims", "claims_by")
            return [row["id"] for row in await connection.fetch(sql, number, after, source, episode, limit)]

    async def withdraw(self, graph: str, ids: Sequence[int], scope: str, *, dry_run: bool = False) -> Withdrawn:
        """Withdraw claims in this scope only, with the relationships that only they state.

        A dry run only returns the result, under the same locks.
        """
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Withdrawn:
                numbers = await scope_ids(connection, layout, [scope], make=False)
                number = numbers.get(scope, -1)
                rows, left = await end_claims(connection, layout, ids, number)
                if rows:
                    await self._weigh(connection, layout, sorted({row["topic"] for row in rows}))
                gone = {row["id"] for row in rows}
                missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in gone]
                done = Withdrawn(len(gone), missing, left, dry_run)
                if dry_run:
                    raise _DryRunResult(done)
                return done

            try:
                return await self.database.transact(work)
            except _DryRunResult as rehearsed:
                return rehearsed.done

    async def uncite(
        self, graph: str, keys: Sequence[str], scope: str, *, spared: Sequence[int] = (), dry_run: bool = False
    ) -> int:
        """Remove citations of texts in this scope only: a claim cites another text that states it, or is withdrawn.

        Returns how many are withdrawn; `spared` (ids) stay as they are.
        """
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                rows = await connection.fetch(layout.sql("claims", "citing"), scope, list(keys), list(spared))
                moved = [(row["id"], row["other"], row["begins"], row["ends"]) for row in rows if row["other"]]
                left = [row["id"] for row in rows if not row["other"]]
                if dry_run or not rows:
                    return len(left)
                topics = sorted({row["topic"] for row in rows})
                await connection.fetch(layout.sql("claims", "lock_topics_by_id"), topics)
                if moved:
                    made = await connection.fetch(layout.sql("claims", "cite"), *map(list, zip(*moved, strict=True)))
                    await connection.execute(layout.sql("claim_origins", "inherited"), [row["id"] for row in made])
                ended, _ = await end_claims(connection, layout, left)
                await self._weigh(connection, layout, topics)
                return len(ended)

            return await self.database.transact(work)

    async def recite(self, graph: str, moved: Sequence[tuple[int, str, int, int]]) -> Mapping[int, int]:
        """Make claims cite other texts (id, key, and where in it); return the claims that took their places."""
        if not moved:
            return {}
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Mapping[int, int]:
                ids = [each[0] for each in moved]
                rows = await connection.fetch(layout.sql("claims", "topics_of_claims"), ids)
                topics = sorted(row["id"] for row in rows)
                await connection.fetch(layout.sql("claims", "lock_topics_by_id"), topics)
                columns = [*map(list, zip(*moved, strict=True))]
                made = await connection.fetch(layout.sql("claims", "cite"), *columns)
                await connection.execute(layout.sql("claim_origins", "inherited"), [row["id"] for row in made])
                found = await connection.fetch(layout.sql("claims", "recited"), *columns)
                await self._weigh(connection, layout, topics)
                return {row["id"]: row["new"] for row in found}

            return await self.database.transact(work)

    async def weigh_edges(self, graph: str, relationships: Sequence[int]) -> int:
        """Resolve the facts that newly written relationships state; return how many."""
        if not relationships:
            return 0
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                rows = await connection.fetch(layout.sql("claims", "stale_of_edges"), list(relationships))
                if rows:
                    await self._weigh(connection, layout, [row["id"] for row in rows], stale=True)
                return len(rows)

            return await self.database.transact(work)

    async def weigh_relationship(self, graph: str, id_: int) -> bool:
        """Resolve the fact of a relationship, whatever its kind; return whether it has claims."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> bool:
                found = await connection.fetch(layout.sql("claims", "topics_of_edge"), id_)
                ids = [row["id"] for row in found]
                rows = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), ids)
                passages = Passages(layout.with_scopes({row["path"]: row["scope"] for row in rows}))
                await weigh_topics(connection, passages, self.consensus, [topic_of(row) for row in rows])
                await passages.store(connection)
                return bool(rows)

            return await self.database.transact(work)

    async def weigh_subjects(
        self, graph: str, subjects: Sequence[tuple[str, str]], ids: Sequence[int]
    ) -> Mapping[int, int]:
        """Resolve the properties of newly written entities (scope, key); return the current versions of these ids.

        Nothing where there was nothing to weigh.
        """
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> Mapping[int, int]:
                columns = map(list, zip(*subjects, strict=True))
                rows = await connection.fetch(layout.sql("claims", "stale_of_subjects"), *columns)
                if not rows:
                    return {}
                await self._weigh(connection, layout, [row["id"] for row in rows], stale=True)
                held = await connection.fetch(layout.sql("claims", "versions"), list(ids))
                return {row["id"]: row["version"] for row in held}

            return await self.database.transact(work)

    async def weigh_stale(self, graph: str, most: int | None = None) -> int:
        """Resolve stale topics, at most this number; return how many."""
        total = 0
        async with self.catalog.on(graph) as layout:
            while most is None or total < most:
                count = _STALE if most is None else min(_STALE, most - total)

                async def work(connection: asyncpg.Connection, count: int = count) -> int:
                    rows = await connection.fetch(layout.sql("claims", "stale"), count)
                    await self._weigh(connection, layout, [row["id"] for row in rows], stale=True)
                    return len(rows)

                done = await self.database.transact(work)
                total += done
                if done < count:
                    break
        return total

    async def weigh_changed(self, graph: str, topics: Sequence[int]) -> int:
        """Resolve topics of which a value began or ended by time alone; return how many."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                rows = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), list(topics))
                ids = [row["id"] for row in rows]
                await expiring.begin_changes(connection, layout, ids)
                await self._weigh(connection, layout, ids, timed=True)
                return len(ids)

            return await self.database.transact(work)

    async def weigh_all(self, graph: str) -> Mapping[str, Any]:
        """Run consensus on all claims: trust, copies, methods, and every fact that changes; return counts."""
        async with self.catalog.on(graph) as layout:
            if not progress():  # A job that goes on has done this.
                await claims_from_edges.adopt_all(self.database, layout)
            await self.weigh_stale(graph)
            return await batch_consensus.run(self.database, layout, self.consensus)

    async def rule(self, graph: str, ruling: NewAdjudication, scope: str) -> Sequence[Adjudication]:
        """Store a decision on facts in this scope only; a dry run only returns its result."""
        async with self.catalog.on(graph) as layout:
            try:
                return await self.database.transact(
                    lambda connection: ruling_.rule(connection, layout, self.consensus, ruling, scope)
                )
            except ruling_.DryRun as dry:
                return dry.ruled

    async def correct(
        self, graph: str, claim: ClaimStatement, wrong: Sequence[int], told: tuple[str, str]
    ) -> tuple[Adjudication | None, Adjudication]:
        """Store a claim, reject the value that other claims state, and accept the claim's, in one transaction."""
        check_claims([claim])
        async with self.catalog.on(graph) as held:
            layout = await self._prepare(held, [claim])

            async def work(connection: asyncpg.Connection) -> tuple[Adjudication | None, Adjudication]:
                passages = Passages(layout)
                stored = await write_claims(connection, passages, [claim])
                await weigh_topics(connection, passages, self.consensus, stored.topics.values())
                await passages.store(connection)
                corrected = (claim, stored.ids[0], wrong)
                return await ruling_.correct(connection, layout, self.consensus, corrected, told)

            return await self.database.transact(work)

    async def correct_unclaimed(
        self,
        graph: str,
        relationship: int,
        scope: str,
        by_reason: tuple[str, str],
        *,
        valid_to: str | None = None,
        right: ClaimStatement | None = None,
    ) -> Sequence[int]:
        """Delete a relationship that no claim states, or end it; store the claim in its place: one transaction."""
        stating = [right] if right is not None else []
        check_claims(stating)
        async with self.catalog.on(graph) as held:
            layout = await self._prepare(held, stating)
            await layout.ensure("history")

            async def work(connection: asyncpg.Connection) -> Sequence[int]:
                passages = Passages(layout)
                facts: Sequence[int] = ()
                if stating:
                    stored = await write_claims(connection, passages, stating)
                    facts = await weigh_topics(connection, passages, self.consensus, stored.topics.values())
                await unclaimed.amend(connection, passages, (relationship, scope), by_reason, valid_to)
                await passages.store(connection)
                return facts

            return await self.database.transact(work)

    async def undo(self, graph: str, decision: int, by: str, reason: str, scope: str) -> Sequence[Adjudication]:
        """Take a decision back. Raises NotFound, Conflict for one that does not hold any more."""
        async with self.catalog.on(graph) as layout:
            return await self.database.transact(
                lambda connection: ruling_.undo(connection, layout, self.consensus, (decision, by, reason), scope)
            )

    async def correlate(self, graph: str, correlated: Correlated) -> int:
        """Declare facts of one scope as correlated; return the correlation's id."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                id_, topics = await correlation_store.declare(connection, layout, correlated)
                await self._weigh(connection, layout, topics)
                return id_

            return await self.database.transact(work)

    async def end_correlation(self, graph: str, id_: int, scope: str, by: str, reason: str) -> None:
        """End a correlation. Raises NotFound."""
        async with self.catalog.on(graph) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                await self._weigh(
                    connection, layout, await correlation_store.end(connection, layout, (id_, by, reason), scope)
                )

            await self.database.transact(work)

    async def due(self, graph: str) -> bool:
        """Return whether so many claims were stored since the last full run that another is worth it."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            kinds = claims_from_edges.weighed_kinds(layout)
            return bool(
                await connection.fetchval(layout.sql("batch_consensus", "due"), batch_consensus.DUE_SHARE, kinds)
            )

    async def few(self, graph: str, most: int) -> bool:
        """Return whether a graph has at most this number of claims."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return bool(await connection.fetchval(layout.sql("batch_consensus", "few"), most))

    async def _weigh(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        topics: Sequence[int],
        *,
        stale: bool = False,
        timed: bool = False,
    ) -> None:
        """Weigh topics, only those still `stale` if so; what is not weighed at all is stale no more.

        `timed`: what is true of them changes now.
        """
        if not topics:
            return
        rows = await connection.fetch(layout.sql("claims", "lock_topics_by_id"), list(topics))
        kinds = claims_from_edges.weighed_kinds(layout)
        found = await connection.fetch(layout.sql("claims", "weighable"), [row["id"] for row in rows], kinds)
        weighed = {row["id"] for row in found}
        rest = [row["id"] for row in rows if row["id"] not in weighed]
        if rest:
            await connection.execute(layout.sql("claims", "fresh"), rest)
        rows = [row for row in rows if row["id"] in weighed and (row["stale"] or not stale)]
        passages = Passages(layout.with_scopes({row["path"]: row["scope"] for row in rows}))
        mine = [replace(topic_of(row), timed=timed) for row in rows]
        await weigh_topics(connection, passages, self.consensus, mine)
        await passages.store(connection)


def topic_of(row: Any) -> Topic:
    """Return the topic of a row that was locked."""
    return Topic(row["id"], row["path"], row["subject"], row["predicate"], row["about"], stale=row["stale"])
