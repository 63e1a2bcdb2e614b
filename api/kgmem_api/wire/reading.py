"""What is read out of episodes, on the wire."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from kgmem_api.wire.fields import STRICT, Key, Scope


class WouldBringOut(BaseModel):
    """What one episode would bring: the dry run of reading."""

    episode: str
    entities: list[dict[str, Any]]
    claims: list[dict[str, Any]]
    relationships: list[dict[str, Any]]
    extractor: str


class WouldBringList(BaseModel):
    """What episodes would bring; nothing is stored."""

    episodes: list[WouldBringOut]


class ProvenanceOut(BaseModel):
    """One thing that an episode brought, and where in its text that stands."""

    episode: str
    kind: Annotated[str, Field(description="entity, relationship or claim")]
    key: Annotated[str, Field(description="Of an entity; of the others the id.")]
    span: tuple[int, int]
    shared: Annotated[bool, Field(description="Other episodes brought it too.")]


class ProvenanceList(BaseModel):
    """What episodes brought."""

    items: list[ProvenanceOut]


class ForgetIn(BaseModel):
    """Which episodes to forget."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None
    dry_run: Annotated[bool, Field(description="Only count what would go.")] = False
    erase: Annotated[bool, Field(description="Out of the history too, so that no earlier time shows it.")] = False


class ForgottenOut(BaseModel):
    """What went with episodes, and what stays since something else says it too."""

    episodes: int
    passages: int
    vectors: int
    entities: int
    relationships: int
    claims: int
    likenesses: Annotated[int, Field(description="Derived of the vectors of entities which went.")]
    communities: Annotated[int, Field(description="That lost a member.")]
    summaries: Annotated[int, Field(description="That were made of what went; earlier ones too.")]
    kept_entities: int
    kept_relationships: int
    kept_in_history: int
    erased_from_history: int
    missing: list[str]
    dry_run: bool
    removed: dict[str, list[str]]


class WaitsOut(BaseModel):
    """How many episodes wait to be read, how many of them nobody reads just now, and how many cannot be read."""

    waiting: int
    free: int
    refused: int


class ReadAgainIn(BaseModel):
    """Which episodes to read again."""

    model_config = STRICT

    keys: Annotated[list[Key], Field(min_length=1, max_length=10_000)]
    scope: Scope | None = None


class ReadAgainOut(BaseModel):
    """How many episodes are read again."""

    asked: int
