"""Blocking: the few pairs of two tables that are worth a comparison, by the rare words and trigrams they share."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from heapq import nlargest

from bench.rig.matching.comparing import Ready
from kgmem.resolution.described import Rarity
from kgmem.resolution.words import trigrams

Pair = tuple[int, int]
Vector = Mapping[str, float]

_TRIGRAM = 0.35  # What a trigram weighs beside a word of the same rarity.
_LARGEST = 0.1  # Features that a larger share of the rows has find nothing ...
_LEAST_ROWS, _MOST_ROWS = 20, 200  # ... but a feature of so few rows always does, and one of so many never.
_FEW = 200  # So many pairs may be compared of the smallest tables too.
SHARE = 0.01  # The share of all pairs that may be compared ...
_OTHER_WAY = 4  # How many times MOST a row finds, so that those which it is nearest to find it.
MOST = 4  # ... and how many a row finds, whatever the size of the tables.


def candidate_pairs(left: Sequence[Ready], right: Sequence[Ready], share: float = SHARE) -> list[Pair]:
    """Give the pairs that share most of what is rare (cosine of TF-IDF): the nearest few of each row, both ways.

    No more than `share` of all pairs (or 200) come back: those that stand nearest to the top of the list of a row.
    Of one table with itself each pair comes once, the smaller place first.
    """
    same = left is right
    features = [_features(ready) for ready in (left if same else [*left, *right])]
    rarity = Rarity.of(features)
    vectors = [_unit(each, rarity) for each in features]
    ours, theirs = vectors[: len(left)], vectors if same else vectors[len(left) :]
    shared = _shared(ours, _postings(theirs, rarity, len(vectors)), same=same)
    most = len(left) * (len(left) - 1) // 2 if same else len(left) * len(right)
    ranked = _ranked(shared)
    return sorted(sorted(ranked, key=lambda pair: ranked[pair])[: max(_FEW, int(share * most))])


def _postings(vectors: Sequence[Vector], rarity: Rarity, count: int) -> Mapping[str, Sequence[tuple[int, float]]]:
    bound = min(max(_LEAST_ROWS, int(_LARGEST * count)), _MOST_ROWS)
    postings: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, vector in enumerate(vectors):
        for feature, weight in vector.items():
            if 1 < rarity.frequency(feature) <= bound:
                postings[feature].append((place, weight))
    return postings


def _shared(
    vectors: Sequence[Vector], postings: Mapping[str, Sequence[tuple[int, float]]], *, same: bool
) -> dict[Pair, float]:
    """Give the cosines of pairs: of each row those with the nearest few, and a few more for the other way round."""
    found: dict[Pair, float] = {}
    for place, vector in enumerate(vectors):
        cosines: dict[int, float] = defaultdict(float)
        for feature, weight in vector.items():
            for other, other_weight in postings.get(feature, ()):
                cosines[other] += weight * other_weight
        if same:
            cosines.pop(place, None)
        for cosine, other in nlargest(_OTHER_WAY * MOST, ((value, -other) for other, value in cosines.items())):
            found[(min(place, -other), max(place, -other)) if same else (place, -other)] = cosine
    return found


def _ranked(shared: Mapping[Pair, float]) -> dict[Pair, tuple[int, float]]:
    """Give pairs with their best rank among the pairs of either row, and their distance; none beyond MOST."""
    best: dict[Pair, tuple[int, float]] = {}
    for side in (0, 1):
        rows: dict[int, list[Pair]] = defaultdict(list)
        for pair in shared:
            rows[pair[side]].append(pair)
        for pairs in rows.values():
            for rank, pair in enumerate(sorted(pairs, key=lambda pair: (-shared[pair], pair))[:MOST]):
                best[pair] = min(best.get(pair, (rank, -shared[pair])), (rank, -shared[pair]))
    return best


def _features(ready: Ready) -> dict[str, float]:
    features: dict[str, float] = defaultdict(float)
    for word in ready.all_words:
        features[word] += 1.0
    for trigram in trigrams(tuple(ready.all_words)):
        features[f"\t{trigram}"] = 1.0  # No word begins with a tab.
    return features


def _unit(features: Vector, rarity: Rarity) -> dict[str, float]:
    weighed = {
        feature: (1 + math.log(count)) * rarity(feature) * (_TRIGRAM if feature[0] == "\t" else 1.0)
        for feature, count in features.items()
    }
    length = math.sqrt(sum(weight * weight for weight in weighed.values())) or 1.0
    return {feature: weight / length for feature, weight in weighed.items()}
