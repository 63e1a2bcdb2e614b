"""How far the values of one fact speak for each other."""

from dataclasses import dataclass

import numpy as np

from kgmem.consensus.claims import Claims, Integers, Numbers, tally

_MOST_VALUES = 64  # Of a fact; of more, each stands for itself: they are noise rather than variants.


@dataclass(frozen=True, slots=True, eq=False)
class Similarity:
    """Pairs of values of one fact, and how far the first speaks for the second (0 to 1)."""

    one: Integers
    other: Integers
    degree: Numbers

    def spread(self, score: Numbers) -> Numbers:
        """Return what each value gains from the scores of those that are like it."""
        return tally(self.other, score[self.one] * self.degree, len(score))


def pairs(claims: Claims) -> tuple[Integers, Integers]:
    """Return all ordered pairs of different values of one fact, in order."""
    sizes = np.diff(claims.starts, append=len(claims.fact))
    wide = np.where((sizes > 1) & (sizes <= _MOST_VALUES), sizes, 0)
    each = np.repeat(np.arange(len(claims.fact)), wide[claims.fact])
    start = claims.starts[claims.fact[each]]
    run = np.arange(len(each)) - np.repeat(np.cumsum(wide[claims.fact]) - wide[claims.fact], wide[claims.fact])
    other = start + run
    keep = each != other
    return each[keep], other[keep]


def of_numbers(claims: Claims) -> Similarity | None:
    """Return similarity by exp(-gap / 1 % of the larger number); what is less than a thousandth similar is omitted."""
    if claims.number is None:
        return None
    one, other = pairs(claims)
    known = np.isfinite(claims.number[one]) & np.isfinite(claims.number[other])
    one, other = one[known], other[known]
    gap = np.abs(claims.number[one] - claims.number[other])
    size = np.maximum(np.abs(claims.number[one]), np.abs(claims.number[other]))
    # Within a hundredth of each other, values are variants; a tenth apart, they are different.
    degree = np.exp(-gap / np.maximum(0.01 * size, 1e-300))
    keep = degree > 1e-3
    return Similarity(one[keep], other[keep], degree[keep])
