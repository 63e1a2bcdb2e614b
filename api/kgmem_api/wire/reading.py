"""What is read out of episodes, on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from kgmem.domain.text.queue import Forgotten, Provenance, Waits, WouldBring
from kgmem_api.wire.fields import STRICT, Key, Scope
from kgmem_api.wire.shapes import copied, many, shape

WouldBringOut = copied(WouldBring, "WouldBringOut", "What one episode would bring: the dry run of reading.")


WouldBringList = shape(
    "WouldBringList",
    "What episodes would bring; nothing is stored.",
    episodes=many(WouldBringOut),
)


ProvenanceOut = copied(
    Provenance,
    "ProvenanceOut",
    "One thing that an episode brought, and where in its text that stands.",
    key="Of an entity; of the others the id.",
    shared="Other episodes brought it too.",
)


ProvenanceList = shape(
    "ProvenanceList",
    "What episodes brought.",
    items=many(ProvenanceOut),
)


class ForgetIn(BaseModel):
    """Which episodes to forget."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None
    dry_run: Annotated[bool, Field(description="Only count what would go.")] = False
    erase: Annotated[bool, Field(description="Out of the history too, so that no earlier time shows it.")] = False


ForgottenOut = copied(
    Forgotten,
    "ForgottenOut",
    "What went with episodes, and what stays since something else says it too.",
    likenesses="Derived of the vectors of entities which went.",
    communities="That lost a member.",
    summaries="That were made of what went; earlier ones too.",
)


WaitsOut = copied(
    Waits,
    "WaitsOut",
    "How many episodes wait to be read, how many of them nobody reads just now, and how many cannot be read.",
)


class ReadAgainIn(BaseModel):
    """Which episodes to read again."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None


class ReadAgainOut(BaseModel):
    """How many episodes are read again."""

    asked: int
