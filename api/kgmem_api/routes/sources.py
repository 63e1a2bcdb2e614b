"""Sources: the registry of who is trusted how far. It is the whole graph's, so a key of a scope does not reach it."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from starlette.responses import Response

from kgmem.domain.claims.claim import Source
from kgmem_api.access import ImportsWhole, ReadsWhole
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.answers import WriteResultShape
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import answer, many, shape, shown, stated, statement_of

# Sources on the wire.

SourceEntry = statement_of(Source, "SourceEntry", "An entry of a graph's registry of sources.")
SourceItem = Annotated[Source, stated(Source, SourceEntry)]


class SourceBatch(BaseModel):
    """Entries of the registry to write in one transaction."""

    model_config = STRICT

    sources: list[SourceItem]


SourceShape = answer(Source, "Source", "A registered source; fields without a value are omitted.")
SourceList = shape(
    "SourceList",
    "All registered sources of a graph.",
    sources=many(SourceShape),
)
source_out = shown(Source)


router = APIRouter(tags=["sources"])
_ALL = "/v1/graphs/{graph}/sources"


@router.put(_ALL, responses=gives(WriteResultShape))
async def put_sources(
    graph: GraphName, access: ImportsWhole, batch: Annotated[SourceBatch, Depends(JSONBody(SourceBatch))]
) -> Response:
    """Write entries of the registry of sources."""
    return reply(await access.memory.sources.put(graph, batch.sources))


@router.get(_ALL, responses=gives(SourceList))
async def list_sources(graph: GraphName, access: ReadsWhole) -> Response:
    """List the registered sources, by key."""
    return reply({"sources": [source_out(source) for source in await access.memory.sources.list(graph)]})
