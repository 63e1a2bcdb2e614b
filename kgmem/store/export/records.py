"""Reading all that a graph holds, from one snapshot, in constant memory."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

import asyncpg
import orjson

from kgmem.domain.agents.decision import LABEL, edge_without_ids, without_ids
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.claims.claim import Source
from kgmem.domain.claims.records import BeliefRecord
from kgmem.domain.errors import TooLarge
from kgmem.domain.graph.batch import Shapes
from kgmem.domain.graph.embedding import Vector, WhichVectors
from kgmem.domain.graph.entity import ENTITY, EPISODE, Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope_contents import MOST_SCOPES
from kgmem.store.agents.publication_records import publication_records
from kgmem.store.agents.records import state_records
from kgmem.store.agents.retention_rules import rule_records
from kgmem.store.agents.session_export import block_records, session_records
from kgmem.store.agents.shared_records import feedback_records, shared_records
from kgmem.store.claims.claim_origins import portable
from kgmem.store.derived.distillation_records import distillation_records
from kgmem.store.export.claims import beliefs, stated
from kgmem.store.export.session_extent import extent_of, sources_of
from kgmem.store.export.table_shapes import entity_shapes, read_keys, relationship_shapes
from kgmem.store.graph.layout import Layout
from kgmem.store.ledger.records import ledger_records
from kgmem.store.read.items import entities_of, episodes_of, relationships_of, sources, sources_of_scope
from kgmem.store.tiers.records import tier_records

Record: TypeAlias = Entity | Relationship | Episode | Source | BeliefRecord
T = TypeVar("T")
_PAGE = 1000
# What is read behind entities, relationships and episodes.
_KEPT = (
    beliefs, state_records, session_records, block_records, shared_records, publication_records, ledger_records,
    rule_records, distillation_records, tier_records,
)  # fmt: skip


async def everything(
    connection: asyncpg.Connection, layout: Layout, scope: str | None, embeddings: WhichVectors
) -> AsyncGenerator[Sequence[Record], None]:
    """Return sources, entities, relationships and episodes, in pages of one transaction's snapshot."""
    yield await (sources(connection, layout) if scope is None else sources_of_scope(connection, layout, scope))
    async for entities in _entities(connection, layout, scope, embeddings):
        yield entities
    async for edges in _relationships(connection, layout, scope, None):
        yield edges
    query = (layout.sql("read", "all_items"), EPISODE, scope, None)
    async for episodes in _read(connection, layout, query, _episodes):
        yield episodes
    for read in _KEPT:
        async with aclosing(read(connection, layout, scope)) as pages:
            async for page in pages:
                yield page


async def of_scopes(
    connection: asyncpg.Connection, layout: Layout, scope: str, embeddings: WhichVectors
) -> AsyncGenerator[Sequence[Record], None]:
    """Return what `everything` returns of a scope and of those below it, each registered source once."""
    known: set[str] = set()
    rows = await connection.fetch(layout.sql("scopes", "below"), scope, MOST_SCOPES + 1)
    if len(rows) > MOST_SCOPES:
        raise TooLarge(f"There are more than {MOST_SCOPES:,} scopes below it.", hint="Export some of these.")
    for path in [row["path"] for row in rows]:
        async with aclosing(everything(connection, layout, path, embeddings)) as pages:
            async for page in pages:
                if page and isinstance(page[0], Source):
                    new = [each for each in page if isinstance(each, Source) and each.key not in known]
                    known.update(each.key for each in new)
                    yield new
                else:
                    yield page


async def of_session(
    connection: asyncpg.Connection, layout: Layout, address: SessionAddress, embeddings: WhichVectors
) -> AsyncGenerator[Sequence[Record], None]:
    """Return what belongs to one session, in pages of one transaction's snapshot. Raises NotFound.

    That is: its messages, what was extracted from them, decisions in it, and feedback on these.
    """
    extent = await extent_of(connection, layout, address)
    yield await sources_of(connection, layout, extent)
    scope = address.scope
    async for entities in _entities(connection, layout, scope, embeddings, extent.entities):
        yield entities
    async for relationships in _relationships(connection, layout, scope, extent.relationships):
        yield relationships
    texts = (layout.sql("read", "all_items"), EPISODE, scope, extent.episodes)
    async for episodes in _read(connection, layout, texts, _episodes):
        yield episodes
    topics = (extent.topics, extent.whole)
    for kept in (
        stated(connection, layout, scope, claims=extent.claims, topics=topics),
        session_records(connection, layout, scope, address.id),
        feedback_records(connection, layout, scope, extent.items),
    ):
        async with aclosing(kept) as pages:
            async for page in pages:
                yield page


