"""Decisions of agents on the wire."""

from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, Field

from kgmem.domain.agents.decision import DecisionRecord, EvidenceState, EvidenceType
from kgmem_api.wire.fields import STRICT

FRACTION = Annotated[float, Field(ge=0, le=1)]


class ConsideredShape(BaseModel):
    """An option that was considered."""

    model_config = STRICT

    name: Annotated[str, Field(description="Of its own among the options, other than yes and no.")]
    score: Annotated[float | None, Field(description="How the agent scored it, in any unit.")] = None
    probability: Annotated[
        FRACTION | None, Field(description="That it turns out to be right; of none or of all options, with the sum 1.")
    ] = None
    note: Annotated[str | None, Field(description="Such as what speaks for it and against it.")] = None


class CausedShape(BaseModel):
    """What the decision caused."""

    model_config = STRICT

    to: Annotated[str, Field(description="The key of an entity.")]
    kind: Annotated[str, Field(description="A causal kind of relationship.")] = "CAUSES"
    strength: Annotated[FRACTION | None, Field(description="How far the decision sufficed.")] = None


class AmountShape(BaseModel):
    """An exact amount."""

    model_config = STRICT

    unit: Annotated[str, Field(description="Such as USD or tokens.")]
    amount: Annotated[str, Field(description="A decimal as a text, such as 0.25.")]


class EvidenceShape(BaseModel):
    """What a decision rests on, and what became of it."""

    type: EvidenceType
    key: Annotated[str | None, Field(description="Of an episode, entity or decision.")]
    id: Annotated[int | None, Field(description="Of a fact or its relationship, or of a claim.")]
    note: Annotated[str | None, Field(description="Why it matters.")]
    subject: Annotated[str | None, Field(description="Of a fact or claim.")]
    predicate: Annotated[str | None, Field(description="Of a fact or claim.")]
    object: Annotated[str | None, Field(description="The other end of a relationship.")]
    value: Annotated[Any, Field(description="Of a property.")]
    about: Annotated[str | None, Field(description="The other end of the relationship that a value belongs to.")]
    relationship_key: Annotated[
        str | None, Field(description="Of a relationship: what tells it from others of its kind and ends.")
    ]
    valid_from: Annotated[str | None, Field(description="Of a fact or claim. ISO 8601.")]
    source: Annotated[str | None, Field(description="Of a claim: the key of the source that states it.")]
    state: Annotated[
        EvidenceState | None,
        Field(description="current, past, unverified, contested, superseded, retracted, or gone: deleted."),
    ]


class OutcomeShape(BaseModel):
    """What came about."""

    outcome: Annotated[str, Field(description="yes, no, or the name of an option.")]
    at: Annotated[str, Field(description="When it was known. ISO 8601.")]
    by: Annotated[str, Field(description="Who recorded it.")]
    note: Annotated[str | None, Field(description="What happened.")]


class EvidenceReviewShape(BaseModel):
    """A reviewer looked at the decision after its evidence changed."""

    by: Annotated[str, Field(description="Who looked.")]
    reason: Annotated[str, Field(description="What was found.")]
    at: Annotated[str, Field(description="When. ISO 8601.")]
    states: Annotated[list[str], Field(description="The states of the evidence then, in order.")]


class DecisionShape(BaseModel):
    """A decision as it is stored."""

    key: str
    scope: str
    decision: Annotated[str, Field(description="What was decided.")]
    agent: Annotated[str, Field(description="Who decided.")]
    session: Annotated[str | None, Field(description="The session in which it was decided.")]
    chosen: Annotated[str | None, Field(description="The name of an option.")]
    options: Annotated[list[ConsideredShape], Field(description="What was considered.")]
    rationale: Annotated[str | None, Field(description="Why it was decided so.")]
    expected: Annotated[str | None, Field(description="The outcome that is expected.")]
    probability: Annotated[float | None, Field(description="That the expected outcome comes about.")]
    evidence: Annotated[list[EvidenceShape], Field(description="What it rests on, with the state of each.")]
    caused: Annotated[list[CausedShape], Field(description="What the decision caused.")]
    cost: Annotated[list[AmountShape], Field(description="What it cost.")]
    transaction: Annotated[str | None, Field(description="The id of a transaction in a ledger.")]
    decided_at: Annotated[str, Field(description="ISO 8601.")]
    expires_at: Annotated[str | None, Field(description="When it is deleted; null: never.")]
    outcome: Annotated[OutcomeShape | None, Field(description="What came about; the newest of outcomes.")]
    outcomes: Annotated[list[OutcomeShape], Field(description="All that were recorded, the first first.")]
    review: Annotated[EvidenceReviewShape | None, Field(description="The last one.")]
    altered: Annotated[bool, Field(description="Somebody changed the entity: it is not what the agent recorded.")]
    id: int | None
    version: int | None
    created: Annotated[bool, Field(description="In the answer to a write: it is new.")]


def decision_out(record: DecisionRecord) -> dict[str, Any]:
    """Return a decision as REST shows it."""
    told = asdict(record)
    stated = told.pop("statement")
    stated.pop("ttl")
    return {**stated, **told}
