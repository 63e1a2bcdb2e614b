"""API keys on the wire."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from kgmem.domain.access import Key
from kgmem_api.wire.fields import STRICT, Scope, Time


class KeyIn(BaseModel):
    """A key to make."""

    model_config = STRICT

    name: Annotated[str, Field(min_length=1, max_length=200)]
    right: Literal["read", "write", "admin"]
    graph: Annotated[str, Field(min_length=1, max_length=100, description="Bind it to one graph.")] | None = None
    scope: Annotated[Scope, Field(description="Bind it to one scope and what lies below it.")] | None = None
    expires_at: Time | None = None


class KeyOut(BaseModel):
    """A key, without its secret."""

    id: str
    name: str
    right: Literal["read", "write", "admin"]
    graph: str | None
    scope: str | None
    created_at: str | None
    expires_at: str | None
    revoked_at: str | None


class KeyMade(KeyOut):
    """A key that was just made, with its secret, which is shown this once."""

    secret: str


def key_out(key: Key) -> dict[str, Any]:
    """Give a key as answers carry it."""
    return {
        "id": key.id,
        "name": key.name,
        "right": key.right,
        "graph": key.graph,
        "scope": key.scope or None,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    }
