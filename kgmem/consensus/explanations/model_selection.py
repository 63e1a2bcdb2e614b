"""The explanation of the claims that has most evidence: which truths to begin with, who copies, which model of errors.

Truths and copiers each look right in the light of the other: a copying majority makes its victims look like copiers,
and good sources that agree on the truth look like copies to those who believe the rest. So several explanations are
worked out, from the shares of voices, from Accu's truths and from PooledInvestment's, with and without copiers. The
one under which the claims are most probable leads; others that are nearly as probable keep a weight of their own, so
that what is probable under one alone is not taken for certain (Bayesian model averaging; J. A. Hoeting and others,
Statistical Science 14(4), 1999).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from kgmem.consensus import accu, dawid_skene, fact_finders
from kgmem.consensus.claims import Claims, Integers, Numbers, Truths
from kgmem.consensus.explanations.copy_forest import (
    Forest,
    Meetings,
    dependent_pairs,
    forest_of,
    grown,
    meetings,
    meetings_of_trees,
    no_copies,
)
from kgmem.consensus.explanations.hypothesis import Hypothesis, by_group, explain
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments, choose
from kgmem.consensus.source_dependence import independence

LEAST_FACTS = 30  # Facts that several speak of, from which explanations can be compared.
MOST_CLAIMS = 40_000  # Of more, explanations are compared on a sample of the facts with so many claims,
_ROUNDS_OF_ALL = 6  # and those that are kept learn from all claims, in so many rounds.
_GROWTHS = 3  # So often copiers are sought again by what was learned with them.
_NATS = 2.0  # By so much evidence an explanation has e times the weight of another one.
_MOST_BEHIND = 7.0  # Of that: explanations with less weigh less than a thousandth, and are left out.
_MOST_KEPT = 6
_SAME = 0.95  # Explanations that choose the same value for more facts than this are one.
_FOLDS = 5
_USUAL_TRUST = 0.6  # Of sources, before anything is learned.


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """An explanation that is kept, and its weight beside the others; the weights sum to 1."""

    outcome: Outcome
    weight: float


def comparable(segments: Segments) -> bool:
    """Return whether there is enough to compare explanations by."""
    return int((segments.voices() > 1).sum()) >= LEAST_FACTS


def explanations(claims: Claims, *, copies: bool = True) -> list[Explained]:
    """Return the explanations with most evidence, best first; scores and probabilities are not yet calibrated.

    Of those that choose nearly the same values, only the best is kept. An explanation weighs exp(evidence / `_NATS`):
    less than Bayes' rule gives it, since no explanation is quite how claims came about (P. Grünwald, "The Safe
    Bayesian", ALT 2012).
    """
    segments = Segments.of(claims)
    false = accu.false_values(claims)
    if len(claims.source) > MOST_CLAIMS:
        return _of_sample(segments, false, copies=copies)
    met = meetings(segments)
    return [Explained(_outcome(segments, met, false, each), part) for each, part in _kept(segments, met, false, copies)]


def _of_sample(segments: Segments, false: Numbers, *, copies: bool) -> list[Explained]:
    """Return the explanations that a sample of the facts keeps, learned from all claims.

    A source begins with the trust it has in the sample, and copies whom it copies there.
    """
    claims = segments.claims
    sample = Segments.of(sampled(segments, MOST_CLAIMS))
    told = []
    for each, part in _kept(sample, meetings(sample), accu.false_values(sample.claims), copies):
        start = accu.shares(segments, segments.per_value(claims.weight * accu.votes(claims, each.trust, false)), false)
        forest = forest_of(claims, each.forest.parent)
        reached = explain(segments, forest, false, start, most=_ROUNDS_OF_ALL)
        met = meetings_of_trees(claims, forest.parent)
        told.append(Explained(_outcome(segments, met, false, reached), part))
    return told


def sampled(segments: Segments, most: int) -> Claims:
    """Return the claims on a sample of the facts that several speak of, of about so many claims.

    Sources keep their numbers; facts are drawn by the bits of their places (multiplicative hashing, D. E. Knuth, "The
    Art of Computer Programming" 3, section 6.4), so that the same claims give the same sample.
    """
    claims = segments.claims
    voices = segments.voices()
    spoken = voices > 1
    share = min(most / max(float(voices[spoken].sum()), 1.0), 1.0)
    place = (np.arange(len(voices), dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)
    # What people decided is always in the sample.
    decided = False if claims.label is None else segments.per_fact((~np.isnan(claims.label)).astype(float)) > 0
    facts = (spoken & (place < share * 2**32)) | decided
    values = facts[claims.fact]
    of_claim = values[claims.value]
    return replace(
        claims,
        source=claims.source[of_claim],
        value=(np.cumsum(values) - 1)[claims.value[of_claim]],
        weight=claims.weight[of_claim],
        fact=(np.cumsum(facts) - 1)[claims.fact[values]],
        code=claims.code[values],
        mode=claims.mode[facts],
        group=claims.group[facts],
        number=None if claims.number is None else claims.number[values],
        facts=claims.facts[facts],
        label=None if claims.label is None else claims.label[values],
    )


def _kept(segments: Segments, met: Meetings, false: Numbers, copies: bool) -> list[tuple[Hypothesis, float]]:
    """Return the explanations that are kept, each with its weight."""
    reached = sorted(_reached(segments, met, false, copies=copies), key=lambda each: -each.evidence)
    kept: list[Hypothesis] = []
    chosen: list[Integers] = []
    for each in reached:
        if each.evidence < reached[0].evidence - _MOST_BEHIND * _NATS or len(kept) == _MOST_KEPT:
            break
        choice = choose(segments, each.score)
        if all(float(np.mean(choice == other)) <= _SAME for other in chosen):
            kept.append(each)
            chosen.append(choice)
    weight = np.exp([(each.evidence - kept[0].evidence) / _NATS for each in kept])
    return list(zip(kept, (weight / weight.sum()).tolist(), strict=True))


def _reached(segments: Segments, met: Meetings, false: Numbers, *, copies: bool) -> Iterator[Hypothesis]:
    """Return the explanations that are reached from each start, without and with copiers."""
    claims = segments.claims
    for start in (
        segments.divided(segments.per_value(claims.weight)),
        accu.accu(claims, copies=copies).probability,
        fact_finders.pooled_investment(claims).probability,
    ):
        alone = explain(segments, no_copies(claims), false, start)
        yield alone
        usual = replace(alone, probability=start, trust=np.full(len(claims.prior), _USUAL_TRUST))
        for begun in (usual, alone) if copies else ():
            yield from _with_copiers(segments, met, false, begun)


def _outcome(segments: Segments, met: Meetings, false: Numbers, best: Hypothesis) -> Outcome:
    best = by_group(segments, best, false)
    found = dependent_pairs(met, best.forest, best.rate)
    voice = independence(segments.claims, found)
    return Outcome(segments.claims, best.score, best.probability, best.trust, best.rounds, best.converged, voice, found)


def confusion_gain(claims: Claims) -> float:
    """Return by how many nats Dawid-Skene explains facts left for testing better than one accuracy a source does.

    Each fold of facts is explained by what was learned of the sources on the others.
    """
    fold = np.arange(len(claims.facts)) % _FOLDS
    return sum(
        dawid_skene.held_out(claims, fold == each) - _accuracy_held_out(claims, fold == each) for each in range(_FOLDS)
    )


def _with_copiers(segments: Segments, met: Meetings, false: Numbers, begun: Hypothesis) -> Iterator[Hypothesis]:
    """Return the explanations that are reached by seeking copiers again and again."""
    reached, before = begun, None
    for _ in range(_GROWTHS):
        forest: Forest = grown(segments.claims, met, reached.probability, reached.trust, false)
        if not forest.edges or (before is not None and np.array_equal(before.parent, forest.parent)):
            break
        reached, before = explain(segments, forest, false, reached.probability), forest
        yield reached


def _accuracy_held_out(claims: Claims, apart: Truths) -> float:
    """Return the log probability of the claims on some facts, by the accuracies learned on the others."""
    of_claim = apart[claims.fact_of_claim]
    learning = Segments.of(replace(claims, weight=np.where(of_claim, 0.0, claims.weight)))
    false = accu.false_values(claims)
    even = learning.divided(learning.per_value(learning.claims.weight))
    trust = explain(learning, no_copies(claims), false, even).trust[claims.source]
    wrong = np.log1p(-trust) - np.log(false)[claims.fact_of_claim]
    score = learning.per_value(claims.weight * (np.log(trust) - wrong))
    top = np.maximum(learning.highest(score), 0.0)
    hidden = np.maximum(false + 1 - learning.values, 0.0)
    whole = learning.per_fact(np.exp(score - top[claims.fact])) + hidden * np.exp(-top)
    of_fact = np.log(whole) + top - np.log(false + 1)
    return float(of_fact[apart].sum() + (claims.weight * wrong)[of_claim].sum())
