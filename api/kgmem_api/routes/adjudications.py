"""Decisions: what people, rules and observations settle, the audit trail of it, and correlated facts."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from kgmem_api.access import Reads, Reviews, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.claims import (
    AdjudicationList,
    AdjudicationRequest,
    AdjudicationResultList,
    CorrelationCreated,
    CorrelationList,
    CorrelationRequest,
    UndoRequest,
    told,
)

router = APIRouter(tags=["adjudications"])
_ALL = "/v1/graphs/{graph}/adjudications"
_CORRELATIONS = "/v1/graphs/{graph}/correlations"
_MOST = 2**63 - 1
Id = Annotated[int, Path(alias="id", ge=0, le=_MOST)]
Reason = Annotated[str, Query(min_length=1, max_length=2000, description="Why.")]


@router.post(_ALL, responses=gives(AdjudicationResultList))
async def adjudicate(
    graph: GraphName, access: Reviews, asked: Annotated[AdjudicationRequest, Depends(JSONBody(AdjudicationRequest))]
) -> Response:
    """Accept, reject, defer, collapse or observe values of facts of this scope only; dry_run changes nothing."""
    ruled = await access.memory.adjudications.create(graph, asked.ruling(access.key), scope=access.scope(asked.scope))
    return reply({"dry_run": asked.dry_run, "facts": [asdict(each) for each in ruled]})


@router.get(_ALL, responses=gives(AdjudicationList))
async def list_adjudications(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    before: Annotated[int | None, Query(ge=0, le=_MOST, description="Only those with a lesser id.")] = None,
    limit: Limit = 100,
) -> Response:
    """List the audit trail, the newest first."""
    found = await access.memory.adjudications.list(graph, scope=access.scope(scope), before=before, limit=limit)
    return reply({"adjudications": [told(asdict(each)) for each in found]})


@router.post(_ALL + "/{id}/undo", responses=gives(AdjudicationResultList))
async def undo_adjudication(
    graph: GraphName, id_: Id, access: Reviews, asked: Annotated[UndoRequest, Depends(JSONBody(UndoRequest))]
) -> Response:
    """Take a decision back; its facts are again what the claims and the other decisions make of them."""
    ruled = await access.memory.adjudications.undo(
        graph, id_, by=asked.by or access.key.name, reason=asked.reason, scope=access.scope(asked.scope)
    )
    return reply({"dry_run": False, "facts": [asdict(each) for each in ruled]})


@router.post(_CORRELATIONS, responses=gives(CorrelationCreated))
async def correlate(
    graph: GraphName, access: Writes, asked: Annotated[CorrelationRequest, Depends(JSONBody(CorrelationRequest))]
) -> Response:
    """Declare that facts are correlated: evidence for one changes the probability of the others."""
    return reply({"id": await access.memory.correlations.create(graph, asked.correlated(access.key))})


@router.get(_CORRELATIONS, responses=gives(CorrelationList))
async def list_correlations(graph: GraphName, access: Reads, scope: ScopeQuery = None) -> Response:
    """List correlations of facts, declared or detected."""
    found = await access.memory.correlations.list(graph, scope=access.scope(scope))
    return reply({"correlations": [asdict(each) for each in found]})


@router.delete(_CORRELATIONS + "/{id}", responses=gives(CorrelationCreated))
async def end_correlation(
    graph: GraphName, id_: Id, access: Writes, reason: Reason, scope: ScopeQuery = None
) -> Response:
    """End a correlation between facts."""
    await access.memory.correlations.end(graph, id_, by=access.key.name, reason=reason, scope=access.scope(scope))
    return reply({"id": id_})
