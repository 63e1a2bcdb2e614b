"""Remember: check what is stated against the graph's schema, store it, and let its vectors follow."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from kgmem.domain.claims.echoes import check_origins
from kgmem.domain.errors import NotFound
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.entity import DeleteResult, Entity, WriteResult
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Graph
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import check_scope, common_scope
from kgmem.domain.schema.refusal import refuse
from kgmem.domain.schema.schema import GraphSchema, Violation, check_entity, check_relationship, from_mapping, merge
from kgmem.domain.text.names import SAID
from kgmem.services import merged_keys
from kgmem.services.claims.claim import asker, weigh_stated, weigh_written
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced


def schema_of(core: GraphSchema, graph: Graph) -> GraphSchema:
    """Return the schema that holds in a graph: the core and the graph's own."""
    return extended(core, from_mapping(graph.schema)) if graph.schema else core


def extended(core: GraphSchema, own: GraphSchema) -> GraphSchema:
    """Return the core schema with a graph's own; of the kinds that texts often say, the graph's own word counts."""
    taken = own.kinds.keys() & SAID
    yielding = taken | {name for name in SAID & core.kinds.keys() if core.kinds[name].inverse in taken}
    return merge(replace(core, kinds={name: kind for name, kind in core.kinds.items() if name not in yielding}), own)


def _scope_of(items: Sequence[Entity | Relationship | Episode], **_: object) -> str:
    return common_scope({item.scope for item in items})


def _counted(written: WriteResult) -> WriteResult:
    count(created=written.created, updated=written.updated, unchanged=written.unchanged)
    return written


@traced("remember", _scope_of)
async def put_entities(
    ports: Ports,
    graph: str,
    entities: Sequence[Entity],
    *,
    store: Callable[[Sequence[Entity]], Awaitable[WriteResult]] | None = None,
) -> WriteResult:
    """Merge statements of entities into a graph; what lacks a vector gets it soon after.

    `store` writes them, if it is not the graph store.
    """
    held = await ports.graphs.get(graph)
    _check_scopes(entities)
    entities = await merged_keys.of_entities(ports, graph, entities)
    if held.strict or held.schema:
        schema = schema_of(ports.core_schema, held)
        found = [
            (n, violation) for n, each in enumerate(entities) for violation in violations_of(schema, held.strict, each)
        ]
        lacking = {n for n, violation in found if violation.rule == "required"}
        known = {n for n in lacking if await is_held(ports, graph, entities[n])}
        # What merges into a held entity need not say again what is required of a new one.
        refuse((f"entities[{n}]", each) for n, each in found if each.rule != "required" or n not in known)
    with step("store_entities"):
        written = _counted(await (store(entities) if store else ports.store.put_entities(graph, entities)))
    own = schema_of(ports.core_schema, held)
    if names := own.rules.keys() - own.kinds.keys():
        written = await weigh_stated(ports, graph, entities, written, names)
    await _let_vectors_follow(ports, held, written)
    return written


@traced("remember", _scope_of)
async def put_relationships(ports: Ports, graph: str, relationships: Sequence[Relationship]) -> WriteResult:
    """Merge statements of relationships into a graph; what facts lack of vectors follows soon after."""
    held = await ports.graphs.get(graph)
    _check_scopes(relationships)
    relationships = await merged_keys.of_relationships(ports, graph, relationships)
    if held.strict or held.schema:
        schema = schema_of(ports.core_schema, held)
        refuse(
            (f"relationships[{n}]", violation)
            for n, stated in enumerate(relationships)
            for violation in violations_of(schema, held.strict, stated)
        )
    with step("store_relationships"):
        written = _counted(await ports.store.put_relationships(graph, relationships))
    await weigh_written(ports, graph, relationships, written.ids)
    if held.facts == "all" or any(stated.text for stated in relationships):
        await _let_vectors_follow(ports, held, written)
    return written


async def delete_relationships(ports: Ports, graph: str, ids: Sequence[int], scope: str) -> DeleteResult:
    """Delete relationships in this scope only, with the claims that they make."""
    return await _reweighed(ports, graph, await ports.store.delete_relationships(graph, ids, scope))


async def delete_entities(
    ports: Ports, graph: str, keys: Sequence[str], scope: str, version: int | None
) -> DeleteResult:
    """Delete entities in this scope only, with their relationships. Raises VersionConflict."""
    keys = (await merged_keys.kept_keys(ports, graph, ((scope, key) for key in keys))).all(scope, keys)
    return await _reweighed(ports, graph, await ports.store.delete_entities(graph, keys, scope, version))


async def _reweighed(ports: Ports, graph: str, deleted: DeleteResult) -> DeleteResult:
    """Resolve again what deleted relationships had claimed."""
    if deleted.relationships:
        await ports.claims.weigh_stale(graph)
    return deleted


@traced("remember", _scope_of)
async def put_episodes(
    ports: Ports,
    graph: str,
    episodes: Sequence[Episode],
    *,
    store: Callable[[Sequence[Episode]], Awaitable[WriteResult]] | None = None,
) -> WriteResult:
    """Store episodes; they are found by their words at once and by their meaning as soon as vectors follow.

    `store` writes them, if it is not the graph store.
    """
    held = await ports.graphs.get(graph)
    _check_scopes(episodes)
    for each in episodes:
        check_origins(each.derived_from)
    episodes = await merged_keys.of_episodes(ports, graph, episodes)
    with step("store_episodes"):
        written = _counted(await (store(episodes) if store else ports.store.put_episodes(graph, episodes)))
    await _let_vectors_follow(ports, held, written)
    unnamed = [id_ for id_, each in zip(written.ids, episodes, strict=False) if not each.source and not each.speaker]
    if unnamed:
        ports.answers.note_writer(graph, unnamed, asker())
    asked = held.extraction == "all" or any(episode.extract for episode in episodes)
    if ports.extractor and asked and held.extraction != "off":
        await ports.jobs.defer("extract", graph=graph)
    return written


def violations_of(schema: GraphSchema, strict: bool, stated: Entity | Relationship) -> list[Violation]:
    """Return the ways in which one statement departs from the schema; an entity without a label states none of it."""
    if isinstance(stated, Relationship):
        return check_relationship(schema, strict, stated.kind, None, None, stated.properties)
    return check_entity(schema, strict, stated.label, _stated(stated)) if stated.label else []


async def is_held(ports: Ports, graph: str, entity: Entity) -> bool:
    """Return whether an entity exists in its scope only."""
    try:
        return (await ports.store.get_entity(graph, entity.key, entity.scope)).scope == entity.scope
    except NotFound:
        return False


def _check_scopes(items: Sequence[Entity | Relationship | Episode]) -> None:
    for scope in {item.scope for item in items}:
        check_scope(scope)


def _stated(entity: Entity) -> dict[str, object]:
    """Return what a schema may declare as properties: the entity's own, its name and its text."""
    named = {"name": entity.name, "text": entity.text}
    return {**{k: v for k, v in named.items() if v is not None}, **entity.properties}


async def _let_vectors_follow(ports: Ports, graph: Graph, written: WriteResult) -> None:
    if ports.embedder and graph.space and written.created + written.updated:
        await ports.jobs.defer("embed", graph=graph.name)
