"""New names that only speak among themselves: many keys cost nothing, so their agreement proves nothing.

Two sources are connected that agree on at least `OUTSIDE` things. The largest such body is the graph's own: what it
agrees on is believed, since a graph has to begin somewhere. Any other body without a source of known trust, in which
hardly anybody contradicts anybody, has one voice together, as outlets of one house have, and no more trust than it
began with, until others confirm what it says: on `OUTSIDE` things for each of its names.

Once a source has a record of an earlier run, no body is believed for its size. Names without a record that come then,
or after a source that people trust, need agree on one thing alone to be looked at as a body.

Names without a record that came by one API key are one body, whatever they say: who has the key has made them all.
One of them is of its own as soon as others, who are in no such body, name the same as it on `OUTSIDE` things. Two keys
are two bodies, each with a voice of its own; who gave out the keys answers for their being two. A name whose key is
young begins with less trust.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

from kgmem.consensus.claims import MANY
from kgmem.consensus.fact_grouping import Gathered
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    YOUNG_TRUST,
    Alternative,
    Claim,
    ClaimedSource,
    Copying,
    FactState,
    KnownSources,
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
_YOUNG = "Only a new name of a key that was made lately speaks for it."
_PERSON = ""  # Stands for people who accepted a value, beside the sources that name it.
_SHARED = 0.5  # How probable it is said to be that they depend on each other.


@dataclass(frozen=True, slots=True)
class Bodies:
    """Sources that share a voice."""

    of: Mapping[str, int]  # Of each source of a body: the number of the body.
    keys: frozenset[int] = frozenset()  # Bodies whose sources came by one key.
    young: frozenset[str] = frozenset()  # Sources, in a body or not, whose key is young.

    def __bool__(self) -> bool:
        """Return whether there is anything to heed."""
        return bool(self.of or self.young)

    def one_voice(self, names: Collection[str]) -> bool:
        """Return whether all these sources are in bodies, and in fewer than two of different keys."""
        if not all(name in self.of for name in names):
            return False
        return len({self.of[name] for name in names} & self.keys) < 2


def bodies(gathered: Gathered, known: Mapping[str, ClaimedSource], houses: Mapping[str, str]) -> Bodies:
    """Return the sources that have hardly anything but each other, by body."""
    new = recent(gathered.claims, known, houses)
    agreements = _agreements(gathered, houses, new)
    keys = _keyed(agreements, known)
    rest = [[[name for name in names if name not in keys] for names in values] for values in agreements]
    found = _rings([[names for names in values if names] for values in rest], known, new)
    rings = max(found.values(), default=-1) + 1
    named = {key: count for key, count in Counter(keys.values()).items() if count > 1}
    number = {key: rings + at for at, key in enumerate(sorted(named))}
    of = found | {name: number[key] for name, key in keys.items() if key in number}
    young = frozenset(name for name in keys if known[name].young)
    outlets = {outlet: of[house] for outlet, house in houses.items() if house in of}
    return Bodies(of | outlets, frozenset(number.values()), young)


def of_voices(known: KnownSources) -> Bodies:
    """Return the sources without history as bodies, when a fact is resolved by itself."""
    names = sorted({*known.new, *known.keys})
    number = {voice: at for at, voice in enumerate(sorted({known.voice(name) or "" for name in names}))}
    of = {name: number[known.voice(name) or ""] for name in names}
    return Bodies(of, frozenset(at for voice, at in number.items() if voice))


def _keyed(agreements: Iterable[list[list[str]]], known: Mapping[str, ClaimedSource]) -> dict[str, str]:
    """Return the sources without a record that came by a key, by key, but for those that others confirm."""
    keys = {name: each.sent_by for name, each in known.items() if each.sent_by is not None and each.record < OUTSIDE}
    confirmed: Counter[str] = Counter()
    for values in agreements if keys else ():
        for names in values:
            if not keys.keys() >= set(names):
                confirmed.update(name for name in names if name in keys)
    return {name: key for name, key in keys.items() if confirmed[name] < OUTSIDE}


def _rings(agreements: Sequence[list[list[str]]], known: Mapping[str, ClaimedSource], new: set[str]) -> dict[str, int]:
    """Return the sources that are in a body by what they say, by its number."""
    given = _given(known) | {_PERSON}
    proven = given | {name for name, each in known.items() if each.record >= OUTSIDE}
    history = _history(known)
    top = _linked(agreements, new)
    record = _records(agreements, top)
    old = [body for body, each in record.items() if not each.members <= new]
    main = "" if history else min(old, key=lambda body: (-record[body].checked, body), default="")
    trusted = {_top(top, name) for name in top if name in proven}
    found = {
        body
        for body, each in record.items()
        if body != main and body not in trusted and each.alone(1 if each.members <= new else LEAST_FACTS)
    }
    number = {body: at for at, body in enumerate(sorted(found))}
    return {name: number[_top(top, name)] for name in top if _top(top, name) in found}


def _given(known: Mapping[str, ClaimedSource]) -> set[str]:
    return {name for name, each in known.items() if each.prior != PRIOR_TRUST}


def _history(known: Mapping[str, ClaimedSource]) -> bool:
    return any(each.record >= RECORD for each in known.values())


def recent(claims: Sequence[Claim], known: Mapping[str, ClaimedSource], houses: Mapping[str, str]) -> set[str]:
    """Return the sources without a record that came after others had one, or after one that people trust."""
    first: dict[str, int] = {}
    for claim in claims:
        if claim.known is not None:
            house = houses.get(claim.source, claim.source)
            first[house] = min(first.get(house, claim.known), claim.known)
    trusted = [first[name] for name, each in known.items() if each.prior > PRIOR_TRUST and name in first]
    since = min(trusted, default=None)
    history = _history(known)
    names = {houses.get(claim.source, claim.source) for claim in claims} - _given(known)
    return {
        name
        for name in names
        if (name not in known or not known[name].record)
        and (history or (since is not None and name in first and first[name] > since))
    }


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


def _agreements(gathered: Gathered, houses: Mapping[str, str], recent: set[str]) -> list[list[list[str]]]:
    """Return for each thing who names each of its values.

    Who speaks of the same thing at another time contradicts nobody: of a thing that changed, all count as of one value,
    but recent names only with those that name theirs. Where several values are true at once, each is a thing. A list
    is one value.
    """
    said: dict[tuple[str, str, str], dict[str, set[str]]] = {}
    periods = Counter((fact.subject, fact.predicate) for fact in gathered.facts)
    for fact in gathered.facts:
        named: dict[str, set[str]] = {}
        for index, keys in zip(fact.claims, fact.keys, strict=True):
            name = gathered.claims[index].source
            names = named.setdefault("\x1f".join(keys), set())
            names.add(houses.get(name, name))
            if fact.accepted.issuperset(keys):
                names.add(_PERSON)
        changed = periods[fact.subject, fact.predicate] > 1
        for key, names in named.items():
            if fact.mode == MANY or (changed and not recent.isdisjoint(names)):
                said.setdefault((fact.subject, fact.predicate, key), {}).setdefault(key, set()).update(names)
            if fact.mode != MANY:
                whole = said.setdefault((fact.subject, fact.predicate, ""), {})
                whole.setdefault("" if changed else key, set()).update(names.difference(recent) if changed else names)
    return [[sorted(names) for names in values.values() if names] for values in said.values()]


def _linked(agreements: Sequence[list[list[str]]], recent: Collection[str]) -> dict[str, str]:
    """Return for each source the first of its body: sources are connected that agree on so many things.

    Of two recent ones, one agreement is enough.
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
        if times >= (1 if one in recent and other in recent else OUTSIDE):
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
    for name, body in sorted(of.of.items()):
        first.setdefault(body, name)
    young = {first[of.of[name]] if name in of.of else name for name in of.young}
    prior = {name: min(known[name].prior, YOUNG_TRUST) for name in young}
    alone = {name: replace(known[name], prior=prior[name]) for name in young - of.of.keys()}
    joint = {
        name: ClaimedSource(name, prior.get(name, PRIOR_TRUST), parent=first[body]) for name, body in of.of.items()
    }
    return {**known, **alone, **joint}


