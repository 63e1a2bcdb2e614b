"""Claims: what sources say; and what is known of these sources."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from kgmem_api.access import Imports, Reads, ReadsWhole, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import KEY, MOST_KEYS, GraphName, ItemKey, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.claims import (
    ClaimBatch,
    ClaimPage,
    ClaimQuery,
    ClaimResultShape,
    SourceTrust,
    WithdrawResult,
    claim_out,
)
from kgmem_api.wire.fields import Key

router = APIRouter(tags=["claims"], route_class=DirectRoute)
_ALL = "/v1/graphs/{graph}/claims"


@router.post(_ALL, responses=gives(ClaimResultShape))
async def post_claims(
    graph: GraphName, access: Imports, batch: Annotated[ClaimBatch, Depends(JSONBody(ClaimBatch))]
) -> Response:
    """Store claims, each once, and weigh the facts that they speak of, in one transaction."""
    return reply(await access.memory.claims.put(graph, batch.claims))


@router.get(_ALL, responses=gives(ClaimPage))
async def list_claims(graph: GraphName, access: Reads, asked: Annotated[ClaimQuery, Query()]) -> Response:
    """List the claims that a scope sees, of a subject, a predicate or a source, a page at a time."""
    page = await access.memory.claims.list(graph, asked.asked(access.key))
    return reply({"claims": [claim_out(claim) for claim in page.items], "cursor": page.cursor})


@router.delete(_ALL, responses=gives(WithdrawResult))
async def withdraw_claims(
    graph: GraphName,
    access: Writes,
    *,
    ids: Annotated[
        list[Annotated[int, Query(ge=0, le=2**63 - 1)]] | None,
        Query(alias="id", max_length=MOST_KEYS, description="A claim; may be given repeatedly."),
    ] = None,
    source: Annotated[Key | None, Query(description="Instead of ids: who states them.")] = None,
    episode: Annotated[Key | None, Query(description="Instead of ids: the episode that states them.")] = None,
    scope: ScopeQuery = None,
    dry_run: Annotated[bool, Query(description="Only say what that would do.")] = False,
) -> Response:
    """Withdraw claims of this scope only, some or all of a source or an episode; the history keeps them.

    Relationships that only they state go too; one that others state too names one of these.
    """
    done = await access.memory.claims.withdraw(
        graph, ids or (), source=source, episode=episode, scope=access.scope(scope), dry_run=dry_run
    )
    return reply(asdict(done))


@router.get("/v1/graphs/{graph}/sources/" + KEY, responses=gives(SourceTrust))
async def get_source(graph: GraphName, key: ItemKey, access: ReadsWhole) -> Response:
    """Return how far a source is trusted, why, with its history and the copies found."""
    return reply(asdict(await access.memory.sources.get(graph, key)))
