"""Weights learned from two tables without labels: how often each degree of likeness occurs, by chance and otherwise."""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bench.rig.matching.comparing import NAME, Comparison
from kgmem.resolution.described import AGREEING, DIFFERING, LEVELS, UNKNOWN, Kind, Weights

Pair = tuple[int, int]
Floats = NDArray[np.float64]
Degrees = NDArray[np.int64]

_BY_CHANCE = 4000  # Pairs drawn to see how often each degree occurs by chance.
_ROUNDS = 20
_EXPECTED = 0.5  # Of the rows of the smaller table, how many are expected to have their like in the other.
# How many pairs the documented shares count for beside what is seen: a table of a hundred rows moves them a little.
_HELD = 10.0
_NAMES_HELD = 1e9  # What names say is not learned: where names differ, a table's pairs must not make that usual.


def degrees_of(comparison: Comparison, pairs: Sequence[Pair]) -> Degrees:
    """Give the degrees of likeness of pairs: a row a pair, a column a part."""
    found = [comparison.degrees(left, right) for left, right in pairs]
    return np.array(found, np.int64).reshape(len(pairs), len(comparison.parts))


def learn(comparison: Comparison, near: Degrees, pairs: Sequence[Pair], *, same_table: bool) -> Weights:
    """Give the weights for two tables from the degrees of all pairs that may be one thing, and of others by chance.

    Expectation maximisation (Winkler 1988) over all pairs: those that blocking found may be one thing, all others are
    taken to be two, and are counted by a sample. The shares among pairs of one thing are held by documented ones.
    """
    left, right = len(comparison.left), len(comparison.right)
    all_pairs = left * (left - 1) // 2 if same_table else left * right
    others = sorted(_drawn(left, right, same_table=same_table) - set(pairs))
    counts = _counts(degrees_of(comparison, others)) * max(all_pairs - len(pairs), 1) / max(len(others), 1)
    before = math.log(_EXPECTED * min(left, right) / max(all_pairs, 1))
    chance = _namesakes(comparison, counts + _counts(near), all_pairs, same_table=same_table)
    return _maximised(comparison, near, counts, chance, before)


def evidence(weights: Weights, degrees: Degrees) -> Floats:
    """Give the evidence of each pair."""
    total = np.full(len(degrees), weights.before)
    for column, each in enumerate(weights.added):
        known = degrees[:, column] != UNKNOWN
        total[known] += np.asarray(each)[degrees[known, column]]
    return total


def _drawn(left: int, right: int, *, same_table: bool) -> set[Pair]:
    random = np.random.default_rng(1)  # The same tables give the same weights.
    drawn = zip(random.integers(0, left, _BY_CHANCE), random.integers(0, right, _BY_CHANCE), strict=True)
    pairs = {(int(one), int(other)) for one, other in drawn}
    return {(min(pair), max(pair)) for pair in pairs if pair[0] != pair[1]} if same_table else pairs


def _counts(degrees: Degrees, weights: Floats | None = None) -> Floats:
    """Give how often each degree of each part occurs, each pair counting by its weight."""
    counts = np.zeros((degrees.shape[1], LEVELS))
    for column, found in enumerate(degrees.T):
        known = found != UNKNOWN
        counts[column] = np.bincount(found[known], None if weights is None else weights[known], minlength=LEVELS)
    return counts


def _namesakes(comparison: Comparison, everything: Floats, all_pairs: int, *, same_table: bool) -> Floats:
    """Give how many pairs at least have like names by chance, as counts of degrees; nothing of other parts.

    Without this, a table in which many have one name and none stands twice would take namesakes for its duplicates,
    and learn of them that nothing but names matters. Of two tables, each tells by its own namesakes; of one, all pairs
    with like names count, since nothing tells namesakes from duplicates before anything is learned.
    """
    names = np.array([[comparison.kinds[part] == Kind.NAME] for part in comparison.parts])
    if same_table:
        return np.where(names, everything, 0.0)
    shares = []
    for rows in (comparison.left, comparison.right):
        called = Counter(ready.words.get(NAME, ()) for ready in rows)
        called.pop((), None)
        shares.append(sum(n * (n - 1) for n in called.values()) / max(len(rows) * (len(rows) - 1), 1))
    best = np.arange(LEVELS) == 0
    return np.where(names & best, max(shares) * all_pairs, 0.0)


def _maximised(comparison: Comparison, near: Degrees, others: Floats, chance: Floats, before: float) -> Weights:
    kinds = [comparison.kinds[part] for part in comparison.parts]
    agreeing, differing = (np.array([table[kind] for kind in kinds]) for table in (AGREEING, DIFFERING))
    documented = np.log(agreeing / differing)
    held = agreeing * np.array([[_NAMES_HELD if kind == Kind.NAME else _HELD] for kind in kinds])
    seen = others + _counts(near) >= 1
    likely = np.zeros(len(near))
    for _ in range(_ROUNDS):
        by_chance = np.maximum(others + _counts(near, 1 - likely), chance) + _HELD * differing
        told = _told(held + _counts(near, likely), by_chance)
        # A degree that no pair shows says what is documented of it.
        added = _falling(np.where(seen, told, documented))
        total = evidence(Weights(comparison.parts, added.tolist(), before), near)
        likely = 1 / (1 + np.exp(-np.clip(total, -700, 700)))
    return Weights(comparison.parts, added.tolist(), before)


def _told(agreeing: Floats, differing: Floats) -> Floats:
    m, u = (counts / counts.sum(axis=1, keepdims=True) for counts in (agreeing, differing))
    return np.asarray(np.log(m / u), np.float64)


def _falling(added: Floats) -> Floats:
    """Give the evidence such that more alike is never less of it, however few pairs a degree was seen in."""
    return np.maximum.accumulate(added[:, ::-1], axis=1)[:, ::-1]
