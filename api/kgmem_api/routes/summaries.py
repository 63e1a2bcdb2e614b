"""Summaries of entities: made, and read as they are or as they were known."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.summaries import SummarizeIn, SummaryOut

router = APIRouter(tags=["summaries"])
_ALL = "/v1/graphs/{graph}/summaries"
KnownAt = Annotated[str | None, Query(max_length=100, description="As it was known at this time.")]


@router.post(_ALL, responses=gives(SummaryOut))
async def summarize(
    graph: GraphName, access: Writes, asked: Annotated[SummarizeIn, Depends(JSONBody(SummarizeIn))]
) -> Response:
    """Sum up an entity of exactly this scope, and keep that up from then on."""
    return reply(asdict(await access.memory.summaries.create(graph, asked.key, scope=access.scope(asked.scope))))


@router.get(_ALL, responses=gives(SummaryOut))
async def get_summary(
    graph: GraphName,
    access: Reads,
    key: Annotated[str, Query(min_length=1, max_length=500, description="The entity's key.")],
    scope: ScopeQuery = None,
    known_at: KnownAt = None,
) -> Response:
    """Return the summary of an entity of exactly this scope, as it is or as it was known."""
    return reply(asdict(await access.memory.summaries.get(graph, key, scope=access.scope(scope), known_at=known_at)))
