"""Selection of hits: relevance to the question, confidence, token budget, and diversity. Pure and deterministic.

Relevance is the probability that a hit answers the question, on one scale for all questions and graphs. Scores only
order the hits of one question: the best hit has a high score even where nothing fits. Relevance is a logistic
regression on what does not depend on the other hits: the cosine of the vectors, and the share of the question's
content words that the hit contains, rare ones above frequent ones. It never changes the order of hits.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeVar

from kgmem.domain.recall.answer import Hit, RetrieverShare

NOTHING_RELEVANT = 0.07  # Below this relevance of the best hit, an answer says that nothing relevant is known.

# Fitted on passages of HotpotQA, MuSiQue and 2WikiMultihopQA (some 1,000 each) and turns of LoCoMo, each with its own
# questions and with those of the other sets. Fitted without one of the four and tried on it, questions of the set have
# more relevance than foreign ones with an AUC of 0.99 to 1. Passages that answer and passages that are merely near (the
# same questions where their answers are missing) differ with an AUC of 0.94, 0.84, 0.83 and, for talk between the same
# two people, 0.58: cosines of sentences cannot tell those.
_WITH_COSINE = (-6.28, 7.03, 2.16)  # The constant, of the cosine, of the share of words.
_WORDS_ALONE = (-4.15, 4.86)
_CALIBRATED = "minilm"  # A part of the names of embedders whose cosines are on the scale that was fitted.
_WORD = re.compile(r"\w+")
_ENDINGS = ("ing", "ed", "es", "s")
_SHORTEST_STEM = 3
_STOP_WORDS = """
a an and are as at be been by did do does for from had has have he her his how i if in into is it its me my of on or
our she so that the their them then there they this to was we were what when where which who whom whose why will
with would you your not no can could about than between both also after before during
"""
_STOP = frozenset(_STOP_WORDS.split())


def content(text: str) -> frozenset[str]:
    """Return the content words of a text, without stop words and common endings."""
    return frozenset([_stem(word) for word in _content(text)])


def weighted_content(text: str, rarity: Callable[[str], float]) -> Mapping[str, float]:
    """Return a question's content words, without common endings, each with how much it tells: its rarity, 0 to 1."""
    found: dict[str, float] = {}
    for word in _content(text):
        stem = _stem(word)
        found[stem] = max(found.get(stem, 0.0), rarity(word))
    return found


def _content(text: str) -> list[str]:
    return [word for word in map(str.lower, _WORD.findall(text)) if word not in _STOP and len(word) > 1]


def relevance(question: Mapping[str, float], text: str, cosine: float | None) -> float:
    """Return the probability (0 to 1) that a text answers a question with these weighted content words.

    `cosine` is that of the vectors; None where it is not on the fitted scale, so that words alone count.
    """
    total, found = sum(question.values()), content(text)
    shared = sum(weight for word, weight in question.items() if word in found) / total if total else 0.0
    if cosine is None:
        odds = _WORDS_ALONE[0] + _WORDS_ALONE[1] * shared
    else:
        odds = _WITH_COSINE[0] + _WITH_COSINE[1] * cosine + _WITH_COSINE[2] * shared
    return 1 / (1 + math.exp(-odds))


def is_calibrated(model: str | None) -> bool:
    """Return whether the cosines of an embedder are on the scale that was fitted."""
    return model is not None and _CALIBRATED in model.lower()


def cosine_of(
    found: Mapping[str, RetrieverShare], candidates: Mapping[str, Sequence[tuple[int, float]]], model: str | None
) -> float | None:
    """Return the cosine of a hit, or the least of all candidates where only other retrievers found it.

    None where no vectors were compared, or the scale was not fitted for their embedder.
    """
    near = candidates.get("meaning")
    if not near or not is_calibrated(model):
        return None
    share = found.get("meaning")
    return share.value if share is not None else near[-1][1]


@lru_cache(maxsize=20_000)  # The hits of a question have many words in common.
def _stem(word: str) -> str:
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            return word[: -len(ending)]
    return word


