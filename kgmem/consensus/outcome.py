"""What a method makes of claims."""

from dataclasses import dataclass, field

import numpy as np

from kgmem.consensus.claims import Claims, Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of sources that depend on each other."""

    one: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(0, np.int64))
    other: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(0, np.int64))
    probability: Numbers = field(default_factory=lambda: np.zeros(0))
    shared: np.ndarray[tuple[int], np.dtype[np.int64]] = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Scores and probabilities of values, trust of sources, and how the method came to its end."""

    claims: Claims
    score: Numbers  # Of each value; the highest of a fact is chosen.
    probability: Numbers  # Of each value, not yet calibrated unless the method's module says so.
    trust: Numbers  # Of each source, 0 to 1.
    rounds: int
    converged: bool
    voice: Numbers | None = None  # Of each claim: how far it is independent of others for the same value.
    copies: Pairs = field(default_factory=Pairs)
    by_group: Numbers | None = None  # Trust of each source (row) in each group (column).
    agreed: Numbers | None = (
        None  # Of each fact whose claims list the same: how probable that list is as a whole; else 0.
    )
