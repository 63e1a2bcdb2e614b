"""Accu and AccuSim: the probability of each value from the accuracy of its sources, copies discounted.

X. L. Dong, L. Berti-Equille, D. Srivastava, "Integrating Conflicting Data: The Role of Source Dependence", VLDB 2009,
sections 3 and 4 (votes, accuracy, similarity); `FALSE_VALUES` is the paper's n. Two things differ, so that a source
cannot buy trust by saying much:

- what nobody else speaks of says nothing good of its source: each such claim counts `UNCHECKED` of one that others
  check, as right with the source's prior. Very many of them draw a source towards its prior from above, and from below
  as if they were `UPWARD` claims;
- trust stays within `LEAST` and `MOST`, and a source has one voice a fact. No number of claims outweighs two or three
  sources that were found right elsewhere.

It ends when no source's trust moves by more than `TOLERANCE` in a round, or after `ROUNDS`.
"""

import numpy as np

from kgmem.consensus.claims import MANY, Claims, Numbers, Truths, tally
from kgmem.consensus.likelihood import components, log_likelihood, only
from kgmem.consensus.outcome import Outcome, Pairs
from kgmem.consensus.segments import Segments
from kgmem.consensus.source_dependence import detect, independence
from kgmem.consensus.value_similarity import Similarity

FALSE_VALUES = 10.0
ROUNDS = 30
TOLERANCE = 1e-4
LEAST, MOST = 0.1, 0.98
PRIOR_CLAIMS = 1.0  # So many claims a source's prior weighs.
UNCHECKED = 0.2  # So much of a claim counts one that nobody else speaks of;
UPWARD = 8.0  # all of them weigh so many claims at the most where they speak for a source.
GROUP_CLAIMS = 10.0  # So many checked claims of a group weigh as much as all that a source said elsewhere.
INFLUENCE = 0.5  # How far a like value's score counts (AccuSim's rho).
_COPY_ROUNDS = 3
_MOST_GROUPS = 6  # Of sources that copy each other; of more, all are kept or none.
_FULL_STEPS = 5


def accu(
    claims: Claims, *, copies: bool = True, similarity: Similarity | None = None, start: Numbers | None = None
) -> Outcome:
    """Return Accu's probabilities; with `similarity` those of AccuSim. Sources begin with `start`, by default
    with their priors.

    Copies are sought by what sources that are all equally good would agree on, and again with what was learned of
    them, until the same are found; and kept where they explain the claims better than good sources would.
    """
    segments = Segments.of(claims)
    false = false_values(claims)
    alone = _weighed(segments, (start, np.ones(len(claims.source)), false), similarity, Pairs())
    if not copies:
        return alone
    # At first a value is as probable as it is frequent: who is right in a close vote must not be taken for granted.
    even = segments.divided(segments.per_value(claims.weight))
    found = detect(segments, even, claims.prior if start is None else start, false)
    if not len(found.one):
        return alone
    return _explained(segments, (alone, found, false), similarity)


def _explained(segments: Segments, told: tuple[Outcome, Pairs, Numbers], similarity: Similarity | None) -> Outcome:
    """Return the outcome that explains the claims best: with the copies that were found, with some of them, or none."""
    best, found, false = told
    likelihood = log_likelihood(segments, best, false)
    group = components(found, len(segments.claims.prior))[found.one]
    named = np.unique(group)
    tries = (
        [named]
        if len(named) > _MOST_GROUPS
        else [named, *([each] for each in named), *(named[named != e] for e in named)]
    )
    for groups in tries if len(named) > 1 else [named]:
        if not len(groups):
            continue
        outcome = _discounted(segments, only(found, np.isin(group, groups)), false, similarity)
        reached = log_likelihood(segments, outcome, false)
        if reached > likelihood:
            best, likelihood = outcome, reached
    return best


def _discounted(segments: Segments, found: Pairs, false: Numbers, similarity: Similarity | None) -> Outcome:
    claims = segments.claims
    outcome = _weighed(segments, (None, independence(claims, found), false), similarity, found)
    for _ in range(_COPY_ROUNDS):
        again = detect(segments, outcome.probability, outcome.trust, false, among=found)
        same = len(again.one) == len(found.one)
        found = again
        if same:
            break
        outcome = _weighed(segments, (outcome.trust, independence(claims, found), false), similarity, found)
    return outcome


