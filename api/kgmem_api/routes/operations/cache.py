"""The cache: what it did and keeps, and dropping it; for admins of the whole server."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.cache.policy import CacheKind
from kgmem_api.access import Administers
from kgmem_api.parameters import gives
from kgmem_api.replies import reply

# The cache on the wire.


class CachePolicyShape(BaseModel):
    """How values of a kind are kept."""

    seconds: Annotated[float, Field(description="After which a value is dropped.")]
    eviction: Annotated[Literal["lru", "lfu"], Field(description="Which values go first where memory is full.")]
    share: Annotated[float, Field(description="The share of the cache of a process that they may take.")]
    compress: Annotated[int, Field(description="Bytes from which on a value is compressed; 0: never.")]
    write_through: Annotated[bool, Field(description="Whether what is written is read into the cache at once.")]


class CacheKindShape(BaseModel):
    """What the process that answers did with one kind of values since it began, and keeps."""

    kind: Annotated[CacheKind, Field(description="The kind of values.")]
    policy: Annotated[CachePolicyShape | None, Field(description="How they are kept; null: they are not cached.")]
    hits: Annotated[int, Field(description="Reads that were answered from the cache.")]
    misses: Annotated[int, Field(description="Reads that were computed.")]
    evictions: Annotated[int, Field(description="Values that had to go for others.")]
    entries: Annotated[int, Field(description="Values that the process keeps.")]
    bytes: Annotated[int, Field(description="Bytes that they take.")]
    most_bytes: Annotated[int, Field(description="Bytes that they may take.")]


class CacheShape(BaseModel):
    """The cache, by kind of values."""

    kinds: Annotated[list[CacheKindShape], Field(description="Each kind of values.")]
    shared: Annotated[bool, Field(description="Whether processes share it over Redis.")]
    available: Annotated[bool, Field(description="Whether Redis answers; true where there is none.")]


class CacheClearingShape(BaseModel):
    """What was dropped."""

    dropped: Annotated[int, Field(description="Values that were dropped, in the process that answers or in Redis.")]


router = APIRouter(tags=["cache"])
_Graph = Annotated[str | None, Query(max_length=100, description="Only what is of this graph.")]


@router.get("/v1/cache", responses=gives(CacheShape))
async def get_cache(access: Administers) -> Response:
    """Return what the cache of the process that answers did and keeps; `/metrics` has the sum of all processes."""
    return reply(await access.memory.cache.stats())


@router.delete("/v1/cache", responses=gives(CacheClearingShape))
async def delete_cache(access: Administers, graph: _Graph = None) -> Response:
    """Drop what is cached, of all graphs or of one; no process serves what it still keeps."""
    return reply(await access.memory.cache.clear(graph))
