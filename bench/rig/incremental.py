"""New claims between full runs: their facts weighed again, and the trust of their sources moved, without the rest.

A state holds what Accu's last full run learned, as sums: for each source how much of what it said was right, out of how
much. A new claim changes its fact's probabilities, by these the sums of its sources, and so their trust; facts
elsewhere stay as they are until the next full run. Measured on planted data (tests/unit/consensus/test_incremental.py),
probabilities of touched facts lie within `AGREES` of a full run's for all but one in a hundred.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, log

import numpy as np

from kgmem.consensus import accu
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments
from kgmem.domain.claims.consensus import PRIOR_TRUST

AGREES = 0.1
_ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Told:
    """One claim by codes: a source, a fact, a value; `voice` is its independent part of a voice."""

    source: int
    fact: int
    value: int
    confidence: float = 1.0
    voice: float = 1.0


@dataclass(frozen=True, slots=True)
class Sums:
    """What is known of one source: how much of what it claimed was right, out of how much; both with its prior."""

    right: float
    claimed: float

    @property
    def trust(self) -> float:
        """Its trust."""
        return min(max(self.right / self.claimed, accu.LEAST), accu.MOST)


@dataclass(frozen=True, slots=True)
class StoredFact:
    """One fact: its claims, and how probable each value is."""

    claims: Sequence[Told]
    probability: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Update:
    """What a new claim changes: its fact, and the sums of the sources that speak of it."""

    fact: StoredFact
    sources: Mapping[int, Sums] = field(default_factory=dict)


def sums_of(outcome: Outcome) -> dict[int, Sums]:
    """Return the sums of every source after a full run of Accu, by the caller's codes."""
    claims = outcome.claims
    segments = Segments.of(claims)
    part = np.where(accu.checked(segments), 1.0, accu.UNCHECKED)
    claimed = segments.per_source(part * claims.weight) + accu.PRIOR_CLAIMS
    return {
        code: Sums(float(outcome.trust[at] * claimed[at]), float(claimed[at]))
        for code, at in enumerate(claims.sources.tolist())
        if at >= 0
    }


def fact_of(claims: Iterable[Told], sources: Mapping[int, Sums], false: float = accu.FALSE_VALUES) -> StoredFact:
    """Return a fact by its claims and the trust of their sources, as a full run would with that trust."""
    held = _canonical(claims)
    return StoredFact(held, _probabilities(held, sources, false))


def add(
    fact: StoredFact,
    new: Iterable[Told],
    sources: Mapping[int, Sums],
    *,
    false: float = accu.FALSE_VALUES,
    priors: Mapping[int, float] | None = None,
) -> Update:
    """Return what new claims of one fact change. A source that claims the same again changes nothing."""
    known = {(told.source, told.value) for told in fact.claims}
    fresh = [told for told in _canonical(new) if (told.source, told.value) not in known]
    if not fresh:
        return Update(fact)
    held = _canonical([*fact.claims, *fresh])
    mine: dict[int, Sums] = {}
    for told in held:
        prior = (priors or {}).get(told.source, PRIOR_TRUST)
        begun = Sums(prior * accu.PRIOR_CLAIMS, accu.PRIOR_CLAIMS)
        mine[told.source] = sources.get(told.source, begun)
    before = _earned(fact.claims, fact.probability, priors or {})
    now = mine
    probability: dict[int, float] = {}
    for _ in range(_ROUNDS):
        probability = _probabilities(held, now, false)
        earned = _earned(held, probability, priors or {})
        now = {
            source: Sums(
                sums.right - before.get(source, (0.0, 0.0))[0] + earned[source][0],
                sums.claimed - before.get(source, (0.0, 0.0))[1] + earned[source][1],
            )
            for source, sums in mine.items()
        }
    return Update(StoredFact(held, probability), now)


def _canonical(claims: Iterable[Told]) -> list[Told]:
    best: dict[tuple[int, int], Told] = {}
    for told in sorted(claims, key=lambda told: (told.value, told.source, -told.confidence)):
        best.setdefault((told.value, told.source), told)
    return list(best.values())


def _probabilities(claims: Sequence[Told], sources: Mapping[int, Sums], false: float) -> dict[int, float]:
    voices: dict[int, int] = {}
    for told in claims:
        voices[told.source] = voices.get(told.source, 0) + 1
    score: dict[int, float] = {}
    for told in claims:
        trust = sources[told.source].trust
        vote = max(log(false * trust / (1 - trust)), 0.0)
        score[told.value] = score.get(told.value, 0.0) + told.confidence * told.voice * vote / voices[told.source]
    top = max([0.0, *score.values()])
    raised = {value: exp(each - top) for value, each in score.items()}
    whole = sum(raised.values()) + max(false + 1 - len(score), 0.0) * exp(-top)
    return {value: each / whole for value, each in raised.items()}


def _earned(
    claims: Sequence[Told], probability: Mapping[int, float], priors: Mapping[int, float]
) -> dict[int, tuple[float, float]]:
    """Return how much each source's claims of a fact were right, out of how much; by its prior where nobody checks."""
    speakers = {told.source for told in claims}
    earned: dict[int, tuple[float, float]] = {}
    for told in claims:
        share = told.confidence / sum(other.source == told.source for other in claims)
        right = probability[told.value]
        if len(speakers) == 1:
            share, right = accu.UNCHECKED * share, priors.get(told.source, PRIOR_TRUST)
        so_far = earned.get(told.source, (0.0, 0.0))
        earned[told.source] = (so_far[0] + share * right, so_far[1] + share)
    return earned
