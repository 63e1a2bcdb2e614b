"""Scopes: what they contain, and the deletion of one with everything in it."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.graph.scope_contents import ScopeSummary
from kgmem_api.access import Administers, Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT


class ScopeCountsShape(BaseModel):
    """How many of each there are."""

    entities: Annotated[int, Field(description="Number of entities.")]
    relationships: Annotated[int, Field(description="Number of relationships.")]
    episodes: Annotated[int, Field(description="Messages of sessions, too.")]
    sessions: Annotated[int, Field(description="Number of sessions.")]
    messages: Annotated[int, Field(description="Number of messages.")]
    tokens: Annotated[int, Field(description="Of messages.")]
    claims: Annotated[int, Field(description="That are not withdrawn.")]
    facts: Annotated[int, Field(description="What the claims come to.")]
    memory_blocks: Annotated[int, Field(description="Number of memory blocks.")]
    agent_states: Annotated[int, Field(description="Number of agent states.")]
    subscriptions: Annotated[int, Field(description="Number of subscriptions.")]
    streams: Annotated[int, Field(description="Number of work streams, which go with their messages.")]
    webhooks: Annotated[int, Field(description="Number of webhooks.")]
    feedback: Annotated[int, Field(description="Verdicts on hits.")]
    ledger_accounts: Annotated[int, Field(description="They stay, with their entries.")]


class ScopeSummaryShape(BaseModel):
    """What is in a scope."""

    scope: str
    counts: Annotated[ScopeCountsShape, Field(description="What is in it, and in those of `scopes`.")]
    oldest: Annotated[str | None, Field(description="When the oldest of its items became known. ISO 8601.")]
    newest: Annotated[str | None, Field(description="When the newest of its items became known. ISO 8601.")]
    scopes: Annotated[list[str], Field(description="Whose contents are counted.")]


class ScopePage(BaseModel):
    """Scopes that contain something."""

    scopes: Annotated[list[ScopeSummaryShape], Field(description="By path.")]
    cursor: str | None


class ScopeDeleteResult(BaseModel):
    """What a deletion took, or would take."""

    scopes: list[str]
    deleted: ScopeCountsShape
    kept: Annotated[ScopeCountsShape, Field(description="Ledger accounts stay, with their entries.")]
    relationships_elsewhere: Annotated[
        int, Field(description="Relationships of other scopes at its entities. They go with these.")
    ]
    erased_from_history: int
    kept_in_history: Annotated[int, Field(description="Versions that `known_at` still shows.")]
    dry_run: bool
    waits_for_redis: Annotated[bool, Field(description="Redis is away: what it has of the scope goes when it is back.")]


class TraceRequest(BaseModel):
    """Texts to search for."""

    model_config = STRICT

    texts: Annotated[
        list[str], Field(min_length=1, max_length=20, description="In any letters; 3 to 500 characters each.")
    ]


class TraceShape(BaseModel):
    """A table that has one of the texts."""

    table: Annotated[str, Field(description="With its schema.")]
    rows: Annotated[int, Field(description="How many of its rows have it.")]


class TraceReport(BaseModel):
    """Where the texts are."""

    texts: Annotated[list[str], Field(description="As requested.")]
    tables: Annotated[int, Field(description="How many were searched.")]
    found: Annotated[list[TraceShape], Field(description="Empty: no trace.")]


router = APIRouter(tags=["graphs"])
_ONE = "/v1/graphs/{graph}/scope"
Below = Annotated[bool, Query(description="The scopes below it as well.")]


@router.get("/v1/graphs/{graph}/scopes", responses=gives(ScopePage))
async def list_scopes(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the scopes that contain something, with what is in each: this scope and those below it."""
    page = await access.memory.scopes.list(graph, within=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"scopes": [_shown(each) for each in page.items], "cursor": page.cursor})


@router.get(_ONE, responses=gives(ScopeSummaryShape))
async def get_scope(graph: GraphName, access: Reads, *, scope: ScopeQuery = None, below: Below = True) -> Response:
    """Return what is in a scope, and in those below it."""
    return reply(_shown(await access.memory.scopes.get(graph, access.scope(scope), below=below)))


@router.delete(_ONE, responses=gives(ScopeDeleteResult))
async def delete_scope(
    graph: GraphName,
    access: Writes,
    *,
    scope: Annotated[str, Query(max_length=400, description="The scope, which has to be named.")],
    below: Below = True,
    dry_run: Annotated[bool, Query(description="Only count.")] = False,
    erase: Annotated[bool, Query(description="Remove it from the history as well.")] = False,
) -> Response:
    """Delete everything in a scope, and in those below it; returns a report.

    A large scope goes some items at a time: what is broken off is completed by the same request. The ledger stays.
    """
    report = await access.memory.scopes.delete(graph, access.scope(scope), below=below, dry_run=dry_run, erase=erase)
    return reply(asdict(report))


@router.post("/v1/graphs/{graph}/traces", responses=gives(TraceReport))
async def find_traces(
    graph: GraphName, access: Administers, asked: Annotated[TraceRequest, Depends(JSONBody(TraceRequest))]
) -> Response:
    """Search every table of a graph and of the server for texts, such as after an erasure.

    It returns tables and numbers of rows, nothing of their contents. All rows are read.
    """
    whole = access.key.graph is None  # Else the server's tables are not the key's to search.
    return reply(asdict(await access.memory.scopes.find_traces(graph, asked.texts, server=whole)))


def _shown(summary: ScopeSummary) -> dict[str, Any]:
    return asdict(summary)
