"""Diversity: of hits that say the same, the best stands for the others. Pure and deterministic."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from kgmem.domain.recall.answer import Hit, RetrieverShare

# Budget: how many tokens the texts of hits take, and which hits fit.


def tokens(text: str) -> int:
    """Estimate the tokens of a text: four characters make one where letters are Latin, other scripts one each.

    It is made to be rather too high than too low for the tokenizers of today's language models.
    """
    plain = sum(character < "\u0250" for character in text)
    return -(-plain // 4) + len(text) - plain


def within_budget(hits: Iterable[Hit], budget: int) -> tuple[list[Hit], int]:
    """Return the hits, in their order, whose names and texts fit into so many tokens, and how many were left out."""
    kept: list[Hit] = []
    left, out = budget, 0
    for hit in hits:
        cost = tokens(hit.name or hit.key) + tokens(hit.text or "")
        if cost <= left:
            left -= cost
            kept.append(hit)
        else:
            out += 1
    return kept, out


# Confidence: how far a hit may be relied upon, from 0 to 1.

UNKNOWN_TRUST = 0.5


def confidence(
    trust: float | None, extraction: float | None, found: Mapping[str, RetrieverShare], asked: Sequence[str]
) -> float:
    """Return trust x extraction x (1 + agreement) / 2.

    `trust` is the consensus on the fact, or else its source's trust (0.5 where neither is known); `extraction` what
    the extractor gave it (1 for what was stated outright); agreement the share of the asked retrievers that found the
    hit: what only one of several dimensions speaks for is worth less than what all do.
    """
    agreement = len(found) / len(asked) if asked else 1.0
    believed = UNKNOWN_TRUST if trust is None else _within(trust)
    return believed * (1.0 if extraction is None else _within(extraction)) * (1 + min(agreement, 1.0)) / 2


def _within(value: float) -> float:
    """Return a value that another client may have written, from 0 to 1."""
    return min(max(value, 0.0), 1.0)


T = TypeVar("T")
_WORD = re.compile(r"\w+")


def diverse(
    ranked: Sequence[T], scores: Sequence[float], similarity: Callable[[T, T], float], weight: float, most: int
) -> list[T]:
    """The best so many by maximal marginal relevance, each step the greatest (1-weight)*score - weight*similarity.

    `ranked` stands best first, similarity (0 to 1) is that to the most alike of what was chosen already (Carbonell and
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
            nearest[at] = max(nearest[at], similarity(ranked[at], ranked[best]))
    return [ranked[at] for at in chosen]


def word_similarity(one: str, other: str) -> float:
    """Say how alike two texts are by the words they share: 0 none, 1 all (Jaccard)."""
    ours, theirs = (set(_WORD.findall(text.lower())) for text in (one, other))
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 0.0
