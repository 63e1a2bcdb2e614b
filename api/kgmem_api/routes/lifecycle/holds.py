"""Legal holds: what they cover is not deleted until they are released."""

from dataclasses import asdict
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.retention.hold import HoldRequest
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import Cursor, GraphName, Limit, gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT

_Kind = Literal["graph", "scope", "label", "source", "items"]


class LegalHoldRequest(BaseModel):
    """What to hold, and why."""

    model_config = STRICT

    kind: Annotated[_Kind, Field(description="What it covers.")]
    name: Annotated[str | None, Field(default=None, max_length=400, description="Of the scope, label or source.")]
    keys: Annotated[list[str], Field(default=[], max_length=1000, description="Entities and texts, by key.")]
    keys_in: Annotated[str, Field(default="", max_length=400, description="Their scope.")]
    ids: Annotated[list[int], Field(default=[], max_length=1000, description="Items and relationships, by id.")]
    reason: Annotated[str, Field(max_length=1000, description="Refused deletions show it.")]
    by: Annotated[str | None, Field(default=None, max_length=200, description="Who holds it; the key's name.")]


class LegalHoldRelease(BaseModel):
    """Why a hold is released."""

    model_config = STRICT

    reason: Annotated[str, Field(max_length=1000, description="It is kept with the hold.")]
    by: Annotated[str | None, Field(default=None, max_length=200, description="Who releases it; the key's name.")]


class LegalHoldShape(BaseModel):
    """A hold, and how it was released."""

    id: int
    kind: Annotated[_Kind, Field(description="What it covers.")]
    name: Annotated[str | None, Field(description="Of the scope, label or source.")]
    keys: Annotated[list[str], Field(description="Entities and texts.")]
    ids: Annotated[list[int], Field(description="The ids of all items that it covers.")]
    reason: str
    by: str
    at: str
    released_at: Annotated[str | None, Field(description="ISO 8601; null while it holds.")]
    released_by: Annotated[str | None, Field(description="Who released it.")]
    release_reason: Annotated[str | None, Field(description="Why it was released.")]


class LegalHoldPage(BaseModel):
    """Holds of a graph."""

    holds: Annotated[list[LegalHoldShape], Field(description="The newest first.")]
    cursor: str | None


router = APIRouter(tags=["graphs"])
_ALL = "/v1/graphs/{graph}/holds"
HoldId = Annotated[int, Path(alias="id", gt=0, lt=2**63, description="The id of the hold.")]


@router.post(_ALL, responses=gives(LegalHoldShape, 201, "It is on hold."))
async def put_legal_hold(
    graph: GraphName, access: Administers, asked: Annotated[LegalHoldRequest, Depends(JSONBody(LegalHoldRequest))]
) -> Response:
    """Hold a graph, a scope, a label, a source or items: whatever would delete them gets 409, naming the hold."""
    request = HoldRequest(
        asked.kind, asked.reason, asked.by or access.key.name, asked.name, asked.keys, asked.keys_in, asked.ids
    )
    return reply(asdict(await access.memory.holds.put(graph, request)), status=201)


@router.get(_ALL, responses=gives(LegalHoldPage))
async def list_legal_holds(
    graph: GraphName,
    access: Administers,
    *,
    active: Annotated[
        bool | None, Query(description="Only those that are not released, or only those that are.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """List the holds of a graph, released ones as well, the newest first."""
    page = await access.memory.holds.list(graph, active=active, cursor=cursor, limit=limit)
    return reply({"holds": [asdict(each) for each in page.items], "cursor": page.cursor})


@router.post(f"{_ALL}/{{id}}/release", responses=gives(LegalHoldShape))
async def release_legal_hold(
    graph: GraphName,
    access: Administers,
    id_: HoldId,
    asked: Annotated[LegalHoldRelease, Depends(JSONBody(LegalHoldRelease))],
) -> Response:
    """Release a hold. It stays in the list."""
    by = asked.by or access.key.name
    return reply(asdict(await access.memory.holds.release(graph, id_, by=by, reason=asked.reason)))
