"""API keys: made, listed and revoked by an admin of the whole server."""

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.access import KEEP, LONGEST_OVERLAP, MOST_PER_MINUTE, OVERLAP, GrantRequest, Key, Role, rate_limit
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT, Scope, Time

# API keys on the wire.

_Count = Annotated[int, Field(ge=1, le=MOST_PER_MINUTE)]


class APIKeyRequest(BaseModel):
    """A key to make."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Role
    graph: Annotated[str, Field(min_length=1, max_length=100, description="Bind it to one graph.")] | None = None
    scope: Annotated[Scope, Field(description="Bind it to one scope and what lies below it.")] | None = None
    expires_at: Time | None = None
    requests_per_minute: Annotated[_Count | None, Field(description="Refuse more than so many requests a minute.")] = (
        None
    )
    burst: Annotated[_Count | None, Field(description="So many of them may come at once; by default all.")] = None


class APIKeyChange(BaseModel):
    """What to change of a key; null removes an expiry or a limit, and omitted fields stay."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    expires_at: Time | None = None
    requests_per_minute: Annotated[_Count | None, Field(description="Refuse more than so many requests a minute.")] = (
        None
    )
    burst: Annotated[_Count | None, Field(description="So many of them may come at once; by default all.")] = None


class APIKeyRotation(BaseModel):
    """How to rotate a key."""

    model_config = STRICT

    overlap_seconds: Annotated[
        int, Field(ge=0, le=LONGEST_OVERLAP, description="For so long the former secret is valid, too.")
    ] = OVERLAP


class APIKey(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    role: Role
    graph: str | None
    scope: str | None
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None
    requests_per_minute: int | None
    burst: int | None
    rotated_at: str | None
    old_secret_until: str | None
    last_used_at: str | None


class APIKeyCreated(APIKey):
    """A key that was just made or rotated, with its secret, which cannot be shown again."""

    secret: str


def key_out(key: Key) -> dict[str, Any]:
    """Return a key as answers carry it."""
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role,
        "graph": key.graph,
        "scope": key.scope or None,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "requests_per_minute": key.limit.per_minute if key.limit else None,
        "burst": key.limit.burst if key.limit else None,
        "rotated_at": key.rotated_at,
        "old_secret_until": key.old_secret_until,
        "last_used_at": key.last_used_at,
    }


class KeyGrantRequest(BaseModel):
    """A grant to make: a key may read, or also write, a further scope and what lies below it."""

    model_config = STRICT

    scope: Annotated[Scope, Field(description="The scope; what lies below it is granted, too.")]
    access: Annotated[Literal["read", "write"], Field(description="write includes read.")] = "read"
    reason: Annotated[str, Field(min_length=1, max_length=2000, description="Why it is granted.")]
    graph: Annotated[str, Field(min_length=1, max_length=100, description="Only in this graph.")] | None = None
    starts_at: Annotated[Time | None, Field(description="When it begins; by default now.")] = None
    expires_at: Annotated[Time | None, Field(description="When it ends; by default when it is revoked.")] = None


class KeyGrant(BaseModel):
    """A grant, with who made it and who revoked it."""

    id: int
    key: str
    scope: str
    access: Literal["read", "write"]
    reason: str
    graph: str | None
    starts_at: str | None
    expires_at: str | None
    created_at: str | None
    created_by: str | None
    revoked_at: str | None
    revoked_by: str | None
    revoke_reason: str | None


class KeyGrantList(BaseModel):
    """Grants of a key, newest first."""

    grants: list[KeyGrant]


router = APIRouter(tags=["keys"])


class APIKeyList(BaseModel):
    """All keys, without secrets."""

    keys: list[APIKey]


@router.post(
    "/v1/keys", status_code=201, responses=gives(APIKeyCreated, 201, "Created; the secret cannot be shown again.")
)
async def post_key(access: Administers, asked: Annotated[APIKeyRequest, Depends(JSONBody(APIKeyRequest))]) -> Response:
    """Make a key: for reading, writing or everything; of one graph, of one scope, until a time, as asked."""
    key, secret = await access.memory.keys.create(
        asked.name,
        asked.role,
        graph=asked.graph,
        scope=asked.scope or "",
        expires_at=asked.expires_at,
        limit=rate_limit(asked.requests_per_minute, asked.burst),
    )
    return reply({**key_out(key), "secret": secret}, 201, {"Cache-Control": "no-store"})


