"""Two descriptions compared without a table to learn from: by documented evidence alone."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from kgmem.domain.text.resolution import Described, LookedUp, Similarity
from kgmem.domain.time.interval import Interval, valid_interval
from kgmem.resolution import alike
from kgmem.resolution.words import FORMS, words

# Evidence: what a degree of similarity says for or against two things being one, as a logarithm of odds.
# After Fellegi and Sunter, "A Theory for Record Linkage" (1969): a degree that is found among pairs of one thing with
# probability m, and among pairs of two things with u, adds log(m / u).

# The degrees: the same, near, alike, somewhat alike, different. A similarity belongs to the first bound it reaches.
BOUNDS = (0.98, 0.8, 0.55, 0.3)
LEVELS = len(BOUNDS) + 1
DIFFERENT = LEVELS - 1
UNKNOWN = -1  # One of the two does not say: no evidence.
_NAMES_APART = 0.3


class Kind(StrEnum):
    """What sort of thing is compared."""

    NAME = "name"
    TEXT = "text"
    CODE = "code"
    NUMBER = "number"
    DATE = "date"
    CATEGORY = "category"


# How often pairs of one thing show each degree: names are what things are called by, so they seldom differ wholly;
# other values are often written otherwise, or are out of date in one of the two places.
AGREEING: Mapping[Kind, tuple[float, ...]] = {
    Kind.NAME: (0.62, 0.20, 0.10, 0.05, 0.03),
    Kind.TEXT: (0.55, 0.20, 0.10, 0.05, 0.10),
    Kind.CODE: (0.75, 0.08, 0.03, 0.03, 0.11),
    Kind.NUMBER: (0.65, 0.10, 0.08, 0.02, 0.15),
    Kind.DATE: (0.80, 0.06, 0.04, 0.03, 0.07),
    Kind.CATEGORY: (0.55, 0.15, 0.10, 0.05, 0.15),
}
# How often pairs of two things of one type show each, where no table tells it.
DIFFERING: Mapping[Kind, tuple[float, ...]] = {
    Kind.NAME: (0.001, 0.002, 0.012, 0.085, 0.90),
    Kind.TEXT: (0.05, 0.03, 0.07, 0.15, 0.70),
    Kind.CODE: (0.01, 0.01, 0.03, 0.05, 0.90),
    Kind.NUMBER: (0.08, 0.05, 0.12, 0.05, 0.70),
    Kind.DATE: (0.02, 0.02, 0.04, 0.07, 0.85),
    Kind.CATEGORY: (0.25, 0.05, 0.05, 0.05, 0.60),
}


def level(similarity: float | None) -> int:
    """Return the degree that a similarity belongs to; UNKNOWN for none."""
    if similarity is None:
        return UNKNOWN
    return next((at for at, bound in enumerate(BOUNDS) if similarity >= bound), DIFFERENT)


def is_date(text: str) -> bool:
    """Return whether a value is an ISO date, or a part of one."""
    return bool(_DATE.fullmatch(text))


def is_code(text: str) -> bool:
    """Return whether a value is a number by which things are known: a telephone number, a postal code."""
    return bool(_CODE.fullmatch(text)) and not _DECIMAL.fullmatch(text)


def names_apart(similarity: float | None) -> bool:
    """Return whether names have so little in common that only a person may take the two for one."""
    return similarity is not None and similarity < _NAMES_APART


@dataclass(frozen=True, slots=True)
class Weights:
    """What each degree of each part adds, and what the odds are before anything is compared."""

    parts: Sequence[str]
    added: Sequence[Sequence[float]]  # By part, then by degree.
    before: float

    def of(self, degrees: Sequence[int]) -> dict[str, float]:
        """Return what each part that is known adds."""
        known = zip(self.parts, self.added, degrees, strict=True)
        return {part: added[degree] for part, added, degree in known if degree != UNKNOWN}


def added(agreeing: Sequence[float], differing: Sequence[float]) -> tuple[float, ...]:
    """Return the evidence of each degree."""
    return tuple(math.log(m / u) for m, u in zip(agreeing, differing, strict=True))


# How much a word tells: what stands in few descriptions tells more than what stands in many.

_OF_FORMS = 0.2  # The share of their weight that words such as "Ltd" keep.
_LEAST = 0.1


class Rarity:
    """Weights of words by the number of descriptions that have them (inverse document frequency, Spärck Jones 1972)."""

    def __init__(self, count: int, frequency: Mapping[str, int]) -> None:
        """Take how many descriptions there are, and in how many of them each word stands."""
        self.count = count
        self._frequency = frequency
        self._known: dict[str, float] = {}

    @classmethod
    def of(cls, described: Iterable[Iterable[str]]) -> "Rarity":
        """Count the words of descriptions."""
        frequency: Counter[str] = Counter()
        count = 0
        for count, some in enumerate(described, 1):  # noqa: B007 - the count is what is wanted
            frequency.update(set(some))
        return cls(count, frequency)

    def frequency(self, word: str) -> int:
        """Return in how many descriptions a word stands."""
        return self._frequency.get(word, 0)

    def __call__(self, word: str) -> float:
        """Return the weight of a word, above 0."""
        weight = self._known.get(word)
        if weight is None:
            weight = math.log((self.count + 1) / max(self.frequency(word), 1)) + _LEAST
            weight *= _OF_FORMS if word in FORMS else 1.0
            self._known[word] = weight
        return weight


# Before anything is compared: that two things which blocking found are one has odds of one in seven. Equal names alone
# then come to 4.4, which is the same unless something speaks against it; near ones alone wait for review.
BEFORE = -2.0
PERSON = "Person"
_SURNAME = 0.79  # The similarity of names of which only one word, which is not all of the name, is shared.
_NAMES_DIFFER = "Their names have nothing in common."
_ADDED = {kind: added(AGREEING[kind], DIFFERING[kind]) for kind in Kind}
_MOST_OF_VALUES, _LEAST_OF_VALUES = 6.0, -8.0  # Values hang together; a dozen that agree are not a dozen witnesses.
_DATE = re.compile(r"\d{4}(?:-\d\d){0,2}(?:[T ].*)?")
_CODE = re.compile(r"(?=(?:\D*\d){5})[\d\s()+/.-]+")
_DECIMAL = re.compile(r"[-+]?\d+\.\d+")
# Up to so many kilometres apart two places add so much; what is further apart takes away.
_KILOMETRES = ((1.0, 2.5), (10.0, 1.0), (50.0, 0.0), (500.0, -2.0))
_FAR = -4.0
_LIVES_APART = -2.0
_NEAREST, _NEAR, _UNRELATED = (0.9, 1.5), (0.75, 0.7), (0.2, -1.0)  # Cosines of vectors, and what they add.
_MOST_VALUES = 50


class DescribedComparer:
    """Compares descriptions with those of stored entities, by documented evidence."""

    def __init__(self) -> None:
        """Remember how rare words were in what was looked up last."""
        self._last: tuple[LookedUp, Rarity] | None = None

    def similarity(self, asked: Described, held: Described, looked_up: LookedUp) -> Similarity:
        """Return how far two descriptions are of one thing."""
        rarity = self._rarity(looked_up)
        named = _names(asked, held, rarity)
        parts = {"name": _ADDED[Kind.NAME][level(named)]} if named is not None else {}
        values = dict(_values(asked, held, rarity))
        total = sum(values.values())
        bounded = min(max(total, _LEAST_OF_VALUES), _MOST_OF_VALUES)
        parts |= {name: value * bounded / total if total else value for name, value in values.items()}
        parts |= dict(_around(asked, held))
        vetoed = _NAMES_DIFFER if names_apart(named) else None
        return Similarity(BEFORE + sum(parts.values()), parts, vetoed)

    def _rarity(self, looked_up: LookedUp) -> Rarity:
        if self._last is None or self._last[0] is not looked_up:
            frequency = {word: round(share * looked_up.count) for word, share in looked_up.common.items()}
            self._last = looked_up, Rarity(looked_up.count, frequency)
        return self._last[1]


def _names(asked: Described, held: Described, rarity: Rarity) -> float | None:
    """Return the similarity of the two names that are most similar."""
    told = _rest(asked), _rest(held)
    pairs = [(words(one), words(other)) for one in asked.names for other in held.names]
    best = max((alike.names(one, other, rarity, told) for one, other in pairs if one and other), default=None)
    if best is None or PERSON not in (asked.label, held.label):
        return best
    shared = {words(name) for name in asked.names} & {words(name) for name in held.names}
    primary = [words(each.names[0]) for each in (asked, held)]
    # Many have the surname by which a text calls one of them: it is no name to know somebody by.
    by_surname = all(len(name) == 1 for name in shared) and any(len(name) > 1 for name in primary)
    return min(best, _SURNAME) if shared and by_surname else best


def _rest(described: Described) -> set[str]:
    texts = [value for value in described.values.values() if isinstance(value, str)]
    return {word for text in texts for word in words(text[:200])}


def _values(asked: Described, held: Described, rarity: Rarity) -> Iterator[tuple[str, float]]:
    shared = sorted(asked.values.keys() & held.values.keys())[:_MOST_VALUES]
    for name in shared:
        pairs = [
            _compared(one, other, rarity) for one in _each(asked.values[name]) for other in _each(held.values[name])
        ]
        found = [pair for pair in pairs if pair is not None]
        if found:
            similarity, kind = max(found)
            yield f"value of {name}", _ADDED[kind][level(similarity)]


def _each(value: Any) -> Sequence[Any]:
    return value[:20] if isinstance(value, list | tuple) else [value]


def _compared(one: Any, other: Any, rarity: Rarity) -> tuple[float, Kind] | None:
    """Return the similarity of two values and the kind of both; None for what cannot be compared."""
    if isinstance(one, bool) or isinstance(other, bool):
        return (float(one is other), Kind.CATEGORY) if isinstance(one, bool) and isinstance(other, bool) else None
    if isinstance(one, int | float) and isinstance(other, int | float):
        return alike.numbers(float(one), float(other)), Kind.NUMBER
    one, other = (str(each) if isinstance(each, str | int | float) else None for each in (one, other))
    if not one or not other:
        return None
    if _DATE.fullmatch(one) and _DATE.fullmatch(other):
        return alike.dates(one, other), Kind.DATE
    if _CODE.fullmatch(one) and _CODE.fullmatch(other):
        return alike.codes(one, other), Kind.CODE
    left, right = words(one), words(other)
    return (alike.texts(left, right, rarity), Kind.TEXT) if left and right else None


def _around(asked: Described, held: Described) -> Iterator[tuple[str, float]]:
    """Return what neighbours, places, times and vectors add."""
    if asked.neighbours and held.neighbours:
        share = len(asked.neighbours & held.neighbours) / min(len(asked.neighbours), len(held.neighbours))
        yield "neighbours", 2.5 if share >= 0.5 else 1.5 if share >= 0.2 else 0.7 if share else -0.3
    if asked.place and held.place:
        apart = alike.kilometres(asked.place, held.place)
        yield "place", next((told for most, told in _KILOMETRES if apart <= most), _FAR)
    if (asked.valid_from or asked.valid_to) and (held.valid_from or held.valid_to):
        one, other = (valid_interval(each.valid_from, each.valid_to) for each in (asked, held))
        if _ends_before(one, other) or _ends_before(other, one):
            yield "time", _LIVES_APART
    if asked.vector is not None and held.vector is not None and len(asked.vector) == len(held.vector):
        cosine = alike.cosine(asked.vector, held.vector)
        yield "meaning", _of_cosine(cosine)


def _ends_before(one: Interval, other: Interval) -> bool:
    return one.end is not None and other.start is not None and one.end <= other.start


def _of_cosine(cosine: float) -> float:
    if cosine >= _NEAREST[0]:
        return _NEAREST[1]
    return _NEAR[1] if cosine >= _NEAR[0] else _UNRELATED[1] if cosine < _UNRELATED[0] else 0.0
