"""Resolution: whether what is described is an entity that is known, how sure that is, and what is merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from kgmem.domain.embedding import Vector

Decision = Literal["same", "candidate", "different"]

# Bounds on the evidence, a logarithm (natural) of odds. From 4 on, one in fifty would be wrong if the evidence of
# different values did not hang together; below 0 it is likelier that two things are two.
SAME_FROM = 4.0
CANDIDATE_FROM = 0.0


@dataclass(frozen=True, slots=True)
class Described:
    """A thing as somebody describes it: names, type, values, and what stands around it.

    `values` are typed: numbers, truths, texts (ISO dates among them) or lists of these. `neighbours` name what the
    thing is related to; `place` is (lon, lat); `valid_from` and `valid_to` are ISO times.
    """

    names: Sequence[str]
    label: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    neighbours: frozenset[str] = frozenset()
    place: tuple[float, float] | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    vector: Vector | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Likeness:
    """How far two descriptions are of one thing: evidence as a logarithm of odds, and what each part adds to it."""

    evidence: float
    parts: Mapping[str, float] = field(default_factory=dict)
    vetoed: str | None = None  # What keeps two things from being taken for one without a person, whatever the rest.

    @property
    def decision(self) -> Decision:
        """Same, a candidate for review, or different."""
        if self.evidence >= SAME_FROM:
            return "candidate" if self.vetoed else "same"
        return "candidate" if self.evidence >= CANDIDATE_FROM else "different"


@dataclass(frozen=True, slots=True)
class Matched:
    """Two rows of tables that are one thing, or may be: places in the left and the right table."""

    left: int
    right: int
    likeness: Likeness
