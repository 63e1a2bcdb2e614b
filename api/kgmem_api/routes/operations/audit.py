"""The audit log: its entries, its verification, and what of a graph goes into it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from kgmem.domain.audit.log import AuditEntry, AuditFilter, AuditHead
from kgmem.domain.errors import InvalidInput
from kgmem.memory import Memory
from kgmem_api.access import Administers
from kgmem_api.audit import actor
from kgmem_api.bodies import JSONBody
from kgmem_api.context import context_of
from kgmem_api.parameters import GraphName, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT
from kgmem_api.wire.shapes import CURSOR, copied, many, shape

router = APIRouter(tags=["audit"])
_LINES = "application/x-ndjson"
_AT_ONCE = 1_000  # Entries of one chunk of lines.

AuditEntryShape = copied(
    AuditEntry, "AuditEntry", "One entry of the audit log.", id="Each one is one greater than that before.",
    at="When it happened.", interface="By which interface.", action="The route, the tool, or cypher.",
    change="Whether it may have changed something.", outcome="done, refused or failed.",
    key="Id of the API key; null: a login that failed.", graph="The graph; null: the server as a whole.",
    scope="A digest of the scope; null: all scopes.", item="A digest of what the address names.",
    address="Where the request came from.", request_id="The id of the request.",
    hash="SHA-256 of the hash before it and of the entry.",
)  # fmt: skip
AuditPage = shape("AuditPage", "Entries, newest first.", entries=many(AuditEntryShape), cursor=CURSOR)
AuditHeadShape = copied(AuditHead, "AuditHead", "The last entry.", id="Its number.", hash="Its hash.")
AuditVerificationShape = shape(
    "AuditVerification",
    "The result of a verification.",
    entries=(int, Field(description="How many entries are right.")),
    first=(int, Field(description="The number of the first entry.")),
    head=(AuditHeadShape, Field(description="The last entry.")),
    broken=(int | None, Field(description="The first that is not right; null: none.")),
    reason=(str | None, Field(description="What is wrong with it.")),
    noted=(
        Literal["present", "removed"] | None,
        Field(description="The entry that was noted elsewhere: it is there, or it was removed by age."),
    ),
)


class AuditQuery(BaseModel):
    """Which entries to list."""

    graph: Annotated[str | None, Field(max_length=100, description="Only entries of this graph.")] = None
    key: Annotated[str | None, Field(max_length=100, description="Only entries of this key, by its id.")] = None
    scope: Annotated[str | None, Field(max_length=400, description="Only entries of this scope of the graph.")] = None
    item: Annotated[str | None, Field(max_length=1000, description="Only entries that name this item.")] = None
    change: Annotated[bool | None, Field(description="Only what may have changed something, or only reads.")] = None
    since: Annotated[str | None, Field(max_length=60, description="Only entries from this time on.")] = None
    until: Annotated[str | None, Field(max_length=60, description="Only entries before this time.")] = None
    cursor: Annotated[str | None, Field(max_length=1000, description="Where the last page ended.")] = None
    limit: Annotated[int, Field(ge=1, le=1000, description="Most items of a page.")] = 100


class AuditExportQuery(BaseModel):
    """Which entries to export."""

    graph: Annotated[str | None, Field(max_length=100, description="Only entries of this graph.")] = None
    key: Annotated[str | None, Field(max_length=100, description="Only entries of this key, by its id.")] = None
    since: Annotated[str | None, Field(max_length=60, description="Only entries from this time on.")] = None
    until: Annotated[str | None, Field(max_length=60, description="Only entries before this time.")] = None


class AuditHeadQuery(BaseModel):
    """An entry that was noted elsewhere."""

    id: Annotated[int | None, Field(ge=0, le=2**63 - 1, description="The number of an entry that was noted.")] = None
    hash: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$", description="Its hash.")] = None


class AuditLevelRequest(BaseModel):
    """What of a graph is audited."""

    model_config = STRICT

    level: Annotated[Literal["off", "changes", "all"] | None, Field(description="null: the default of the server.")]


class AuditLevelResult(BaseModel):
    """What of a graph is audited."""

    level: Annotated[Literal["off", "changes", "all"], Field(description="What is noted.")]


@router.get("/v1/audit", responses=gives(AuditPage))
async def list_audit(access: Administers, asked: Annotated[AuditQuery, Query()]) -> Response:
    """List entries of the audit log, newest first."""
    wanted = AuditFilter(asked.graph, asked.key, asked.scope, asked.item, asked.change, asked.since, asked.until)
    page = await access.memory.audit.list(wanted, cursor=asked.cursor, limit=asked.limit)
    return reply({"entries": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.get(
    "/v1/audit/export",
    responses={200: {"description": "One entry a line.", "content": {_LINES: {"schema": {"type": "string"}}}}},
)
async def export_audit(access: Administers, request: Request, asked: Annotated[AuditExportQuery, Query()]) -> Response:
    """Return all entries, oldest first, as lines of JSON; `kgmem audit verify --export FILE` verifies them."""
    wanted = AuditFilter(asked.graph, asked.key, since=asked.since, until=asked.until)
    access.memory.audit.check(wanted)
    context_of(request).unlimited()
    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(_lines(access.memory, wanted), media_type=_LINES, headers=headers)


async def _lines(memory: Memory, wanted: AuditFilter) -> AsyncIterator[bytes]:
    lines: list[bytes] = []
    async for entry in memory.audit.export(wanted):
        lines.append(orjson.dumps(asdict(entry), option=orjson.OPT_APPEND_NEWLINE))
        if len(lines) == _AT_ONCE:
            yield b"".join(lines)
            lines.clear()
            await asyncio.sleep(0)  # Lets other requests go on.
    yield b"".join(lines)


@router.get("/v1/audit/head", responses=gives(AuditHeadShape))
async def get_audit_head(access: Administers) -> Response:
    """Return the last entry, to note it where nobody who changes the database can reach it."""
    return reply(asdict(await access.memory.audit.head()))


@router.get("/v1/audit/verification", responses=gives(AuditVerificationShape))
async def verify_audit(access: Administers, asked: Annotated[AuditHeadQuery, Query()]) -> Response:
    """Verify the chain of all entries; with `id` and `hash`, also that it still has that one."""
    if (asked.id is None) != (asked.hash is None):
        raise InvalidInput("id, hash: one is missing.", hint="Give both, as GET /v1/audit/head returned them.")
    noted = None if asked.id is None or asked.hash is None else AuditHead(asked.id, asked.hash)
    return reply(asdict(await access.memory.audit.verify(noted)))


@router.get("/v1/graphs/{graph}/audit", responses=gives(AuditLevelResult))
async def get_audit_level(graph: GraphName, access: Administers) -> Response:
    """Return what of a graph is audited."""
    return reply({"level": await access.memory.audit.level(graph)})


@router.put("/v1/graphs/{graph}/audit", responses=gives(AuditLevelResult))
async def put_audit_level(
    graph: GraphName, access: Administers, asked: Annotated[AuditLevelRequest, Depends(JSONBody(AuditLevelRequest))]
) -> Response:
    """Set what of a graph is audited: nothing, changes, or reads, too."""
    return reply({"level": await access.memory.audit.set_level(graph, asked.level, by=actor())})