async def shapes(
    connection: asyncpg.Connection, layout: Layout, embeddings: WhichVectors
) -> AsyncGenerator[Sequence[Record] | Shapes, None]:
    """Return what `everything` gives of all scopes, entities and relationships as shapes wherever these can be made."""
    table = await _vector_table(connection, layout, embeddings)
    keys = await read_keys(connection, layout)
    if keys is None:
        async with aclosing(everything(connection, layout, None, embeddings)) as records:
            async for page in records:
                yield page
        return
    yield await sources(connection, layout)
    found = _entities(connection, layout, None, embeddings) if table else entity_shapes(connection, layout, keys)
    async with aclosing(found) as pages:
        async for each in pages:
            yield each
    async with aclosing(relationship_shapes(connection, layout, keys)) as blocks:
        async for block in blocks:
            yield block
    async for episodes in _read(connection, layout, (layout.sql("read", "all_items"), EPISODE, None, None), _episodes):
        yield episodes
    for read in _KEPT:
        async with aclosing(read(connection, layout, None)) as known:
            async for page in known:
                yield page


async def _entities(
    connection: asyncpg.Connection,
    layout: Layout,
    scope: str | None,
    embeddings: WhichVectors,
    ids: Sequence[int] | None = None,
) -> AsyncGenerator[Sequence[Entity], None]:
    table = await _vector_table(connection, layout, embeddings)
    async for entities in _read(connection, layout, (layout.sql("read", "all_items"), ENTITY, scope, ids), entities_of):
        told = [_portable(entity) for entity in entities]
        yield await _with_vectors(connection, layout, table, told, embeddings) if table else told


async def _relationships(
    connection: asyncpg.Connection, layout: Layout, scope: str | None, ids: Sequence[int] | None
) -> AsyncGenerator[Sequence[Relationship], None]:
    query = (layout.sql("read", "all_edges"), scope, ids)
    async for edges in _read(connection, layout, query, relationships_of):
        yield [
            replace(edge, properties=told)
            if (told := edge_without_ids(edge.kind, edge.properties)) is not edge.properties
            else edge
            for edge in edges
        ]


async def _episodes(connection: asyncpg.Connection, layout: Layout, rows: Sequence[Any]) -> list[Episode]:
    """Return episodes as another graph can take them: what they are derived from names no number of this graph."""
    found = await episodes_of(connection, layout, rows)
    if not any(each.derived_from for each in found):
        return found
    origins = await portable(connection, layout, [(each.scope, each.derived_from) for each in found])
    return [
        replace(each, derived_from=origin) if each.derived_from else each
        for each, origin in zip(found, origins, strict=True)
    ]


def _portable(entity: Entity) -> Entity:
    """Return an entity as another graph can take it: a decision without the ids of facts."""
    if entity.label != LABEL or (told := without_ids(entity.properties)) is entity.properties:
        return entity
    return replace(entity, properties=told)


async def _read(
    connection: asyncpg.Connection, layout: Layout, query: tuple[Any, ...], read: Callable[..., Awaitable[list[T]]]
) -> AsyncGenerator[list[T], None]:
    """Return what the rows of a query stand for, page by page."""
    cursor = await connection.cursor(*query)
    while rows := await cursor.fetch(_PAGE):
        yield await read(connection, layout, rows)


async def _vector_table(connection: asyncpg.Connection, layout: Layout, embeddings: WhichVectors) -> str | None:
    """Return the table of the vectors that an export is to hold; None where there are none, so that nobody looks."""
    table = layout.vectors
    if table is None or embeddings == "none":
        return None
    held = await connection.fetchval(layout.sql("read", "holds_vectors", table=table), embeddings == "all")
    return table if held else None


async def _with_vectors(
    connection: asyncpg.Connection, layout: Layout, table: str, entities: Sequence[Entity], embeddings: WhichVectors
) -> list[Entity]:
    """Return entities with their vectors: as Postgres writes them, in the fewest digits that tell a single float."""
    sql = layout.sql("read", "vectors_of", table=table)
    rows = await connection.fetch(sql, [entity.id for entity in entities], embeddings == "all")
    found: dict[int, Vector] = {row["item"]: [float(x) for x in orjson.loads(row["embedding"])] for row in rows}
    return [replace(entity, embedding=found[entity.id]) if entity.id in found else entity for entity in entities]
