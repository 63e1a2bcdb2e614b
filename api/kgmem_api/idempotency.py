"""The header Idempotency-Key: what is sent again with the same key is done once."""

import hashlib
from typing import Annotated

from fastapi import Header

from kgmem.domain.errors import InvalidInput

MOST_CHARACTERS = 200
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=MOST_CHARACTERS + 2,
        description="A request that is sent again with its key returns what was stored; with other content it is 409.",
    ),
]


def key_of(header: str | None, stated: str | None = None) -> str | None:
    """Return the idempotency key of a request, which may stand in the header, in the body, or the same in both.

    A header in quotes, as the draft of the IETF writes it, is the text between them. Raises InvalidInput.
    """
    if header is None:
        return stated
    key = header.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1]
    if not 1 <= len(key) <= MOST_CHARACTERS:
        raise InvalidInput(
            "The header Idempotency-Key is not valid.",
            hint=f"Give it 1 to {MOST_CHARACTERS} characters.",
            field="Idempotency-Key",
        )
    if stated is not None and stated != key:
        raise InvalidInput(
            "The header Idempotency-Key and idempotency_key in the body differ.",
            hint="Give one of them, or the same in both.",
            field="idempotency_key",
        )
    return key


def name_of(header: str | None, place: int = 0) -> str | None:
    """Return a name that follows from the header alone, for what is known by a name of its own; None without it."""
    key = key_of(header)
    if key is None:
        return None
    return f"idempotent-{hashlib.sha256(key.encode()).hexdigest()[:24]}-{place + 1}"
