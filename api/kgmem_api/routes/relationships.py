"""Relationships: write, read, list, delete."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from kgmem.domain.errors import NotFound
from kgmem_api.access import Imports, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import MOST_KEYS, Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply, tag
from kgmem_api.wire.answers import DeleteResultShape, WriteResultShape
from kgmem_api.wire.records import RelationshipBatch, RelationshipPage, RelationshipShape, relationship_out

router = APIRouter(tags=["relationships"], route_class=DirectRoute)
_ALL = "/v1/graphs/{graph}/relationships"
_ONE = "/v1/graphs/{graph}/relationships/{id}"
_MOST = 2**63 - 1
Id = Annotated[int, Path(alias="id", ge=0, le=_MOST)]
Ids = Annotated[
    list[Annotated[int, Query(ge=0, le=_MOST)]],
    Query(alias="id", min_length=1, max_length=MOST_KEYS, description="An id; may be given repeatedly."),
]


@router.put(_ALL, responses=gives(WriteResultShape))
async def put_relationships(
    graph: GraphName, access: Imports, batch: Annotated[RelationshipBatch, Depends(JSONBody(RelationshipBatch))]
) -> Response:
    """Write relationships, in one transaction; when an end does not exist nothing is written."""
    return reply(await access.memory.relationships.put(graph, batch.relationships))


@router.get(_ALL, responses=gives(RelationshipPage))
async def list_relationships(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    kind: Annotated[str | None, Query(max_length=200)] = None,
    entity: Annotated[str | None, Query(max_length=500, description="The key of either end.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the relationships that a scope sees, of one kind or of one entity, a page at a time."""
    page = await access.memory.relationships.list(
        graph, scope=access.scope(scope), kind=kind, entity=entity, cursor=cursor, limit=limit
    )
    return reply({"relationships": [relationship_out(one) for one in page.items], "cursor": page.cursor})


@router.delete(_ALL, responses=gives(DeleteResultShape))
async def delete_relationships(graph: GraphName, access: Writes, ids: Ids, scope: ScopeQuery = None) -> Response:
    """Delete relationships of this scope only; returns which ids were not found."""
    return reply(await access.memory.relationships.delete(graph, ids, scope=access.scope(scope)))


@router.get(_ONE, responses=gives(RelationshipShape))
async def get_relationship(graph: GraphName, id_: Id, access: Reads, scope: ScopeQuery = None) -> Response:
    """Return a relationship that a scope sees."""
    held = await access.memory.relationships.get(graph, id_, scope=access.scope(scope))
    return reply(relationship_out(held), headers=tag(held.version))


@router.delete(_ONE, responses=gives(DeleteResultShape))
async def delete_relationship(graph: GraphName, id_: Id, access: Writes, scope: ScopeQuery = None) -> Response:
    """Delete one relationship of this scope only."""
    deleted = await access.memory.relationships.delete(graph, [id_], scope=access.scope(scope))
    if deleted.missing:
        raise NotFound(f"There is no relationship {id_} in this scope.", hint="A deletion names its own scope.")
    return reply(deleted)
