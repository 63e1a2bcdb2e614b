"""Evidence: what a degree of likeness says for or against two things being one, as a logarithm of odds.

After Fellegi and Sunter, "A Theory for Record Linkage" (1969): a degree that is found among pairs of one thing with
probability m, and among pairs of two things with u, adds log(m / u).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

# The degrees: the same, near, alike, somewhat alike, different. A likeness belongs to the first bound it reaches.
BOUNDS = (0.98, 0.8, 0.55, 0.3)
LEVELS = len(BOUNDS) + 1
DIFFERENT = LEVELS - 1
UNKNOWN = -1  # One of the two does not say: no evidence.
_NAMES_APART = 0.3


class Kind(StrEnum):
    """What sort of thing is compared."""

    NAME = "name"
    TEXT = "text"
    CODE = "code"
    NUMBER = "number"
    DATE = "date"
    CATEGORY = "category"


# How often pairs of one thing show each degree: names are what things are called by, so they seldom differ wholly;
# other values are often written otherwise, or are out of date in one of the two places.
AGREEING: Mapping[Kind, tuple[float, ...]] = {
    Kind.NAME: (0.62, 0.20, 0.10, 0.05, 0.03),
    Kind.TEXT: (0.55, 0.20, 0.10, 0.05, 0.10),
    Kind.CODE: (0.75, 0.08, 0.03, 0.03, 0.11),
    Kind.NUMBER: (0.65, 0.10, 0.08, 0.02, 0.15),
    Kind.DATE: (0.80, 0.06, 0.04, 0.03, 0.07),
    Kind.CATEGORY: (0.55, 0.15, 0.10, 0.05, 0.15),
}
# How often pairs of two things of one type show each, where no table tells it.
DIFFERING: Mapping[Kind, tuple[float, ...]] = {
    Kind.NAME: (0.001, 0.002, 0.012, 0.085, 0.90),
    Kind.TEXT: (0.05, 0.03, 0.07, 0.15, 0.70),
    Kind.CODE: (0.01, 0.01, 0.03, 0.05, 0.90),
    Kind.NUMBER: (0.08, 0.05, 0.12, 0.05, 0.70),
    Kind.DATE: (0.02, 0.02, 0.04, 0.07, 0.85),
    Kind.CATEGORY: (0.25, 0.05, 0.05, 0.05, 0.60),
}


def level(likeness: float | None) -> int:
    """Give the degree that a likeness belongs to; UNKNOWN for none."""
    if likeness is None:
        return UNKNOWN
    return next((at for at, bound in enumerate(BOUNDS) if likeness >= bound), DIFFERENT)


def names_apart(likeness: float | None) -> bool:
    """Say whether names have so little in common that only a person may take the two for one."""
    return likeness is not None and likeness < _NAMES_APART


@dataclass(frozen=True, slots=True)
class Weights:
    """What each degree of each part adds, and what the odds are before anything is compared."""

    parts: Sequence[str]
    added: Sequence[Sequence[float]]  # By part, then by degree.
    before: float

    def of(self, degrees: Sequence[int]) -> dict[str, float]:
        """Give what each part that is known adds."""
        known = zip(self.parts, self.added, degrees, strict=True)
        return {part: added[degree] for part, added, degree in known if degree != UNKNOWN}


def added(agreeing: Sequence[float], differing: Sequence[float]) -> tuple[float, ...]:
    """Give the evidence of each degree."""
    return tuple(math.log(m / u) for m, u in zip(agreeing, differing, strict=True))
