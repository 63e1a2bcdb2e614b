"""Probabilities that mean what they say: how they are made so without labels, and how that is measured.

Methods that take the errors of sources for independent are too sure of themselves where many speak: some facts are
harder than others, and the same mistake is easy for all. How similar errors are shows in the claims, since facts
on which sources differ come in clumps. The correlation is estimated by moments, and a fact has its log odds divided by
the design effect 1 + (voices - 1) x correlation (L. Kish, "Survey Sampling", 1965, section 5.4).
"""

from dataclasses import dataclass

import numpy as np

from kgmem.consensus.claims import ONE, Integers, Numbers, tally
from kgmem.consensus.segments import Segments
from kgmem.consensus.value_similarity import pairs

USUAL_SIMILARITY = 0.1  # What is taken for granted before any claim, as much as
PRIOR_FACTS = 50.0  # so many facts would show.
MOST_SIMILARITY = 0.5
# Of many voices, so much counts plainly, whoever they are. Chosen once for all labelled sets, planted ones too.
PLAIN = 0.32
SIMILARITY_OF_ONE = 0.2  # The correlation of errors at which one voice is kept for what nobody claims,
MOST_UNHEARD = 0.5  # and how many voices are kept at the most.
_NOTHING = 1e-12  # In place of no voices at all.
BINS = 10
_LEAST_DISTANCES = 50  # Claims from which distances tell something.


@dataclass(frozen=True, slots=True)
class Reliability:
    """One bin of a reliability table: so many verdicts of that mean probability, of which this share was right."""

    low: float
    high: float
    count: int
    probability: float
    right: float


def similarity_of_errors(segments: Segments, probability: Numbers, trust: Numbers, voice: Numbers) -> float:
    """Return the correlation of the errors of sources on the same fact, by moments over all facts with two voices."""
    claims = segments.claims
    right = probability[claims.value]
    able = np.clip(trust[claims.source], 0.05, 0.95)
    weight = claims.weight * voice
    spread = np.sqrt(able * (1 - able)) * weight
    off = (right - able) * weight
    fact = claims.fact_of_claim
    facts = len(claims.facts)
    similarity = tally(fact, off, facts) ** 2 - tally(fact, off * off, facts)
    most = tally(fact, spread, facts) ** 2 - tally(fact, spread * spread, facts)
    usable = (segments.voices() >= 2) & (claims.mode == ONE)
    count = int(usable.sum())
    whole = float(most[usable].sum())
    measured = float(similarity[usable].sum()) / whole if whole > 0 else USUAL_SIMILARITY
    drawn = (measured * count + USUAL_SIMILARITY * PRIOR_FACTS) / (count + PRIOR_FACTS)
    return min(max(drawn, 0.0), MOST_SIMILARITY)


def calibrated(
    segments: Segments, score: Numbers, similarity: float, voice: Numbers, hidden: Numbers | float
) -> Numbers:
    """Return the probabilities of values from log scores.

    A fact's scores are divided by the design effect of its voices, and the result is mixed with the plain shares of
    independent voices (`plain_part`): what no trust was learned for. A lone claim is as probable as its source is
    trusted.
    """
    claims = segments.claims
    weight = claims.weight * voice
    heard = tally(claims.fact_of_claim, weight, len(claims.facts))
    effect = 1 + np.maximum(heard - 1, 0) * similarity
    learned = segments.shares(score / effect[claims.fact], hidden)
    part = plain_part(heard)[claims.fact]
    share = segments.per_value(weight) / np.maximum(heard + unheard(similarity), _NOTHING)[claims.fact]
    return segments.decided((1 - part) * learned + part * share)


def plain_part(heard: Numbers) -> Numbers:
    """Return how far the plain shares of so many voices count: not at all for one, half of `PLAIN` for two."""
    return np.asarray(PLAIN * (1 - 1 / np.maximum(heard, 1.0)))


def unheard(similarity: float) -> float:
    """Return how many voices the shares of a fact keep for what nobody claims (after Laplace's rule of succession).

    The more similar errors are, the more few voices that agree may depend on each other unseen.
    """
    return min(similarity / SIMILARITY_OF_ONE, MOST_UNHEARD)


def reliability(probability: Numbers, right: Integers) -> tuple[list[Reliability], float]:
    """Return the reliability table and the expected calibration error: the mean gap of its bins, by their counts."""
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    table, error = [], 0.0
    for bin_ in range(BINS):
        inside = place == bin_
        count = int(inside.sum())
        if not count:
            continue
        said, was = float(probability[inside].mean()), float(np.asarray(right)[inside].mean())
        table.append(Reliability(bin_ / BINS, (bin_ + 1) / BINS, count, said, was))
        error += abs(said - was) * count / len(probability)
    return table, error


def agreeing_pairs(segments: Segments) -> float:
    """Return the share of pairs of claims on one fact that give the same value; 1 where no fact has two claims."""
    of_value = np.diff(segments.of_value, append=len(segments.claims.value)).astype(float)
    of_fact = segments.voices().astype(float)
    whole = float((of_fact * (of_fact - 1)).sum())
    return float((of_value * (of_value - 1)).sum()) / whole if whole else 1.0


def distances(segments: Segments) -> tuple[float, float, float]:
    """Return how far apart differing numbers of one fact are, and those of any two facts, and how often those agree.

    The three say whether numbers are a scale on which near misses are likely, such as ratings, also where many of them
    are the same number. Facts are paired with those half of the claims away.
    """
    claims = segments.claims
    if claims.number is None or len(claims.value) < _LEAST_DISTANCES:
        return 1.0, 1.0, 0.0
    voices = np.diff(segments.of_value, append=len(claims.value)).astype(float)
    one, other = pairs(claims)
    known = np.isfinite(claims.number[one]) & np.isfinite(claims.number[other])
    one, other = one[known], other[known]
    weight = voices[one] * voices[other]
    within = float((weight * np.abs(claims.number[one] - claims.number[other])).sum()) / max(float(weight.sum()), 1e-12)
    numbers = claims.number[claims.value]
    gap = np.abs(numbers - np.roll(numbers, len(numbers) // 2))
    gap = gap[np.isfinite(gap)]
    apart = gap[gap > 0]
    return within, float(apart.mean()) if len(apart) else 0.0, 1 - len(apart) / max(len(gap), 1)
