"""Descriptions as bags of words, and how near two of them are: by words, names, codes, values and vectors."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgmem.domain.text.resolution import Described
from kgmem.resolution import alike
from kgmem.resolution.described import Rarity, is_code, is_date, names_apart
from kgmem.resolution.meaning import Meaning
from kgmem.resolution.words import numeral, trigrams, words

Pair = tuple[int, int]
Floats = NDArray[np.float64]

NEIGHBOURS = 8  # Pairs that a record finds.
_RAREST = 64  # Features of a record by which it finds others.
_LARGEST, _LEAST_POSTINGS, _MOST_POSTINGS = 0.1, 20, 200  # As a share of records, and in records.
_TRIGRAM = 0.35  # What a trigram weighs beside a word of the same rarity.
_LONGEST = 5000  # Characters of a value.
_JOINED = re.compile(r"[^\W_]+(?:[-/.][^\W_]+)*")
_VALUE, _MOST_VALUES = 0.075, 2  # What a typed value (a date, a number's code) that agrees adds, and how many count.
_SAME_CODE, _OTHER_CODE, _OTHER_NUMERAL = 0.15, 0.15, 0.1
_AGREES, _CONTRADICTS = 0.85, 0.4  # Similarities of typed values.
_LITTLE = 0.5  # Below this similarity one contradiction is enough to leave a pair to a person.
_LEAST_CODE = 4  # Signs of a model number or the like: letters and digits.
_PARTS = 3  # Of which the similarity by words is the mean; vectors count beside them by their weight.
_NO_SPREAD = 1e-9
_MEANT = 0.5  # A cosine half-way from chance to equal: what has other names means the same.


@dataclass(frozen=True)
class Record:
    """A description as bags of words, codes and trigrams."""

    names: Sequence[tuple[str, ...]]
    words: Mapping[str, int]
    codes: frozenset[str]
    typed: Mapping[str, str]  # Values of which a difference contradicts: dates and long numbers.

    @classmethod
    def of(cls, described: Described) -> "Record":
        """Read a description."""
        texts = [*described.names, *_texts(described.values.values()), *([described.text] if described.text else [])]
        counted: Counter[str] = Counter()
        codes: set[str] = set()
        for text in texts:
            counted.update(words(text[:_LONGEST]))
            codes.update(_codes(text[:_LONGEST]))
        values = {name: str(value) for name, value in described.values.items() if isinstance(value, str | int)}
        typed = {name: value for name, value in values.items() if is_date(value) or is_code(value)}
        return cls([words(name) for name in described.names if words(name)], counted, frozenset(codes), typed)

    @cached_property
    def all_words(self) -> frozenset[str]:
        """The different words."""
        return frozenset(self.words)

    @cached_property
    def tells(self) -> bool:
        """Whether there are words beside the names."""
        return not self.all_words <= {word for name in self.names for word in name}

    @cached_property
    def features(self) -> dict[str, float]:
        """How often each word, code and trigram occurs; codes and trigrams begin with signs that no word has."""
        found = {word: 1 + math.log(count) for word, count in self.words.items()}
        found.update((f"#{code}", 1.0) for code in self.codes)
        found.update((f"~{trigram}", 1.0) for trigram in trigrams(tuple(self.words)))
        return found


def _texts(values: Any) -> Iterator[str]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _texts(value)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            yield str(value)


def _codes(text: str) -> Iterator[str]:
    """Return the model numbers and the like in a text: letters and digits, however they are parted."""
    for joined in _JOINED.findall(text.casefold()):
        code = re.sub(r"[-/.]", "", joined)
        if len(code) >= _LEAST_CODE and any(map(str.isdigit, code)) and any(map(str.isalpha, code)):
            yield code


class Records:
    """Descriptions that are compared with each other, with the rarity of what they are made of."""

    def __init__(self, described: Sequence[Described]) -> None:
        """Read descriptions, and count in how many of them each word stands."""
        self.records = [Record.of(each) for each in described]
        self.rarity = Rarity.of(record.features for record in self.records)
        self.meaning = Meaning(described)
        self.weight = 0.0  # Of vectors, beside words.
        self._line = np.zeros(2)  # Slope and intercept of the nearness of vectors over that of words.
        self._by_words: dict[Pair, float] = {}

    @cached_property
    def units(self) -> list[dict[str, float]]:
        """Each record's features by TF-IDF, of length 1."""
        return [self._unit(record) for record in self.records]

    def _unit(self, record: Record) -> dict[str, float]:
        weighed = {
            feature: count * self.rarity(feature) * (_TRIGRAM if feature[0] == "~" else 1.0)
            for feature, count in record.features.items()
        }
        length = math.sqrt(sum(weight * weight for weight in weighed.values())) or 1.0
        return {feature: weight / length for feature, weight in weighed.items()}

    def near(self) -> list[Pair]:
        """Return the pairs that share most of what is rare, the nearest few of each record, the smaller place first."""
        postings: dict[str, list[int]] = defaultdict(list)
        for place, unit in enumerate(self.units):
            for feature in unit:
                postings[feature].append(place)
        bound = min(max(_LEAST_POSTINGS, int(_LARGEST * len(self.records))), _MOST_POSTINGS)
        lists = {
            feature: (np.array(places), np.array([self.units[place][feature] for place in places]))
            for feature, places in postings.items()
            if 1 < len(places) <= bound
        }
        pairs: set[Pair] = set()
        for place, unit in enumerate(self.units):
            rare = sorted((feature for feature in unit if feature in lists), key=lambda each: (-unit[each], each))
            pairs.update((min(place, other), max(place, other)) for other in _nearest(place, unit, rare, lists))
        return sorted(pairs)

    def fit_meaning(self, pairs: Sequence[Pair]) -> None:
        """Learn from pairs how near the vectors of two are that are so near by words: what a missing one stands for."""
        known = [(self.by_words(*pair), near) for pair in pairs if (near := self.meaning.nearness(*pair)) is not None]
        if known:
            told, nearness = np.array(known).T
            spread = float(np.var(told))
            slope = float(np.cov(told, nearness, bias=True)[0, 1]) / spread if spread > _NO_SPREAD else 0.0
            self._line = np.array([slope, float(np.mean(nearness)) - slope * float(np.mean(told))])

    def similarity(self, left: int, right: int) -> float:
        """Return how near two descriptions are, about 0 to 1, by words and, with their weight, by vectors.

        Where one has no vector the pair is as near by it as those are that are so near by words: no evidence.
        """
        told = self.by_words(left, right)
        if not self.weight:
            return told
        near = self.meaning.nearness(left, right)
        if near is None:
            near = float(self._line @ (told, 1.0))
        return (_PARTS * told + self.weight * near) / (_PARTS + self.weight)

    def by_words(self, left: int, right: int) -> float:
        """Return how near two descriptions are by words, about 0 to 1."""
        pair = (left, right) if left < right else (right, left)
        known = self._by_words.get(pair)
        if known is None:
            known = self._by_words[pair] = self._compared(*pair)
        return known

    def _compared(self, left: int, right: int) -> float:
        """Compare two descriptions by words.

        The mean of the cosine of all features, the similarity of names, and the share of the shorter description's
        words that the longer one has; equal model numbers add, other ones and other numerals take away.
        """
        one, other = self.records[left], self.records[right]
        shared = sum(self.rarity(word) for word in one.all_words & other.all_words)
        least = min(sum(map(self.rarity, each.all_words)) for each in (one, other))
        similarity = (self._cosine(left, right) + self._names(one, other) + (shared / least if least else 0.0)) / _PARTS
        if one.codes & other.codes:
            similarity += _SAME_CODE
        elif one.codes and other.codes and not _contained(one.codes, other.codes):
            similarity -= _OTHER_CODE
        agree, differ = self.agreement(left, right)
        similarity += _VALUE * max(-_MOST_VALUES, min(agree - differ, _MOST_VALUES))
        mine, yours = (_numerals(a) - b.all_words for a, b in ((one, other), (other, one)))
        return similarity - (_OTHER_NUMERAL if mine and yours else 0.0)

    def agreement(self, left: int, right: int) -> tuple[int, int]:
        """How many typed values of two descriptions agree (a slip allowed), and how many contradict each other."""
        one, other = self.records[left].typed, self.records[right].typed
        agree = differ = 0
        for name in one.keys() & other.keys():
            dates = is_date(one[name]) and is_date(other[name])
            similarity = (alike.dates if dates else alike.codes)(one[name], other[name])
            agree += similarity >= _AGREES
            differ += similarity < _CONTRADICTS
        return agree, differ

    def contradict(self, left: int, right: int, similarity: float) -> bool:
        """Return whether typed values keep two descriptions from being one thing without a person."""
        agree, differ = self.agreement(left, right)
        return differ - agree >= _MOST_VALUES or (similarity < _LITTLE and differ > agree == 0)

    def foreign(self, left: int, right: int) -> bool:
        """Return whether the names have nothing in common, nor most of the rest, nor a model number, nor the meaning.

        Vectors speak for two where they count for this collection, and both say more than names: that two names mean
        similar things makes them no names of one thing.
        """
        one, other = self.records[left], self.records[right]
        if one.codes & other.codes:
            return False
        if self.weight and one.tells and other.tells and (self.meaning.nearness(left, right) or 0.0) >= _MEANT:
            return False
        shared = len(one.all_words & other.all_words)
        alone = 2 * shared < min(len(one.all_words), len(other.all_words))
        return alone and bool(one.names and other.names) and names_apart(self._names(one, other))

    def _cosine(self, left: int, right: int) -> float:
        one, other = self.units[left], self.units[right]
        if len(one) > len(other):
            one, other = other, one
        return sum(weight * other.get(feature, 0.0) for feature, weight in one.items())

    def _names(self, one: Record, other: Record) -> float:
        told = one.all_words, other.all_words
        pairs = ((left, right) for left in one.names for right in other.names)
        return max((alike.texts(left, right, self.rarity, told) for left, right in pairs), default=0.5)


def _nearest(
    place: int, unit: Mapping[str, float], rare: Sequence[str], lists: Mapping[str, tuple[NDArray[np.int64], Floats]]
) -> list[int]:
    if not rare:
        return []
    some = rare[:_RAREST]
    places = np.concatenate([lists[feature][0] for feature in some])
    products = np.concatenate([lists[feature][1] * unit[feature] for feature in some])
    others, at = np.unique(places, return_inverse=True)
    cosines = np.bincount(at, products)
    cosines[others == place] = 0.0
    best = np.lexsort((others, -cosines))[:NEIGHBOURS]
    return [int(others[each]) for each in best if cosines[each] > 0]


def _contained(one: frozenset[str], other: frozenset[str]) -> bool:
    return any(a in b or b in a for a in one for b in other)


def _numerals(record: Record) -> set[str]:
    return {word for name in record.names for word in name if numeral(word)}
