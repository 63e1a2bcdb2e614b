"""How similar two values are, from 0 to 1: texts by their words, codes by their signs, numbers, dates, places."""

import importlib
import math
import re
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import Any

from kgmem.resolution.words import FORMS, initials, numeral, words

Weight = Callable[[str], float]

_EXPLAINED = 0.1  # What a word weighs that one name lacks and the rest of its description has.
_OF_INITIAL, _OF_BEGINNING = 0.75, 0.85
_OF_ACRONYM = 0.75
_OTHER_NUMERALS, _ONE_NUMERAL = 0.5, 0.79
_EARTH_KM = 6371.0088
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")


@cache
def _slips() -> Callable[..., int]:
    """Return what counts the slips between two words, loaded at first use: a server at rest needs none of it."""
    module: Any = importlib.import_module("rapidfuzz.distance")
    distance: Callable[..., int] = module.OSA.distance
    return distance


def texts(
    left: Sequence[str],
    right: Sequence[str],
    weight: Weight,
    told: tuple[Collection[str], Collection[str]] = ((), ()),
) -> float:
    """Return how much of the weight of two texts' words is shared; near words count by their nearness.

    The last argument has the words of the rest of each description: a beer's name that begins with its brewery's is no
    other name than the one without. After the soft TF-IDF of Cohen, Ravikumar and Fienberg (2003), as Dice coefficient.
    """
    if left == right or "".join(left) == "".join(right):
        return 1.0
    pairs, more, fewer = _paired(left, right)
    shared = sum(near * (weight(a) + weight(b)) / 2 for a, b, near in pairs)
    apart = sum((1 - near) * (weight(a) + weight(b)) / 2 for a, b, near in pairs)
    apart += sum(weight(word) * (_EXPLAINED if word in told[1] else 1) for word in more) / 2
    apart += sum(weight(word) * (_EXPLAINED if word in told[0] else 1) for word in fewer) / 2
    return shared / (shared + apart) if shared else 0.0


def names(
    left: Sequence[str],
    right: Sequence[str],
    weight: Weight,
    told: tuple[Collection[str], Collection[str]] = ((), ()),
) -> float:
    """How similar two names are: as texts, but other numerals are another of the series, and initials may stand."""
    alike = texts(left, right, weight, told)
    if alike == 1.0:
        return alike
    mine = {word for word in left if numeral(word)} - set(right) - set(told[1])
    yours = {word for word in right if numeral(word)} - set(left) - set(told[0])
    if mine and yours:
        return min(alike, _OTHER_NUMERALS)
    if _acronym(left, right) or _acronym(right, left):
        alike = max(alike, _OF_ACRONYM)
    return min(alike, _ONE_NUMERAL) if mine or yours else alike


def codes(left: str, right: str) -> float:
    """Return how similar two codes are (telephone numbers, postal codes): only their signs count, a slip may be."""
    one, other = "".join(words(left)), "".join(words(right))
    if one == other:
        return 1.0
    size = max(len(one), len(other))
    slips = _slips()(one, other, score_cutoff=2)
    if slips == 1:
        return 0.85 if size >= 5 else 0.4
    return 0.4 if slips == 2 and size >= 7 else 0.0


def numbers(left: float, right: float) -> float:
    """Return how similar two numbers are: equal, a hundredth apart, a tenth apart, or more."""
    size = max(abs(left), abs(right))
    apart = abs(left - right) / size if size else 0.0
    return 1.0 if not apart else 0.85 if apart <= 0.03 else 0.6 if apart <= 0.12 else 0.0


def dates(left: str, right: str) -> float:
    """Return how similar two ISO dates are: equal, one within the other, day and month swapped, one part off."""
    one, other = left[:10].split("-"), right[:10].split("-")
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return 1.0 if len(one) == len(other) else 0.9
    if len(one) == len(other) == 3:
        same = [a == b for a, b in zip(one, other, strict=True)]
        if sum(same) == 2 or (same[0] and one[1:] == other[:0:-1]):
            return 0.7
    return 0.3 if one[0] == other[0] else 0.0


def kilometres(left: tuple[float, float], right: tuple[float, float]) -> float:
    """Return the distance between two points (lon, lat) on a sphere, in km (haversine)."""
    (lon, lat), (lon2, lat2) = ((math.radians(p[0]), math.radians(p[1])) for p in (left, right))
    square = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(min(1.0, math.sqrt(square)))


def cosine(left: Sequence[float], right: Sequence[float]) -> float:
    """Return the cosine of two vectors of one dimension; 0 where one has no length."""
    lengths = math.hypot(*left) * math.hypot(*right)
    return sum(a * b for a, b in zip(left, right, strict=True)) / lengths if lengths else 0.0


def number_in(text: str) -> float | None:
    """Return the first number in a text such as "5.60 %"; None where there is none."""
    found = _NUMBER.search(text)
    return float(found[0]) if found else None


def _acronym(short: Sequence[str], long: Sequence[str]) -> bool:
    """Return whether the only word of the one name is made of the first letters of the other's."""
    letters = "".join(short)
    return len(long) >= 2 and 2 <= len(letters) <= 8 and letters in (initials(tuple(long)), _firsts(long))


def _firsts(some: Sequence[str]) -> str:
    return "".join(word[0] for word in some)


def _paired(
    left: Sequence[str], right: Sequence[str]
) -> tuple[list[tuple[str, str, float]], Sequence[str], Sequence[str]]:
    """Pair the words of two texts, equal ones first, then the nearest; gives pairs and what is left of each."""
    more, fewer, pairs = list(left), list(right), []
    for word in left:
        if word in fewer:
            more.remove(word)
            fewer.remove(word)
            pairs.append((word, word, 1.0))
    near = [(_near(a, b), i, j) for i, a in enumerate(more) for j, b in enumerate(fewer)]
    gone: tuple[set[int], set[int]] = (set(), set())
    for value, i, j in sorted((each for each in near if each[0]), key=lambda each: (-each[0], each[1:])):
        if i not in gone[0] and j not in gone[1]:
            pairs.append((more[i], fewer[j], value))
            gone[0].add(i)
            gone[1].add(j)
    kept = [[word for at, word in enumerate(some) if at not in gone[k]] for k, some in enumerate((more, fewer))]
    return pairs, kept[0], kept[1]


def _near(one: str, other: str) -> float:
    """Return how near two different words are: an initial, a beginning, a slip of the pen; else 0."""
    if one[0].isdigit() or other[0].isdigit():
        return 0.0
    short, long = (one, other) if len(one) <= len(other) else (other, one)
    if len(short) == 1:
        return _OF_INITIAL if long[0] == short and long not in FORMS else 0.0
    begins = len(short) >= 3 and long.startswith(short)
    most = max(1, len(long) // 4) if len(short) >= 3 else 0
    slips = _slips()(short, long, score_cutoff=most) if len(long) - len(short) <= most else most + 1
    slipped = 1 - slips / (len(long) + 1) if slips <= most else 0.0
    return max(slipped, _OF_BEGINNING if begins else 0.0)
