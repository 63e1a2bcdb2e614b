"""Claims as arrays, in one canonical order: whatever order or names they came with, every sum runs the same way."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgmem.domain.claims.consensus import PRIOR_TRUST

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]
Truths = NDArray[np.bool_]

ONE, SET, MANY = 0, 1, 2  # How the values of a fact stand to each other: see Claims.mode.
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


@dataclass(frozen=True, slots=True, eq=False)
class Claims:
    """Who claims which value of which fact; a source claims a value once, and parents speak for their outlets.

    Values are numbered fact by fact, so that `fact` never falls; claims are sorted by value, then source. Sources are
    numbered by what they claim, so that their names play no part.
    """

    source: Integers  # Of each claim.
    value: Integers  # Of each claim; never falls.
    weight: Numbers  # Of each claim, 0 to 1: its confidence, shared out among the values its source gives a fact.
    fact: Integers  # Of each value.
    code: Integers  # Of each value: the caller's code, which orders ties (the lowest first).
    prior: Numbers  # Of each source: the trust it has before any claim is weighed.
    mode: Integers  # Of each fact: ONE value is true; a SET, each claim listing all of it; MANY, none excludes another.
    group: Integers  # Of each fact: the predicate or domain that trust may be learned for.
    number: Numbers | None  # Of each value: what it measures; None where nothing is numeric.
    facts: Integers  # The caller's code of each fact.
    sources: Integers  # For each of the caller's sources, its number here; -1 where it claims nothing.
    label: Numbers | None = None  # Of each value: 1 where a person accepted it, 0 where it is refuted, else nan.

    @property
    def starts(self) -> Integers:
        """The first value of each fact."""
        return np.searchsorted(self.fact, np.arange(len(self.facts)))

    @property
    def fact_of_claim(self) -> Integers:
        """The fact of each claim."""
        return self.fact[self.value]


@dataclass(frozen=True, slots=True, eq=False)
class Stated:
    """Claims as a caller has them: codes in any order. Value codes are compared within their fact only."""

    source: Integers
    fact: Integers
    value: Integers
    confidence: Numbers | None = None  # 1 where left out.
    prior: Numbers | None = None  # Of each source; PRIOR_TRUST where left out.
    parent: Integers | None = None  # Of each source: the source it mirrors, or itself.
    mode: Integers | None = None  # Of each fact code; ONE where left out.
    group: Integers | None = None  # Of each fact code; all the same where left out.
    number: Numbers | None = None  # Of each claim.
    label: Numbers | None = None  # Of each claim: what a person decided of its value; nan where nobody did.


def arranged(stated: Stated) -> Claims:
    """Return claims in canonical order: outlets joined to their houses, repeated claims counted once.

    Of repeated claims the most confident counts. Facts and values keep the order of their codes.
    """
    prior = _priors(stated)
    speaker = np.asarray(stated.source, np.int64)
    if stated.parent is not None:
        speaker = houses(stated.parent)[speaker]
    facts, fact = _compact(np.asarray(stated.fact, np.int64))
    codes, code = _compact(np.asarray(stated.value, np.int64))
    many = max(len(prior), 1)
    key, weight, number = _distinct((fact * max(len(codes), 1) + code) * many + speaker, stated)
    pair, speaker = np.divmod(key, many)
    number_of = _numbering(speaker, pair, prior, weight)
    key = pair * many + number_of[speaker]
    if weight is None and number is None:
        key.sort()
    else:
        order = np.argsort(key, kind="stable")
        key = key[order]
        weight = None if weight is None else weight[order]
        number = None if number is None else number[order]
    sorted_pair, source = np.divmod(key, many)
    first = _firsts(sorted_pair)
    value = np.cumsum(first) - 1
    fact_of_value, code_of_value = np.divmod(sorted_pair[first], max(len(codes), 1))
    mode = np.zeros(len(facts), np.int64) if stated.mode is None else np.asarray(stated.mode, np.int64)[facts]
    group = np.zeros(len(facts), np.int64) if stated.group is None else np.asarray(stated.group, np.int64)[facts]
    ordered = np.empty(len(prior))
    ordered[number_of[number_of >= 0]] = prior[number_of >= 0]
    claiming = int(number_of.max(initial=-1)) + 1
    mapped = number_of if stated.parent is None else number_of[houses(stated.parent)]
    return Claims(
        source=source,
        value=value,
        weight=_shared_out(source, fact_of_value[value], mode, weight, claiming),
        fact=fact_of_value,
        code=codes[code_of_value] if len(codes) else code_of_value,
        prior=ordered[:claiming],
        mode=mode,
        group=group,
        number=None if number is None else number[first],
        facts=facts,
        sources=mapped,
        label=None if stated.label is None else _label(stated, (fact, code), (fact_of_value, code_of_value)),
    )


def _label(stated: Stated, said: tuple[Integers, Integers], values: tuple[Integers, Integers]) -> Numbers:
    """The label of each value, from those of the claims that name it; `said` and `values` are facts and codes."""
    many = int(max(said[1].max(initial=0), values[1].max(initial=0))) + 1
    label = np.full(len(values[0]), np.nan)
    known = np.flatnonzero(~np.isnan(np.asarray(stated.label, np.float64)))
    place = np.searchsorted(values[0] * many + values[1], said[0][known] * many + said[1][known])
    label[place] = np.asarray(stated.label, np.float64)[known]
    return label


def tally(place: Integers, amount: Numbers, size: int) -> Numbers:
    """Sum amounts by their places 0 to size - 1, in the order in which they stand."""
    return np.asarray(np.bincount(place, amount, size), np.float64)


def houses(parent: Integers) -> Integers:
    """Return for each source the topmost of its parents; a circle of parents is one house, named by its lowest."""
    top = np.asarray(parent, np.int64).copy()
    for _ in range(max(1, int(np.ceil(np.log2(len(top) + 1))) + 1)):
        top = top[top]
    lowest = top.copy()
    for _ in range(max(1, int(np.ceil(np.log2(len(top) + 1))) + 1)):
        lowest = np.minimum(lowest, lowest[top])
        top = top[top]
    return lowest


def _priors(stated: Stated) -> Numbers:
    if stated.prior is not None:
        return np.clip(np.asarray(stated.prior, np.float64), 0.02, 0.98)
    most = int(np.max(stated.source, initial=-1))
    if stated.parent is not None:
        most = max(most, len(stated.parent) - 1)
    return np.full(most + 1, PRIOR_TRUST)


def _compact(codes: Integers) -> tuple[Integers, Integers]:
    """Return the distinct codes in order, and each code's place among them."""
    if not len(codes):
        return codes, codes
    least, most = int(codes.min()), int(codes.max())
    if most - least > 4 * len(codes) + 1000:
        found, places = np.unique(codes, return_inverse=True)
        return found, places.astype(np.int64)
    seen = np.zeros(most - least + 1, bool)
    seen[codes - least] = True
    return np.flatnonzero(seen) + least, (np.cumsum(seen) - 1)[codes - least]


