"""Majority, and the fact finders that pass trust and belief to and fro.

Sums (Hubs and Authorities; Kleinberg 1999), AverageLog, Investment and PooledInvestment are as in J. Pasternack and
D. Roth, "Knowing What to Believe (when you already know something)", COLING 2010, sections 3.1 and 3.2. Each ends when
no source's trust moves by more than `TOLERANCE`, or after `ROUNDS`. Trust and belief are scaled to a maximum of 1.
"""

from collections.abc import Callable

import numpy as np

from kgmem.consensus.claims import Claims, Numbers
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments

ROUNDS = 20  # What the paper runs; further rounds sharpen differences that the data do not bear.
TOLERANCE = 1e-6
INVESTMENT_GROWTH = 1.2  # The paper's g for Investment,
POOLED_GROWTH = 1.4  # and for PooledInvestment.


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
