"""One explanation of the claims: what is true, how good each source is, who copies whom; and how much it explains.

The accuracy of each source is drawn from one beta distribution for all, which is itself learned: where sources are
equally good all count the same, where they differ each counts by its own record. A copier repeats its parent at a
rate that is learned, and speaks for itself otherwise. Truths, accuracies and rates are found by variational EM (M. J.
Beal, "Variational Algorithms for Approximate Bayesian Inference", 2003, section 2.2); `evidence` is its lower bound on
the log probability of all claims, less a price for each copier. It ends when all moves are below `TOLERANCE`, or
after `ROUNDS`.
"""

from dataclasses import dataclass, replace

import numpy as np

from kgmem.consensus.accu import checked, trust_by_group
from kgmem.consensus.claims import Integers, Numbers, Truths
from kgmem.consensus.explanations.copy_forest import PAIR_COST, Forest
from kgmem.consensus.explanations.gamma import digamma, log_beta
from kgmem.consensus.segments import Segments
from kgmem.domain.claims.consensus import PRIOR_TRUST

ROUNDS = 40
TOLERANCE = 1e-4
STRENGTHS = (1.0, 3.0, 10.0, 30.0, 100.0, 1000.0)  # So many claims the accuracy of all weighs beside a source's own.
MEANS = np.linspace(0.2, 0.95, 16)
_ABOVE_GUESSING = 0.04  # Sources worse than that explain as much as good ones, with truth and error exchanged.
_RECORDS = 300  # The records that are compared with a distribution at the most.
_MEAN_CLAIMS = 1.5  # The mean is drawn to a half as if so many claims were right and so many wrong.
_NEVER = -1e6  # The score of a value that a person refuted.
_EVERY = 3  # Rounds between which the distribution of accuracies stays.