def false_values(claims: Claims) -> Numbers:
    """Return for each fact how many wrong values there are to choose from.

    Where the facts of a group draw on few values, all seen (a closed vocabulary, such as the answers of a
    questionnaire), it is all of these but one; else the paper's `FALSE_VALUES`.
    """
    # Only what several speak of counts, or a flood of new facts would make any vocabulary look small.
    spoken = np.bincount(claims.fact_of_claim, minlength=len(claims.facts)) > 1
    groups = int(claims.group.max(initial=0)) + 1
    facts = np.bincount(claims.group[spoken], minlength=groups)
    most = int(claims.code.max(initial=0)) + 1
    known = spoken[claims.fact]
    pair = np.unique(claims.group[claims.fact[known]] * most + claims.code[known])
    kinds = np.bincount(pair // most, minlength=groups)
    closed = kinds * kinds <= facts
    return np.where(closed, np.clip(kinds - 1.0, 1.0, 4 * FALSE_VALUES), FALSE_VALUES)[claims.group]


def votes(claims: Claims, trust: Numbers, false: Numbers) -> Numbers:
    """Return the vote of each claim: log(n A / (1 - A)) (equation 8), never below nothing."""
    odds = np.log(trust / (1 - trust))
    if len(false) and float(false.min()) == float(false.max()):
        return np.asarray(np.maximum(odds + np.log(false[0]), 0.0)[claims.source])
    return np.asarray(np.maximum(odds[claims.source] + np.log(false)[claims.fact_of_claim], 0.0))


def checked(segments: Segments) -> Truths:
    """Return for each claim whether another source speaks of its fact; where values do not compete, of its value."""
    claims = segments.claims
    of_fact = (segments.voices() > 1)[claims.fact]
    if claims.label is not None:  # What a person decided on is checked, whoever else speaks of it.
        labelled = segments.per_fact(np.where(np.isnan(claims.label), 0.0, 1.0)) > 0
        of_fact = of_fact | np.where(claims.mode == MANY, False, labelled)[claims.fact] | ~np.isnan(claims.label)
    many = (claims.mode == MANY)[claims.fact]
    if many.any():
        of_fact = np.where(many, np.diff(segments.of_value, append=len(claims.value)) > 1, of_fact)
    return np.asarray(of_fact[claims.value])


def _weighed(
    segments: Segments, setting: tuple[Numbers | None, Numbers, Numbers], similarity: Similarity | None, found: Pairs
) -> Outcome:
    claims = segments.claims
    start, voice, false = setting
    weight = claims.weight * voice
    spoken = checked(segments)
    counted = np.where(spoken, claims.weight, 0.0)
    given = segments.per_source(counted) + PRIOR_CLAIMS
    alone = UNCHECKED * segments.per_source(np.where(spoken, 0.0, claims.weight))
    # Begun with what the shares of voices say of sources: with two possible values, priors of a half say nothing.
    even = segments.divided(segments.per_value(weight))
    right = segments.per_source(counted * even[claims.value])
    trust = np.clip(_earned(claims, right, given, alone) if start is None else start, LEAST, MOST)
    score = probability = np.zeros(len(claims.fact))
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > TOLERANCE and len(claims.value):
        rounds += 1
        score = segments.per_value(weight * votes(claims, trust, false))
        if similarity is not None:
            score = score + INFLUENCE * similarity.spread(score)
        probability = shares(segments, score, false)
        right = segments.per_source(counted * probability[claims.value])
        # Half a step, in the end, keeps two cliques that contradict each other from swapping places for ever.
        step = 1.0 if rounds <= _FULL_STEPS else 0.5
        before, trust = trust, (1 - step) * trust + step * np.clip(_earned(claims, right, given, alone), LEAST, MOST)
        moved = float(np.abs(trust - before).max())
    by_group = None
    if len(claims.group) and int(claims.group.max()) > 0:
        by_group = trust_by_group(claims, probability, counted, trust)
        of_claim = by_group[claims.source, claims.group[claims.fact_of_claim]]
        odds = np.log(of_claim / (1 - of_claim)) + np.log(false)[claims.fact_of_claim]
        score = segments.per_value(weight * np.maximum(odds, 0.0))
        probability = shares(segments, score, false)
    return Outcome(claims, score, probability, trust, rounds, moved <= TOLERANCE, voice, found, by_group)


def _earned(claims: Claims, right: Numbers, given: Numbers, alone: Numbers) -> Numbers:
    """Return what sources earned: their record, with their priors, drawn to these by what nobody checks."""
    record = (right + PRIOR_CLAIMS * claims.prior) / given
    pull = np.where(record < claims.prior, np.minimum(alone, UPWARD), alone)
    return np.asarray((record * given + pull * claims.prior) / (given + pull))


def trust_by_group(claims: Claims, probability: Numbers, counted: Numbers, trust: Numbers) -> Numbers:
    """Return each source's trust (row) in each group of facts (column), drawn to its trust overall by `GROUP_CLAIMS`.

    `counted` is the weight of each claim that others check.
    """
    groups = int(claims.group.max()) + 1
    cell = claims.source * groups + claims.group[claims.fact_of_claim]
    # As overall, what nobody else speaks of counts as right with the source's prior, or its trust where that is less.
    alone = UNCHECKED * (claims.weight - counted)
    earned = counted * probability[claims.value] + alone * np.minimum(claims.prior, trust)[claims.source]
    right = tally(cell, earned, len(trust) * groups).reshape(-1, groups)
    count = tally(cell, counted + alone, len(trust) * groups).reshape(-1, groups)
    return np.clip((right + GROUP_CLAIMS * trust[:, None]) / (count + GROUP_CLAIMS), LEAST, MOST)


def shares(segments: Segments, score: Numbers, false: Numbers) -> Numbers:
    """Return the probabilities of values; of a fact with room for MANY each value stands alone against being false."""
    probability = segments.shares(score, np.maximum(false + 1 - segments.values, 0.0))
    many = (segments.claims.mode == MANY)[segments.claims.fact]
    if not many.any():
        return probability
    # Alone, a value competes with those that might have been claimed in its stead.
    alone = 1 / (1 + false[segments.claims.fact] * np.exp(-score))
    return np.where(many, alone if segments.claims.label is None else segments.decided_alone(alone), probability)
