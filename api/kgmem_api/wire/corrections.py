"""Corrections on the wire: which fact is meant, and what takes its place."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field, model_validator

from kgmem.domain.claims.claim import ClaimStatement, Correction, FactTarget
from kgmem_api.wire.claims import FactId, Value
from kgmem_api.wire.fields import STRICT, Key, Label, Name, Scope, Time
from kgmem_api.wire.shapes import copied


class FactStatement(BaseModel):
    """The subject, predicate and value of a fact. Without `object` and `value` it is the current value."""

    model_config = STRICT

    subject: Annotated[Key, Field(description="The key of the entity that is spoken of.")]
    predicate: Annotated[Label, Field(description="A kind of relationship, or a property.")]
    object: Annotated[Key | None, Field(description="The key of the entity that a relationship leads to.")] = None
    value: Value = None


class CorrectionRequest(BaseModel):
    """A correction: `correct` puts `object` or `value` in the fact's place, `retract` says that it never was so,
    `expire` that it ended at `valid_to`, or now."""

    model_config = STRICT

    action: Literal["correct", "retract", "expire"]
    fact: Annotated[FactId | None, Field(description="A fact's id, or a relationship's; else give statement.")] = None
    statement: Annotated[FactStatement | None, Field(description="What the fact says; else give fact.")] = None
    object: Annotated[Key | None, Field(description="Of correct: the entity that it is instead.")] = None
    value: Annotated[Value, Field(description="Of correct: the value that it is instead.")] = None
    valid_from: Annotated[Time | None, Field(description="Of correct: since when; default: as the fact.")] = None
    valid_to: Annotated[Time | None, Field(description="Of expire and correct: until when.")] = None
    reason: Annotated[str, Field(min_length=1, max_length=2000, description="Why.")]
    by: Annotated[Name | None, Field(description="Who decides it; default: the name of the key.")] = None
    scope: Scope | None = None

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.fact is None) == (self.statement is None):
            raise ValueError("give either fact or statement")
        unused = {
            "retract": ("object", "value", "valid_from", "valid_to"),
            "expire": ("object", "value", "valid_from"),
            "correct": (),
        }[self.action]
        if given := [name for name in unused if getattr(self, name) is not None]:
            raise ValueError(f"{self.action} takes no {', '.join(given)}")
        return self

    def target(self) -> FactTarget:
        """Return which fact is meant."""
        if self.statement is None:
            return FactTarget(self.fact)
        told = self.statement
        return FactTarget(None, told.subject, told.predicate, told.object, told.value)

    def right(self) -> ClaimStatement:
        """Return what takes its place."""
        value: Any = self.value
        return ClaimStatement(
            "", "", "", object=self.object, value=value, valid_from=self.valid_from, valid_to=self.valid_to
        )


CorrectionResult = copied(
    Correction,
    "CorrectionResult",
    "What a correction did: the fact before and after, the entry of the audit trail, and what took its place.",
)
