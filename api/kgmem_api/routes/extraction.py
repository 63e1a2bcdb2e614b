"""Extraction: preview, queue, provenance, and forgetting episodes with what was extracted from them."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.text.queue import EpisodePreview, Forgotten, Provenance, Waits
from kgmem_api.access import Reads, ReadsWhole, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import GraphName, Keys, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT, Key, Scope
from kgmem_api.wire.records import EpisodeBatch
from kgmem_api.wire.shapes import copied, many, shape

# What is read out of episodes, on the wire.

ExtractionPreview = copied(EpisodePreview, "ExtractionPreview", "The preview of the extraction of one episode.")


ExtractionPreviewList = shape(
    "ExtractionPreviewList",
    "The preview of the extraction of episodes; nothing is stored.",
    episodes=many(ExtractionPreview),
)


ProvenanceShape = copied(
    Provenance,
    "Provenance",
    "A record that was extracted from an episode, and where in its text.",
    key="Of an entity; of the others the id.",
    shared="Other episodes state it too.",
)


ProvenanceList = shape(
    "ProvenanceList",
    "What was extracted from episodes.",
    items=many(ProvenanceShape),
)


class ForgetRequest(BaseModel):
    """Which episodes to forget."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None
    dry_run: Annotated[bool, Field(description="Only count what would be deleted.")] = False
    erase: Annotated[bool, Field(description="Erase them from the history too.")] = False


ForgetResult = copied(
    Forgotten,
    "ForgetResult",
    "What went with episodes, and what stays since something else says it too.",
    similarity_links="Derived of the vectors of entities which went.",
    communities="That lost a member.",
    summaries="That were made of what went; earlier ones too.",
)


ExtractionQueue = copied(
    Waits,
    "ExtractionQueue",
    "How many episodes wait to be read, how many of them nobody reads just now, and how many cannot be read.",
)


class ExtractionRequest(BaseModel):
    """Which episodes to read again."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None


class ExtractionResult(BaseModel):
    """How many episodes are read again."""

    queued: int


router = APIRouter(tags=["extraction"], route_class=DirectRoute)
_READING = "/v1/graphs/{graph}/extraction"


@router.post(f"{_READING}/preview", responses=gives(ExtractionPreviewList))
async def preview_extraction(
    graph: GraphName, access: Reads, batch: Annotated[EpisodeBatch, Depends(JSONBody(EpisodeBatch))]
) -> Response:
    """Return what extraction finds in episodes; nothing is stored."""
    told = await access.memory.extraction.preview(graph, batch.episodes)
    return reply({"episodes": [asdict(each) for each in told]})


@router.get(_READING, responses=gives(ExtractionQueue))
async def get_extraction_queue(graph: GraphName, access: ReadsWhole) -> Response:
    """Count the episodes of all scopes that wait to be read, and those that cannot be."""
    return reply(asdict(await access.memory.extraction.pending(graph)))


@router.post(_READING, responses=gives(ExtractionResult))
async def extract_again(
    graph: GraphName, access: Writes, asked: Annotated[ExtractionRequest, Depends(JSONBody(ExtractionRequest))]
) -> Response:
    """Queue episodes for extraction again, for example by another extractor."""
    return reply({"queued": await access.memory.extraction.repeat(graph, asked.keys, scope=access.scope(asked.scope))})


@router.get("/v1/graphs/{graph}/provenance", responses=gives(ProvenanceList))
async def provenance(
    graph: GraphName,
    access: Reads,
    keys: Keys,
    scope: ScopeQuery = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Return what was extracted from episodes of this scope only, and where in their texts."""
    told = await access.memory.episodes.provenance(graph, keys, scope=access.scope(scope), limit=limit)
    return reply({"items": [asdict(each) for each in told]})


@router.post("/v1/graphs/{graph}/forget", responses=gives(ForgetResult))
async def forget(
    graph: GraphName, access: Writes, asked: Annotated[ForgetRequest, Depends(JSONBody(ForgetRequest))]
) -> Response:
    """Delete episodes of this scope only with everything extracted only from them; returns a report."""
    report = await access.memory.episodes.forget(
        graph, asked.keys, scope=access.scope(asked.scope), dry_run=asked.dry_run, erase=asked.erase
    )
    return reply(asdict(report))
