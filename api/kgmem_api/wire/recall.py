"""Questions on the wire. What this release does not answer is refused, never passed over."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.question import Question, What, When
from kgmem_api.wire.fields import STRICT, Fraction, Key, Label, Properties, Scope, Time, Vector, refused
from kgmem_api.wire.graphs import Fusion

# Parts of a question that a later release answers, by the path of their names.
NOT_YET = frozenset(
    {
        "where",
        "why",
        "graph",
        "modes",
        "min_consensus",
        "states",
        "tiers",
        "what/start",
        "when/known_at",
        "when/relation",
        "when/half_life_days",
    }
)
_KINDS_NOT_YET = {"fact", "path"}


class WhatIn(BaseModel):
    """Meaning, words and kinds: what the hits are about."""

    model_config = STRICT

    text: Annotated[str, Field(max_length=20_000)] | None = None
    vector: Vector | None = None
    labels: Annotated[list[Label], Field(max_length=100)] = []
    kinds: list[Literal["entity", "episode", "fact", "path"]] = Field(
        default=[], max_length=4, description="entity, episode; left out: both. Others are not in this release."
    )
    properties: Properties = {}
    sources: Annotated[list[Key], Field(max_length=100)] = []

    @field_validator("kinds")
    @classmethod
    def _answered(cls, kinds: list[str]) -> list[str]:
        for kind in kinds:
            if kind in _KINDS_NOT_YET:
                raise refused(f"Hits of the kind {kind} are not in this release.", "Ask for entity or episode.")
        return kinds


class WhenIn(BaseModel):
    """When it was true in the world; left out: now."""

    model_config = STRICT

    valid_at: Time | None = None
    between: Annotated[list[Time | None], Field(min_length=2, max_length=2)] | None = None
    any_time: Annotated[bool, Field(description="Past and future validity too.")] = False


class RecallIn(BaseModel):
    """One question."""

    model_config = STRICT

    what: WhatIn = WhatIn()
    when: WhenIn = WhenIn()
    scope: Scope | None = None
    k: Annotated[int, Field(ge=1, le=1000)] = 20
    fusion: Fusion | None = None
    weights: Annotated[
        dict[str, Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]],
        Field(description="Weight of each arm; 1 unless given."),
    ] = {}
    explain: bool = False

    def question(self, key: AccessKey) -> Question:
        """Give the question as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        what, when = self.what, self.when
        between = (when.between[0], when.between[1]) if when.between else None
        return Question(
            what=What(
                text=what.text,
                vector=what.vector,  # type: ignore[arg-type]  # base64 has become numbers by now
                labels=what.labels,
                kinds=what.kinds,
                properties=what.properties,
                sources=what.sources,
            ),
            when=When(valid_at=when.valid_at, between=between, any_time=when.any_time),
            scope=key.demand_scope(self.scope),
            k=self.k,
            fusion=self.fusion,
            weights=self.weights,
            explain=self.explain,
        )


class ArmShareOut(BaseModel):
    """What one arm said of a hit: its rank there (from 1), its raw value, its share of the score."""

    rank: int
    value: float
    share: Fraction


class HitOut(BaseModel):
    """One ranked item with its reasons."""

    kind: Literal["entity", "fact", "episode", "path"]
    id: int
    key: str
    label: str
    name: str | None
    text: str | None
    score: float
    confidence: float | None
    valid_from: str | None
    valid_to: str | None
    scope: str
    properties: dict[str, object]
    place: dict[str, object] | None
    arms: dict[str, ArmShareOut]
    provenance: list[dict[str, object]]


class AnswerOut(BaseModel):
    """The hits of one question, best first; what was held back; milliseconds a stage when explain was asked."""

    hits: list[HitOut]
    suppressed: dict[str, int]
    profile: dict[str, float]
