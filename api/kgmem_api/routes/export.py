"""Export: all that a graph holds, as a file of any format that kgmem writes, from one snapshot."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.errors import Unavailable
from kgmem.services.imports.export_records import holds_several
from kgmem.services.imports.exports import SUFFIXES
from kgmem_api.access import Reads
from kgmem_api.context import context_of
from kgmem_api.media_types import export_types, extension_of, media_type
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.imports import ExportLosses, ExportParameters

router = APIRouter(tags=["export"])
_HEAD_START = 2.0  # Seconds in which what is wrong shows; then the answer begins, though nothing is written yet.
_FILE: dict[str, Any] = {
    "description": "The file, of the media type of its format, or of its compression.",
    "content": {each: {"schema": {"type": "string", "format": "binary"}} for each in export_types()},
}


@router.get("/v1/graphs/{graph}/export", response_class=Response, responses={200: _FILE})
async def export_graph(
    graph: GraphName, request: Request, access: Reads, asked: Annotated[ExportParameters, Query()]
) -> Response:
    """Return a graph, of one scope or of all, as a file of a format; of several files as a zip file.

    Parquet and neo4j-csv are several files, and so is CSV without a kind. The URL in the Link header returns what
    the format cannot store. An export that breaks off ends without the last chunk, which HTTP clients report as an
    error.
    """
    options = asked.options(access)
    several = await asyncio.to_thread(holds_several, options)
    context_of(request).unlimited()
    chunks = await _begun(_limited(request.app, access.memory.exports.stream(graph, options, asked.compression)))
    extension = ".zip" if several else extension_of(asked.format)
    packed = SUFFIXES[asked.compression] if asked.compression else ""
    query = request.url.query
    headers = {
        "Content-Disposition": f'attachment; filename="export{extension}{packed}"',
        "Link": f'<{request.url.path}/losses{f"?{query}" if query else ""}>; rel="describedby"',
    }
    type_ = media_type(asked.format, several=several, compression=asked.compression)
    return StreamingResponse(chunks, media_type=type_, headers=headers)


@router.get("/v1/graphs/{graph}/export/losses", responses=gives(ExportLosses))
async def export_losses(
    graph: GraphName, request: Request, access: Reads, asked: Annotated[ExportParameters, Query()]
) -> Response:
    """Count the records of the same export, and what its format cannot store; it takes as long as the export."""
    options = asked.options(access)
    context_of(request).unlimited()
    with _one_more(request.app):
        found = await access.memory.exports.losses(graph, options)
    return reply({"format": asked.format, "scope": options.scope, "records": found.records, "lost": found.lost})


async def _limited(app: FastAPI, chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    with _one_more(app):
        async with aclosing(chunks):
            async for chunk in chunks:
                yield chunk


@contextmanager
def _one_more(app: FastAPI) -> Iterator[None]:
    """Count an export in progress. Raises Unavailable when there are too many: each holds a database connection."""
    state = app.state
    if state.exports >= max(1, state.settings.pool_size // 2):
        raise Unavailable("The server is at its limit of exports.", hint="Try again later.", retry_after=10)
    state.exports += 1
    try:
        yield
    finally:
        state.exports -= 1


async def _begun(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Return the chunks once the first is there, or took so long that it will come; raises what is wrong before it."""
    first = asyncio.ensure_future(anext(chunks, b""))
    try:
        await asyncio.wait({first}, timeout=_HEAD_START)
        if first.done():
            first.result()
    except BaseException:
        first.cancel()
        raise
    return _from(first, chunks)


async def _from(first: asyncio.Future[bytes], chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    try:
        yield await first
        async for chunk in chunks:
            yield chunk
    finally:
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await chunks.aclose()
