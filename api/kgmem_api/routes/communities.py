"""Communities: asked for, listed, and looked at."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.adjudications import Id
from kgmem_api.wire.answers import JobDeferred
from kgmem_api.wire.fields import STRICT, Scope
from kgmem_api.wire.summaries import SummaryOut

# Communities of entities on the wire.


class GroupIn(BaseModel):
    """The scope whose communities shall be kept."""

    model_config = STRICT

    scope: Scope | None = None


class MemberOut(BaseModel):
    """An entity of a community."""

    key: str
    label: str
    name: str
    centrality: Annotated[float, Field(description="Its share of the links inside of the community.")]


class CommunityOut(BaseModel):
    """Entities that hang together."""

    id: int
    level: Annotated[int, Field(description="0 is the finest.")]
    parent: Annotated[int | None, Field(description="The community of the next level that holds it.")] = None
    size: int
    made_at: str
    members: Annotated[list[MemberOut], Field(description="The most central first; in listings at most five.")]
    scope: str
    summary: Annotated[SummaryOut | None, Field(description="Of one community, once it is made; not in listings.")] = (
        None
    )


class CommunityPage(BaseModel):
    """Communities, the finest level and the largest first."""

    communities: list[CommunityOut]
    cursor: str | None


class UngroupedOut(BaseModel):
    """How many communities went."""

    gone: int


router = APIRouter(tags=["communities"])
_ALL = "/v1/graphs/{graph}/communities"


@router.post(
    _ALL,
    status_code=202,
    responses={**gives(JobDeferred, 202, "They will be found."), **gives(JobDeferred, 200, "The job waits already.")},
)
async def group(graph: GraphName, access: Writes, asked: Annotated[GroupIn, Depends(JSONBody(GroupIn))]) -> Response:
    """Let a job find the communities of exactly this scope, and keep them up from then on."""
    job = await access.memory.communities.enqueue(graph, scope=access.scope(asked.scope))
    return reply({"job": job}, 200) if job is None else reply({"job": job}, 202, {"Location": f"/v1/jobs/{job}"})


@router.delete(_ALL, responses=gives(UngroupedOut))
async def ungroup(graph: GraphName, access: Writes, scope: ScopeQuery = None) -> Response:
    """Delete the communities of exactly this scope, and keep them no more."""
    return reply({"gone": await access.memory.communities.delete(graph, scope=access.scope(scope))})


@router.get(_ALL, responses=gives(CommunityPage))
async def list_communities(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    level: Annotated[int | None, Query(ge=0, le=10, description="0 is the finest.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the communities of exactly this scope, the finest level and the largest first."""
    page = await access.memory.communities.list(
        graph, scope=access.scope(scope), level=level, cursor=cursor, limit=limit
    )
    return reply({"communities": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_ALL + "/{id}", responses=gives(CommunityOut))
async def get_community(
    graph: GraphName, id_: Id, access: Reads, scope: ScopeQuery = None, limit: Limit = 100
) -> Response:
    """Return a community of exactly this scope with its most central members and its summary, once that is made."""
    found = await access.memory.communities.get(graph, id_, scope=access.scope(scope), limit=limit)
    summary = await access.memory.summaries.of_community(graph, id_, scope=access.scope(scope))
    return reply({**asdict(found), "summary": asdict(summary) if summary else None})
