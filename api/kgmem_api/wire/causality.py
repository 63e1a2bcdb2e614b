"""Causal checks on the wire: separation and ancestry."""

from typing import Annotated

from pydantic import BaseModel, Field

from kgmem.domain.access import Key as AccessKey
from kgmem.domain.recall.causality import MOST_ASKED, Ancestry, Lineage, Separated, Separation
from kgmem.domain.recall.question import When
from kgmem_api.wire.fields import STRICT, Key, Scope, Time
from kgmem_api.wire.recall import Interval
from kgmem_api.wire.shapes import copied

Keys = Annotated[Key | Annotated[list[Key], Field(max_length=MOST_ASKED)], Field(union_mode="left_to_right")]


class TemporalFilter(BaseModel):
    """Which relationships count: those valid at a time, as they were known at a time; both default to now."""

    model_config = STRICT

    valid_at: Time | None = None
    between: Interval | None = None
    any_time: bool = False
    known_at: Time | None = None

    def when(self) -> When:
        """Return it as the domain knows it."""
        between = (self.between[0], self.between[1]) if self.between else None
        return When(self.valid_at, between, self.any_time, known_at=self.known_at)


class SeparationRequest(BaseModel):
    """A test whether entities are independent of others by the causal structure, given some."""

    model_config = STRICT

    one: Annotated[Keys, Field(description="Keys of entities.")]
    other: Annotated[Keys, Field(description="Keys of entities that may depend on those.")]
    given: Annotated[Keys, Field(description="Keys of what is known or fixed.")] = []
    among: Annotated[Keys, Field(description="All that a minimal set may consist of; default: anything.")] | None = None
    when: TemporalFilter = TemporalFilter()
    scope: Scope | None = None

    def separation(self, key: AccessKey) -> Separation:
        """Return it as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        return Separation(
            many(self.one),
            many(self.other),
            many(self.given),
            None if self.among is None else many(self.among),
            key.demand_scope(self.scope),
            self.when.when(),
        )


SeparationResult = copied(
    Separated,
    "SeparationResult",
    "Whether what is given separates the two, and a minimal set that does; null where nothing allowed does.",
)


class AncestryRequest(BaseModel):
    """A request for all causes and all effects of entities."""

    model_config = STRICT

    of: Annotated[Keys, Field(description="Keys of entities.")]
    when: TemporalFilter = TemporalFilter()
    scope: Scope | None = None

    def ancestry(self, key: AccessKey) -> Ancestry:
        """Return it as the domain knows it, in the scope that the key may ask in. Raises Forbidden."""
        return Ancestry(many(self.of), key.demand_scope(self.scope), self.when.when())


AncestryResult = copied(
    Lineage,
    "AncestryResult",
    "All causes and effects by key; circles among them, each beginning and ending with the same key.",
)


def many(value: str | list[str]) -> tuple[str, ...]:
    """Return one key or several as several."""
    return (value,) if isinstance(value, str) else tuple(value)
