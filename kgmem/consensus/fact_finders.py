"""Majority, and the fact finders that pass trust and belief to and fro.

Sums (Hubs and Authorities; Kleinberg 1999), AverageLog, Investment and PooledInvestment are as in J. Pasternack and
D. Roth, "Knowing What to Believe (when you already know something)", COLING 2010, sections 3.1 and 3.2. Each ends when
no source's trust moves by more than `TOLERANCE`, or after `ROUNDS`. Trust and belief are scaled to a maximum of 1.

TruthFinder: values that many trustworthy sources give are likely, and sources that give likely values trustworthy. X.
Yin, J. Han, P. S. Yu, "Truth Discovery with Multiple Conflicting Information Providers on the Web", IEEE TKDE 20(6),
2008, equations 3 to 8, with the dampening of section 3.2.2. Similar values support each other by `similarity`
(equation 6). It ends when the cosine of the trust of two rounds is within `_COSINE` of 1, as in the paper.
"""

from collections.abc import Callable

import numpy as np

from kgmem.consensus.claims import Claims, Numbers
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.consensus.value_similarity import Similarity

ROUNDS = 20  # What the paper runs; further rounds sharpen differences that the data do not bear.
TOLERANCE = 1e-6
INVESTMENT_GROWTH = 1.2  # The paper's g for Investment,
POOLED_GROWTH = 1.4  # and for PooledInvestment.
TRUTH_FINDER_ROUNDS = 50
_COSINE = 1e-9
_DAMPENING = 0.3  # TruthFinder's gamma,
_INFLUENCE = 0.5  # and rho.
_SUREST = 1 - 1e-6


def majority(claims: Claims) -> Outcome:
    """Return each value the number of its sources; ties go to the lowest code (the smallest number, the first text)."""
    segments = Segments.of(claims)
    score = segments.per_value(claims.weight)
    share = segments.divided(score)
    trust = _mean(segments, share[claims.value])
    return Outcome(claims, score, share, trust, 1, converged=True)


def sums(claims: Claims) -> Outcome:
    """Return Sums: a source is trusted as the sum of its values' beliefs, a value believed as the sum of its trust."""
    return _alternate(claims, lambda gathered, _: gathered)


def average_log(claims: Claims) -> Outcome:
    """Return AverageLog: the mean belief of a source's values, times the logarithm of their number."""
    return _alternate(claims, lambda gathered, count: gathered * np.log1p(count) / np.maximum(count, 1.0))


def investment(claims: Claims) -> Outcome:
    """Return Investment: sources stake their trust in equal parts on what they claim, and are paid by growth."""
    return _invest(claims, pooled=False)


def pooled_investment(claims: Claims) -> Outcome:
    """Return PooledInvestment: as Investment, with the values of a fact sharing what was staked on it."""
    return _invest(claims, pooled=True)


def _alternate(claims: Claims, pay: Callable[[Numbers, Numbers], Numbers]) -> Outcome:
    segments = Segments.of(claims)
    count = segments.per_source(claims.weight)
    trust = claims.prior / max(float(claims.prior.max(initial=0)), 1e-12)
    belief = np.zeros(len(claims.fact))
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > TOLERANCE and len(claims.value):
        rounds += 1
        belief = _scaled(segments.per_value(claims.weight * trust[claims.source]))
        before, trust = trust, _scaled(pay(segments.per_source(claims.weight * belief[claims.value]), count))
        moved = float(np.abs(trust - before).max())
    return Outcome(claims, belief, segments.divided(belief), trust, rounds, converged=moved <= TOLERANCE)


def _invest(claims: Claims, *, pooled: bool) -> Outcome:
    segments = Segments.of(claims)
    count = np.maximum(segments.per_source(claims.weight), 1e-12)
    growth = POOLED_GROWTH if pooled else INVESTMENT_GROWTH
    trust = claims.prior / max(float(claims.prior.max(initial=0)), 1e-12)
    belief = segments.divided(segments.per_value(claims.weight))  # The paper's prior: the share of the votes.
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > TOLERANCE and len(claims.value):
        rounds += 1
        stake = claims.weight * (trust / count)[claims.source]
        staked = np.maximum(segments.per_value(stake), 1e-300)
        paid = segments.per_source(belief[claims.value] * stake / staked[claims.value])
        before, trust = trust, _scaled(paid)
        held = segments.per_value(claims.weight * (trust / count)[claims.source])
        grown = held**growth
        belief = held * segments.divided(grown) if pooled else grown
        moved = float(np.abs(trust - before).max())
    return Outcome(claims, belief, segments.divided(belief), trust, rounds, converged=moved <= TOLERANCE)


def _scaled(amount: Numbers) -> Numbers:
    return amount / max(float(amount.max(initial=0)), 1e-300)


def _mean(segments: Segments, amount: Numbers) -> Numbers:
    claims = segments.claims
    count = segments.per_source(claims.weight)
    return segments.per_source(claims.weight * amount) / np.maximum(count, 1e-12)


def truth_finder(claims: Claims, similarity: Similarity | None = None) -> Outcome:
    """Return TruthFinder's confidence in each value; sources begin with their priors."""
    segments = Segments.of(claims)
    count = np.maximum(segments.per_source(claims.weight), 1e-12)
    trust = claims.prior.copy()
    score = np.zeros(len(claims.fact))
    rounds, moved = 0, np.inf
    while rounds < TRUTH_FINDER_ROUNDS and moved > _COSINE and len(claims.value):
        rounds += 1
        trustworthiness = -np.log1p(-np.minimum(trust, _SUREST))
        score = segments.per_value(claims.weight * trustworthiness[claims.source])
        if similarity is not None:
            score = score + _INFLUENCE * similarity.spread(score)
        confidence = 1 / (1 + np.exp(-_DAMPENING * score))
        before, trust = trust, segments.per_source(claims.weight * confidence[claims.value]) / count
        length = float(np.linalg.norm(before) * np.linalg.norm(trust))
        moved = 1 - float(before @ trust) / max(length, 1e-300)
    return Outcome(claims, score, segments.divided(np.expm1(score)), trust, rounds, converged=moved <= _COSINE)
