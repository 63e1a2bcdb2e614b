"""One fact weighed alone, in microseconds: by the trust, the copies and the setting that the last full run learned.

The same votes, design effect and shares as a full run's Accu (accu.py, calibration.py), over plain numbers, since a
fact has a handful of claims. Methods that decide by more than votes (of numbers, of lists) are run over the fact as
they are instead; see `fits`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, log, log1p

from kgmem.consensus import accu
from kgmem.consensus.calibration import PLAIN, unheard
from kgmem.consensus.claims import MANY, SET
from kgmem.consensus.fact_grouping import Fact, Gathered
from kgmem.consensus.verdicts import shown_as, state_of
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    Alternative,
    FactState,
    KnownSources,
    Method,
    Setting,
    ValueRule,
    Verdict,
)

_BY_VOTES = frozenset({Method.AUTO, Method.ACCU, Method.DAWID_SKENE, Method.MAJORITY})


@dataclass(frozen=True, slots=True)
class _Option:
    """One value of a fact: its score, its independent voices, and the chance that all of these are wrong, as a log."""

    score: float
    voices: float
    doubt: float


def fits(gathered: Gathered, setting: Setting) -> bool:
    """Return whether these facts are decided by votes."""
    return setting.method in _BY_VOTES and all(fact.mode != SET for fact in gathered.facts)


def weigh_alone(gathered: Gathered, known: KnownSources, setting: Setting, rule: ValueRule) -> list[Verdict]:
    """Return the verdicts on facts whose values compete one for one, or do not compete at all."""
    told: list[Verdict] = []
    for fact in gathered.facts:
        options = _options(gathered, fact, known, setting)
        if rule.method is Method.MAJORITY and fact.mode != MANY:
            heard = sum(option.voices for option in options.values())
            options = {key: replace(option, score=option.voices) for key, option in options.items()}
            probability = {key: option.voices / heard if heard else 0.0 for key, option in options.items()}
        else:
            probability = _probabilities(fact, options, setting)
        told += _verdicts(gathered, fact, (options, probability), setting, rule.verified)
    return told


def _options(gathered: Gathered, fact: Fact, known: KnownSources, setting: Setting) -> dict[str, _Option]:
    """Return the values of a fact, in their order."""
    said: dict[tuple[str, str], float] = {}
    for index, keys in zip(fact.claims, fact.keys, strict=True):
        claim = gathered.claims[index]
        place = (known.houses.get(claim.source, claim.source), keys[0])
        said[place] = max(said.get(place, 0.0), min(max(claim.confidence, 0.0), 1.0))
    values: dict[str, int] = {}
    for (house, _), weight in said.items():
        values[house] = values.get(house, 0) + (weight > 0)
    options: dict[str, _Option] = {}
    for key in _ordered(fact):
        mine = {house: weight for (house, value), weight in said.items() if value == key}
        score = voices = doubt = 0.0
        for house, weight in sorted(mine.items()):
            trust = min(max(known.trust.get(house, PRIOR_TRUST), accu.LEAST), accu.MOST)
            voice = weight / max(values[house], 1) / _sharing(house, mine, known)
            vote = max(log(setting.wrong * trust / (1 - trust)), 0.0)
            score, voices, doubt = score + voice * vote, voices + voice, doubt + voice * log1p(-trust)
        options[key] = _Option(score, voices, doubt)
    return options


def _ordered(fact: Fact) -> list[str]:
    """The keys of a fact's values as a full run orders them: ties go to the smallest number or the first text."""
    numbers = {value.key: value.number for value in fact.values if value.number is not None}
    return sorted({keys[0] for keys in fact.keys}, key=lambda key: (numbers.get(key, 0.0), key))


def _sharing(house: str, mine: Mapping[str, float], known: KnownSources) -> int:
    """Return how many of those who say the same share this one's voice."""
    voice = known.voice(house)
    if voice is not None:
        return sum(known.voice(other) == voice for other in mine)
    for group in known.copies:
        if house in group:
            return sum(other in group for other in mine)
    return 1


def _probabilities(fact: Fact, options: Mapping[str, _Option], setting: Setting) -> dict[str, float]:
    wrong = setting.wrong
    if fact.mode == MANY:
        return {key: 1 / (1 + wrong * exp(-option.score)) for key, option in options.items()}
    heard = sum(option.voices for option in options.values())
    effect = 1 + max(heard - 1, 0.0) * setting.similarity
    scores = {key: option.score / effect for key, option in options.items()}
    top = max([0.0, *scores.values()])
    raised = {key: exp(score - top) for key, score in scores.items()}
    complete = setting.method is Method.DAWID_SKENE
    hidden = 0.0 if complete else max(wrong + 1 - len(options), 0.0) * exp(-top)
    whole = sum(raised.values()) + hidden
    part = PLAIN * (1 - 1 / max(heard, 1.0))
    there = max(heard + unheard(setting.similarity), 1e-12)
    return {key: (1 - part) * raised[key] / whole + part * option.voices / there for key, option in options.items()}


def _verdicts(
    gathered: Gathered,
    fact: Fact,
    weighed: tuple[Mapping[str, _Option], Mapping[str, float]],
    setting: Setting,
    verified: float,
) -> list[Verdict]:
    options, probability = weighed
    told = {}
    for key, option in options.items():
        places = tuple(sorted(index for index, keys in zip(fact.claims, fact.keys, strict=True) if key == keys[0]))
        sources = tuple(sorted({gathered.claims[index].source for index in places}))
        told[key] = Alternative(shown_as(fact, key), probability[key], sources, option.voices, places)
    best = [max(options, key=lambda key: options[key].score)] if fact.mode != MANY else list(options)
    verdicts = []
    for key in best:
        others = [] if fact.mode == MANY else [told[other] for other in options if other != key]
        opposing = sum(other.independent for other in others)
        sure, supporting = probability[key], options[key].voices
        verdicts.append(
            Verdict(
                subject=fact.subject,
                predicate=fact.predicate,
                valid=fact.valid,
                value=told[key].value,
                probability=sure,
                trust=1 - exp(options[key].doubt),
                supporting=supporting,
                opposing=opposing,
                state=state_of(sure, opposing, verified) if sure else FactState.UNVERIFIED,
                alternatives=tuple(sorted(others, key=lambda other: -other.probability)),
                method=setting.method,
                reason=f"{supporting:.1f} independent sources for it, {opposing:.1f} against; probability {sure:.2f}. "
                f"By {setting.method.value}: {setting.reason}",
                chosen=(told[key],),
            )
        )
    return verdicts
