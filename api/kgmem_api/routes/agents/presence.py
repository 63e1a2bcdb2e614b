"""Presence: which agents are at work in a scope; activity: what happens each minute."""

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.agents.presence import DEFAULT_TTL, MOST_MINUTES, AgentAddress, Heartbeat
from kgmem.services.agents.presence import PresenceWatch
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.event_streams import Happened, is_wanted, stream
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT


class HeartbeatShape(BaseModel):
    """What an agent reports."""

    model_config = STRICT

    session: Annotated[str | None, Field(description="The session that it is in.")] = None
    status: Annotated[str | None, Field(description="Such as searching.")] = None
    context: Annotated[Any, Field(description="Any JSON value, of 4 KiB at most.")] = None
    ttl_seconds: Annotated[int, Field(description="For how long it is present without another heartbeat.")] = (
        DEFAULT_TTL
    )


class PresenceShape(BaseModel):
    """An agent that is present."""

    agent: Annotated[str, Field(description="The name of the agent.")]
    scope: str
    session: Annotated[str | None, Field(description="The session that it is in.")]
    status: Annotated[str | None, Field(description="What it does.")]
    context: Annotated[Any, Field(description="As it reported it.")]
    since: Annotated[str, Field(description="When it came. ISO 8601.")]
    seen_at: Annotated[str, Field(description="Its last heartbeat. ISO 8601.")]
    expires_at: Annotated[str, Field(description="When it counts as away. ISO 8601.")]
    author: Annotated[str | None, Field(description="The id of the API key of the heartbeat.")]


class PresencePage(BaseModel):
    """Agents that are present."""

    agents: Annotated[list[PresenceShape], Field(description="By scope and name.")]
    cursor: str | None


class MinuteShape(BaseModel):
    """What happened in a minute."""

    minute: Annotated[str, Field(description="When it began. ISO 8601.")]
    requests: Annotated[int, Field(description="All requests.")]
    recalls: Annotated[int, Field(description="Of these, recalls.")]
    writes: Annotated[int, Field(description="Of these, requests that need the role writer.")]


class ActivityPage(BaseModel):
    """What happened in the last minutes."""

    minutes: Annotated[list[MinuteShape], Field(description="Oldest first; minutes without requests are missing.")]


router = APIRouter(tags=["presence"])
_ALL = "/v1/graphs/{graph}/presence"
_ONE = _ALL + "/{agent}"
AgentName = Annotated[str, Path(alias="agent", min_length=1, max_length=200, description="The agent's name.")]
Below = Annotated[bool, Query(description="In the scopes below, too.")]


@router.get(_ALL, responses=gives(PresencePage))
async def list_presence(
    graph: GraphName, request: Request, access: Reads, *, scope: ScopeQuery = None, below: Below = True,
    cursor: Cursor = None, limit: Limit = 100,
) -> Response:  # fmt: skip
    """List the agents that are present in a scope, and in those below it.

    With `Accept: text/event-stream` it shows who comes, changes or leaves as server-sent events, as it happens, and
    begins with those that are there.
    """
    within = access.scope(scope)
    if is_wanted(request):
        watch = access.memory.presence.follow(graph, scope=within, below=below)
        return await stream(request, "0", partial(_looked, watch), watch.wait)
    page = await access.memory.presence.list(graph, scope=within, below=below, cursor=cursor, limit=limit)
    return reply({"agents": [asdict(each) for each in page.items], "cursor": page.cursor})


async def _looked(watch: PresenceWatch, cursor: str) -> Happened:
    events = await watch.look()
    first = int(cursor) + 1
    numbered = [(str(first + n), f"presence.{each.kind}", asdict(each.agent)) for n, each in enumerate(events)]
    return Happened(numbered, str(int(cursor) + len(events)))


@router.put(_ONE, responses=gives(PresenceShape))
async def put_presence(
    graph: GraphName,
    agent: AgentName,
    access: Writes,
    asked: Annotated[HeartbeatShape, Depends(JSONBody(HeartbeatShape))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Report that an agent is at work."""
    heartbeat = Heartbeat(asked.session, asked.status, asked.context, asked.ttl_seconds)
    return reply(asdict(await access.memory.presence.beat(graph, AgentAddress(agent, access.scope(scope)), heartbeat)))


@router.get(_ONE, responses=gives(PresenceShape))
async def get_presence(graph: GraphName, agent: AgentName, access: Reads, *, scope: ScopeQuery = None) -> Response:
    """Return an agent that is present; 404 where it is away."""
    return reply(asdict(await access.memory.presence.get(graph, AgentAddress(agent, access.scope(scope)))))


@router.delete(_ONE, status_code=204)
async def delete_presence(graph: GraphName, agent: AgentName, access: Writes, *, scope: ScopeQuery = None) -> Response:
    """Report that an agent is away."""
    await access.memory.presence.leave(graph, AgentAddress(agent, access.scope(scope)))
    return Response(status_code=204)


@router.get("/v1/graphs/{graph}/activity", responses=gives(ActivityPage))
async def list_activity(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, below: Below = True,
    minutes: Annotated[int, Query(ge=1, le=MOST_MINUTES, description="How many.")] = 60,
) -> Response:  # fmt: skip
    """Return requests, recalls and writes of each of the last minutes, of a scope and those below it."""
    found = await access.memory.presence.activity(graph, scope=access.scope(scope), below=below, minutes=minutes)
    return reply({"minutes": [asdict(each) for each in found]})
