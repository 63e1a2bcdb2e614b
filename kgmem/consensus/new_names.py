"""New names that only speak among themselves: many keys cost nothing, so their agreement proves nothing.

Two sources are connected that agree on at least `OUTSIDE` things. The largest such body is the graph's own: what it
agrees on is believed, since a graph has to begin somewhere. Any other body without a source of known trust, in which
hardly anybody contradicts anybody, has one voice together, as outlets of one house have, and no more trust than it
began with, until others confirm what it says: on `OUTSIDE` things for each of its names.

A graph has a history where a source has a record of an earlier run, or was given trust. Then no body is believed for
its size, and names without either need agree on one thing alone to be looked at as a body.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from kgmem.consensus.claims import MANY
from kgmem.consensus.fact_grouping import Gathered
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    Alternative,
    ClaimedSource,
    Copying,
    FactState,
    Standing,
    Verdict,
)

RECORD = 5  # Claims that others check, from which a source has a record beside which names without one are new.
LEAST_FACTS = 5  # Facts that several of a body speak of, from which it is looked at.
OUTSIDE = 3  # Things on which two sources agree before they know each other, and others with each name of a body.
CONTRADICTED = 0.1  # The share of these on which it may contradict itself and still be of one voice.
_MOST_MET = 20  # Sources of one thing of which all pairs are counted.
_MOST_PAIRS = 500  # Of one body, that are told as copies.
_REASON = "Only new names speak for it, which nobody else confirms: they share one voice."
_PERSON = ""  # Stands for people who accepted a value, beside the sources that name it.
_SHARED = 0.5  # How probable it is said to be that they depend on each other.

Bodies = Mapping[str, int]  # Of each source of a body that shares one voice: the number of the body.


def bodies(gathered: Gathered, known: Mapping[str, ClaimedSource], houses: Mapping[str, str]) -> Bodies:
    """Return the sources that have hardly anything but each other, by body."""
    agreements = _agreements(gathered, houses)
    given = {name for name, each in known.items() if each.prior != PRIOR_TRUST} | {_PERSON}
    checked = {name for name, each in known.items() if each.record}
    proven = given | {name for name in checked if known[name].record >= OUTSIDE}
    grown = any(each.prior > PRIOR_TRUST or each.record >= RECORD for each in known.values())
    top = _linked(agreements, given | checked, among_new=1 if grown else OUTSIDE)
    record = _records(agreements, top)
    main = "" if grown else min(record, key=lambda body: (-record[body].checked, body), default="")
    trusted = {_top(top, name) for name in top if name in proven}
    found = {
        body
        for body, each in record.items()
        if body != main
        and body not in trusted
        and each.alone(1 if grown and checked.isdisjoint(each.members) else LEAST_FACTS)
    }
    number = {body: at for at, body in enumerate(sorted(found))}
    of = {name: number[_top(top, name)] for name in top if _top(top, name) in found}
    return of | {outlet: of[house] for outlet, house in houses.items() if house in of}


@dataclass(slots=True)
class _Record:
    """What is known of a body: on how many things several of it speak and nobody else agrees, or others agree too."""

    members: set[str] = field(default_factory=set)
    facts: int = 0
    checked: int = 0
    contradicted: int = 0
    confirmed: int = 0

    def alone(self, fewest: int) -> bool:
        """Return whether these are names that have hardly anything but each other, on so many facts or more."""
        return (
            len(self.members) > 1
            and self.facts >= fewest
            and self.contradicted < CONTRADICTED * self.checked
            and self.confirmed < OUTSIDE * len(self.members)
        )


def _agreements(gathered: Gathered, houses: Mapping[str, str]) -> list[list[list[str]]]:
    """Return for each thing who names each of its values.

    Who speaks of the same thing at another time contradicts nobody: of a thing that changed, each value is a thing, as
    where several values are true at once. A list is one value.
    """
    said: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    periods = Counter((fact.subject, fact.predicate) for fact in gathered.facts)
    for fact in gathered.facts:
        apart = fact.mode == MANY or periods[fact.subject, fact.predicate] > 1
        for index, keys in zip(fact.claims, fact.keys, strict=True):
            name, key = gathered.claims[index].source, "\x1f".join(keys)
            names = said.setdefault((fact.subject, fact.predicate, key if apart else ""), {}).setdefault(key, set())
            names.add(houses.get(name, name))
            if fact.accepted.issuperset(keys):
                names.add(_PERSON)
    return [[sorted(names) for names in values.values()] for values in said.values()]


def _linked(agreements: Sequence[list[list[str]]], known: Collection[str], *, among_new: int) -> dict[str, str]:
    """Return for each source the first of its body: sources are connected that agree on so many things.

    `among_new`: on how many two sources have to agree of which neither is known.
    """
    groups = [names for values in agreements for names in values]
    claims: Counter[str] = Counter(name for names in groups for name in names)
    met: Counter[tuple[str, str]] = Counter()
    for names in groups:
        if len(names) <= _MOST_MET:
            met.update(combinations(names, 2))
        else:  # All meet the one of them who says most, so that the same pairs are counted again and again.
            hub = min(names, key=lambda name: (-claims[name], name))
            met.update((min(hub, name), max(hub, name)) for name in names if name != hub)
    top = {name: name for name in claims}
    for (one, other), times in met.items():
        if times >= (OUTSIDE if one in known or other in known else among_new):
            _join(top, one, other)
    return top


def _records(agreements: Sequence[list[list[str]]], top: dict[str, str]) -> dict[str, _Record]:
    """Return what is known of each body."""
    record: dict[str, _Record] = {}
    for name in top:
        record.setdefault(_top(top, name), _Record()).members.add(name)
    for values in agreements:
        speaking: dict[str, list[int]] = {}
        confirmed: set[str] = set()
        for names in values:
            inside = Counter(_top(top, name) for name in names)
            for body, count in inside.items():
                speaking.setdefault(body, []).append(count)
            confirmed.update(inside if len(inside) > 1 else ())
        for body, counts in speaking.items():
            each = record[body]
            each.confirmed += body in confirmed
            if sum(counts) > 1:
                each.checked += sum(counts)
                each.facts += body not in confirmed
                each.contradicted += sum(counts) * (len(counts) > 1)
    return record


def joined(known: Mapping[str, ClaimedSource], of: Bodies) -> Mapping[str, ClaimedSource]:
    """Return what is known of sources, each body as one house."""
    first: dict[int, str] = {}
    for name, body in sorted(of.items()):
        first.setdefault(body, name)
    return {**known, **{name: ClaimedSource(name, parent=first[body]) for name, body in of.items()}}


def held_back(verdict: Verdict, of: Bodies, houses: Mapping[str, str]) -> Verdict:
    """Return a verdict that rests on one body of new names alone as unverified; any other as it is."""
    names = {houses.get(source, source) for option in verdict.chosen for source in option.sources}
    decided = verdict.probability >= 1
    if decided or len(names) < 2 or not all(name in of for name in names):
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
    """Return what is known of sources: new names that have nothing but each other earn no trust.

    What only those check who share their voice counts as unchecked.
    """
    return [
        replace(each, trust=min(each.trust, each.prior), checked=0, by_domain={}) if each.source in of else each
        for each in standings
    ]


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