@dataclass(frozen=True, slots=True, eq=False)
class Hypothesis:
    """What is true, how good sources are and who copies, with the evidence for it in nats."""

    score: Numbers  # Of each value, in log odds against a value that nobody claims.
    probability: Numbers
    trust: Numbers  # Of each source: the share of its checked claims that is right, drawn to that of all.
    rate: Numbers  # Of each source: how much of what it shares with its parent it copies.
    forest: Forest
    evidence: float
    rounds: int
    converged: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """What stays the same in all rounds."""

    segments: Segments
    forest: Forest
    false: Numbers  # Of each claim's fact: how many wrong values there are.
    hidden: Numbers  # Of each fact: how many values nobody claims; none where a person accepted one.
    counted: Numbers  # Of each claim: its weight where others speak of the fact.
    spoken: Truths  # Of each fact: several sources claim something of it, or a person decided on it.
    refuted: Truths  # Of each value: a person rejected it, or accepted another one of the fact.


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What one round learned of sources: expected logarithms of being right and wrong, and how much is copied."""

    right: Numbers
    wrong: Numbers
    rate: Numbers
    gap: Numbers  # How far the accuracy of each source is from that of all (Kullback-Leibler), in nats.


@dataclass(frozen=True, slots=True, eq=False)
class _Votes:
    """Of each claim: its log probability if its value is true and if not; and how far it is copied in each case."""

    true: Numbers
    false: Numbers
    copied_true: Numbers
    copied_false: Numbers


def explain(
    segments: Segments, forest: Forest, false: Numbers, probability: Numbers, *, most: int = ROUNDS
) -> Hypothesis:
    """Return the hypothesis that is reached from these probabilities of values, with these copiers."""
    claims = segments.claims
    setting = _setting(segments, forest, false)
    start = np.where(forest.agrees, 0.8, 0.0)
    votes = _Votes(start, start, start, np.where(forest.agrees, 0.95, 0.0))
    learned, common = None, (0.0, 0.0)
    score, top, whole = np.zeros(len(claims.fact)), np.zeros(len(claims.facts)), np.ones(len(claims.facts))
    rounds, moved = 0, np.inf
    while rounds < most and moved > TOLERANCE and len(claims.value):
        if rounds % _EVERY == 0:
            common = _common(*_record(setting, probability, votes), float(np.median(false)))
        learned = _learn(setting, probability, votes, common)
        votes = _votes(setting, learned)
        score = segments.per_value(claims.weight * (votes.true - votes.false))
        score = np.where(setting.refuted, _NEVER, score)
        # Where a person accepted a value, it alone is left, whatever its score.
        top = np.where(setting.hidden > 0, np.maximum(segments.highest(score), 0.0), segments.highest(score))
        raised = np.exp(score - top[claims.fact])
        whole = segments.per_fact(raised) + setting.hidden * np.exp(-np.maximum(top, 0.0))
        before, probability = probability, raised / whole[claims.fact]
        moved = float(np.abs(probability - before).max())
        rounds += 1
    strength, mean = common
    counted = segments.per_source(setting.counted)
    earned = segments.per_source(setting.counted * probability[claims.value])
    trust = (earned + strength * _means(claims.prior, mean)) / np.maximum(counted + strength, 1e-9)
    rate = np.zeros(len(claims.prior)) if learned is None else learned.rate
    evidence = _evidence(setting, votes, learned, np.log(whole) + top - np.log(false + 1))
    return Hypothesis(
        score, probability, np.clip(trust, 0.02, 0.98), rate, forest, evidence, rounds, moved <= TOLERANCE
    )


def _setting(segments: Segments, forest: Forest, false: Numbers) -> _Setting:
    claims = segments.claims
    hidden = np.maximum(false + 1 - segments.values, 0.0)
    spoken, refuted = segments.voices() > 1, np.zeros(len(claims.fact), bool)
    if claims.label is not None:
        refuted = claims.label == 0
        hidden = np.where(segments.per_fact((claims.label == 1).astype(float)) > 0, 0.0, hidden)
        spoken = spoken | (segments.per_fact((~np.isnan(claims.label)).astype(float)) > 0)
    counted = np.where(checked(segments), claims.weight, 0.0)
    return _Setting(segments, forest, false[claims.fact_of_claim], hidden, counted, spoken, refuted)


def by_group(segments: Segments, reached: Hypothesis, false: Numbers) -> Hypothesis:
    """Return the hypothesis with the votes of each source by its trust in the group of the fact.

    Trust in a group is drawn to the trust overall, so that a source which is good at one predicate counts there.
    """
    claims = segments.claims
    if not int(claims.group.max(initial=0)):
        return reached
    counted = np.where(checked(segments), claims.weight, 0.0)
    table = trust_by_group(claims, reached.probability, counted, reached.trust)
    trust = table[claims.source, claims.group[claims.fact_of_claim]]
    rate = np.where(reached.forest.agrees, reached.rate[claims.source], 0.0)
    true, wrong = rate + (1 - rate) * trust, rate + (1 - rate) * (1 - trust) / false[claims.fact_of_claim]
    score = segments.per_value(claims.weight * np.maximum(np.log(true / wrong), 0.0))
    probability = segments.shares(score, np.maximum(false + 1 - segments.values, 0.0))
    return replace(reached, score=score, probability=probability)


def _record(setting: _Setting, probability: Numbers, votes: _Votes) -> tuple[Numbers, Numbers]:
    """Return how much each source said of its own that is right, and that is wrong."""
    segments = setting.segments
    true = probability[segments.claims.value]
    right = segments.per_source(setting.counted * true * (1 - votes.copied_true))
    wrong = segments.per_source(setting.counted * (1 - true) * (1 - votes.copied_false))
    return right, wrong


def _common(right: Numbers, wrong: Numbers, false: float) -> tuple[float, float]:
    """Return strength and mean of the beta distribution from which records like these are most probably drawn."""
    known = np.flatnonzero(right + wrong > 0)
    known = known[:: -(-len(known) // _RECORDS) or 1]
    means = MEANS[1 / (1 + false) + _ABOVE_GUESSING < MEANS]
    strength, mean = (each.ravel() for each in np.meshgrid(np.array(STRENGTHS), means, indexing="ij"))
    one, other = strength * mean, strength * (1 - mean)
    gain = log_beta(right[known] + one[:, None], wrong[known] + other[:, None]).sum(axis=1)
    gain = gain - len(known) * log_beta(one, other) + _MEAN_CLAIMS * (np.log(mean) + np.log(1 - mean))
    best = int(np.argmax(gain))
    return float(strength[best]), float(mean[best])


def _means(prior: Numbers, mean: float) -> Numbers:
    """Return the mean for each source: its own prior where it was given one."""
    return np.where(prior == PRIOR_TRUST, mean, prior)


def _learn(setting: _Setting, probability: Numbers, votes: _Votes, common: tuple[float, float]) -> _Learned:
    segments, forest = setting.segments, setting.forest
    claims = segments.claims
    strength, mean = common
    right, wrong = _record(setting, probability, votes)
    one, other = strength * _means(claims.prior, mean), strength * (1 - _means(claims.prior, mean))
    mine, theirs = right + one, wrong + other
    whole = digamma(mine + theirs)
    of_right, of_wrong = digamma(mine) - whole, digamma(theirs) - whole
    gap = log_beta(one, other) - log_beta(mine, theirs) + right * of_right + wrong * of_wrong
    # A source that is worse than guessing says nothing: what it denies is not thereby true.
    false = float(np.median(setting.false)) if len(setting.false) else 1.0
    worse = of_right - of_wrong + np.log(false) < 0
    of_right = np.where(worse, -np.log(false + 1), of_right)
    of_wrong = np.where(worse, np.log(false / (false + 1)), of_wrong)
    true = probability[claims.value]
    repeats = np.where(forest.agrees, claims.weight * (true * votes.copied_true + (1 - true) * votes.copied_false), 0.0)
    meets = np.where(forest.agrees | forest.differs, claims.weight, 0.0)
    rate = (segments.per_source(repeats) + 1) / (segments.per_source(meets) + 2)
    return _Learned(of_right, of_wrong, np.where(forest.parent >= 0, np.clip(rate, 0.0, 0.999), 0.0), gap)


def _votes(setting: _Setting, learned: _Learned) -> _Votes:
    forest, source = setting.forest, setting.segments.claims.source
    rate = learned.rate[source]
    right, wrong = np.exp(learned.right)[source], np.exp(learned.wrong)[source] / setting.false
    own = np.where(forest.differs, np.log1p(-rate), 0.0)
    repeated_true, repeated_false = rate + (1 - rate) * right, rate + (1 - rate) * wrong
    return _Votes(
        np.where(forest.agrees, np.log(repeated_true), np.log(right) + own),
        np.where(forest.agrees, np.log(repeated_false), np.log(wrong) + own),
        np.where(forest.agrees, rate / repeated_true, 0.0),
        np.where(forest.agrees, rate / repeated_false, 0.0),
    )


def _evidence(setting: _Setting, votes: _Votes, learned: _Learned | None, of_fact: Numbers) -> float:
    if learned is None:
        return 0.0
    segments = setting.segments
    claims = segments.claims
    base = segments.per_value(claims.weight * votes.false)
    speaking: Integers = np.flatnonzero(segments.per_source(setting.counted) > 0)
    price = (PAIR_COST + float(np.log(max(len(claims.prior), 1)))) * setting.forest.edges
    explained = float(of_fact[setting.spoken].sum() + base[setting.spoken[claims.fact]].sum())
    return explained - float(learned.gap[speaking].sum()) - price
