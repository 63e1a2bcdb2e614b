"""API keys: made, listed and revoked by an admin of the whole server."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, Field
from starlette.responses import Response

from kgmem.domain.access import Key
from kgmem_api.access import Administers
from kgmem_api.bodies import JSONBody
from kgmem_api.parameters import gives
from kgmem_api.replies import reply
from kgmem_api.wire.fields import STRICT, Scope, Time

# API keys on the wire.


class APIKeyRequest(BaseModel):
    """A key to make."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=200)]
    role: Literal["reader", "writer", "admin"]
    graph: Annotated[str, Field(min_length=1, max_length=100, description="Bind it to one graph.")] | None = None
    scope: Annotated[Scope, Field(description="Bind it to one scope and what lies below it.")] | None = None
    expires_at: Time | None = None


class APIKey(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    role: Literal["reader", "writer", "admin"]
    graph: str | None
    scope: str | None
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None


class APIKeyCreated(APIKey):
    """A key that was just made, with its secret, which cannot be shown again."""

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
    }


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
        asked.name, asked.role, graph=asked.graph, scope=asked.scope or "", expires_at=asked.expires_at
    )
    return reply({**key_out(key), "secret": secret}, 201, {"Cache-Control": "no-store"})


@router.get("/v1/keys", responses=gives(APIKeyList))
async def list_keys(access: Administers) -> Response:
    """List all keys, without secrets."""
    return reply({"keys": [key_out(key) for key in await access.memory.keys.list()]})


@router.delete("/v1/keys/{id}", responses=gives(APIKey))
async def delete_key(id_: Annotated[str, Path(alias="id", max_length=100)], access: Administers) -> Response:
    """Revoke a key: from now on it opens nothing."""
    return reply(key_out(await access.memory.keys.revoke(id_)))
