"""Merges of entities, and pairs that may be one thing, on the wire."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.text.resolution import MergeAsked
from kgmem_api.wire.fields import STRICT, Key, Name, Scope

Reason = Annotated[str, Field(min_length=1, max_length=2000)]
By = Annotated[Name, Field(description="Who decides; left out: the name of the key.")]


class MergeIn(BaseModel):
    """Two entities of one scope that are one."""

    model_config = STRICT

    keep: Annotated[Key, Field(description="The entity that stays.")]
    merge: Annotated[Key, Field(description="The entity that goes; its name becomes an alias of the other.")]
    reason: Reason
    by: By | None = None
    dry_run: bool = False
    scope: Scope | None = None

    def asked(self, key: AccessKey) -> MergeAsked:
        """Give it as the domain knows it. Raises Forbidden for a scope that the key does not reach."""
        scope = key.demand_scope(self.scope)
        return MergeAsked(self.keep, self.merge, self.by or key.name, self.reason, scope, self.dry_run)


class MergeDecidedIn(BaseModel):
    """Why a merge is undone, or why two entities are two."""

    model_config = STRICT

    reason: Reason
    by: By | None = None
    scope: Scope | None = None


class MergeOut(BaseModel):
    """A merge: what it did (a dry run has no id), and whether it was undone; what has no value is left out."""

    id: int | None = None
    kept: str
    gone: str
    scope: str = ""
    by: str
    reason: str
    moved: Annotated[int, Field(description="Relationships that lead from or to the kept entity now.")]
    doubled: Annotated[int, Field(description="Relationships that it had already.")]
    dropped: Annotated[int, Field(description="Relationships between the two.")]
    aliases: list[str]
    filled: Annotated[list[str], Field(description="Properties that the kept entity did not have.")]
    contested: Annotated[dict[str, Any], Field(description="Other values, which are kept as claims.")]
    at: str | None = None
    undone_at: str | None = None
    undone_by: str | None = None
    undone_reason: str | None = None


class MergeList(BaseModel):
    """Merges, the newest first."""

    merges: list[MergeOut]


class MergeCandidateOut(BaseModel):
    """Two entities that may be one: the evidence as a logarithm of odds, and what each part adds to it."""

    id: int
    one: str
    other: str
    evidence: float
    parts: dict[str, float]
    vetoed: Annotated[str | None, Field(description="What forbids to merge them without a person.")] = None
    scope: str = ""
    at: str


class MergeCandidatePage(BaseModel):
    """Pairs that wait for a person, the likeliest first."""

    candidates: list[MergeCandidateOut]
    cursor: str | None
