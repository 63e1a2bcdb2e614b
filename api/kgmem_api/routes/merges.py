"""Resolution: whether things are known; entities that are one, pairs that may be, and what is undone."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.routes.decisions import Id
from kgmem_api.wire.claims import told
from kgmem_api.wire.merges import MergeCandidateOut, MergeCandidatePage, MergeDecidedIn, MergeIn, MergeList, MergeOut
from kgmem_api.wire.resolving import ResolvedList, ResolveIn, resolved_out

router = APIRouter(tags=["merges"])
_ALL = "/v1/graphs/{graph}/merges"
_CANDIDATES = "/v1/graphs/{graph}/merge-candidates"
_MOST = 2**63 - 1
Decided = Annotated[MergeDecidedIn, Depends(JSONBody(MergeDecidedIn))]


@router.post("/v1/graphs/{graph}/resolve", responses=gives(ResolvedList))
async def resolve(
    graph: GraphName, access: Reads, asked: Annotated[ResolveIn, Depends(JSONBody(ResolveIn))]
) -> Response:
    """Say of each thing that is described whether it is an entity that the scope sees; nothing is written."""
    described = [each.described() for each in asked.described]
    found = await access.memory.resolution.resolve(graph, described, scope=access.scope(asked.scope))
    return reply({"resolved": [resolved_out(each) for each in found]})


@router.post(_ALL, responses=gives(MergeOut))
async def merge_entities(
    graph: GraphName, access: Writes, asked: Annotated[MergeIn, Depends(JSONBody(MergeIn))]
) -> Response:
    """Merge an entity into another of exactly the same scope: relationships, claims and names move to it."""
    merged = await access.memory.resolution.merge(graph, asked.asked(access.key))
    return reply(told(asdict(merged)))


@router.get(_ALL, responses=gives(MergeList))
async def list_merges(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    before: Annotated[int | None, Query(ge=0, le=_MOST, description="Only those with a lesser id.")] = None,
    limit: Limit = 100,
) -> Response:
    """List merges, undone ones too, the newest first."""
    found = await access.memory.resolution.merges(graph, scope=access.scope(scope), before=before, limit=limit)
    return reply({"merges": [told(asdict(each)) for each in found]})


@router.post(_ALL + "/{id}/undo", responses=gives(MergeOut))
async def undo_merge(graph: GraphName, id_: Id, access: Writes, asked: Decided) -> Response:
    """Undo a merge: both entities are there again, each with what it had; what was stated since stays."""
    undone = await access.memory.resolution.undo_merge(
        graph, id_, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(asked.scope)
    )
    return reply(told(asdict(undone)))


@router.get(_CANDIDATES, responses=gives(MergeCandidatePage))
async def list_merge_candidates(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the pairs of entities that may be one and wait for a person, the likeliest first."""
    page = await access.memory.resolution.candidates(graph, scope=access.scope(scope), cursor=cursor, limit=limit)
    return reply({"candidates": [told(asdict(each)) for each in page.items], "cursor": page.cursor})


@router.post(_CANDIDATES + "/{id}/different", responses=gives(MergeCandidateOut))
async def tell_apart(graph: GraphName, id_: Id, access: Writes, asked: Decided) -> Response:
    """Say that a pair is two things, for good: it is not proposed again."""
    pair = await access.memory.resolution.reject(
        graph, id_, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(asked.scope)
    )
    return reply(told(asdict(pair)))
