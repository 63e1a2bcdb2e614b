"""Facts: what is made of claims, why, and whether something said agrees with it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from kgmem.domain.claims.claim import HeldFact
from kgmem.domain.graph.entity import Page
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.claims import (
    FactExplanation,
    FactPage,
    FactQuery,
    VerificationRequest,
    VerificationResult,
    fact_out,
    judged_out,
    why_out,
)
from kgmem_api.wire.corrections import CorrectionRequest, CorrectionResult
from kgmem_api.wire.fields import Time

router = APIRouter(tags=["facts"])
KnownAt = Annotated[Time | None, Query(description="As it was known then.")]
Id = Annotated[int, Path(alias="id", ge=0, le=2**63 - 1, description="A fact's id, or a relationship's.")]


@router.get("/v1/graphs/{graph}/facts", responses=gives(FactPage))
async def list_facts(graph: GraphName, access: Reads, asked: Annotated[FactQuery, Query()]) -> Response:
    """List the facts that a scope sees, by subject, predicate and state, a page at a time."""
    return _page(await access.memory.facts.list(graph, asked.asked(access.key)))


@router.get("/v1/graphs/{graph}/facts/{id}", responses=gives(FactExplanation))
async def get_fact(
    graph: GraphName, id_: Id, access: Reads, scope: ScopeQuery = None, known_at: KnownAt = None
) -> Response:
    """A fact, and why: claims for and against it, sources, copies found, method, numbers, decision and reason."""
    return reply(why_out(await access.memory.facts.explain(graph, id_, scope=access.scope(scope), known_at=known_at)))


@router.post("/v1/graphs/{graph}/corrections", responses=gives(CorrectionResult))
async def correct(
    graph: GraphName, access: Writes, asked: Annotated[CorrectionRequest, Depends(JSONBody(CorrectionRequest))]
) -> Response:
    """Correct, retract or end a fact of this scope only: out of the answers at once, kept in the history."""
    told = {"by": asked.by or access.key.name, "reason": asked.reason, "scope": access.scope(asked.scope)}
    facts, target = access.memory.facts, asked.target()
    if asked.action == "correct":
        done = await facts.correct(graph, target, asked.right(), **told)
    elif asked.action == "retract":
        done = await facts.retract(graph, target, **told)
    else:
        done = await facts.expire(graph, target, valid_to=asked.valid_to, **told)
    return reply(asdict(done))


@router.get("/v1/graphs/{graph}/conflicts", responses=gives(FactPage))
async def list_conflicts(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the facts that sources disagree on and nothing decides."""
    return _page(await access.memory.facts.conflicts(graph, scope=access.scope(scope), cursor=cursor, limit=limit))


@router.get("/v1/graphs/{graph}/adjudications/queue", responses=gives(FactPage))
async def list_review(
    graph: GraphName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the contested facts of critical predicates, which wait for a person."""
    return _page(await access.memory.adjudications.queue(graph, scope=access.scope(scope), cursor=cursor, limit=limit))


@router.post("/v1/graphs/{graph}/claims/verify", responses=gives(VerificationResult))
async def verify(
    graph: GraphName, access: Reads, asked: Annotated[VerificationRequest, Depends(JSONBody(VerificationRequest))]
) -> Response:
    """Return whether the graph supports a claim or a text, contradicts it, or has no evidence; no model is used."""
    claim = asked.claim.claim() if asked.claim else None
    return reply(
        judged_out(await access.memory.claims.verify(graph, claim, text=asked.text, scope=access.scope(asked.scope)))
    )


def _page(page: Page[HeldFact]) -> Response:
    return reply({"facts": [fact_out(fact) for fact in page.items], "cursor": page.cursor})
