"""Two tables matched, or one with itself: which rows are one thing."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.rig.matching.blocking import candidate_pairs
from bench.rig.matching.comparing import NAME, Comparison, Row
from bench.rig.matching.learning import Pair, degrees_of, learn
from kgmem.domain.text.resolution import Likeness, Matched
from kgmem.resolution.described import DIFFERENT, Weights

_NAMES_DIFFER = "Their names have nothing in common."


@dataclass(frozen=True, slots=True)
class TableMatch:
    """What was compared, and what came of it, the surest first."""

    compared: Sequence[Pair]
    weights: Weights
    matched: Sequence[Matched]

    def same(self, *, one_to_one: bool) -> set[Pair]:
        """Give the pairs that are one thing; of clean tables each row at most once, the surest pairs first."""
        taken: tuple[set[int], set[int]] = (set(), set())
        same: set[Pair] = set()
        for each in self.matched:
            if each.likeness.decision != "same":
                continue
            if one_to_one and (each.left in taken[0] or each.right in taken[1]):
                continue
            taken[0].add(each.left)
            taken[1].add(each.right)
            same.add((each.left, each.right))
        return same


def match(left: Sequence[Row], right: Sequence[Row] | None = None) -> TableMatch:
    """Match the rows of two tables with the same columns (None: of one with itself), of which `name` is the name."""
    other = left if right is None else right
    comparison = Comparison(left, other)
    pairs = candidate_pairs(comparison.left, comparison.right)
    near = degrees_of(comparison, pairs)
    weights = learn(comparison, near, pairs, same_table=right is None)
    judged = zip(pairs, near.tolist(), strict=True)
    matched = [Matched(*pair, _likeness(weights, degrees)) for pair, degrees in judged]
    return TableMatch(pairs, weights, sorted(matched, key=lambda each: -each.likeness.evidence))


def _likeness(weights: Weights, degrees: Sequence[int]) -> Likeness:
    parts = weights.of(degrees)
    named = dict(zip(weights.parts, degrees, strict=True)).get(NAME)
    return Likeness(weights.before + sum(parts.values()), parts, _NAMES_DIFFER if named == DIFFERENT else None)
