"""Summaries on the wire."""

from typing import Annotated

from pydantic import BaseModel, Field

from kgmem_api.wire.fields import STRICT, Key, Scope


class SummaryRequest(BaseModel):
    """An entity that shall be summed up."""

    model_config = STRICT

    key: Key
    scope: Scope | None = None


class SummarySentence(BaseModel):
    """A sentence, and what says it."""

    text: str
    says: Annotated[list[int], Field(description="Ids of the relationships and entities that it tells of.")]
    episodes: Annotated[list[str], Field(description="Keys of the episodes that say so.")]


class Summary(BaseModel):
    """What is said in short of an entity or a community."""

    kind: Annotated[str, Field(description="entity or community")]
    subject: Annotated[str, Field(description="The entity's key, or the community's id.")]
    scope: str
    text: str
    sentences: list[SummarySentence]
    maker: Annotated[str, Field(description="Who made it: rules, or a model.")]
    known_from: str
    known_to: str | None = None
    stale: Annotated[
        bool,
        Field(description="Something has changed since: outdated sentences are omitted, and new facts are missing."),
    ]
    problem: str | None = None
