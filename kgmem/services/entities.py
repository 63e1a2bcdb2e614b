"""Entities and relationships of a graph."""

from collections.abc import Sequence

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import DeleteResult, Entity, Page, WriteResult
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports
from kgmem.services.texts import remember as remembering


class Entities:
    """Entities of a graph."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, entities: Sequence[Entity]) -> WriteResult:
        """Merge statements of entities into a graph, in one transaction; returns counts, and ids in their order.

        Raises InvalidInput, SchemaViolation, EmbeddingMismatch, VersionConflict, and Conflict for a unique value that
        is taken; then nothing is written.
        """
        return await remembering.put_entities(self._ports, graph, entities)

    async def get(self, graph: str, key: str, *, scope: str = SHARED) -> Entity:
        """Return the entity that a scope sees under a key, or that this was merged into. Raises NotFound."""
        try:
            return await self._ports.store.get_entity(graph, key, check_scope(scope))
        except NotFound:
            merged = await self._ports.store.get_merged_entity(graph, key, scope)
            if merged is None:
                raise
            return merged

    async def list(
        self, graph: str, *, scope: str = SHARED, label: str | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Entity]:
        """Return a page of the entities that a scope sees."""
        return await self._ports.store.list_entities(
            graph, scope=check_scope(scope), label=label, cursor=cursor, limit=limit
        )

    async def delete(
        self, graph: str, keys: Sequence[str], *, scope: str = SHARED, version: int | None = None
    ) -> DeleteResult:
        """Delete entities of exactly this scope, with their relationships. Keys that are not there are no error.

        Raises VersionConflict.
        """
        return await remembering.delete_entities(self._ports, graph, keys, check_scope(scope), version)


class Relationships:
    """Relationships of a graph."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
        """Merge statements of relationships into a graph, in one transaction; returns counts, and ids in their order.

        Raises UnknownEntities where an end does not exist, InvalidInput, SchemaViolation, VersionConflict, and Conflict
        for a unique value that is taken; then nothing is written.
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
        """Return a page of the relationships that a scope sees, of one kind or of one entity (either end)."""
        return await self._ports.store.list_relationships(
            graph, scope=check_scope(scope), kind=kind, entity=entity, cursor=cursor, limit=limit
        )

    async def delete(self, graph: str, ids: Sequence[int], *, scope: str = SHARED) -> DeleteResult:
        """Delete relationships of exactly this scope, with the claims that they make."""
        return await remembering.delete_relationships(self._ports, graph, ids, check_scope(scope))
