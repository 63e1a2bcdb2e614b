"""The graph store on AGE: every write is one transaction over label tables, retrieval index and change feed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import asyncpg

from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import DatabaseOutdated, NotFound
from kgmem.domain.graph.batch import Shapes
from kgmem.domain.graph.embedding import WhichVectors
from kgmem.domain.graph.entity import ENTITY, EPISODE, DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import timed
from kgmem.domain.graph.folding import ENTITIES, EPISODES, RELATIONSHIPS, Folded, fold
from kgmem.domain.graph.graph import Change, Dangling
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import DEFAULT_LABEL, check_entities, check_episodes, check_relationships
from kgmem.store.claims.claim_origins import texts_with_origins, with_origins
from kgmem.store.db.replicas import ReadPool
from kgmem.store.db.sql import SQL
from kgmem.store.export import records
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import (
    EDGE,
    VERTEX,
    Layout,
    ensure_labels,
    learn_labels,
    write_sources,
)
from kgmem.store.graph.published import note_restated
from kgmem.store.read import items as reading
from kgmem.store.write import claims_from_entities, delete
from kgmem.store.write import expiry as expiring
from kgmem.store.write.edges import identity as edge_identity
from kgmem.store.write.edges import write_edges
from kgmem.store.write.entities import entity_statement
from kgmem.store.write.episodes import ensure_episode_labels, episode_identity, stating_source, write_episodes
from kgmem.store.write.group_commit import SMALL, GroupCommit, Outcomes
from kgmem.store.write.passages import Passages
from kgmem.store.write.preparation import prepared
from kgmem.store.write.rows import with_unit_vector
from kgmem.store.write.vertices import Outcome, Statement, write_vertices
from kgmem.tasks import each

Item = TypeVar("Item")


class AgeGraphStore:
    """Entities, relationships and episodes as rows of AGE's label tables, written by SQL."""

    def __init__(self, catalog: PostgresCatalog, reads: ReadPool | None = None) -> None:
        """Take the catalog, which knows the database, and what exports are read from, where that is another pool."""
        self.catalog = catalog
        self.database = catalog.database
        self._reads = reads or ReadPool(catalog.database)
        self._entities: GroupCommit[Entity] = GroupCommit(_afresh(self._write_entities))
        self._relationships: GroupCommit[Relationship] = GroupCommit(_afresh(self._write_relationships))
        self._episodes: GroupCommit[Episode] = GroupCommit(_afresh(self._write_episodes), stating_source)

    async def put_entities(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Merge statements of entities. Raises InvalidInput, VersionConflict, Conflict."""
        entities = timed(entities)
        check_entities(entities)
        held = await self.catalog.get(graph)
        checked = [with_unit_vector(held, entity) for entity in entities]
        folded = await _folded(checked, _entity_identity, ENTITIES)
        alone = any(e.version is not None for e in entities)
        return folded.spread(await self._entities.put(graph, folded.items, alone=alone))

    async def put_relationships(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Merge statements of relationships. Raises InvalidInput, UnknownEntities, VersionConflict."""
        relationships = timed(relationships)
        check_relationships(relationships)
        alone = any(item.version is not None for item in relationships)
        folded = await _folded(relationships, edge_identity, RELATIONSHIPS)
        return folded.spread(await self._relationships.put(graph, folded.items, alone=alone))

    async def put_episodes(self, graph: str, episodes: Sequence[Episode]) -> WriteResult:
        """Store episodes with their passages and mentions. Raises InvalidInput, UnknownEntities, VersionConflict."""
        episodes = timed(episodes)
        check_episodes(episodes)
        folded = await _folded(episodes, episode_identity, EPISODES)
        alone = any(e.version is not None for e in episodes)
        return folded.spread(await self._episodes.put(graph, folded.items, alone=alone))

    async def _write_entities(self, graph: str, entities: Sequence[Entity]) -> Outcomes:
        async with self.catalog.on(graph, reads=()) as held:
            layout = await prepared(self.database, held, entities)
            await ensure_labels(self.database, layout, VERTEX, {e.label or DEFAULT_LABEL for e in entities})
            statements = await each(partial(entity_statement, layout), entities)

            async def work(connection: asyncpg.Connection) -> Outcomes:
                passages = Passages(layout)

                async def write(batch: Sequence[Statement]) -> Outcome:
                    return await write_vertices(connection, passages, ENTITY, batch)

                said = claims_from_entities.said_by(layout, await with_origins(connection, layout, entities))
                await claims_from_entities.lock_topics(connection, layout, said)
                outcomes = await _in_rounds(statements, lambda s: (s.scope, s.key), write)
                await note_restated(connection, layout, outcomes)
                new = await claims_from_entities.record(connection, layout, said)
                await passages.store(connection)
                return [
                    (id_, version, "updated" if became == "unchanged" and place in new else became)
                    for (id_, version, became), place in zip(
                        outcomes, ((layout.scopes[s.scope], s.key) for s in statements), strict=True
                    )
                ]

            return await self._written(layout, entities, work)

    async def _write_relationships(self, graph: str, relationships: Sequence[Relationship]) -> Outcomes:
        async with self.catalog.on(graph, reads=()) as held:
            layout = await prepared(self.database, held, relationships)
            await ensure_labels(self.database, layout, EDGE, {item.kind for item in relationships})

            async def work(connection: asyncpg.Connection) -> Outcomes:
                passages = Passages(layout)

                async def write(batch: Sequence[Relationship]) -> Outcome:
                    return await write_edges(connection, passages, batch)

                stated = await with_origins(connection, layout, relationships)
                outcomes = await _in_rounds(stated, edge_identity, write)
                await passages.store(connection)
                return outcomes

            return await self._written(layout, relationships, work)

    async def _write_episodes(self, graph: str, episodes: Sequence[Episode]) -> Outcomes:
        async with self.catalog.on(graph, reads=()) as held:
            layout = await prepared(self.database, held, episodes)
            await ensure_episode_labels(self.database, layout, episodes)

            async def work(connection: asyncpg.Connection) -> Outcomes:
                passages = Passages(layout)

                async def write(batch: Sequence[Episode]) -> Outcome:
                    return await write_episodes(
                        connection, passages, await texts_with_origins(connection, layout, batch)
                    )

                outcomes = await _in_rounds(episodes, episode_identity, write)
                await note_restated(connection, layout, outcomes)
                await passages.store(connection)
                return outcomes

            return await self._written(layout, episodes, work)

    async def _written(
        self,
        layout: Layout,
        items: Sequence[Entity | Relationship | Episode],
        work: Callable[[asyncpg.Connection], Awaitable[Outcomes]],
    ) -> Outcomes:
        """Run a write, and note in its transaction when items expire of which a statement says it."""
        if all(item.expires_at is None for item in items) or "expiry" not in layout.subsystems.made:
            return await self.database.transact(work)

        async def noting(connection: asyncpg.Connection) -> Outcomes:
            outcomes = await work(connection)
            await expiring.note_written(connection, layout)
            return outcomes

        outcomes = await self.database.transact(noting)
        self.catalog.expiry.forget(layout)
        return outcomes

    async def get_entity(self, graph: str, key: str, scope: str) -> Entity:
        """Return the entity that `scope` sees under the key, the nearest scope first. Raises NotFound."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            found = await reading.entity(connection, layout, key, scope)
        if found is None:
            raise NotFound(f"There is no entity {key!r}.", hint="List the entities, or recall by name.")
        self._note(layout, found)
        return found

    def _note(self, layout: Layout, item: Entity | Episode) -> None:
        if item.id is not None:
            self.catalog.usage.note(layout, (item.id,))

    async def get_merged_entity(self, graph: str, key: str, scope: str) -> Entity | None:
        """Return the entity into which `scope` sees the one under the key merged, through further merges; or None."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return await reading.merged_entity(connection, layout, key, scope)

    async def kept_keys(self, graph: str, keys: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return for (scope, key) of entities that were merged away the key of the kept one; others are missing."""
        if not keys:
            return {}
        async with self.catalog.on(graph, reads=("merges",)) as layout:
            if "merges" not in layout.subsystems.made:
                return {}
            async with self.database.connection() as connection:
                return await reading.kept_keys(connection, layout, keys)

    async def get_relationship(self, graph: str, id_: int, scope: str) -> Relationship:
        """Return a relationship that `scope` sees. Raises NotFound."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            return await reading.relationship(connection, layout, id_, scope)

    async def get_episode(self, graph: str, key: str, scope: str) -> Episode:
        """Return the episode that `scope` sees under the key. Raises NotFound."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            found = await reading.episode(connection, layout, key, scope)
        self._note(layout, found)
        return found

    async def list_entities(
        self, graph: str, *, scope: str, label: str | None, cursor: str | None, limit: int
    ) -> Page[Entity]:
        """Return the entities that `scope` sees, by id."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            return await reading.entities(connection, layout, scope, label, reading.PageRange(cursor, limit))

    async def list_relationships(
        self, graph: str, *, scope: str, kind: str | None, entity: str | None, cursor: str | None, limit: int
    ) -> Page[Relationship]:
        """Return the relationships that `scope` sees, by id; of one kind, of one entity."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            part = reading.PageRange(cursor, limit)
            return await reading.relationships(connection, layout, scope, (kind, entity), part)

    async def list_episodes(
        self, graph: str, *, scope: str, session: str | None, cursor: str | None, limit: int
    ) -> Page[Episode]:
        """Return the episodes that `scope` sees, by id."""
        async with self.catalog.on(graph, reads=()) as layout, self.database.connection() as connection:
            return await reading.episodes(connection, layout, scope, session, reading.PageRange(cursor, limit))

    async def delete_entities(self, graph: str, keys: Sequence[str], scope: str, version: int | None) -> DeleteResult:
        """Delete entities in this scope only, with their relationships. Raises VersionConflict."""
        async with self.catalog.on(graph) as layout:
            return await self.database.transact(
                lambda connection: delete.vertices(connection, layout, ENTITY, (scope, keys), version)
            )

    async def delete_episodes(
        self, graph: str, keys: Sequence[str], scope: str, version: int | None = None
    ) -> DeleteResult:
        """Delete episodes in this scope only, with their passages. Raises VersionConflict."""
        async with self.catalog.on(graph) as layout:
            return await self.database.transact(
                lambda connection: delete.vertices(connection, layout, EPISODE, (scope, keys), version)
            )

    async def delete_relationships(self, graph: str, ids: Sequence[int], scope: str) -> DeleteResult:
        """Delete relationships in this scope only."""
        async with self.catalog.on(graph) as layout:
            return await self.database.transact(lambda connection: delete.relationships(connection, layout, ids, scope))

    async def put_sources(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Write the registry's entries of sources."""
        unique = list({source.key: source for source in sources}.values())
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            rows = await write_sources(connection, layout, unique)
        created = sum(row["created"] for row in rows)
        return WriteResult(created, len(rows) - created, len(unique) - len(rows), [row["id"] for row in rows])

    async def list_sources(self, graph: str) -> Sequence[Source]:
        """Return the registered sources, by key."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return await reading.sources(connection, layout)

    async def export(
        self,
        graph: str,
        scope: str | None,
        embeddings: WhichVectors = "none",
        *,
        below: bool = False,
        session: str | None = None,
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord], None]:
        """Return all that the graph holds in pages, from one snapshot, in constant memory."""
        async with self._snapshot(graph) as (connection, layout):
            if session is not None:
                found = records.of_session(connection, layout, SessionAddress(session, scope or ""), embeddings)
            elif below and scope is not None:
                found = records.of_scopes(connection, layout, scope, embeddings)
            else:
                found = records.everything(connection, layout, scope, embeddings)
            async with aclosing(found) as pages:
                async for page in pages:
                    yield page

    async def export_shapes(
        self, graph: str, embeddings: WhichVectors = "none"
    ) -> AsyncGenerator[Sequence[Entity | Relationship | Episode | Source | BeliefRecord] | Shapes, None]:
        """Return what `export` gives of all scopes, most of it as shapes, label by label."""
        async with (
            self._snapshot(graph) as (connection, layout),
            aclosing(records.shapes(connection, layout, embeddings)) as pages,
        ):
            async for page in pages:
                yield page

    @asynccontextmanager
    async def _snapshot(self, graph: str) -> AsyncIterator[tuple[asyncpg.Connection, Layout]]:
        """Lend a connection that sees the graph as it is now, however long it takes to read it."""
        async with (
            self.catalog.on(graph) as layout,
            self._reads.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            yield connection, layout

    async def dangling(self, graph: str) -> Sequence[Dangling]:
        """Return by kind how many edges of the label tables lack an end, as another AGE client can leave them."""
        found = []
        async with (
            self.catalog.on(graph) as layout,
            self.database.connection() as connection,
            connection.transaction(readonly=True),
        ):
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await learn_labels(connection, layout)
            for label in (each for each in layout.by_id.values() if each.kind == EDGE):
                row = await connection.fetchrow(layout.sql("index_sync", "dangling", label=label.age_name))
                if row["count"]:
                    found.append(Dangling(label.name, row["count"], row["example"]))
        return found

    async def changes(self, graph: str, after: int, limit: int) -> Sequence[Change]:
        """Return changes after a cursor, only those before which none can still appear."""
        async with self.catalog.on(graph) as layout, self.database.connection() as connection:
            return await reading.changes(connection, layout, after, limit)


def _afresh(
    write: Callable[[str, Sequence[Item]], Awaitable[Outcomes]],
) -> Callable[[str, Sequence[Item]], Awaitable[Outcomes]]:
    """Return the write that is done again when the graph has left the embedding space that this process knew it in."""

    async def again(graph: str, items: Sequence[Item]) -> Outcomes:
        try:
            return await write(graph, items)
        except DatabaseOutdated:
            return await write(graph, items)

    return again


def _entity_identity(entity: Entity) -> tuple[str, str]:
    return entity.scope, entity.key


async def _folded(items: Sequence[Item], identity: Callable[[Item], Hashable], merge: Any) -> Folded[Item]:
    """Fold statements that say several things of one, beside the event loop where there are many."""
    if len(items) <= SMALL:
        return fold(items, identity, merge)
    return await asyncio.to_thread(fold, items, identity, merge)


async def _in_rounds(
    items: Sequence[Item],
    identity: Callable[[Item], Hashable],
    write: Callable[[Sequence[Item]], Any],
) -> Outcomes:
    """Write items in as many rounds as an identity is repeated, so that later statements merge into earlier ones."""
    rounds: list[dict[Hashable, int]] = []
    for at, item in enumerate(items):
        name = identity(item)
        target = next((r for r in rounds if name not in r), None)
        if target is None:
            rounds.append(target := {})
        target[name] = at
    outcomes: Outcomes = [(0, 0, "")] * len(items)
    for places in (list(r.values()) for r in rounds):
        outcome: Outcome = await write([items[at] for at in places])
        created, updated = set(outcome.created), set(outcome.updated)
        for n, at in enumerate(places):
            id_ = outcome.ids[n]
            news = id_ in updated or n in outcome.claimed
            became = "created" if id_ in created else "updated" if news else "unchanged"
            outcomes[at] = (id_, outcome.versions[n], became)
    return outcomes
