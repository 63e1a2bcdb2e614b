"""Entities: write, read, list, delete."""

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem_api.access import Imports, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import KEY, Cursor, GraphName, ItemKey, Keys, Limit, ScopeQuery, gives
from kgmem_api.replies import if_match, is_current, reply, tag
from kgmem_api.wire.answers import DeleteResultShape, WriteResultShape
from kgmem_api.wire.records import EntityBatch, EntityBody, EntityPage, EntityShape, entity_out

router = APIRouter(tags=["entities"], route_class=DirectRoute)
_ALL = "/v1/graphs/{graph}/entities"
_ONE = f"/v1/graphs/{{graph}}/entities/{KEY}"


@router.put(_ALL, responses=gives(WriteResultShape))
async def put_entities(
    graph: GraphName,
    request: Request,
    access: Imports,
    batch: Annotated[EntityBatch, Depends(JSONBody(EntityBatch))],
) -> Response:
    """Write entities, in one transaction: each is merged into the stored entity of its scope and key."""
    entities = batch.entities
    version = if_match(request)
    if version is not None:
        if len(entities) != 1:
            raise InvalidInput("If-Match is for one entity.", hint="Give each entity its version in the body.")
        entities = [replace(entities[0], version=version)]
    return reply(await access.memory.entities.put(graph, entities))


@router.get(_ALL, responses=gives(EntityPage))
async def list_entities(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    label: Annotated[str | None, Query(max_length=200)] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the entities that a scope sees, a page at a time."""
    page = await access.memory.entities.list(graph, scope=access.scope(scope), label=label, cursor=cursor, limit=limit)
    return reply({"entities": [entity_out(entity) for entity in page.items], "cursor": page.cursor})


@router.delete(_ALL, responses=gives(DeleteResultShape))
async def delete_entities(graph: GraphName, access: Writes, keys: Keys, scope: ScopeQuery = None) -> Response:
    """Delete entities of this scope only, with their relationships; returns which keys were not there."""
    return reply(await access.memory.entities.delete(graph, keys, scope=access.scope(scope)))


@router.put(_ONE, responses={**gives(WriteResultShape), **gives(WriteResultShape, 201, "Created.")})
async def put_entity(
    graph: GraphName,
    key: ItemKey,
    request: Request,
    access: Imports,
    entity: Annotated[Entity, Depends(JSONBody(EntityBody))],
) -> Response:
    """Write one entity. With If-Match only if still of that version, with If-None-Match: * only if new."""
    if entity.key not in ("", key):
        raise InvalidInput(f"The body's key is not the address's, {key!r}.", hint="Leave key out of the body.")
    version = if_match(request)
    stated = replace(entity, key=key, version=entity.version if version is None else version)
    written = await access.memory.entities.put(graph, [stated])
    headers = tag(written.versions[0]) if written.versions else {}
    return reply(written, 201 if written.created else 200, headers)


@router.get(_ONE, responses={**gives(EntityShape), 304: {"description": "Not changed since."}})
async def get_entity(
    graph: GraphName, key: ItemKey, request: Request, access: Reads, scope: ScopeQuery = None
) -> Response:
    """Return the entity that a scope sees under a key: of the nearest scope, with its version as ETag."""
    entity = await access.memory.entities.get(graph, key, scope=access.scope(scope))
    if is_current(request, entity.version):
        return Response(status_code=304, headers=tag(entity.version))
    return reply(entity_out(entity), headers=tag(entity.version))


@router.delete(_ONE, responses=gives(DeleteResultShape))
async def delete_entity(
    graph: GraphName, key: ItemKey, request: Request, access: Writes, scope: ScopeQuery = None
) -> Response:
    """Delete one entity of this scope only, with its relationships; with If-Match only if of that version."""
    deleted = await access.memory.entities.delete(graph, [key], scope=access.scope(scope), version=if_match(request))
    if deleted.missing:
        raise NotFound(f"There is no entity {key!r} in this scope.", hint="A deletion names the entity's own scope.")
    return reply(deleted)
