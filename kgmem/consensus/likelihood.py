"""How well an outcome explains the claims, copies included: what decides whether sources copy or are merely good.

Two good sources among bad ones agree more than the crowd suggests, and a clique of copies that outvotes all others
makes its victims look like copiers of each other. Which reading holds shows in the whole: the probability of all
claims, with truths summed out. A claim that is copied costs the logarithm of the rate of copying, one that is not
copied what its source's accuracy makes it cost.
"""

from dataclasses import replace

import numpy as np

from kgmem.consensus.claims import Claims, Integers, Numbers, Truths
from kgmem.consensus.outcome import Outcome, Pairs
from kgmem.consensus.segments import Segments

_ACCURACIES = np.linspace(0.3, 0.95, 14)
_FEW = 0.1  # Of all sources.
_TRUST_COST = 1.5  # Of one more number that is learned; by chance it gains half a nat.
_NEVER = 1e6  # The logarithm of the odds against a value that a person refuted.
_PAIR_COST = 3.0  # What supposing that one source copies another must gain at least, in nats.


def components(found: Pairs, sources: int) -> Integers:
    """Return for each source the lowest of those that it depends on, directly or by way of others."""
    lowest = np.arange(sources)
    while True:
        before = lowest.copy()
        least = np.minimum(lowest[found.one], lowest[found.other])
        np.minimum.at(lowest, found.one, least)
        np.minimum.at(lowest, found.other, least)
        if np.array_equal(before, lowest):
            return lowest


def only(found: Pairs, keep: Truths) -> Pairs:
    """Return some of the pairs."""
    at = np.flatnonzero(keep)
    return Pairs(found.one[at], found.other[at], found.probability[at], found.shared[at])


def log_likelihood(segments: Segments, outcome: Outcome, false: Numbers) -> float:
    """Return the log probability of all claims on facts that several speak of, truths summed out."""
    claims = segments.claims
    trust = np.clip(outcome.trust, 0.02, 0.98)[claims.source]
    voice = np.ones(len(claims.source)) if outcome.voice is None else outcome.voice
    weight = claims.weight * voice
    spoken = (segments.voices() > 1)[claims.fact]
    wrong = np.log1p(-trust) - np.log(false)[claims.fact_of_claim]
    score = segments.per_value(weight * (np.log(trust) - wrong))
    known = (
        np.zeros(len(claims.facts)) if claims.label is None else segments.per_fact((claims.label == 1).astype(float))
    )
    if claims.label is not None:
        score = np.where(claims.label == 0, -_NEVER, score)
    whole = segments.per_fact(np.exp(score - _top(segments, score)))
    hidden = np.where(known > 0, 0.0, np.maximum(false + 1 - segments.values, 0.0))
    top = np.maximum(segments.highest(score), 0.0)
    of_fact = np.log(whole + hidden * np.exp(-top)) + top - np.log(false + 1)
    base = segments.per_value(weight * wrong)
    return float(base[spoken].sum() + of_fact[segments.voices() > 1].sum()) + _copied(claims, outcome.copies)


def indifferent(segments: Segments, outcome: Outcome, false: Numbers) -> float | None:
    """Return the accuracy that all sources have, where the claims do not show that some are better; else None.

    Trust that is learned for each source must explain the claims better than one accuracy for all, by 1.5 for
    each source (between H. Akaike's price, IEEE Transactions on Automatic Control 19(6), 1974, and G. Schwarz's).
    """
    claims = segments.claims
    checked = np.bincount(claims.source[(segments.voices() > 1)[claims.fact_of_claim]], minlength=len(claims.prior))
    price = _TRUST_COST * int((checked > 0).sum())
    learned = log_likelihood(segments, outcome, false)
    # Sources that are worse than guessing explain as much as good ones, with truth and error exchanged.
    accuracies = _ACCURACIES[1 / (1 + float(false.min())) + 0.04 < _ACCURACIES]
    even = [
        log_likelihood(segments, replace(outcome, trust=np.full(len(claims.prior), each)), false) for each in accuracies
    ]
    best = int(np.argmax(even))
    return None if learned - even[best] > price else float(accuracies[best])


def worse_alone(segments: Segments, outcome: Outcome, spoken: Truths) -> Truths | None:
    """Return which sources are worse than the rest, where these are few and the rest does not differ; else None.

    A source differs when its share of right claims lies further from the median source's than chance would have it
    (G. Schwarz, "Estimating the Dimension of a Model", Annals of Statistics 6(2), 1978).
    """
    claims = segments.claims
    count = np.maximum(segments.per_source(np.where(spoken, claims.weight, 0.0)), 1.0)
    usual = float(np.median(outcome.trust)) if len(outcome.trust) else 0.5
    apart = (outcome.trust - usual) * np.sqrt(count / max(usual * (1 - usual), 1e-3))
    limit = np.sqrt(np.maximum(np.log(count), 1.0))
    worse = apart < -limit
    if np.any(apart > limit) or not worse.any() or int(worse.sum()) > max(1, _FEW * len(worse)):
        return None
    return np.asarray(worse)


def _top(segments: Segments, score: Numbers) -> Numbers:
    return np.asarray(np.maximum(segments.highest(score), 0.0)[segments.claims.fact])


def _copied(claims: Claims, found: Pairs) -> float:
    """The log probability of what is copied and what copiers say of their own, at the best rate of each group."""
    if not len(found.one):
        return 0.0
    group = components(found, len(claims.prior))
    size = np.bincount(group, minlength=len(group))
    at = np.flatnonzero(size[group][claims.source] > 1)
    mine = group[claims.source[at]]
    values = np.unique(mine * len(claims.fact) + claims.value[at]) // len(claims.fact)
    facts = np.unique(mine * len(claims.facts) + claims.fact_of_claim[at]) // len(claims.facts)
    said = np.bincount(mine, minlength=len(group))
    distinct = np.bincount(values, minlength=len(group))
    spoken = np.bincount(facts, minlength=len(group))
    copied, own = (said - distinct).astype(float), (distinct - spoken).astype(float)
    rate = np.clip((copied + 0.5) / (copied + own + 1), 1e-6, 1 - 1e-6)
    cost = copied * np.log(rate) + own * np.log1p(-rate)
    return float(cost[size > 1].sum()) - _PAIR_COST * float((size[size > 1] - 1).sum())
