"""Worlds of claims with a known truth: sources, coverage, copying, difficulty and number of values vary by family.

A world is one level of each axis of `AXES`. The same number gives the same world, to the last claim.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from kgmem.consensus.claims import Integers, Numbers, Stated

FACTS = 150
AXES: dict[str, tuple[str, ...]] = {
    "sources": ("5 sources", "12 sources", "30 sources"),
    "coverage": ("all facts", "a third of facts", "long tail"),
    "copying": ("no copies", "a bad source copied", "a good source copied", "copies with errors of their own"),
    "difficulty": ("good sources", "mixed sources", "few experts", "hard facts"),
    "values": ("2 values", "4 values", "10 values", "50 values"),
}


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Claims, the true value of each fact, and the level of each axis."""

    levels: tuple[str, ...]
    stated: Stated
    truth: Integers


def worlds(count: int, seed: int = 1) -> Iterator[World]:
    """Return so many worlds, spread evenly over all combinations of levels."""
    for levels, number in spread(AXES, count, seed):
        yield world(levels, number)


def spread(axes: Mapping[str, tuple[str, ...]], count: int, seed: int) -> Iterator[tuple[tuple[str, ...], int]]:
    """Return so many combinations of levels, each as often as another, with a seed for each."""
    random = np.random.default_rng(seed)
    combinations = list(product(*axes.values()))
    order = [at for _ in range(-(-count // len(combinations))) for at in random.permutation(len(combinations))]
    for number, at in enumerate(order[:count]):
        yield combinations[at], seed * 100_000 + number


def world(levels: tuple[str, ...], seed: int) -> World:
    """One world: independent sources, the last third of which repeats one of the others where there is copying."""
    random = np.random.default_rng(seed)
    sources, coverage, copying, difficulty, values = levels
    size, answers = int(sources.split()[0]), int(values.split()[0])
    truth, lure = random.integers(0, answers, (2, FACTS))
    lure = np.where(lure == truth, (lure + 1) % answers, lure)
    hard = random.random(FACTS) < (0.3 if difficulty == "hard facts" else 0.0)
    right = accuracies(random, size, difficulty)
    rows: list[Any] = []
    for source in range(size):
        able = np.where(hard, right[source] * 0.5, right[source])
        other = (truth + random.integers(1, answers, FACTS)) % answers
        wrong = np.where(hard & (random.random(FACTS) < 0.7), lure, other)
        rows.append(np.where(random.random(FACTS) < able, truth, wrong))
    share = shares(random, size, coverage)
    said = random.random((size, FACTS)) < share[:, None]
    if copying != "no copies":
        _copy(random, rows, said, right, copying)
    source, fact = np.nonzero(said)
    return World(levels, Stated(source, fact, np.array(rows)[source, fact]), truth)


def _copy(random: np.random.Generator, rows: list[Any], said: Any, right: Numbers, copying: str) -> None:
    """Let the last third of the sources repeat the best or the worst of the others, on nearly all that it speaks of."""
    copiers = max(2, len(rows) // 3)
    first = len(rows) - copiers
    good = copying == "a good source copied"
    original = int(np.argmax(right[:first]) if good else np.argmin(right[:first]))
    rate = 0.8 if copying == "copies with errors of their own" else 1.0
    for source in range(first, len(rows)):
        rows[source] = np.where(random.random(FACTS) < rate, rows[original], rows[source])
    said[first:] = said[original] & (random.random((copiers, FACTS)) < 0.95)


def accuracies(random: np.random.Generator, size: int, difficulty: str) -> Numbers:
    """Return how often each source is right."""
    if difficulty == "mixed sources":
        return random.uniform(0.3, 0.95, size)
    if difficulty == "few experts":
        right = random.uniform(0.3, 0.55, size)
        right[: max(1, size // 5)] = random.uniform(0.85, 0.98, max(1, size // 5))
        return right
    return random.beta(12, 4, size)


def shares(random: np.random.Generator, size: int, coverage: str) -> Numbers:
    """Return of which share of the facts each source speaks."""
    if coverage == "a third of facts":
        return np.full(size, 0.35)
    if coverage == "long tail":
        return random.permutation(np.maximum(1 / np.arange(1, size + 1), 0.05))
    return np.full(size, 1.0)
