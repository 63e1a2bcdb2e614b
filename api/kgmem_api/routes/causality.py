"""Causality: what the causal structure alone says of entities."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from kgmem_api.access import Reads
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.causality import AncestryIn, AncestryResult, SeparationIn, SeparationOut

router = APIRouter(tags=["causality"])


@router.post("/v1/graphs/{graph}/causality/separation", responses=gives(SeparationOut))
async def separation(
    graph: GraphName, access: Reads, asked: Annotated[SeparationIn, Depends(JSONBody(SeparationIn))]
) -> Response:
    """Say whether what is given d-separates entities from others, and which smallest set does.

    Causes that go in a circle are a conflict (409) that names the circle.
    """
    return reply(await access.memory.causality.separation(graph, asked.separation(access.key)))


@router.post("/v1/graphs/{graph}/causality/ancestry", responses=gives(AncestryResult))
async def ancestry(
    graph: GraphName, access: Reads, asked: Annotated[AncestryIn, Depends(JSONBody(AncestryIn))]
) -> Response:
    """Return all causes and all effects of entities, through others too, and the circles among them."""
    return reply(await access.memory.causality.ancestry(graph, asked.ancestry(access.key)))