_LONGEST: Final = 2000  # Characters that are read; a longer text asks about no single name.
_MOST: Final = 8  # Names of one question.
# What stands before a number that counts, or that is a date: "in 1969", "about 50 people", "July 16".
_NO_NAMES: Final = frozenset(
    """a about above after all almost an and any are around as at be been before below between both but by can could
    did do does during each every exactly few first for from had has have how if in into is it its last least less like
    many may me might more most much must my near nearly next no not of off on only or our out over past per shall she
    should since so some than that the their them then there these they this those though till to under until up was
    we were what when where whether which while who whom whose why will with within without would you your he
    january february march april june july august september october november december jan feb mar apr jun jul aug sep
    sept oct nov dec spring summer autumn fall winter year years""".split()  # noqa: SIM905
)
_NAME: Final = re.compile(
    r"(?<![^\W_])(?P<word>[^\W\d_]+)"
    r"(?:[\s\u2010-\u2013-]{0,2}(?P<digits>\d{1,6}(?:[.,]\d+)*[A-Za-z]?)|[\s\u2010-\u2013-]{1,2}(?P<roman>[IVX]+[AB]?))"
    r"(?![^\W_])"
)


@dataclass(frozen=True, slots=True)
class NumberedName:
    """The word of a name, in lower case, and the number behind it: "apollo" and "13", "saturn" and "V"."""

    word: str
    number: str
    roman: bool  # Whether the number is a Roman one; names whose numbers are of two kinds are no siblings.


def numbered_names(text: str) -> list[NumberedName]:
    """Return the names with a number in a text, each once, in order, without quantities and dates."""
    found: dict[NumberedName, None] = {}
    for name in _NAME.finditer(text[:_LONGEST]):
        word, roman = name["word"], name["roman"]
        pronoun = roman == "I" and not word[0].isupper()  # "The book I read" names no book.
        if word.lower() not in _NO_NAMES and not pronoun:
            found[NumberedName(word.lower(), roman or name["digits"], roman is not None)] = None
    return list(found)[:_MOST]


# Budget: how many tokens the texts of hits take, and which hits fit.


def tokens(text: str) -> int:
    """Estimate the tokens of a text: four characters make one where letters are Latin, other scripts one each.

    It is made to be rather too high than too low for the tokenizers of today's language models.
    """
    plain = sum(character < "\u0250" for character in text)
    return -(-plain // 4) + len(text) - plain


def within_budget(hits: Iterable[Hit], budget: int) -> tuple[list[Hit], int]:
    """Return the hits, in order, whose names and texts fit into so many tokens, and how many were dropped."""
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
    the extractor gave it (1 for what was stated outright); agreement the share of the asked retrievers that list the
    hit: what only one of several dimensions speaks for is worth less than what all do. A value that was looked up for
    what others found is no agreement.
    """
    agreement = sum(share.listed for share in found.values()) / len(asked) if asked else 1.0
    believed = UNKNOWN_TRUST if trust is None else _within(trust)
    return believed * (1.0 if extraction is None else _within(extraction)) * (1 + min(agreement, 1.0)) / 2


def _within(value: float) -> float:
    """Return a value that another client may have written, from 0 to 1."""
    return min(max(value, 0.0), 1.0)


T = TypeVar("T")


def diverse(
    ranked: Sequence[T], scores: Sequence[float], similarity: Callable[[T, T], float], weight: float, most: int
) -> list[T]:
    """The best so many by maximal marginal relevance, each step the greatest (1-weight)*score - weight*similarity.

    `ranked` is best first; similarity (0 to 1) is that to the most similar hit chosen before (Carbonell and
    Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998). Of equal ones the first in `ranked` wins.
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
    """Return the similarity of two texts by their common words: 0 none, 1 all (Jaccard)."""
    return overlap(words_of(one), words_of(other))


def words_of(text: str) -> Set[str]:
    """Return the words of a text, in lower case."""
    return frozenset(_WORD.findall(text.lower()))


def overlap(ours: Set[str], theirs: Set[str]) -> float:
    """Return the similarity of two texts by their words."""
    both = len(ours & theirs)
    return both / (len(ours) + len(theirs) - both) if ours or theirs else 0.0
