"""When what a caller writes is deleted: as a time, or as a duration from the write on."""

from typing import Annotated, Protocol

from pydantic import Field

from kgmem.domain.graph.expiry import NEVER

ExpiresAt = Annotated[
    str | None,
    Field(max_length=50, description="ISO 8601. It is deleted then; null removes the time that is stored."),
]
TimeToLive = Annotated[
    str | float | None, Field(description="How long it lasts, instead of expires_at: seconds, 30d, or PT12H.")
]


class _Expiring(Protocol):
    expires_at: str | None

    @property
    def model_fields_set(self) -> set[str]:
        """Return the fields that were sent."""


def expires_at_of(asked: _Expiring) -> str | None:
    """Return the time that a request states: NEVER where it sends null, None where it says nothing."""
    return NEVER if asked.expires_at is None and "expires_at" in asked.model_fields_set else asked.expires_at
