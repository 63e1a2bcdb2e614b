"""Export: all that a graph holds, as JSON lines, from one snapshot."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.source import Source
from kgmem.formats.jsonl import dump
from kgmem_api.access import Access, Reads
from kgmem_api.context import context_of
from kgmem_api.routes.parameters import GraphName, ScopeQuery

router = APIRouter(tags=["export"])
_CHUNK = 64 * 1024
_NDJSON = "application/x-ndjson"


@router.get(
    "/v1/graphs/{graph}/export",
    responses={200: {"description": "One JSON object a line.", "content": {_NDJSON: {"schema": {"type": "string"}}}}},
)
async def export_graph(
    graph: GraphName,
    request: Request,
    access: Reads,
    scope: ScopeQuery = None,
    format_: Annotated[Literal["jsonl"], Query(alias="format")] = "jsonl",
) -> Response:
    """Give a graph, of one scope or of all, as lines `{"type": "entity", ...}`: sources and entities come first.

    An export that breaks off ends without the last chunk, which HTTP clients report as an error.
    """
    await access.memory.graph(graph)
    lines = _chunks(access, graph, access.scope(scope) or None)
    context_of(request).unlimited()
    headers = {"Content-Disposition": f'attachment; filename="export.{format_}"'}
    return StreamingResponse(lines, media_type=_NDJSON, headers=headers)


async def _chunks(access: Access, graph: str, scope: str | None) -> AsyncIterator[bytes]:
    lines: list[bytes] = []
    size = 0
    async for item in access.memory.export(graph, scope=scope):
        if access.key.scope and isinstance(item, Source):
            continue  # The registry is the whole graph's.
        line = dump(item)
        lines.append(line)
        size += len(line)
        if size > _CHUNK:
            yield b"".join(lines)
            lines, size = [], 0
    yield b"".join(lines)
