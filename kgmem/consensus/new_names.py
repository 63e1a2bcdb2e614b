"""New names that only speak among themselves: many keys cost nothing, so their agreement proves nothing.

Sources hang together by the facts that they share. The largest such body is the graph's own: what it agrees on is
believed, since a graph has to begin somewhere. Any other body without a source of known trust, in which hardly anybody
contradicts anybody, shares one voice, and stands where it began, until somebody else speaks of what it says.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from kgmem.consensus.fact_grouping import Fact, Gathered
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    Alternative,
    ClaimedSource,
    Copying,
    FactState,
    Standing,
    Verdict,
)

LEAST_FACTS = 5  # Facts that several of a body speak of, from which it is looked at.
CONTRADICTED = 0.1  # The share of these on which it may contradict itself and still be of one voice.
_MOST_PAIRS = 500  # Of one body, that are told as copies.
_REASON = "Only new names speak for it, which nobody else confirms: they share one voice."
_SHARED = 0.5  # How probable it is said to be that they depend on each other.

Bodies = Mapping[str, int]  # Of each source of a body that shares one voice: the number of the body.


def bodies(gathered: Gathered, known: Mapping[str, ClaimedSource], houses: Mapping[str, str]) -> Bodies:
    """Return the sources that have nothing but each other, by body."""
    top: dict[str, str] = {}
    of_thing: dict[tuple[str, str], str] = {}
    shared: list[tuple[Fact, set[str]]] = []
    for fact in gathered.facts:
        speakers = {houses.get(name, name) for name in (gathered.claims[index].source for index in fact.claims)}
        # Who speaks of the same thing at another time meets them too.
        first = of_thing.setdefault((fact.subject, fact.predicate), min(speakers))
        for other in speakers:
            _join(top, first, other)
        if len(speakers) > 1:
            shared.append((fact, speakers))
    checked: Counter[str] = Counter()
    contradicted: Counter[str] = Counter()
    facts: Counter[str] = Counter()
    for fact, speakers in shared:
        body = _top(top, min(speakers))
        facts[body] += 1
        checked[body] += len(speakers)
        contradicted[body] += len(speakers) * (len(set(fact.keys)) > 1)
    main = min(checked, key=lambda body: (-checked[body], body), default="")
    trusted = {_top(top, name) for name in top if name in known and known[name].prior != PRIOR_TRUST}
    found = {
        body
        for body in checked
        if body != main
        and body not in trusted
        and facts[body] >= LEAST_FACTS
        and contradicted[body] < CONTRADICTED * checked[body]
    }
    number = {body: at for at, body in enumerate(sorted(found))}
    of = {name: number[_top(top, name)] for name in top if _top(top, name) in found}
    return of | {outlet: of[house] for outlet, house in houses.items() if house in of}


def held_back(verdict: Verdict, of: Bodies, houses: Mapping[str, str]) -> Verdict:
    """Return a verdict that rests on one body of new names alone as unverified; any other as it is."""
    names = {houses.get(source, source) for option in verdict.chosen for source in option.sources}
    if len(names) < 2 or not all(name in of for name in names):
        return verdict
    probability = min(verdict.probability, PRIOR_TRUST)
    chosen = tuple(_one_voice(option) for option in verdict.chosen)
    state = FactState.UNVERIFIED if verdict.state is FactState.VERIFIED else verdict.state
    return replace(
        verdict,
        probability=probability,
        trust=PRIOR_TRUST,
        supporting=min(verdict.supporting, 1.0),
        state=state,
        chosen=chosen,
        reason=f"{_REASON} {verdict.reason}",
    )


def unproven(standings: Sequence[Standing], of: Bodies) -> list[Standing]:
    """Return what is known of sources, new names that have nothing but each other being trusted as they began."""
    return [replace(each, trust=each.prior, by_domain={}) if each.source in of else each for each in standings]


def pairs(of: Bodies, found: Sequence[Copying]) -> Iterator[Copying]:
    """Return the pairs of new names that share one voice, beside those that were found to copy each other."""
    there = {(each.one, each.other) for each in found}
    names: dict[int, list[str]] = {}
    for name, body in sorted(of.items()):
        names.setdefault(body, []).append(name)
    for mine in names.values():
        for at, (one, other) in enumerate(combinations(mine, 2)):
            if at < _MOST_PAIRS and (one, other) not in there:
                yield Copying(one, other, _SHARED, 0)


def _one_voice(option: Alternative) -> Alternative:
    return replace(option, probability=min(option.probability, PRIOR_TRUST), independent=min(option.independent, 1.0))


def _join(top: dict[str, str], one: str, other: str) -> None:
    first, second = _top(top, one), _top(top, other)
    if first != second:
        top[max(first, second)] = min(first, second)


def _top(top: dict[str, str], name: str) -> str:
    while top.setdefault(name, name) != name:
        top[name] = top[top[name]]
        name = top[name]
    return name
