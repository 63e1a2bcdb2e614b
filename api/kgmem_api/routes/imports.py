"""Imports: upload files, inspect imports and undo them."""

from collections.abc import AsyncIterator
from pathlib import Path as FilePath
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.errors import InvalidInput
from kgmem.domain.imports import Import
from kgmem_api.access import Access, FollowsImports, Imports, Writes
from kgmem_api.context import context_of
from kgmem_api.parameters import Cursor, GraphName, Limit, ScopeQuery, gives
from kgmem_api.replies import reply
from kgmem_api.uploads import is_form, name_of, receive_file, receive_form
from kgmem_api.wire.imports import (
    ImportAccepted,
    ImportItemPage,
    ImportPage,
    ImportParameters,
    ImportState,
    UndoResultShape,
    import_out,
)

router = APIRouter(tags=["imports"])
_ALL = "/v1/graphs/{graph}/imports"
_ONE = "/v1/graphs/{graph}/imports/{id}"
_NDJSON = "application/x-ndjson"
_CHUNK = 64 * 1024
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "One file as it is (plain or compressed), or a form of files and of fields named like the "
        "parameters.",
        "content": {
            "application/octet-stream": _BINARY,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "array", "items": {"type": "string", "format": "binary"}}},
                    "additionalProperties": {"type": "string"},
                }
            },
        },
    }
}
ImportID = Annotated[int, Path(alias="id", ge=0, le=2**31 - 1, description="The import's id.")]
DryRun = Annotated[bool, Query(description="Only say at once what that would do.")]


@router.post(
    _ALL,
    status_code=202,
    responses=gives(ImportAccepted, 202, "The files are stored and will be imported."),
    openapi_extra=_BODY,
)
async def post_import(
    graph: GraphName, request: Request, access: Imports, asked: Annotated[ImportParameters, Query()]
) -> Response:
    """Take files and import them in the background; the answer comes when they are safe on the server's disk.

    Bad records are rejected one by one (`on_error=stop`: the import fails at the first). With `dry_run` everything is
    checked and nothing stored. The same files again change nothing.
    """
    memory, form, options = access.memory, is_form(request), asked.options(access)
    name = "" if form else name_of(request, asked)
    await memory.imports.check(graph, options, [FilePath(name)] if name else [])
    context_of(request).unlimited()
    async with memory.imports.uploads.receive(request.app.state.settings.max_upload) as incoming:
        if form:
            asked = await receive_form(request, incoming, asked)
        else:
            await receive_file(request, incoming, name)
        started, job = await memory.imports.submit(graph, incoming.name, asked.options(access))
    return _accepted(started, job)


@router.get(_ALL, responses=gives(ImportPage))
async def list_imports(
    graph: GraphName, access: FollowsImports, *, scope: ScopeQuery = None, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List the imports of a graph, newest first: those of a scope, or all; an importer's key lists its own."""
    if cursor is not None and not (cursor.isdecimal() and len(cursor) < 10):
        raise InvalidInput(f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.")
    before = int(cursor) if cursor is not None else None
    found = await access.memory.imports.list(
        graph, within=access.scope(scope), by=_own(access), before=before, limit=limit + 1
    )
    more = str(found[limit - 1].id) if len(found) > limit else None
    return reply({"imports": [import_out(held) for held in found[:limit]], "cursor": more})


@router.get(_ONE, responses=gives(ImportState))
async def get_import(graph: GraphName, id_: ImportID, access: FollowsImports) -> Response:
    """Return an import: its state, how far it is, what it did, and why it failed."""
    return reply(import_out(await _visible(access, graph, id_)))


@router.get(f"{_ONE}/items", responses=gives(ImportItemPage))
async def list_import_items(
    graph: GraphName, id_: ImportID, access: FollowsImports, *, cursor: Cursor = None, limit: Limit = 100
) -> Response:
    """List what an import created and changed, in its order, a page at a time."""
    await _visible(access, graph, id_)
    page = await access.memory.imports.items(graph, id_, within=access.key.scope, cursor=cursor, limit=limit)
    return reply({"items": page.items, "cursor": page.cursor})


@router.get(
    f"{_ONE}/rejected",
    responses={200: {"description": "One JSON object a line.", "content": {_NDJSON: {"schema": {"type": "string"}}}}},
)
async def get_rejected(graph: GraphName, id_: ImportID, request: Request, access: FollowsImports) -> Response:
    """Return the records that an import rejected, each as a line with file, line, reason and record."""
    await _visible(access, graph, id_)
    context_of(request).unlimited()
    headers = {"Content-Disposition": f'attachment; filename="rejected-{id_}.jsonl"'}
    return StreamingResponse(_rejected(access, graph, id_), media_type=_NDJSON, headers=headers)


@router.post(
    f"{_ONE}/undo",
    status_code=202,
    responses={
        **gives(ImportAccepted, 202, "It will be undone."),
        **gives(UndoResultShape, 200, "What that would do (dry_run)."),
    },
)
async def undo_import(graph: GraphName, id_: ImportID, access: Writes, dry_run: DryRun = False) -> Response:
    """Take an import back out in the background, as far as nobody has built on it since.

    What it created goes, what it changed is again as it was; what somebody changed since stays.
    """
    if dry_run:
        return reply(await access.memory.imports.undo(graph, id_, dry_run=True, within=access.key.scope))
    return _accepted(*await access.memory.imports.submit_undo(graph, id_, within=access.key.scope))


@router.post(f"{_ONE}/resume", status_code=202, responses=gives(ImportAccepted, 202, "It will go on."))
async def resume_import(graph: GraphName, id_: ImportID, access: Imports) -> Response:
    """Resume an import that failed through no fault of its files; its files are kept for a day."""
    await _visible(access, graph, id_)
    return _accepted(*await access.memory.imports.resume(graph, id_, within=access.key.scope))


async def _visible(access: Access, graph: str, id_: int) -> Import:
    return await access.memory.imports.get(graph, id_, within=access.key.scope, by=_own(access))


def _own(access: Access) -> str | None:
    """Return the id of a key that sees its own imports alone, since it may not read; None for one that may."""
    return None if access.key.may("reader") else access.key.id


async def _rejected(access: Access, graph: str, id_: int) -> AsyncIterator[bytes]:
    lines = bytearray()
    async for rejection in access.memory.imports.rejections(graph, id_):
        lines += orjson.dumps(rejection, option=orjson.OPT_APPEND_NEWLINE)
        if len(lines) > _CHUNK:
            yield bytes(lines)
            lines.clear()
    yield bytes(lines)


def _accepted(held: Import, job: int | None) -> Response:
    shape = import_out(held)
    return reply({**shape, "job": job}, 202, {"Location": shape["links"]["self"]})