@router.get("/v1/keys", responses=gives(APIKeyList))
async def list_keys(access: Administers) -> Response:
    """List all keys, without secrets."""
    return reply({"keys": [key_out(key) for key in await access.memory.keys.list()]})


@router.patch("/v1/keys/{id}", responses=gives(APIKey))
async def patch_key(
    id_: Annotated[str, Path(alias="id", max_length=100)],
    access: Administers,
    asked: Annotated[APIKeyChange, Depends(JSONBody(APIKeyChange))],
) -> Response:
    """Change the name, the expiry or the limit of requests of a key."""
    stated = asked.model_fields_set
    limited = bool(stated & {"requests_per_minute", "burst"})
    changed = await access.memory.keys.update(
        id_,
        name=asked.name if asked.name is not None else KEEP,
        expires_at=asked.expires_at if "expires_at" in stated else KEEP,
        limit=rate_limit(asked.requests_per_minute, asked.burst) if limited else KEEP,
    )
    return reply(key_out(changed))


@router.post("/v1/keys/{id}/rotate", responses=gives(APIKeyCreated))
async def rotate_key(
    id_: Annotated[str, Path(alias="id", max_length=100)],
    access: Administers,
    asked: Annotated[APIKeyRotation, Depends(JSONBody(APIKeyRotation))],
) -> Response:
    """Replace the secret of a key; the former one is valid for a while, so that programs change to the new one."""
    key, secret = await access.memory.keys.rotate(id_, overlap=asked.overlap_seconds)
    return reply({**key_out(key), "secret": secret}, 200, {"Cache-Control": "no-store"})


@router.delete("/v1/keys/{id}", responses=gives(APIKey))
async def delete_key(id_: Annotated[str, Path(alias="id", max_length=100)], access: Administers) -> Response:
    """Revoke a key: from now on it opens nothing."""
    return reply(key_out(await access.memory.keys.revoke(id_)))


@router.post("/v1/keys/{id}/grants", status_code=201, responses=gives(KeyGrant, 201, "Granted."))
async def post_grant(
    id_: Annotated[str, Path(alias="id", max_length=100)],
    access: Administers,
    asked: Annotated[KeyGrantRequest, Depends(JSONBody(KeyGrantRequest))],
) -> Response:
    """Grant a further scope to a key, with what lies below it: to read or also to write, for a time."""
    return reply(asdict(await access.memory.keys.grant(id_, _wanted(asked), by=access.key.id)), 201)


@router.get("/v1/keys/{id}/grants", responses=gives(KeyGrantList))
async def list_grants(
    id_: Annotated[str, Path(alias="id", max_length=100)],
    access: Administers,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only grants with a smaller id.")] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
) -> Response:
    """List the grants of a key, newest first, with those that are over."""
    found = await access.memory.keys.grants(id_, before=before, limit=limit)
    return reply({"grants": [asdict(each) for each in found]})


@router.delete("/v1/keys/{id}/grants/{grant}", responses=gives(KeyGrant))
async def delete_grant(
    id_: Annotated[str, Path(alias="id", max_length=100)],
    grant: Annotated[int, Path(ge=1, le=2**63 - 1, description="The id of the grant.")],
    access: Administers,
    reason: Annotated[str | None, Query(max_length=2000, description="Why it is revoked.")] = None,
) -> Response:
    """Revoke a grant: from now on it opens nothing, and requests in progress by it end."""
    revoked = await access.memory.keys.revoke_grant(id_, grant, by=access.key.id, reason=reason)
    return reply(asdict(revoked))


def _wanted(asked: KeyGrantRequest) -> GrantRequest:
    return GrantRequest(
        asked.scope, asked.access, asked.reason, asked.graph, starts_at=asked.starts_at, expires_at=asked.expires_at
    )