def _distinct(key: Integers, stated: Stated) -> tuple[Integers, Numbers | None, Numbers | None]:
    """Return the distinct claims in order, each with its highest confidence and its number."""
    if stated.confidence is None and stated.number is None:
        return _deduplicated(np.sort(key)), None, None
    given = np.ones(len(key)) if stated.confidence is None else np.asarray(stated.confidence, np.float64)
    order = np.lexsort((-given, key))
    order = order[_firsts(key[order])]
    number = None if stated.number is None else np.asarray(stated.number, np.float64)[order]
    return key[order], None if stated.confidence is None else given[order], number


def _numbering(speaker: Integers, pair: Integers, prior: Numbers, weight: Numbers | None) -> Integers:
    """Number the sources by what they claim; those that claim the same, with the same prior, may stand either way.

    A source is known by the wrapping sum of hashes of its distinct claims (splitmix64, Steele and others 2014).
    """
    number_of = np.full(len(prior), -1, np.int64)
    if not len(speaker):
        return number_of
    # Numpy sorts sixteen bits by radix, ten times as fast as sixty-four.
    order = np.argsort(speaker.astype(np.uint16) if len(prior) <= 0xFFFF else speaker, kind="stable")
    hashed = pair[order].astype(np.uint64)
    if weight is not None:
        hashed ^= weight[order].view(np.uint64) * _MIX[2]
    hashed = (hashed + _MIX[0]) * _MIX[1]
    hashed ^= hashed >> np.uint64(31)
    hashed *= _MIX[2]
    hashed ^= hashed >> np.uint64(29)
    ordered = speaker[order]
    starts = np.flatnonzero(_firsts(ordered))
    claiming = ordered[starts]
    rank = np.lexsort((prior[claiming], np.add.reduceat(hashed, starts)))
    number_of[claiming[rank]] = np.arange(len(claiming))
    return number_of


def _shared_out(source: Integers, fact: Integers, mode: Integers, weight: Numbers | None, sources: int) -> Numbers:
    """Return each claim its weight: a source that claims several values where ONE is true has one voice to share."""
    given = np.ones(len(source)) if weight is None else weight
    one = mode[fact] == ONE
    if not one.any():
        return given
    key = fact * max(sources, 1) + source
    ordered = np.sort(key[given > 0])
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return given
    several, more = np.unique(repeated, return_counts=True)
    place = np.minimum(np.searchsorted(several, key), len(several) - 1)
    times = np.where((several[place] == key) & one, more[place] + 1, 1)
    return given / times


def _firsts(sorted_: Integers) -> Truths:
    """Return for each of sorted numbers whether it is the first of its kind."""
    first = np.ones(len(sorted_), bool)
    first[1:] = sorted_[1:] != sorted_[:-1]
    return first


def _deduplicated(sorted_: Integers) -> Integers:
    first = _firsts(sorted_)
    return sorted_ if first.all() else sorted_[first]
