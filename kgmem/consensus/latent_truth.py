"""The latent truth model: facts of which several values are true at once, such as the authors of a book.

B. Zhao, B. I. P. Rubinstein, J. Gemmell, J. Han, "A Bayesian Approach to Discovering Truth from Conflicting Sources for
Data Integration", VLDB 2012, sections 4 and 5: a source omits what is true (sensitivity) and adds what is not
(specificity), and these are two things. Truths and qualities are found by EM in place of the paper's Gibbs sampling:
the same claims give the same result. It ends when no probability moves by more than `TOLERANCE`, or after `ROUNDS`.

A source denies, of a SET, what others list and it does not; of MANY it denies nothing.
"""

from dataclasses import replace

import numpy as np

from kgmem.consensus.accu import FALSE_VALUES, LEAST, MOST, PRIOR_CLAIMS
from kgmem.consensus.calibration import plain_part
from kgmem.consensus.claims import MANY, SET, Claims, Integers, Numbers, Stated, arranged, tally
from kgmem.consensus.outcome import Outcome, Pairs
from kgmem.consensus.segments import Segments
from kgmem.consensus.source_dependence import detect, independence

ROUNDS = 60
TOLERANCE = 1e-4
# The priors of section 5.2 in small: sources add little that is false, and leave out much that is true.
SENSITIVITY = (5.0, 5.0)  # Listed, left out.
FALSE_ADDED = (1.0, 9.0)  # Added, not added.
TRUE_BEFOREHAND = (1.0, 1.0)


def ltm(claims: Claims, *, copies: bool = True) -> Outcome:
    """Return the probability of each value by itself; a fact's values are those from a half on, or else the best."""
    first = _ltm(claims, np.ones(len(claims.source)), Pairs())
    if not copies:
        return first
    found, voice = _copies(first)
    return _ltm(claims, voice, found) if len(found.one) else first


def with_voices(claims: Claims, voice: Numbers, copies: Pairs) -> Outcome:
    """Return the same, where it is known how far each claim is independent."""
    return _ltm(claims, voice, copies)


def _ltm(claims: Claims, voice: Numbers, found: Pairs) -> Outcome:
    segments = Segments.of(claims)
    speaks_fact, speaks_source, heard = _speakers(claims, voice)
    listens = claims.mode[speaks_fact] == SET
    probability = segments.per_value(claims.weight) / np.maximum(segments.voices(), 1)[claims.fact]
    weight = claims.weight * voice
    rounds, moved = 0, np.inf
    prior = claims.prior / (1 - claims.prior)
    while rounds < ROUNDS and moved > TOLERANCE and len(claims.value):
        rounds += 1
        sensitivity, added = _quality(segments, probability, (speaks_fact, speaks_source), prior)
        for_it = np.log(sensitivity / added)
        against = np.log((1 - sensitivity) / (1 - added))
        denied = tally(speaks_fact[listens], (heard * against[speaks_source])[listens], len(claims.facts))
        lists = weight * np.where(
            claims.mode[claims.fact_of_claim] == SET, (for_it - against)[claims.source], for_it[claims.source]
        )
        score = segments.per_value(lists) + denied[claims.fact] + np.log(TRUE_BEFOREHAND[0] / TRUE_BEFOREHAND[1])
        before, probability = probability, segments.decided_alone(1 / (1 + np.exp(-np.clip(score, -50, 50))))
        moved = float(np.abs(probability - before).max())
    sensitivity, added = _quality(segments, probability, (speaks_fact, speaks_source), prior)
    listed = segments.per_source(claims.weight)
    precise = (segments.per_source(claims.weight * probability[claims.value]) + claims.prior) / (listed + 1)
    score = np.log(np.maximum(probability, 1e-300))
    probability = _calibrated(segments, probability, voice, (speaks_fact, heard))
    outcome = Outcome(claims, score, probability, precise, rounds, moved <= TOLERANCE, voice, found)
    return replace(outcome, agreed=_agreed(outcome, (speaks_fact, speaks_source, heard)))


def _agreed(outcome: Outcome, speaks: tuple[Integers, Integers, Numbers]) -> Numbers:
    """Return for each fact whose sources all list the same how probable that list is; 0 for the others.

    Parts of one list are not right independently of each other: who errs on one, errs on more. So a list that nobody
    contradicts is as probable as its sources' lists are right as a whole, on what others speak of too (as in accu.py).
    """
    claims = outcome.claims
    fact, source, heard = speaks
    pair = np.searchsorted(fact * len(claims.prior) + source, claims.fact_of_claim * len(claims.prior) + claims.source)
    chosen = chosen_sets(outcome)
    listed = np.bincount(pair, minlength=len(fact))
    right = np.bincount(pair, chosen[claims.value], len(fact))
    true = tally(claims.fact, chosen.astype(float), len(claims.facts))[fact]
    exact = (listed == right) & (right == true)
    voices = np.bincount(fact, minlength=len(claims.facts))
    checked = (voices > 1)[fact]
    trust = tally(source, (exact & checked).astype(float), len(claims.prior)) + PRIOR_CLAIMS * claims.prior
    trust = np.clip(trust / (tally(source, checked.astype(float), len(claims.prior)) + PRIOR_CLAIMS), LEAST, MOST)
    score = tally(fact, heard * np.log(FALSE_VALUES * trust / (1 - trust))[source], len(claims.facts))
    same = np.bincount(fact, exact, len(claims.facts)) == voices
    return np.where(same & (claims.mode == SET), 1 / (1 + FALSE_VALUES * np.exp(-score)), 0.0)


