"""Communities and summaries of entities."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem_api.access import Analyses, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.adjudications import Id
from kgmem_api.wire.answers import JobAccepted
from kgmem_api.wire.fields import STRICT, Key, Scope


class SummaryRequest(BaseModel):
    """An entity to summarise."""

    model_config = STRICT

    key: Key
    scope: Scope | None = None


class SummarySentence(BaseModel):
    """A sentence, and what says it."""

    text: str
    says: Annotated[list[int], Field(description="Ids of the relationships and entities that it tells of.")]
    episodes: Annotated[list[str], Field(description="Keys of the episodes that say so.")]


class Summary(BaseModel):
    """What is said in short of an entity or a community."""

    kind: Annotated[str, Field(description="entity or community")]
    subject: Annotated[str, Field(description="The entity's key, or the community's id.")]
    scope: str
    text: str
    sentences: list[SummarySentence]
    maker: Annotated[str, Field(description="Who made it: rules, or a model.")]
    known_from: str
    known_to: str | None = None
    stale: Annotated[
        bool,
        Field(description="Something has changed since: outdated sentences are omitted, and new facts are missing."),
    ]
    problem: str | None = None


# Communities of entities on the wire.


class CommunityRequest(BaseModel):
    """The scope whose communities shall be kept."""

    model_config = STRICT

    scope: Scope | None = None


class CommunityMember(BaseModel):
    """An entity of a community."""

    key: str
    label: str
    name: str
    centrality: Annotated[float, Field(description="Its share of the links inside of the community.")]


class Community(BaseModel):
    """A community of entities."""

    id: int
    level: Annotated[int, Field(description="0 is the finest.")]
    parent: Annotated[int | None, Field(description="The community of the next level that holds it.")] = None
    size: int
    made_at: str
    members: Annotated[list[CommunityMember], Field(description="The most central first; in listings at most five.")]
    scope: str
    summary: Annotated[Summary | None, Field(description="Of one community, if it exists; not in listings.")] = None


class CommunityPage(BaseModel):
    """Communities, the finest level and the largest first."""

    communities: list[Community]
    cursor: str | None


class CommunityDeleteResult(BaseModel):
    """How many communities were deleted."""

    deleted: int


router = APIRouter()
_ALL = "/v1/graphs/{graph}/communities"


@router.post(
    _ALL,
    status_code=202,
    responses={
        **gives(JobAccepted, 202, "They will be detected."),
        **gives(JobAccepted, 200, "The job waits already."),
    },
)
async def detect_communities(
    graph: GraphName, access: Analyses, asked: Annotated[CommunityRequest, Depends(JSONBody(CommunityRequest))]
) -> Response:
    """Queue a job that detects the communities of this scope only; workers keep them up to date."""
    job = await access.memory.communities.enqueue(graph, scope=access.scope(asked.scope))
    return reply({"job": job}, 200) if job is None else reply({"job": job}, 202, {"Location": f"/v1/jobs/{job}"})


@router.delete(_ALL, tags=["communities"], responses=gives(CommunityDeleteResult))
async def delete_communities(graph: GraphName, access: Writes, scope: ScopeQuery = None) -> Response:
    """Delete the communities of this scope only, and stop detecting them."""
    return reply({"deleted": await access.memory.communities.delete(graph, scope=access.scope(scope))})


@router.get(_ALL, tags=["communities"], responses=gives(CommunityPage))
async def list_communities(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    level: Annotated[int | None, Query(ge=0, le=10, description="0 is the finest.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the communities of this scope only, the finest level and the largest first."""
    page = await access.memory.communities.list(
        graph, scope=access.scope(scope), level=level, cursor=cursor, limit=limit
    )
    return reply({"communities": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(_ALL + "/{id}", tags=["communities"], responses=gives(Community))
async def get_community(
    graph: GraphName, id_: Id, access: Reads, scope: ScopeQuery = None, limit: Limit = 100
) -> Response:
    """Return a community of this scope only with its most central members and its summary, if it exists."""
    found = await access.memory.communities.get(graph, id_, scope=access.scope(scope), limit=limit)
    summary = await access.memory.summaries.of_community(graph, id_, scope=access.scope(scope))
    return reply({**asdict(found), "summary": asdict(summary) if summary else None})


_SUMMARIES = "/v1/graphs/{graph}/summaries"
KnownAt = Annotated[str | None, Query(max_length=100, description="As it was known at this time.")]


@router.post(_SUMMARIES, tags=["summaries"], responses=gives(Summary))
async def summarize(
    graph: GraphName, access: Analyses, asked: Annotated[SummaryRequest, Depends(JSONBody(SummaryRequest))]
) -> Response:
    """Summarise an entity of this scope only; workers keep the summary up to date."""
    return reply(asdict(await access.memory.summaries.create(graph, asked.key, scope=access.scope(asked.scope))))


@router.get(_SUMMARIES, tags=["summaries"], responses=gives(Summary))
async def get_summary(
    graph: GraphName,
    access: Reads,
    key: Annotated[str, Query(min_length=1, max_length=500, description="The entity's key.")],
    scope: ScopeQuery = None,
    known_at: KnownAt = None,
) -> Response:
    """Return the summary of an entity of this scope only, as it is or as it was known."""
    return reply(asdict(await access.memory.summaries.get(graph, key, scope=access.scope(scope), known_at=known_at)))