def held_back(verdict: Verdict, of: Bodies, houses: Mapping[str, str]) -> Verdict:
    """Return a verdict that rests on one body of new names alone as unverified; any other as it is."""
    names = {houses.get(source, source) for option in verdict.chosen for source in option.sources}
    most = YOUNG_TRUST if of.young.issuperset(names) else PRIOR_TRUST
    alone = len(names) == 1 and most < verdict.probability and most == YOUNG_TRUST
    if verdict.probability >= 1 or not (alone or (len(names) > 1 and of.one_voice(names))):
        return verdict
    return replace(
        verdict,
        probability=min(verdict.probability, most),
        trust=most,
        supporting=min(verdict.supporting, 1.0),
        state=FactState.UNVERIFIED if verdict.state is FactState.VERIFIED else verdict.state,
        chosen=tuple(_one_voice(option, most) for option in verdict.chosen),
        reason=f"{_YOUNG if alone else _REASON} {verdict.reason}",
    )


def unproven(standings: Sequence[Standing], of: Bodies) -> list[Standing]:
    """Return what is known of sources: new names that have nothing but each other earn no trust.

    What only those check who share their voice counts as unchecked.
    """
    return [
        replace(each, trust=min(each.trust, each.prior), checked=0, by_domain={}) if each.source in of.of else each
        for each in standings
    ]


def pairs(of: Bodies, found: Sequence[Copying]) -> Iterator[Copying]:
    """Return the pairs of new names that share one voice, beside those that were found to copy each other."""
    there = {(each.one, each.other) for each in found}
    names: dict[int, list[str]] = {}
    for name, body in sorted(of.of.items()):
        names.setdefault(body, []).append(name)
    for mine in names.values():
        for at, (one, other) in enumerate(combinations(mine, 2)):
            if at < _MOST_PAIRS and (one, other) not in there:
                yield Copying(one, other, _SHARED, 0)


def _one_voice(option: Alternative, most: float) -> Alternative:
    return replace(option, probability=min(option.probability, most), independent=min(option.independent, 1.0))


def _join(top: dict[str, str], one: str, other: str) -> None:
    first, second = _top(top, one), _top(top, other)
    if first != second:
        top[max(first, second)] = min(first, second)


def _top(top: dict[str, str], name: str) -> str:
    while top.setdefault(name, name) != name:
        top[name] = top[top[name]]
        name = top[name]
    return name
