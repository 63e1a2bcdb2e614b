"""The nine tools of the official memory server, by its names, arguments and results, so that prompts for it work.

An entity of that server is one here: its name is key and name, its type the label, its observations a property and, a
line each, the text that recall finds it by. A relation is a relationship of its type.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field

from kgmem.domain.errors import NotFound, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.mcp.caller import Reach
from kgmem.mcp.tool import Arguments, Call, Result, Tool
from kgmem.mcp.tools.shapes import DERIVED, NOTICE, Shape

T = TypeVar("T")
OBSERVATIONS: Final = "observations"
_TOKENS: Final = 20_000  # Of the answer of a tool that reads, unless it is asked for less.
_SCANNED: Final = 2000  # Entities that a search looks through; in a larger graph it asks recall.
_PAGE: Final = 500
_MOST: Final = 1000  # Items of one call.
_TRIES: Final = 10  # Of a change to an entity that somebody else changes too.

_Name = Annotated[str, Field(min_length=1, max_length=500, description="The name of the entity.")]
_Text = Annotated[str, Field(min_length=1, max_length=100_000)]
_Type = Annotated[str, Field(min_length=1, max_length=200)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", populate_by_name=True)


class EntityIn(_Part):
    """An entity."""

    name: _Name
    entity_type: Annotated[_Type, Field(alias="entityType", description="The type of the entity.")]
    observations: Annotated[list[_Text], Field(max_length=_MOST, description="What is known of it.")]


class RelationIn(_Part):
    """A relation between two entities."""

    start: Annotated[str, Field(alias="from", min_length=1, max_length=500, description="Where it starts.")]
    end: Annotated[str, Field(alias="to", min_length=1, max_length=500, description="Where it ends.")]
    relation_type: Annotated[
        _Type, Field(alias="relationType", description="The type of the relation, in active voice.")
    ]


class ObservationsIn(_Part):
    """What to add to an entity."""

    entity_name: Annotated[_Name, Field(alias="entityName")]
    contents: Annotated[list[_Text], Field(max_length=_MOST, description="The observations to add.")]


class DeletionIn(_Part):
    """What to take from an entity."""

    entity_name: Annotated[_Name, Field(alias="entityName")]
    observations: Annotated[list[_Text], Field(max_length=_MOST, description="The observations to delete.")]


class CreateEntities(Arguments):
    """Entities to create."""

    entities: Annotated[list[EntityIn], Field(max_length=_MOST)]


class Relations(Arguments):
    """Relations."""

    relations: Annotated[list[RelationIn], Field(max_length=_MOST)]


class AddObservations(Arguments):
    """Observations to add."""

    observations: Annotated[list[ObservationsIn], Field(max_length=_MOST)]


class DeleteEntities(Arguments):
    """Entities to delete."""

    entity_names: Annotated[list[_Name], Field(alias="entityNames", max_length=_MOST, description="Their names.")]


class DeleteObservations(Arguments):
    """Observations to delete."""

    deletions: Annotated[list[DeletionIn], Field(max_length=_MOST)]


class Reading(Arguments):
    """The budget of an answer."""

    max_tokens: Annotated[int, Field(ge=100, le=200_000, description="The most tokens of the answer.")] = _TOKENS


class SearchNodes(Reading):
    """A search."""

    query: Annotated[
        str,
        Field(
            min_length=1, max_length=4000, description="Found in names, types and observations, by words or meaning."
        ),
    ]


class OpenNodes(Reading):
    """Names."""

    names: Annotated[list[_Name], Field(max_length=_MOST, description="The names of the entities.")]


class EntityOut(Shape):
    """An entity."""

    name: str
    entityType: str  # noqa: N815 - the official server's name
    observations: list[str]


class RelationOut(Shape):
    """A relation."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    start: Annotated[str, Field(alias="from")]
    to: str
    relationType: str  # noqa: N815 - the official server's name


class EntitiesOut(Shape):
    """Entities."""

    entities: list[EntityOut]


class RelationsOut(Shape):
    """Relations."""

    relations: list[RelationOut]


class AddedOut(Shape):
    """What was added to one entity."""

    entityName: str  # noqa: N815 - the official server's name
    addedObservations: list[str]  # noqa: N815 - the official server's name


class AddedListOut(Shape):
    """What was added."""

    results: list[AddedOut]


class DoneOut(Shape):
    """That it is done."""

    success: bool
    message: str


class GraphOut(Shape):
    """Entities, and the relations between them."""

    entities: list[EntityOut]
    relations: list[RelationOut]


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode()


def observations_of(entity: Entity) -> list[str]:
    """Return the observations of an entity; of one that is stored otherwise, the lines of its text."""
    listed = entity.properties.get(OBSERVATIONS)
    if isinstance(listed, list):
        return [str(each) for each in listed]
    return [line for line in (entity.text or "").splitlines() if line.strip()]


def _entity(entity: Entity) -> dict[str, Any]:
    return {"name": entity.key, "entityType": entity.label or "Entity", OBSERVATIONS: observations_of(entity)}


