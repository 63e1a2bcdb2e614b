"""Typed claims brought to facts: the same subject and predicate, and, where one value is true at a time, the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from kgmem.consensus.claims import MANY, ONE, SET, Integers, Numbers, Stated
from kgmem.consensus.values import merged, read
from kgmem.domain.claims.consensus import PRIOR_TRUST, Claim, ClaimedSource, ClaimedValue, ValueKind, ValueRule
from kgmem.domain.time.interval import ALWAYS, Interval


@dataclass(frozen=True, slots=True)
class Fact:
    """Claims that speak of one thing: indices of claims, the value of each, and what stands for it."""

    subject: str
    predicate: str
    valid: Interval
    mode: int
    claims: tuple[int, ...]
    values: tuple[ClaimedValue, ...]
    keys: tuple[tuple[str, ...], ...]  # Of each claim: one key, or that of each part of a set.


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


def gather(claims: Sequence[Claim], rules: Mapping[str, ValueRule]) -> Gathered:
    """Give the facts that claims speak of. Raises InvalidInput for a value that is not of its rule's kind."""
    by_name: dict[tuple[str, str], list[int]] = {}
    for index, claim in enumerate(claims):
        by_name.setdefault((claim.subject, claim.predicate), []).append(index)
    facts = []
    for (subject, predicate), indices in sorted(by_name.items()):
        rule = rules.get(predicate, ValueRule())
        values = {index: _value(claims[index], rule) for index in indices}
        groups = _by_time(claims, values, indices) if rule.functional else [(ALWAYS, indices)]
        facts += [_fact(subject, predicate, valid, held, (claims, values, rule)) for valid, held in groups]
    return Gathered(claims, facts, rules)


def stated(gathered: Gathered, facts: Sequence[int], speakers: Speakers) -> tuple[Stated, list[str]]:
    """Give some of the facts as arrays, and the keys that their value codes stand for.

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
    )
    return array, ordered


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


def _fact(
    subject: str,
    predicate: str,
    valid: Interval,
    held: Sequence[int],
    told: tuple[Sequence[Claim], Mapping[int, ClaimedValue], ValueRule],
) -> Fact:
    _, values, rule = told
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
    return Fact(subject, predicate, valid, mode, tuple(held), tuple(mine), tuple(keys))


def _by_time(
    claims: Sequence[Claim], values: Mapping[int, ClaimedValue], indices: Sequence[int]
) -> list[tuple[Interval, list[int]]]:
    """Part claims by when they are valid: those that overlap, also by way of others, compete.

    A claim without a time belongs to the latest group that its value is claimed in, or else to the latest.
    """
    timed = sorted((index for index in indices if claims[index].valid != ALWAYS), key=lambda i: _order(claims[i].valid))
    groups: list[tuple[Interval, list[int]]] = []
    for index in timed:
        valid = claims[index].valid
        if groups and groups[-1][0].overlaps(valid):
            groups[-1] = (_hull(groups[-1][0], valid), [*groups[-1][1], index])
        else:
            groups.append((valid, [index]))
    always = [index for index in indices if claims[index].valid == ALWAYS]
    if not groups:
        return [(ALWAYS, always)]
    at = [{values[index].key for index in held} for _, held in groups]
    for index in always:
        place = next((i for i in reversed(range(len(groups))) if values[index].key in at[i]), len(groups) - 1)
        groups[place][1].append(index)
    return groups


def _order(valid: Interval) -> tuple[bool, int, bool, int]:
    return (valid.start is not None, valid.start or 0, valid.end is None, valid.end or 0)


def _hull(one: Interval, other: Interval) -> Interval:
    end = None if one.end is None or other.end is None else max(one.end, other.end)
    return Interval(one.start, end)
