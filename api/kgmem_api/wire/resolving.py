"""Resolution on the wire: what is described, and whether it is known."""

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from pydantic import BaseModel, Field

from kgmem.domain.space.place import Place
from kgmem.domain.text.resolution import Described, Resolved
from kgmem_api.wire.fields import STRICT, Key, Label, Name, PlaceField, Properties, Scope, Time, Vector


class DescribedIn(BaseModel):
    """A thing as somebody describes it; what is not given is no evidence."""

    model_config = STRICT

    names: Annotated[list[Name], Field(min_length=1, max_length=20)]
    label: Label | None = None
    properties: Properties = Field(default_factory=dict)
    neighbours: Annotated[list[Key], Field(max_length=100, description="Keys of what it is related to.")] = []
    place: PlaceField | None = None
    valid_from: Time | None = None
    valid_to: Time | None = None
    embedding: Vector | None = None
    key: Annotated[Key | None, Field(description="A key that it may have had.")] = None

    def described(self) -> Described:
        """Give it as the domain knows it."""
        # What the fields' validators made of both.
        place, vector = cast("Place | None", self.place), cast("Sequence[float] | None", self.embedding)
        return Described(
            self.names,
            self.label,
            self.properties,
            frozenset(self.neighbours),
            (place.lon, place.lat) if place else None,
            self.valid_from,
            self.valid_to,
            vector,
            self.key,
        )


class ResolveIn(BaseModel):
    """Things of which each may be an entity of the graph."""

    model_config = STRICT

    described: Annotated[list[DescribedIn], Field(max_length=1000)]
    scope: Scope | None = None


class Candidate(BaseModel):
    """An entity that may be meant: the evidence as a logarithm of odds, and what each part adds to it."""

    key: str
    label: str
    evidence: float
    parts: dict[str, float]
    vetoed: Annotated[str | None, Field(description="What forbids to take it for the same without a person.")] = None


class ResolvedOut(BaseModel):
    """Whether a thing is known: `key` of the entity that it is, candidates where that is not sure."""

    decision: Literal["same", "candidate", "different"]
    key: str | None = None
    candidates: list[Candidate]


class ResolvedList(BaseModel):
    """For each thing, in the order of the request, whether it is known."""

    resolved: list[ResolvedOut]


def resolved_out(resolved: Resolved) -> dict[str, object]:
    """Give what is known of a thing as answers carry it."""
    candidates = [
        {
            "key": each.key,
            "label": each.label,
            "evidence": round(each.likeness.evidence, 3),
            "parts": {name: round(value, 3) for name, value in each.likeness.parts.items()},
            **({"vetoed": each.likeness.vetoed} if each.likeness.vetoed else {}),
        }
        for each in resolved.candidates
    ]
    key = {} if resolved.key is None else {"key": resolved.key}
    return {"decision": resolved.decision, **key, "candidates": candidates}
