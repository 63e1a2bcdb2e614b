"""CRH and CATD: truths that lie closest to what reliable sources say, for numbers and for categories.

CRH: Q. Li, Y. Li, J. Gao, B. Zhao, W. Fan, J. Han, "Resolving Conflicts in Heterogeneous Data by Truth Discovery and
Source Reliability Estimation", SIGMOD 2014: weights are the negative logarithm of a source's share of the loss
(equation 5), truths the weighted median (equation 16) or the weighted vote. CATD: Q. Li and others, "A Confidence-Aware
Approach for Truth Discovery on Long-Tail Data", VLDB 2014: weights are the lower end of the confidence interval of a
source's precision, so that sources with few claims do not weigh by luck (equation 6). Both end when no chosen value
changes.
"""

from dataclasses import replace

import numpy as np

from kgmem.consensus.claims import Claims, Integers, Numbers, tally
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments, choose

ROUNDS = 30
_UNLIKELY = 1.645  # The lower 5 % of a normal distribution, for CATD's 95 % interval.
_MOST_WEIGHT = 5.0  # A source's weight over the mean: what bounds a source with little or no loss.


def crh(claims: Claims) -> Outcome:
    """Return CRH's truths; a value's score is minus the weighted distance of all claims from it."""
    return _alternate(claims, by_confidence=False)


def catd(claims: Claims) -> Outcome:
    """Return CATD's truths, scored as CRH's."""
    return _alternate(claims, by_confidence=True)


def _alternate(claims: Claims, *, by_confidence: bool) -> Outcome:
    whole = claims
    segments = Segments.of(claims)
    middle, scale = _scale(segments)
    if claims.number is not None:
        # Brought to the middle and spread of its fact, no sum loses digits to another fact's large numbers.
        claims = replace(claims, number=(claims.number - middle[claims.fact]) / scale[claims.fact])
        segments = Segments.of(claims)
    weights = claims.prior / max(float(claims.prior.mean()) if len(claims.prior) else 1.0, 1e-12)
    chosen = np.full(len(claims.facts), -1)
    score = np.zeros(len(claims.fact))
    trust = claims.prior
    rounds, same = 0, not len(claims.value)
    while rounds < ROUNDS and not same:
        rounds += 1
        score = -_distances(segments, claims.weight * weights[claims.source])
        before, chosen = chosen, choose(segments, score)
        same = bool(np.array_equal(before, chosen))
        loss = _loss(claims, chosen)
        weights, trust = _weights(segments, loss, by_confidence=by_confidence)
    heard = tally(claims.fact_of_claim, claims.weight * weights[claims.source], len(claims.facts))
    mean = score / np.maximum(heard, 1e-12)[claims.fact]
    # By Laplace's law of errors, twice the mean distance apart is e times less likely for each source.
    likely = mean * np.minimum(segments.voices(), 10)[claims.fact]
    voice = np.ones(len(claims.source))
    return Outcome(whole, score, segments.shares(likely + 50), trust, rounds, same, voice)


def _scale(segments: Segments) -> tuple[Numbers, Numbers]:
    """The mean of each fact's numbers and their standard deviation (as in CRH's equation 13), 1 where none is."""
    claims = segments.claims
    if claims.number is None:
        return np.zeros(len(claims.facts)), np.ones(len(claims.facts))
    known = np.isfinite(claims.number)
    number = np.where(known, claims.number, 0.0)[claims.value]
    weight = known[claims.value].astype(float)
    facts, at = len(claims.facts), claims.fact_of_claim
    count = np.maximum(tally(at, weight, facts), 1)
    middle = tally(at, weight * number, facts) / count
    spread = np.sqrt(tally(at, weight * (number - middle[at]) ** 2, facts) / count)
    return middle, np.where(spread > 0, spread, 1.0)


def _distances(segments: Segments, weight: Numbers) -> Numbers:
    """Return for each value the weighted distance of its fact's claims: numbers, or 0 and 1 for categories."""
    claims = segments.claims
    held = segments.per_value(weight)
    whole = segments.per_fact(held)[claims.fact]
    apart = whole - held
    if claims.number is None:
        return apart
    known = np.isfinite(claims.number)
    number = np.where(known, claims.number, 0.0)
    # Sorted by number, the distances from all others follow from sums so far.
    order = np.lexsort((claims.code, number, claims.fact))
    fact, number, held = claims.fact[order], number[order], held[order]
    start = segments.of_fact[fact]
    before = _sums_before(held, start)
    weighted = _sums_before(held * number, start)
    all_weighted = segments.per_fact((held * number)[np.argsort(order, kind="stable")])[fact]
    total = whole[order]
    gap = number * before - weighted + (all_weighted - weighted - held * number) - number * (total - before - held)
    distance = np.empty(len(held))
    distance[order] = np.maximum(gap, 0.0)
    return np.asarray(np.where(known, distance, apart))


def _sums_before(amount: Numbers, start: Integers) -> Numbers:
    so_far = np.concatenate([[0.0], np.cumsum(amount)])
    return np.asarray(so_far[np.arange(len(amount))] - so_far[start])


def _loss(claims: Claims, chosen: Integers) -> Numbers:
    """Return the distance of each claim from the truth of its fact, at most 3 scales: a typing error is one error."""
    fact = claims.fact_of_claim
    wrong = (claims.value != chosen[fact]).astype(float)
    if claims.number is None:
        return np.asarray(wrong)
    gap = np.abs(claims.number[claims.value] - claims.number[chosen[fact]])
    return np.asarray(np.where(np.isfinite(gap), np.minimum(gap, 3.0), wrong), np.float64)


def _weights(segments: Segments, loss: Numbers, *, by_confidence: bool) -> tuple[Numbers, Numbers]:
    """Return the weight of each source and its trust: 1 / (1 + mean loss), drawn to its prior by one claim."""
    claims = segments.claims
    spoken = (segments.voices() > 1)[claims.fact_of_claim]
    weight = np.where(spoken, claims.weight, 0.0)
    count = segments.per_source(weight)
    lost = segments.per_source(weight * loss)
    mean = (lost + (1 / claims.prior - 1)) / (count + 1)
    trust = 1 / (1 + mean)
    if by_confidence:
        freedom = np.maximum(count, 0.5)
        # Wilson and Hilferty's approximation of the chi-squared quantile.
        part = np.maximum(1 - 2 / (9 * freedom) - _UNLIKELY * np.sqrt(2 / (9 * freedom)), 0.05)
        weights = freedom * part**3 / (freedom * mean + 1e-3)
    else:
        weights = -np.log(np.clip(mean / max(float(mean.sum()), 1e-12), 1e-12, 0.999999))
    weights = weights / max(float(weights.mean()) if len(weights) else 1.0, 1e-12)
    return np.clip(weights, 1e-3, _MOST_WEIGHT), trust