def _relation(item: Relationship) -> dict[str, Any]:
    return {"from": item.start, "to": item.end, "relationType": item.kind}


async def _own(reach: Reach, name: str) -> Entity | None:
    """Return the entity of a name that a scope sees, or None."""
    try:
        return await reach.memory.entities.get(reach.graph, name, scope=reach.scope)
    except NotFound:
        return None


async def create_entities(call: Call, asked: CreateEntities) -> Result:
    """Create entities; those that exist stay as they are."""
    reach = call.reach
    await reach.ensure_graph()
    new: dict[str, Entity] = {}
    for each in asked.entities:
        if each.name not in new and await _own(reach, each.name) is None:
            told = list(dict.fromkeys(each.observations))
            new[each.name] = Entity(
                each.name, each.entity_type, each.name, {OBSERVATIONS: told}, text="\n".join(told) or None,
                scope=str(reach.scope),
            )  # fmt: skip
    if new:
        await reach.memory.entities.put(reach.graph, list(new.values()))
    made = [_entity(each) for each in new.values()]
    return Result(_pretty(made), {"entities": made})


async def create_relations(call: Call, asked: Relations) -> Result:
    """Create relations; those that exist stay as they are."""
    reach = call.reach
    await reach.ensure_graph()
    made: list[dict[str, Any]] = []
    wanted = {(each.start, each.end, each.relation_type): each for each in asked.relations}
    for start, end, kind in wanted:
        held = await reach.memory.relationships.list(
            reach.graph, scope=reach.scope, kind=kind, entity=start, limit=1000
        )
        if any((each.start, each.end) == (start, end) for each in held.items):
            continue
        made.append({"from": start, "to": end, "relationType": kind})
    if made:
        new = [
            Relationship(each["relationType"], each["from"], each["to"], source=reach.by, scope=str(reach.scope))
            for each in made
        ]
        await reach.memory.relationships.put(reach.graph, new)
    return Result(_pretty(made), {"relations": made})


async def add_observations(call: Call, asked: AddObservations) -> Result:
    """Add observations to entities; all entities must exist."""
    reach = call.reach
    for each in asked.observations:
        if await _own(reach, each.entity_name) is None:
            raise NotFound(f"Entity with name {each.entity_name} not found.", hint="Create it with create_entities.")
    results = []
    for each in asked.observations:
        added = await _changed(reach, each.entity_name, add=each.contents)
        results.append({"entityName": each.entity_name, "addedObservations": added})
    return Result(_pretty(results), {"results": results})


