"""Entities and relationships of a graph."""

from collections.abc import Sequence

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services import merged_keys
from kgmem.services.cache.values import entity_through_cache
from kgmem.services.ports import Ports
from kgmem.services.texts import remember as remembering


class Entities:
    """Entities of a graph."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Insert or update entities in one transaction; returns counts, ids and versions in the order given.

        An entity is identified by scope and key; its fields are merged with the stored ones. Raises InvalidInput,
        SchemaViolation, EmbeddingMismatch, VersionConflict, and Conflict for a duplicate of a unique value; then
        nothing is written.
        """
        return await remembering.put_entities(self._ports, graph, entities)

    async def get(self, graph: str, key: str, *, scope: str = SHARED) -> Entity:
        """Return the entity that a scope sees under a key, or the one that it was merged into. Raises NotFound."""
        check_scope(scope)
        try:
            return await entity_through_cache(
                self._ports, graph, key, scope, lambda: self._ports.store.get_entity(graph, key, scope)
            )
        except NotFound:
            merged = await self._ports.store.get_merged_entity(graph, key, scope)
            if merged is None:
                raise
            return merged

    async def list(
        self, graph: str, *, scope: str = SHARED, label: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Entity]:
        """Return a page of the entities that a scope sees, by id: at most `limit`, and a cursor to the next page."""
        return await self._ports.store.list_entities(
            graph, scope=check_scope(scope), label=label, cursor=cursor, limit=limit
        )

    async def delete(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, version: int | None = None
    ) -> DeleteResult:
        """Delete entities in this scope only, with their relationships; unknown keys are ignored.

        With `version` the one entity is deleted only in that version. Raises VersionConflict.
        """
        return await remembering.delete_entities(self._ports, graph, keys, check_scope(scope), version)


class Relationships:
    """Relationships of a graph."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Insert or update relationships in one transaction; returns counts, ids and versions in the order given.

        Raises UnknownEntities where an end does not exist, InvalidInput, SchemaViolation, VersionConflict, and Conflict
        for a duplicate of a unique value; then nothing is written.
        """
        return await remembering.put_relationships(self._ports, graph, relationships)

    async def get(self, graph: str, id_: int, *, scope: str = SHARED) -> Relationship:
        """Return a relationship that a scope sees. Raises NotFound."""
        return await self._ports.store.get_relationship(graph, id_, check_scope(scope))

    async def list(
        self,
        graph: str,
        *,
        scope: str = SHARED,
        kind: str | None = None,
        entity: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[Relationship]:
        """Return a page of the relationships that a scope sees, optionally of one kind or one entity (either end)."""
        kept = await merged_keys.kept_keys(self._ports, graph, [(scope, entity)])
        entity = kept.or_none(scope, entity)
        return await self._ports.store.list_relationships(
            graph, scope=check_scope(scope), kind=kind, entity=entity, cursor=cursor, limit=limit
        )

    async def delete(self, graph: str, ids: Sequence[int], *, scope: str = SHARED) -> DeleteResult:
        """Delete relationships in this scope only, with the claims behind them; unknown ids are ignored."""
        return await remembering.delete_relationships(self._ports, graph, ids, check_scope(scope))
