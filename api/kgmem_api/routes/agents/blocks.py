"""Memory blocks: named texts of agents, written, appended to and edited with optimistic locking."""

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from kgmem.domain.agents.block import DEFAULT_LIMIT, LARGEST_LIMIT, Block, BlockAddress, BlockContent, BlockEdit
from kgmem_api.access import Reads, Writes
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import if_match, reply, tag
from kgmem_api.wire.expiry import ExpiresAt, TimeToLive, expires_at_of
from kgmem_api.wire.fields import STRICT


class BlockRequest(BaseModel):
    """The text of a block and its settings."""

    model_config = STRICT

    text: Annotated[str, Field(description="At most `limit` characters.")]
    description: Annotated[str, Field(max_length=1000, description="What the block is for.")] = ""
    limit: Annotated[int, Field(ge=1, le=LARGEST_LIMIT, description="Most characters of the text.")] = DEFAULT_LIMIT
    agents: Annotated[list[str], Field(max_length=100, description="Who has it; empty: every agent of the scope.")] = []
    expires_at: ExpiresAt = None
    ttl: TimeToLive = None


class BlockAppendRequest(BaseModel):
    """A text to add."""

    model_config = STRICT

    text: Annotated[str, Field(min_length=1, description="Added on a line of its own.")]


class BlockEditShape(BaseModel):
    """A part of a block's text, and what replaces it."""

    model_config = STRICT

    old: Annotated[str, Field(min_length=1, description="A part of the text that is there once.")]
    new: Annotated[str, Field(description="What replaces it.")]


class BlockEditRequest(BaseModel):
    """Edits, one after the other."""

    model_config = STRICT

    edits: Annotated[list[BlockEditShape], Field(description="1 to 100.")]


class BlockShape(BaseModel):
    """A block in one version."""

    name: str
    scope: str
    version: int
    text: str
    description: Annotated[str, Field(description="What the block is for.")]
    limit: Annotated[int, Field(description="Most characters of the text.")]
    agents: Annotated[list[str], Field(description="Who has it; empty: every agent of the scope.")]
    at: Annotated[str, Field(description="When this version was written. ISO 8601.")]
    author: Annotated[str | None, Field(description="The id of the API key that wrote it.")]
    created: Annotated[bool, Field(description="False: the current version was the same, and nothing was written.")]
    expires_at: Annotated[str | None, Field(description="When the block is deleted with all versions; null: never.")]


class BlockPage(BaseModel):
    """Blocks, or versions of one."""

    blocks: Annotated[list[BlockShape], Field(description="By name; of versions the newest first.")]
    cursor: str | None


class BlockDeleteResult(BaseModel):
    """How many versions were deleted."""

    deleted: int


router = APIRouter(tags=["blocks"])
_ALL = "/v1/graphs/{graph}/blocks"
_ONE = _ALL + "/{name}"
BlockName = Annotated[str, Path(min_length=1, max_length=200, description="The block's name.")]
_WRITTEN = {**gives(BlockShape, 201, "A new version."), **gives(BlockShape, 200, "Nothing changed.")}


@router.get(_ALL, responses=gives(BlockPage))
async def list_blocks(
    graph: GraphName,
    access: Reads,
    *,
    scope: ScopeQuery = None,
    agent: Annotated[str | None, Query(max_length=200, description="Only blocks that this agent has.")] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the memory blocks in this scope only, by name."""
    page = await access.memory.blocks.list(graph, scope=access.scope(scope), agent=agent, cursor=cursor, limit=limit)
    return reply({"blocks": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.put(_ONE, responses=_WRITTEN)
async def put_block(
    graph: GraphName,
    name: BlockName,
    request: Request,
    access: Writes,
    asked: Annotated[BlockRequest, Depends(JSONBody(BlockRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Write a block as a new version; the same content again writes nothing.

    With If-Match only if that is still the current version (else 412), with If-None-Match: * only if there is none.
    """
    content = BlockContent(asked.text, asked.description, asked.limit, tuple(asked.agents))
    address = BlockAddress(name, access.scope(scope))
    block = await access.memory.blocks.put(
        graph, address, content, if_version=if_match(request), expires_at=expires_at_of(asked), ttl=asked.ttl
    )
    return _written(block)


@router.patch(_ONE, responses=_WRITTEN)
async def patch_block(
    graph: GraphName,
    name: BlockName,
    request: Request,
    access: Writes,
    asked: Annotated[BlockEditRequest, Depends(JSONBody(BlockEditRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Replace parts of a block's text; 409 where a part is not there exactly once, 412 as in writing."""
    edits = [BlockEdit(each.old, each.new) for each in asked.edits]
    address = BlockAddress(name, access.scope(scope))
    return _written(await access.memory.blocks.edit(graph, address, edits, if_version=if_match(request)))


@router.post(_ONE + "/append", responses=_WRITTEN)
async def append_to_block(
    graph: GraphName,
    name: BlockName,
    request: Request,
    access: Writes,
    asked: Annotated[BlockAppendRequest, Depends(JSONBody(BlockAppendRequest))],
    *,
    scope: ScopeQuery = None,
) -> Response:
    """Add a text at the end of a block, on a line of its own."""
    address = BlockAddress(name, access.scope(scope))
    return _written(await access.memory.blocks.append(graph, address, asked.text, if_version=if_match(request)))


@router.get(_ONE, responses=gives(BlockShape))
async def get_block(
    graph: GraphName,
    name: BlockName,
    access: Reads,
    *,
    version: Annotated[int | None, Query(ge=1, lt=2**31 - 1, description="By default the current one.")] = None,
    scope: ScopeQuery = None,
) -> Response:
    """Return a block of this scope only, in its current or an earlier version."""
    block = await access.memory.blocks.get(graph, BlockAddress(name, access.scope(scope)), version=version)
    return reply(asdict(block), headers=tag(block.version))


@router.get(_ONE + "/versions", responses=gives(BlockPage))
async def list_block_versions(
    graph: GraphName, name: BlockName, access: Reads, *, scope: ScopeQuery = None, cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:  # fmt: skip
    """List the versions of a block, the newest first."""
    address = BlockAddress(name, access.scope(scope))
    page = await access.memory.blocks.versions(graph, address, cursor=cursor, limit=limit)
    return reply({"blocks": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.delete(_ONE, responses=gives(BlockDeleteResult))
async def delete_block(
    graph: GraphName, name: BlockName, request: Request, access: Writes, *, scope: ScopeQuery = None
) -> Response:
    """Delete a block with all its versions; with If-Match only if that is the current version."""
    address = BlockAddress(name, access.scope(scope))
    deleted = await access.memory.blocks.delete(graph, address, if_version=if_match(request))
    return reply({"deleted": deleted})


def _written(block: Block) -> Response:
    return reply(asdict(block), 201 if block.created else 200, tag(block.version))
