"""Reading: what episodes would bring, what they brought, and forgetting them with it."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.text.queue import Forgotten, Provenance, Waits, WouldBring
from kgmem_api.access import Reads, ReadsWhole, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.direct import DirectRoute
from kgmem_api.parameters import GraphName, Keys, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT, Key, Scope
from kgmem_api.wire.records import EpisodeBatch
from kgmem_api.wire.shapes import copied, many, shape

# What is read out of episodes, on the wire.

WouldBringOut = copied(WouldBring, "WouldBringOut", "What one episode would bring: the dry run of reading.")


WouldBringList = shape(
    "WouldBringList",
    "What episodes would bring; nothing is stored.",
    episodes=many(WouldBringOut),
)


ProvenanceOut = copied(
    Provenance,
    "ProvenanceOut",
    "One thing that an episode brought, and where in its text that stands.",
    key="Of an entity; of the others the id.",
    shared="Other episodes brought it too.",
)


ProvenanceList = shape(
    "ProvenanceList",
    "What episodes brought.",
    items=many(ProvenanceOut),
)


class ForgetIn(BaseModel):
    """Which episodes to forget."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None
    dry_run: Annotated[bool, Field(description="Only count what would go.")] = False
    erase: Annotated[bool, Field(description="Out of the history too, so that no earlier time shows it.")] = False


ForgottenOut = copied(
    Forgotten,
    "ForgottenOut",
    "What went with episodes, and what stays since something else says it too.",
    similarity_links="Derived of the vectors of entities which went.",
    communities="That lost a member.",
    summaries="That were made of what went; earlier ones too.",
)


WaitsOut = copied(
    Waits,
    "WaitsOut",
    "How many episodes wait to be read, how many of them nobody reads just now, and how many cannot be read.",
)


class ReadAgainIn(BaseModel):
    """Which episodes to read again."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None


class ReadAgainOut(BaseModel):
    """How many episodes are read again."""

    asked: int


router = APIRouter(tags=["extraction"], route_class=DirectRoute)
_READING = "/v1/graphs/{graph}/extraction"


@router.post(f"{_READING}/preview", responses=gives(WouldBringList))
async def would_bring(
    graph: GraphName, access: Reads, batch: Annotated[EpisodeBatch, Depends(JSONBody(EpisodeBatch))]
) -> Response:
    """Tell what reading episodes would bring into the graph; nothing is stored."""
    told = await access.memory.extraction.preview(graph, batch.episodes)
    return reply({"episodes": [asdict(each) for each in told]})


@router.get(_READING, responses=gives(WaitsOut))
async def waiting(graph: GraphName, access: ReadsWhole) -> Response:
    """Count the episodes of all scopes that wait to be read, and those that cannot be."""
    return reply(asdict(await access.memory.extraction.pending(graph)))


@router.post(_READING, responses=gives(ReadAgainOut))
async def read_again(
    graph: GraphName, access: Writes, asked: Annotated[ReadAgainIn, Depends(JSONBody(ReadAgainIn))]
) -> Response:
    """Let episodes that were read be read again, say by another extractor."""
    return reply({"asked": await access.memory.extraction.repeat(graph, asked.keys, scope=access.scope(asked.scope))})


@router.get("/v1/graphs/{graph}/provenance", responses=gives(ProvenanceList))
async def provenance(
    graph: GraphName,
    access: Reads,
    keys: Keys,
    scope: ScopeQuery = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
) -> Response:
    """Tell what episodes of exactly this scope brought, and where in their texts that stands."""
    told = await access.memory.episodes.provenance(graph, keys, scope=access.scope(scope), limit=limit)
    return reply({"items": [asdict(each) for each in told]})


@router.post("/v1/graphs/{graph}/forget", responses=gives(ForgottenOut))
async def forget(graph: GraphName, access: Writes, asked: Annotated[ForgetIn, Depends(JSONBody(ForgetIn))]) -> Response:
    """Delete episodes of exactly this scope with all that only they brought; gives the report of it."""
    report = await access.memory.episodes.forget(
        graph, asked.keys, scope=access.scope(asked.scope), dry_run=asked.dry_run, erase=asked.erase
    )
    return reply(asdict(report))
