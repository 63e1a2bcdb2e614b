"""Dawid-Skene: for answers from a small vocabulary, what each source says when each answer is right.

A. P. Dawid, A. M. Skene, "Maximum Likelihood Estimation of Observer Error-Rates Using the EM Algorithm", Applied
Statistics 28(1), 1979, equations 2.3 to 2.5. Sources with few answers are drawn to what all sources say when an answer
is right, by `PRIOR_ANSWERS` answers for each (a Dirichlet prior, as in H.-C. Kim, Z. Ghahramani, "Bayesian Classifier
Combination", AISTATS 2012). EM ends when no posterior moves by more than `TOLERANCE`, or after `ROUNDS`.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from kgmem.consensus.claims import Claims, Integers, Numbers, Truths, tally
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments

ROUNDS = 100
TOLERANCE = 1e-4
PRIOR_ANSWERS = 1.0
MOST_ANSWERS = 64  # The tables of sources are as large as their number times the square of this.

Table = NDArray[np.float64]


def dawid_skene(claims: Claims) -> Outcome:
    """Return Dawid-Skene's posteriors. All facts are taken to draw on one vocabulary: the distinct codes."""
    segments = Segments.of(claims)
    vocabulary, answer_of_value = np.unique(claims.code, return_inverse=True)
    answers = len(vocabulary)
    if not 1 <= answers <= MOST_ANSWERS:
        return _nothing(claims)
    answer = answer_of_value[claims.value]
    at = claims.fact_of_claim
    facts, sources = len(claims.facts), len(claims.prior)
    right = tally(at * answers + answer, claims.weight, facts * answers).reshape(facts, answers)
    right /= np.maximum(right.sum(axis=1, keepdims=True), 1e-300)
    cell = claims.source * answers + answer
    rounds, moved = 0, np.inf
    while rounds < ROUNDS and moved > TOLERANCE:
        rounds += 1
        says, usual = _says(claims, right, cell, (at, sources, answers))
        before, right = right, _posterior(claims, says, usual, (at, cell, facts))
        moved = float(np.abs(right - before).max())
    trust = np.einsum("asa,a->s", says, usual)
    probability = right[claims.fact, answer_of_value]
    score = np.log(np.maximum(probability, 1e-300))
    return Outcome(claims, score, probability, trust, rounds, moved <= TOLERANCE, np.ones(len(segments.claims.source)))


def held_out(claims: Claims, apart: Truths) -> float:
    """Return the log probability of the claims on some facts, by what was learned of sources on the others.

    Minus infinity where the vocabulary is too large to learn confusions of.
    """
    vocabulary, answer_of_value = np.unique(claims.code, return_inverse=True)
    answers, of_claim = len(vocabulary), apart[claims.fact_of_claim]
    if not 1 <= answers <= MOST_ANSWERS:
        return -np.inf
    answer, at = answer_of_value[claims.value], claims.fact_of_claim
    learning = replace(claims, weight=np.where(of_claim, 0.0, claims.weight))
    outcome = dawid_skene(learning)
    right = np.zeros((len(claims.facts), answers))
    right[claims.fact, answer_of_value] = outcome.probability
    right[apart] = 0.0
    cell, shape = claims.source * answers + answer, (at, len(claims.prior), answers)
    says, usual = _says(learning, right, cell, shape)
    likely = np.stack(
        [
            tally(at, claims.weight * np.log(says[true].ravel())[cell], len(claims.facts)) + np.log(usual[true])
            for true in range(answers)
        ],
        axis=1,
    )[apart]
    top = likely.max(axis=1, initial=-np.inf, keepdims=True) if len(likely) else likely
    return float((np.log(np.exp(likely - top).sum(axis=1, keepdims=True)) + top).sum())


def _says(claims: Claims, right: Table, cell: Integers, shape: tuple[Integers, int, int]) -> tuple[Table, Numbers]:
    """Return how often each source says each answer where each is right (answer right, source, answer said); and how
    often each is right.
    """
    at, sources, answers = shape
    said = np.stack(
        [tally(cell, claims.weight * right[at, true], sources * answers) for true in range(answers)]
    ).reshape(answers, sources, answers)
    # What sources say in general, itself drawn to saying what is right as often as sources are trusted beforehand.
    trust = float(claims.prior.mean())
    start = np.full((answers, answers), (1 - trust) / max(answers - 1, 1))
    np.fill_diagonal(start, max(trust, 1.0 / answers + 0.05))
    general = said.sum(axis=1) + answers * start
    general /= general.sum(axis=1, keepdims=True)
    said += PRIOR_ANSWERS * general[:, None, :]
    said /= said.sum(axis=2, keepdims=True)
    usual = right.sum(axis=0) + 1.0
    return said, usual / usual.sum()


def _posterior(claims: Claims, says: Table, usual: Numbers, shape: tuple[Integers, Integers, int]) -> Table:
    at, cell, facts = shape
    likely = np.stack(
        [tally(at, claims.weight * np.log(says[true].ravel())[cell], facts) for true in range(len(usual))],
        axis=1,
    )
    likely += np.log(usual)
    likely -= likely.max(axis=1, keepdims=True)
    raised = np.exp(likely)
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def _nothing(claims: Claims) -> Outcome:
    even = Segments.of(claims)
    score = even.per_value(claims.weight)
    return Outcome(claims, score, even.divided(score), claims.prior, 0, converged=True)
