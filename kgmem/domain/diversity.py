"""Diversity: of hits that say the same, the best stands for the others. Pure and deterministic."""

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
_WORD = re.compile(r"\w+")


def diverse(
    ranked: Sequence[T], scores: Sequence[float], likeness: Callable[[T, T], float], weight: float, most: int
) -> list[T]:
    """Give the best so many by maximal marginal relevance, each step the greatest (1-weight)*score - weight*likeness.

    `ranked` stands best first, likeness (0 to 1) is that to the most alike of what was chosen already (Carbonell and
    Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998). Ties go to what stands first.
    """
    left = list(range(len(ranked)))
    nearest = [0.0] * len(ranked)
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(left, key=lambda at: ((1 - weight) * scores[at] - weight * nearest[at], -at))
        left.remove(best)
        chosen.append(best)
        for at in left:
            nearest[at] = max(nearest[at], likeness(ranked[at], ranked[best]))
    return [ranked[at] for at in chosen]


def word_likeness(one: str, other: str) -> float:
    """Say how alike two texts are by the words they share: 0 none, 1 all (Jaccard)."""
    ours, theirs = (set(_WORD.findall(text.lower())) for text in (one, other))
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 0.0