async def _changed(reach: Reach, name: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> list[str]:
    """Change the observations of an entity, whoever else changes them; returns those that are new."""

    async def once() -> list[str]:
        held = await reach.memory.entities.get(reach.graph, name, scope=reach.scope)
        before = observations_of(held)
        after = list(dict.fromkeys([*(each for each in before if each not in remove), *add]))
        if after == before:
            return []
        if held.scope != str(reach.scope):  # It is seen from here, and belongs to a scope above: this one gets its own.
            held = Entity(held.key, held.label, held.name)
        new = replace(
            Entity(held.key, properties={OBSERVATIONS: after}, text="\n".join(after), scope=str(reach.scope)),
            label=held.label if held.version is None else None, name=held.name, version=held.version,
        )  # fmt: skip
        await reach.memory.entities.put(reach.graph, [new])
        return [each for each in after if each not in before]

    return await _again(once)


async def _again(work: Callable[[], Awaitable[T]]) -> T:
    for _ in range(_TRIES - 1):
        try:
            return await work()
        except VersionConflict:
            continue
    return await work()


def _done(message: str) -> Result:
    return Result(message, {"success": True, "message": message})


async def delete_entities(call: Call, asked: DeleteEntities) -> Result:
    """Delete entities with their relations; unknown names are ignored."""
    reach = call.reach
    if asked.entity_names:
        await reach.memory.entities.delete(reach.graph, asked.entity_names, scope=str(reach.scope))
    return _done("Entities deleted successfully")


async def delete_observations(call: Call, asked: DeleteObservations) -> Result:
    """Delete observations; unknown names and observations are ignored."""
    reach = call.reach
    for each in asked.deletions:
        if await _own(reach, each.entity_name) is not None:
            await _changed(reach, each.entity_name, remove=each.observations)
    return _done("Observations deleted successfully")


async def delete_relations(call: Call, asked: Relations) -> Result:
    """Delete relations; unknown ones are ignored."""
    reach = call.reach
    ids: list[int] = []
    for each in asked.relations:
        if await _own(reach, each.start) is None:
            continue
        page = await reach.memory.relationships.list(
            reach.graph, scope=reach.scope, kind=each.relation_type, entity=each.start, limit=1000
        )
        ids += [one.id for one in page.items if (one.start, one.end) == (each.start, each.end) and one.id is not None]
    if ids:
        await reach.memory.relationships.delete(reach.graph, ids, scope=str(reach.scope))
    return _done("Relations deleted successfully")


async def read_graph(call: Call, asked: Reading) -> Result:
    """Return all entities and the relations between them, within the budget."""
    return await _graph(call, asked.max_tokens, await _scan(call.reach, _SCANNED))


async def _scan(reach: Reach, most: int) -> list[Entity]:
    """Return the entities that a scope sees, at most so many."""
    found: list[Entity] = []
    cursor: str | None = None
    while len(found) < most:
        page = await reach.memory.entities.list(reach.graph, scope=reach.scope, cursor=cursor, limit=_PAGE)
        found += page.items
        cursor = page.cursor
        if cursor is None:
            break
    return found[:most]


async def search_nodes(call: Call, asked: SearchNodes) -> Result:
    """Return entities that have a text anywhere, and those that recall finds for it, with their relations."""
    reach = call.reach
    wanted = asked.query.casefold()
    scanned = await _scan(reach, _SCANNED + 1)
    found = {each.key: each for each in scanned if _has(each, wanted)}
    if len(scanned) > _SCANNED or not found:
        question = Question(What(text=asked.query, kinds=("entity",)), scope=reach.scope, k=50)
        answer = await reach.memory.recall(reach.graph, question)
        for hit in () if answer.nothing_relevant else answer.hits:
            entity = await _own(reach, hit.key) if hit.key not in found else None
            if entity is not None:
                found[entity.key] = entity
    return await _graph(call, asked.max_tokens, list(found.values()))


def _has(entity: Entity, wanted: str) -> bool:
    texts = (entity.key, entity.name or "", entity.label or "", *observations_of(entity))
    return any(wanted in text.casefold() for text in texts)


async def open_nodes(call: Call, asked: OpenNodes) -> Result:
    """Return entities by name, with the relations between them."""
    found = [await _own(call.reach, name) for name in dict.fromkeys(asked.names)]
    return await _graph(call, asked.max_tokens, [each for each in found if each])


async def _graph(call: Call, budget: int, entities: Sequence[Entity]) -> Result:
    """Return entities and their relations in the shape of the official server, as much as the budget holds."""
    reach, count = call.reach, call.reach.memory.count_tokens
    left = budget
    shown: list[dict[str, Any]] = []
    for each in entities:
        shape = _entity(each)
        left -= count(_pretty(shape))
        if left < 0 and shown:
            break
        shown.append(shape)
    keys = {each["name"] for each in shown}
    relations: dict[int, dict[str, Any]] = {}
    is_full = left < 0
    for key in keys if not is_full else ():
        page = await reach.memory.relationships.list(reach.graph, scope=reach.scope, entity=key, limit=1000)
        for item in page.items:
            if item.kind in DERIVED or item.id is None or item.id in relations or not {item.start, item.end} & keys:
                continue
            shape = _relation(item)
            left -= count(_pretty(shape))
            if left < 0:
                is_full = True
                break
            relations[item.id] = shape
        if is_full:
            break
    value = {"entities": shown, "relations": list(relations.values())}
    notes = [NOTICE] if shown else []
    if len(shown) < len(entities) or is_full:
        notes.append(f"This is a part: {len(shown)} of {len(entities)} entities. Search, or raise max_tokens.")
    return Result(_pretty(value), value, notes)


TOOLS = (
    Tool(
        "create_entities", "Create entities", "Create multiple new entities in the knowledge graph.",
        CreateEntities, EntitiesOut, create_entities, role="writer",
    ),
    Tool(
        "create_relations", "Create relations",
        "Create multiple new relations between entities in the knowledge graph. Relations should be in active voice.",
        Relations, RelationsOut, create_relations, role="writer",
    ),
    Tool(
        "add_observations", "Add observations", "Add new observations to existing entities in the knowledge graph.",
        AddObservations, AddedListOut, add_observations, role="writer",
    ),
    Tool(
        "delete_entities", "Delete entities",
        "Delete multiple entities and their associated relations from the knowledge graph.",
        DeleteEntities, DoneOut, delete_entities, role="writer", destroys=True,
    ),
    Tool(
        "delete_observations", "Delete observations", "Delete specific observations from entities.",
        DeleteObservations, DoneOut, delete_observations, role="writer", destroys=True,
    ),
    Tool(
        "delete_relations", "Delete relations", "Delete multiple relations from the knowledge graph.",
        Relations, DoneOut, delete_relations, role="writer", destroys=True,
    ),
    Tool("read_graph", "Read the graph", "Read the entire knowledge graph.", Reading, GraphOut, read_graph),
    Tool(
        "search_nodes", "Search nodes", "Search for nodes in the knowledge graph based on a query.",
        SearchNodes, GraphOut, search_nodes,
    ),
    Tool(
        "open_nodes", "Open nodes", "Open specific nodes in the knowledge graph by their names.",
        OpenNodes, GraphOut, open_nodes,
    ),
)  # fmt: skip