def chosen_sets(outcome: Outcome) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return for each value whether it is accepted: at least half probable, or the most probable of its fact."""
    segments = Segments.of(outcome.claims)
    top = segments.highest(outcome.score)[outcome.claims.fact]
    return np.asarray((outcome.score >= np.log(0.5)) | (outcome.score >= top - 1e-12))


def _calibrated(segments: Segments, probability: Numbers, voice: Numbers, speaks: tuple[Integers, Numbers]) -> Numbers:
    """Probabilities mixed with the share of its fact's independent voices that list a value, as for one truth."""
    claims = segments.claims
    fact, heard = speaks
    there = np.maximum(tally(fact, heard, len(claims.facts)), 1e-12)
    share = np.minimum(segments.per_value(claims.weight * voice) / there[claims.fact], 1.0)
    part = plain_part(there)[claims.fact]
    return segments.decided_alone(np.asarray((1 - part) * probability + part * share))


def _speakers(claims: Claims, voice: Numbers) -> tuple[Integers, Integers, Numbers]:
    """Return the distinct pairs of a fact and a source that speaks of it, and how far that source is independent."""
    sources = max(len(claims.prior), 1)
    key, place = np.unique(claims.fact_of_claim * sources + claims.source, return_inverse=True)
    heard = tally(place, claims.weight * voice, len(key)) / np.maximum(np.bincount(place, minlength=len(key)), 1)
    return key // sources, key % sources, heard


def _quality(
    segments: Segments, probability: Numbers, speaks: tuple[Integers, Integers], prior: Numbers
) -> tuple[Numbers, Numbers]:
    """Return each source's share of what is true that it lists, and of what is false that it adds."""
    claims = segments.claims
    fact, source = speaks
    sources = len(claims.prior)
    true_listed = segments.per_source(claims.weight * probability[claims.value])
    false_listed = segments.per_source(claims.weight * (1 - probability[claims.value]))
    true_there = tally(source, segments.per_fact(probability)[fact], sources)
    false_there = tally(source, segments.per_fact(1 - probability)[fact], sources)
    sensitivity = (true_listed + SENSITIVITY[0]) / (true_there + sum(SENSITIVITY))
    # A source that is trusted beforehand is one that adds less of what is false.
    begun = FALSE_ADDED[0] / np.clip(prior, 0.1, 10.0)
    added = (false_listed + begun) / (false_there + begun + FALSE_ADDED[1])
    return np.clip(sensitivity, 0.05, 0.98), np.clip(added, 0.01, 0.9)


def _copies(first: Outcome) -> tuple[Pairs, Numbers]:
    """Find copies among whole lists: a source's list of a fact is one value, false as soon as it adds what is false.

    Lists that only omit the same are no sign of copying: many catalogues name the first author alone.
    """
    claims = first.claims
    several = claims.mode[claims.fact_of_claim] != MANY
    sources = max(len(claims.prior), 1)
    key = claims.fact_of_claim * sources + claims.source
    pair, place = np.unique(key, return_inverse=True)
    mixed = (claims.value + 1).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(pair)))
    lists = np.add.reduceat(mixed[order], starts) if len(pair) else mixed
    _, code = np.unique(lists, return_inverse=True)
    if not several.any() or len(pair) < 2:
        return Pairs(), np.ones(len(claims.source))
    whole = arranged(Stated(pair % sources, pair // sources, code, prior=claims.prior))
    segments = Segments.of(whole)
    names = np.argsort(whole.sources)[np.sum(whole.sources < 0) :]
    back = np.searchsorted(pair, whole.facts[whole.fact_of_claim] * sources + names[whole.source])
    worst = np.minimum.reduceat(np.exp(first.score)[claims.value][order], starts)
    sound = np.zeros(len(whole.fact))
    sound[whole.value] = worst[back]
    found = detect(segments, sound, first.trust[names], np.full(len(whole.facts), 10.0))
    part = independence(whole, found)
    of_pair = np.ones(len(pair))
    of_pair[back] = part
    return Pairs(names[found.one], names[found.other], found.probability, found.shared), of_pair[place]
