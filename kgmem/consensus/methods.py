"""All methods by name, and the one that is picked where none is requested."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from kgmem.consensus import (
    accu,
    calibration,
    dawid_skene,
    fact_finders,
    latent_truth,
    likelihood,
    numeric,
    value_similarity,
)
from kgmem.consensus.claims import MANY, ONE, SET, Claims, Integers, Numbers
from kgmem.consensus.explanations import model_selection
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.domain.claims.consensus import Method

CROWD_VOICES = 2.5  # Claims a fact, and
CROWD_ANSWERS = 5.0  # a source, from which confusions can be told.
CROWD_FACTS = 30
AGREEING = 0.12  # The share of pairs that agree below which numbers are measurements rather than copied figures.
SHARED_SCALE = 0.02  # So often numbers of different facts are the same where all are read off one scale, and
NEAR = 0.7  # so far apart, of what those of any two facts are, are numbers of one fact that differ.
CONFUSION_GAIN = 0.1  # Nats a claim by which confusions must explain held-out facts better than accuracies do.
LONG_TAIL = 4.0  # Half of the sources have fewer claims than this.


@dataclass(frozen=True, slots=True)
class Picked:
    """A method and why, in words."""

    method: Method
    reason: str
    asked: bool = False  # By a rule or a caller.


def pick(claims: Claims) -> Picked:
    """The method for claims of this shape; of answers to questions, that with the best cross-validation."""
    if not len(claims.value):
        return Picked(Method.MAJORITY, "There are no claims to learn from.")
    if np.any(claims.mode == SET):
        return Picked(Method.LTM, "Several values are true at once, and a source lists them together.")
    segments = Segments.of(claims)
    voices = segments.voices()
    spoken = voices[voices > 1]
    if not len(spoken) or np.all(claims.mode == MANY):
        return Picked(Method.ACCU, "Values do not compete, or nothing is said twice: what counts is who says it.")
    return _pick_one(segments, spoken)


def _pick_one(segments: Segments, spoken: Integers) -> Picked:
    """Return the method where one value of a fact is true and several sources speak of some."""
    claims = segments.claims
    numbers = claims.number is not None and bool(np.isfinite(claims.number).mean() > 0.5)
    if numbers and (calibration.agreeing_pairs(segments) < AGREEING or _scaled(segments)):
        if float(np.median(segments.per_source(np.ones(len(claims.source))))) < LONG_TAIL:
            return Picked(Method.CATD, "Numbers that hardly repeat, from many sources with few claims each.")
        return Picked(
            Method.CRH, "Numbers that hardly repeat: what is closest to all is sought, not what is most named."
        )
    # Only what several speak of counts, or a flood of new facts would make any vocabulary look small.
    kinds = len(np.unique(claims.code[(segments.voices() > 1)[claims.fact]]))
    closed = kinds * kinds <= len(spoken) and kinds <= dawid_skene.MOST_ANSWERS
    answers = len(claims.source) / max(len(claims.prior), 1)
    crowd = closed and len(spoken) >= CROWD_FACTS and spoken.mean() >= CROWD_VOICES and answers >= CROWD_ANSWERS
    if crowd and model_selection.confusion_gain(claims) >= CONFUSION_GAIN * len(claims.source):
        return Picked(
            Method.DAWID_SKENE,
            f"Each of {len(spoken)} facts has one of {kinds} answers, and which answers a source confuses explains "
            "other facts better than how often it is right.",
        )
    return Picked(
        Method.ACCU, "Many different values, one of them true: sources are weighed by accuracy, copies as one."
    )


def _scaled(segments: Segments) -> bool:
    """Return whether numbers are read off one scale for all facts: those that differ on a fact are near misses."""
    within, between, by_chance = calibration.distances(segments)
    return by_chance >= SHARED_SCALE and within < NEAR * between


def run(claims: Claims, method: Method = Method.AUTO, *, copies: bool = True) -> tuple[Outcome, Picked]:
    """Resolve claims by a method; return calibrated probabilities, and which method it was and why."""
    picked = pick(claims) if method is Method.AUTO else Picked(method, f"{method.value} was requested.", asked=True)
    return settled(claims, picked, copies=copies)


def settled(claims: Claims, picked: Picked, *, copies: bool = True) -> tuple[Outcome, Picked]:
    """Resolve claims by the method picked; unless it was requested, sources that do not differ all count the same."""
    if _explainable(claims, picked):
        return _explained(claims, picked, copies=copies)
    if not picked.asked and picked.method in _LEARNING and not np.ptp(claims.prior):
        even = _even(claims, copies=copies)
        if even is not None:
            return even
    if picked.method is Method.LTM:
        return latent_truth.ltm(claims, copies=copies), picked
    if picked.method is Method.DAWID_SKENE:
        return _confused(claims, copies=copies), picked
    if picked.method in {Method.ACCU, Method.ACCU_SIM}:
        similarity = value_similarity.of_numbers(claims) if picked.method is Method.ACCU_SIM else None
        outcome = accu.accu(claims, copies=copies, similarity=similarity)
        return _calibrated(outcome, outcome.score, accu.false_values(claims)), picked
    return METHODS[picked.method](claims), picked


def _explainable(claims: Claims, picked: Picked) -> bool:
    """Return whether explanations are compared: one value of each fact is true, and many facts are checked."""
    return (
        not picked.asked
        and picked.method is Method.ACCU
        and bool(np.all(claims.mode == ONE))
        and model_selection.comparable(Segments.of(claims))
    )


def _explained(claims: Claims, picked: Picked, *, copies: bool) -> tuple[Outcome, Picked]:
    """Return what the explanations come to: copies and voices of the best, probabilities and trust in the mean."""
    false = accu.false_values(claims)
    several = model_selection.explanations(claims, copies=copies)
    leading = _calibrated(several[0].outcome, several[0].outcome.score, false)
    if len(several) > 1:
        parts = [(leading, several[0].weight)]
        parts += [(_calibrated(each.outcome, each.outcome.score, false), each.weight) for each in several[1:]]
        probability = sum((part.probability * weight for part, weight in parts), np.zeros(len(claims.fact)))
        trust = sum((part.trust * weight for part, weight in parts), np.zeros(len(claims.prior)))
        leading = replace(leading, score=probability, probability=probability, trust=trust)
    found = len(leading.copies.one)
    reason = f"{picked.reason} {found} pairs copy each other, which makes the claims more probable." if found else ""
    return leading, replace(picked, reason=reason or picked.reason)


_LEARNING = {Method.ACCU, Method.DAWID_SKENE}
_INDIFFERENT = "What sources get right differs no more than by chance: each counts the same, copies as one."
_FEW_SOURCES = 200  # Above, some are better than others in all data, and the question costs more than it gives.


def _even(claims: Claims, *, copies: bool) -> tuple[Outcome, Picked] | None:
    """Return the outcome in which sources are equally trusted, where claims do not show that some are better."""
    segments = Segments.of(claims)
    if len(claims.prior) > _FEW_SOURCES or not np.any(segments.voices() > 1) or np.any(claims.mode == MANY):
        return None
    false = accu.false_values(claims)
    learned = accu.accu(claims, copies=copies)
    same = likelihood.indifferent(segments, learned, false)
    if same is not None:
        trust, reason = np.full(len(claims.prior), same), _INDIFFERENT
    else:
        worse = likelihood.worse_alone(segments, learned, accu.checked(segments))
        if worse is None:
            return None
        trust = np.where(worse, learned.trust, np.median(learned.trust[~worse]))
        reason = f"{int(worse.sum())} of {len(worse)} sources are worse; the others do not differ, and count the same."
    voice = np.ones(len(claims.source)) if learned.voice is None else learned.voice
    score = segments.per_value(claims.weight * voice * accu.votes(claims, trust, false))
    even = replace(learned, score=score, trust=trust, probability=accu.shares(segments, score, false))
    return _calibrated(even, score, false), Picked(Method.MAJORITY if same is not None else Method.ACCU, reason)


def _confused(claims: Claims, *, copies: bool) -> Outcome:
    """Run Dawid-Skene after the copies among its sources are found, each of these having its part of a voice."""
    found = accu.accu(claims) if copies else None
    voice = np.ones(len(claims.source)) if found is None or found.voice is None else found.voice
    outcome = dawid_skene.dawid_skene(replace(claims, weight=claims.weight * voice))
    outcome = replace(outcome, claims=claims, voice=voice)
    if found is not None:
        outcome = replace(outcome, copies=found.copies)
    # Posteriors are complete: nothing is left for values that nobody gave.
    return _calibrated(outcome, outcome.score + _LIFT, np.ones(len(claims.facts)), complete=True)


_LIFT = 700.0  # Logarithms of posteriors, brought above the zero that stands for an unseen value.


def _calibrated(outcome: Outcome, score: Numbers, false: Numbers, *, complete: bool = False) -> Outcome:
    claims = outcome.claims
    segments = Segments.of(claims)
    voice = np.ones(len(claims.source)) if outcome.voice is None else outcome.voice
    similarity = calibration.similarity_of_errors(segments, outcome.probability, outcome.trust, voice)
    hidden = 0.0 if complete else np.maximum(false + 1 - segments.values, 0.0)
    probability = calibration.calibrated(segments, score, similarity, voice, hidden)
    many = (claims.mode == MANY)[claims.fact]
    return replace(outcome, probability=np.where(many, outcome.probability, probability))


METHODS: dict[Method, Callable[[Claims], Outcome]] = {
    Method.MAJORITY: fact_finders.majority,
    Method.SUMS: fact_finders.sums,
    Method.AVERAGE_LOG: fact_finders.average_log,
    Method.INVESTMENT: fact_finders.investment,
    Method.POOLED_INVESTMENT: fact_finders.pooled_investment,
    Method.TRUTH_FINDER: fact_finders.truth_finder,
    Method.ACCU: accu.accu,
    Method.ACCU_SIM: lambda claims: accu.accu(claims, similarity=value_similarity.of_numbers(claims)),
    Method.CRH: numeric.crh,
    Method.CATD: numeric.catd,
    Method.LTM: latent_truth.ltm,
    Method.DAWID_SKENE: dawid_skene.dawid_skene,
}
