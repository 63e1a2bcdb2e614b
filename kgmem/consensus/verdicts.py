"""Verdicts from outcomes: the value of each fact, its probability and state, and who is for and against it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from kgmem.consensus.claims import MANY, SET
from kgmem.consensus.fact_grouping import Fact, Gathered
from kgmem.consensus.latent_truth import chosen_sets
from kgmem.consensus.segments import Segments, choose
from kgmem.consensus.source_reliability import Part
from kgmem.consensus.values import PART
from kgmem.domain.claims.consensus import Alternative, FactState, ValueRule, Verdict

_AGAINST = 0.5  # So much of an independent voice is an objection.


def verdicts_of(gathered: Gathered, part: Part, verified: float) -> list[Verdict]:
    """Return the verdicts on the facts that one method weighed; of a fact with room for MANY, one for each value."""
    outcome = part.outcome
    claims = outcome.claims
    segments = Segments.of(claims)
    voice = np.ones(len(claims.source)) if outcome.voice is None else outcome.voice
    voice = np.where(claims.weight > 0, voice, 0.0)  # What its source replaced is nobody's voice.
    independent = segments.per_value(voice)
    doubt = segments.per_value(voice * np.log1p(-np.clip(outcome.trust, 0, 0.99))[claims.source])
    best = choose(segments, outcome.score)
    in_set = chosen_sets(outcome)
    heard = _heard(gathered, part)
    told = []
    ends = [*segments.of_fact[1:], len(claims.fact)]
    for at, (begin, end) in enumerate(zip(segments.of_fact, ends, strict=True)):
        fact = gathered.facts[int(claims.facts[at])]
        options = [
            Alternative(
                shown_as(fact, part.keys[claims.code[value]]),
                float(outcome.probability[value]),
                *_told(
                    gathered, heard[int(claims.facts[at]), part.keys[claims.code[value]]], float(independent[value])
                ),
            )
            for value in range(begin, end)
        ]
        trust = [float(-np.expm1(doubt[value])) for value in range(begin, end)]
        if fact.whole_lists:
            lists = [part.keys[claims.code[value]].split(PART) for value in range(begin, end)]
            told.append(_of_whole_lists(fact, part, (int(best[at] - begin), lists), options, (trust, verified)))
        elif fact.mode == MANY:
            told += [_verdict(fact, part, [place], options, (trust, verified)) for place in range(len(options))]
        elif fact.mode == SET:
            places = [int(value - begin) for value in range(begin, end) if in_set[value]]
            agreed = 0.0 if outcome.agreed is None else float(outcome.agreed[at])
            learned = np.exp(outcome.score[begin:end]).tolist()
            told.append(_verdict(fact, part, places, options, (trust, verified), learned=(learned, agreed)))
        else:
            told.append(_verdict(fact, part, [int(best[at] - begin)], options, (trust, verified)))
    return told


def superseded(told: Sequence[Verdict], rules: Mapping[str, ValueRule]) -> list[Verdict]:
    """Return verdicts in order; superseded are those of functional predicates that another value came after."""
    ordered = sorted(told, key=lambda v: (v.subject, v.predicate, v.valid.start is not None, v.valid.start or 0))
    later: dict[tuple[str, str], list[Verdict]] = {}
    for verdict in reversed(ordered):
        later.setdefault((verdict.subject, verdict.predicate), []).append(verdict)
    given = []
    for verdict in ordered:
        rule = rules.get(verdict.predicate, ValueRule())
        end = verdict.valid.end
        after = [
            other
            for other in later[verdict.subject, verdict.predicate]
            if end is not None and other.valid.start is not None and other.valid.start >= end
        ]
        gone = rule.functional and any(other.value != verdict.value for other in after)
        given.append(replace(verdict, state=FactState.SUPERSEDED) if gone else verdict)
    return given


def state_of(probability: float, opposing: float, verified: float) -> FactState:
    """Return the state of a fact by itself: verified from the threshold on, below it contested or merely unverified."""
    if probability >= verified:
        return FactState.VERIFIED
    return FactState.CONTESTED if opposing >= _AGAINST else FactState.UNVERIFIED


def _verdict(
    fact: Fact,
    part: Part,
    places: Sequence[int],
    options: Sequence[Alternative],
    held: tuple[Sequence[float], float],
    *,
    learned: tuple[Sequence[float], float] | None = None,
) -> Verdict:
    """Return the verdict that some options are right; of a set, `learned` is what `_of_set` takes besides."""
    trust, verified = held
    chosen = [options[place] for place in places]
    others = [option for place, option in enumerate(options) if place not in places]
    sets = fact.mode == SET
    sure = prod(option.probability for option in chosen) if learned is None else _of_set(options, places, *learned)
    opposing = 0.0 if fact.mode == MANY else sum(option.independent for option in others)
    supporting = min(option.independent for option in chosen)
    state = state_of(sure, opposing, verified)
    return Verdict(
        subject=fact.subject,
        predicate=fact.predicate,
        valid=fact.valid,
        value=tuple(option.value for option in chosen) if sets else chosen[0].value,
        probability=sure,
        trust=min(trust[place] for place in places),
        supporting=supporting,
        opposing=opposing,
        state=state,
        alternatives=() if fact.mode == MANY else tuple(sorted(others, key=lambda o: -o.probability)),
        method=part.picked.method,
        reason=_reason(part, sure, supporting, opposing, verified),
        chosen=chosen,
    )


def _of_set(options: Sequence[Alternative], places: Sequence[int], learned: Sequence[float], agreed: float) -> float:
    """Return how probable it is that every part of a set is right and none is omitted.

    Parts are right independently of each other, as far as the sources are as good as was learned. The doubt in that, by
    which the probability of each part is lower than what was learned, is one and the same for all: the largest counts.
    A list on which all agree is at least as probable as their lists are right as a whole (`agreed`).
    """
    right = [each if place in places else 1 - each for place, each in enumerate(learned)]
    doubted = [
        option.probability if place in places else 1 - option.probability for place, option in enumerate(options)
    ]
    doubt = max(before - after for before, after in zip(right, doubted, strict=True))
    return max(prod(right) - max(doubt, 0.0), prod(doubted), agreed)


def _of_whole_lists(
    fact: Fact,
    part: Part,
    chosen: tuple[int, Sequence[Sequence[str]]],
    options: Sequence[Alternative],
    held: tuple[Sequence[float], float],
) -> Verdict:
    """Return the verdict on a fact whose lists compete as wholes, by the parts of the chosen one and others."""
    best, lists = chosen
    verdict = _verdict(fact, part, [best], options, held)
    parts = {key: _of_part(fact, key, lists, options) for keys in lists for key in keys}
    mine = tuple(parts.pop(key) for key in lists[best])
    others = tuple(sorted(parts.values(), key=lambda option: -option.probability))
    return replace(verdict, value=tuple(option.value for option in mine), chosen=mine, alternatives=others)


def _of_part(fact: Fact, key: str, lists: Sequence[Sequence[str]], options: Sequence[Alternative]) -> Alternative:
    """Return one part of lists: as probable as all lists together that have it."""
    having = [option for option, keys in zip(options, lists, strict=True) if key in keys]
    return Alternative(
        shown_as(fact, key),
        min(sum(option.probability for option in having), 1.0),
        tuple(sorted({source for option in having for source in option.sources})),
        sum(option.independent for option in having),
        tuple(sorted({claim for option in having for claim in option.claims})),
    )


def _reason(part: Part, sure: float, supporting: float, opposing: float, verified: float) -> str:
    against = f", {opposing:.1f} against" if opposing else ", none against"
    measure = "at least" if sure >= verified else "below"
    return (
        f"{supporting:.1f} independent sources for it{against}; probability {sure:.2f}, {measure} {verified:g}. "
        f"By {part.picked.method.value}: {part.picked.reason}"
    )


def _heard(gathered: Gathered, part: Part) -> dict[tuple[int, str], list[int]]:
    """Return the places of the claims of each value of each fact."""
    told: dict[tuple[int, str], list[int]] = {}
    for at in part.facts:
        fact = gathered.facts[at]
        for index, keys in zip(fact.claims, fact.keys, strict=True):
            for key in keys:
                told.setdefault((at, key), []).append(index)
    return told


def _told(
    gathered: Gathered, places: Sequence[int], independent: float
) -> tuple[tuple[str, ...], float, tuple[int, ...]]:
    """Return the names of the sources of some claims, outlets by their own names; how many count; and the claims."""
    return tuple(sorted({gathered.claims[index].source for index in places})), independent, tuple(sorted(places))


def shown_as(fact: Fact, key: str) -> object:
    """Return a value as it was claimed: the longest way in which it is written, of these the first."""
    ways = [
        shown
        for value in fact.values
        for told, shown in (
            zip(value.parts, value.written, strict=True) if value.parts else ((value.key, value.shown),)
        )
        if told == key
    ]
    return min(ways, key=lambda shown: (-len(str(shown)), str(shown))) if ways else key
