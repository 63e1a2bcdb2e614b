"""Typed claims grouped by fact: the same subject and predicate, and, where one value is true at a time, the time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kgmem.consensus.claims import MANY, ONE, SET, Integers, Numbers, Stated
from kgmem.consensus.timeline import Reliance, periods, replaced
from kgmem.consensus.values import merged, read
from kgmem.domain.claims.consensus import (
    PRIOR_TRUST,
    Claim,
    ClaimedSource,
    ClaimedValue,
    Reporting,
    ValueKind,
    ValueRule,
)
from kgmem.domain.time.interval import ALWAYS, Interval

_OTHERS = 2  # So many others must tell of a change for it to count as one that a source could have told of.
_PRIOR_CHANGES = 5.0  # As many changes of which a source is taken to tell as all do, and all of them together nothing.


@dataclass(frozen=True, slots=True)
class Fact:
    """Claims that speak of one thing: indices of claims, the value of each, and the value that represents it."""

    subject: str
    predicate: str
    valid: Interval
    mode: int
    claims: tuple[int, ...]
    values: tuple[ClaimedValue, ...]
    keys: tuple[tuple[str, ...], ...]  # Of each claim: one key, or that of each part of a set.
    accepted: frozenset[str] = frozenset()  # Keys that a person accepted, and rejected.
    rejected: frozenset[str] = frozenset()
    whole_lists: bool = False  # Its keys stand for whole lists, their parts joined by `values.PART`.

    def label(self, key: str) -> float:
        """Return what people decided of a value: 1 where it is right, 0 where it is wrong, else not a number."""
        if key in self.accepted:
            return 1.0
        if key in self.rejected or (self.accepted and self.mode != MANY):
            return 0.0
        return float("nan")


@dataclass(frozen=True, slots=True)
class Gathered:
    """All facts, in order of subject, predicate and time."""

    claims: Sequence[Claim]
    facts: Sequence[Fact]
    rules: Mapping[str, ValueRule] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Speakers:
    """All sources by number: their priors, and the source that each mirrors, or itself."""

    names: Mapping[str, int]
    prior: Numbers
    parent: Integers


def gather(claims: Sequence[Claim], rules: Mapping[str, ValueRule], reliance: Reliance | None = None) -> Gathered:
    """Return the facts that claims speak of, parted in time by what is known of their sources (timeline.py).

    Claims that their own source replaced have no weight. Raises InvalidInput for a value that is not of its rule's
    kind.
    """
    reliance = reliance or Reliance()
    claims = list(claims)
    by_name: dict[tuple[str, str], list[int]] = {}
    for index, claim in enumerate(claims):
        by_name.setdefault((claim.subject, claim.predicate), []).append(index)
    facts = []
    for (subject, predicate), indices in sorted(by_name.items()):
        rule = rules.get(predicate, ValueRule())
        values = _without_echoes(claims, {index: _value(claims[index], rule) for index in indices}, rule)
        groups = _by_time(claims, values, rule, reliance) if rule.functional else [(ALWAYS, list(values))]
        facts += [_fact(subject, predicate, valid, held, (claims, values, rule)) for valid, held in groups]
    return Gathered(claims, facts, rules)


def stated(gathered: Gathered, facts: Sequence[int], speakers: Speakers) -> tuple[Stated, list[str]]:
    """Return some of the facts as arrays, and the keys that their value codes stand for.

    Codes are in order of number, then key: so ties go to the smallest number, or to the first text.
    """
    rows = [
        (fact, index, key, value)
        for fact in facts
        for index, value, keys in zip(
            gathered.facts[fact].claims, gathered.facts[fact].values, gathered.facts[fact].keys, strict=True
        )
        for key in keys
    ]
    numbers = {key: value.number for _, _, key, value in rows if value.number is not None and value.key == key}
    ordered = sorted({key for _, _, key, _ in rows}, key=lambda key: (numbers.get(key, 0.0), key))
    code = {key: at for at, key in enumerate(ordered)}
    domains = {name: at for at, name in enumerate(sorted({domain_of(gathered, fact) for fact in facts}))}
    most = max(facts, default=-1) + 1
    mode, group = np.zeros(most, np.int64), np.zeros(most, np.int64)
    for fact in facts:
        mode[fact] = gathered.facts[fact].mode
        group[fact] = domains[domain_of(gathered, fact)]
    array = Stated(
        source=np.array([speakers.names[gathered.claims[index].source] for _, index, _, _ in rows], np.int64),
        fact=np.array([fact for fact, _, _, _ in rows], np.int64),
        value=np.array([code[key] for _, _, key, _ in rows], np.int64),
        confidence=np.array([min(max(gathered.claims[index].confidence, 0.0), 1.0) for _, index, _, _ in rows]),
        prior=speakers.prior,
        parent=speakers.parent,
        mode=mode,
        group=group,
        number=np.array([numbers.get(key, np.nan) for _, _, key, _ in rows]) if numbers else None,
        label=_labels(gathered, [(fact, key) for fact, _, key, _ in rows]),
    )
    return array, ordered


def _labels(gathered: Gathered, rows: Sequence[tuple[int, str]]) -> Numbers | None:
    """Return what people decided of the value of each claim; None where they decided nothing."""
    if not any(gathered.facts[fact].accepted or gathered.facts[fact].rejected for fact in {fact for fact, _ in rows}):
        return None
    return np.array([gathered.facts[fact].label(key) for fact, key in rows])


def numbered(claims: Sequence[Claim], sources: Mapping[str, ClaimedSource]) -> Speakers:
    """Number all sources that claim or are the parent of one that does."""
    named = {claim.source for claim in claims}
    rising = set(named)
    while rising := {_parent(sources, name) for name in rising} - named - {""}:
        named |= rising
    names = {name: at for at, name in enumerate(sorted(named))}
    prior = np.array([sources[name].prior if name in sources else PRIOR_TRUST for name in names])
    parent = np.array([names.get(_parent(sources, name), at) for name, at in names.items()], np.int64)
    return Speakers(names, prior, parent)


def domain_of(gathered: Gathered, fact: int) -> str:
    predicate = gathered.facts[fact].predicate
    return gathered.rules.get(predicate, ValueRule()).domain or predicate


def _parent(sources: Mapping[str, ClaimedSource], name: str) -> str:
    return (sources[name].parent or "") if name in sources else ""


def _value(claim: Claim, rule: ValueRule) -> ClaimedValue:
    if claim.object is not None:
        return ClaimedValue(ValueKind.CATEGORY, claim.object, claim.object)
    return read(claim.value, rule)


def _without_echoes(
    claims: Sequence[Claim], values: Mapping[int, ClaimedValue], rule: ValueRule
) -> Mapping[int, ClaimedValue]:
    """Omit what is derived; of a value that nobody states by himself the first who derives it counts."""
    derived = [index for index in values if claims[index].derived]
    if not derived:
        return values
    stands = _keys(values, rule)
    stated = {key for index, key in stands.items() if not claims[index].derived}
    left_out = set()
    for index in derived:
        if stands[index] in stated:
            left_out.add(index)
        stated.add(stands[index])
    return {index: value for index, value in values.items() if index not in left_out}


def _fact(
    subject: str,
    predicate: str,
    valid: Interval,
    held: Sequence[int],
    told: tuple[Sequence[Claim], Mapping[int, ClaimedValue], ValueRule],
) -> Fact:
    claims, values, rule = told
    mine = [values[index] for index in held]
    lists = any(value.kind is ValueKind.SET for value in mine)
    mode = SET if lists else ONE if rule.functional else MANY
    if lists:
        pieces = [ClaimedValue(ValueKind.CATEGORY, key, key) for value in mine for key in (value.parts or (value.key,))]
        stands = merged(pieces, rule)
        keys = [tuple(sorted({stands[key] for key in (value.parts or (value.key,))})) for value in mine]
    else:
        stands = merged(mine, rule)
        keys = [(stands[value.key],) for value in mine]
    accepted, rejected = (
        frozenset(key for index, each in zip(held, keys, strict=True) if claims[index].label is label for key in each)
        for label in (True, False)
    )
    return Fact(subject, predicate, valid, mode, tuple(held), tuple(mine), tuple(keys), accepted, rejected - accepted)


def _by_time(
    claims: list[Claim], values: Mapping[int, ClaimedValue], rule: ValueRule, reliance: Reliance
) -> list[tuple[Interval, list[int]]]:
    """Part claims by the periods that they speak of; what is replaced or has aged loses its weight here.

    A claim without a time belongs to the latest period that its value is claimed in, or else to the latest.
    """
    if len(values) == 1 and rule.half_life is None:
        return [(claims[index].valid, [index]) for index in values]
    stands = _keys(values, rule)
    gone = replaced(claims, stands, rule, reliance)
    rejected = {index for index in values if claims[index].label is False}
    for index in gone:
        claims[index] = replace(claims[index], confidence=0.0)
    alive = {index: key for index, key in stands.items() if index not in gone | rejected}
    found, timeless = periods(claims, alive or stands, rule, reliance)
    groups = [(period.valid, list(period.claims)) for period in found] or [(ALWAYS, [])]
    placed = {index for _, held in groups for index in held}
    at = [{stands[index] for index in held} for _, held in groups]
    for index in (index for index in values if index not in placed):
        key, start = stands[index], claims[index].valid.start
        place = _latest(key, at) if index in timeless or start is None else _begun(start, groups)
        groups[place][1].append(index)
    if rule.half_life is not None:
        for valid, held in groups:
            _age(claims, held, valid, rule.half_life, reliance.now)
    return groups


def _keys(values: Mapping[int, ClaimedValue], rule: ValueRule) -> dict[int, str]:
    """For each claim the key of its value, values within tolerance of each other under one; a set is one value."""
    lists = any(value.kind is ValueKind.SET for value in values.values())
    stands = {} if lists else merged(list(values.values()), rule)
    return {index: stands.get(value.key, value.key) for index, value in values.items()}


def _latest(key: str, at: Sequence[set[str]]) -> int:
    """Return the latest group in which a value is claimed, or else the latest."""
    return next((place for place in reversed(range(len(at))) if key in at[place]), len(at) - 1)


def _begun(start: int, groups: Sequence[tuple[Interval, list[int]]]) -> int:
    """Return the group of a time: the last that begins by then, or else the first."""
    begun = [at for at, (valid, _) in enumerate(groups) if valid.start is None or valid.start <= start]
    return begun[-1] if begun else 0


def _age(claims: list[Claim], held: Sequence[int], valid: Interval, half_life: int, now: int | None) -> None:
    """Reduce by half the confidence of claims with each half-life from their start to the end of the time asked of."""
    ends = [each for each in (valid.end, now) if each is not None]
    if not ends:
        return
    for index in held:
        claim = claims[index]
        began = claim.valid.start if claim.valid.start is not None else claim.known
        if began is not None and claim.label is None:
            left = float(0.5 ** (max(min(ends) - began, 0) / half_life))
            claims[index] = replace(claim, confidence=claim.confidence * left)


def reporting(gathered: Gathered, reliance: Reliance) -> dict[str, Reporting]:
    """Return by source how often it reports changes that others report, and after how many microseconds in the mean.

    A source could have reported a change of what it states at all; the first value of a thing is no change. Of sources
    of which little is known it is what all of them do (a beta prior, its mean learned from the same facts).
    """
    by_topic: dict[tuple[str, str], list[Fact]] = defaultdict(list)
    for fact in gathered.facts:
        by_topic[fact.subject, fact.predicate].append(fact)
    told: dict[str, int] = defaultdict(int)
    chances: dict[str, int] = defaultdict(int)
    delays: list[int] = []
    for facts in by_topic.values():
        if len(facts) < 2:
            continue
        speaking = {reliance.house(gathered.claims[at].source) for fact in facts for at in fact.claims}
        for fact in facts[1:]:
            mine = _supporting(fact)
            here = {reliance.house(gathered.claims[at].source) for at in mine}
            delays += _delays(gathered, mine)
            for house in speaking:
                if len(here - {house}) >= _OTHERS:
                    chances[house] += 1
                    told[house] += house in here
    delay = sum(delays) / len(delays) if delays else 0.0
    usual = sum(told.values()) / (sum(chances.values()) + _PRIOR_CHANGES)
    return {
        house: Reporting((told[house] + _PRIOR_CHANGES * usual) / (count + _PRIOR_CHANGES), delay)
        for house, count in sorted(chances.items())
    }


def _supporting(fact: Fact) -> list[int]:
    """Return the claims of the value that most claims of a fact name."""
    claims: dict[str, list[int]] = defaultdict(list)
    for at, keys in zip(fact.claims, fact.keys, strict=True):
        claims[keys[0]].append(at)
    return max(claims.values(), key=len)


def _delays(gathered: Gathered, mine: list[int]) -> list[int]:
    claims = [gathered.claims[at] for at in mine]
    return [max(c.known - c.valid.start, 0) for c in claims if c.known is not None and c.valid.start is not None]
