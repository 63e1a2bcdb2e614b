"""Worlds of claims whose values are lists, with a known truth: how sources err, copy and cover facts varies.

A world is one level of each axis of `AXES`. The same number gives the same world, to the last claim.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.rig import worlds
from bench.rig.worlds import accuracies, shares
from kgmem.domain.claims.consensus import Claim

FACTS = 120
NAMES = 60  # Of which lists are made.
LONGEST = 4
AXES: dict[str, tuple[str, ...]] = {
    **{name: worlds.AXES[name] for name in ("sources", "coverage", "copying")},
    "errors": ("parts omitted", "parts added", "whole lists", "parts and lists"),
    "difficulty": ("good sources", "mixed sources", "few experts"),
}
_COPIED = {"no copies": 0.0, "copies with errors of their own": 0.8}  # Of a copier's claims; otherwise all.

List = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class ListWorld:
    """Claims on the predicate `p`, and the true list of each subject."""

    levels: tuple[str, ...]
    claims: list[Claim]
    truth: Mapping[str, frozenset[str]]


def list_worlds(count: int, seed: int = 1) -> Iterator[ListWorld]:
    """Return so many worlds, spread evenly over all combinations of levels."""
    for levels, number in worlds.spread(AXES, count, seed):
        yield list_world(levels, number)


def list_world(levels: tuple[str, ...], seed: int) -> ListWorld:
    """One world: independent sources, the last third of which repeats one of the others where there is copying."""
    random = np.random.default_rng(seed)
    sources, coverage, copying, errors, difficulty = levels
    size = int(sources.split()[0])
    truth = [_list(random) for _ in range(FACTS)]
    right = accuracies(random, size, difficulty)
    said = [[_said(random, true, able, errors) for true in truth] for able in right]
    speaks = random.random((size, FACTS)) < shares(random, size, coverage)[:, None]
    if copying != "no copies":
        copiers = max(2, size // 3)
        first = size - copiers
        independent = right[:first]
        original = int(np.argmax(independent) if copying == "a good source copied" else np.argmin(independent))
        for source in range(first, size):
            copied = random.random(FACTS) < _COPIED.get(copying, 1.0)
            said[source] = [
                theirs if taken else own
                for theirs, own, taken in zip(said[original], said[source], copied, strict=True)
            ]
        speaks[first:] = speaks[original] & (random.random((copiers, FACTS)) < 0.95)
    claims = [
        Claim(f"s{source}", f"f{fact}", "p", list(said[source][fact]))
        for source in range(size)
        for fact in range(FACTS)
        if speaks[source, fact]
    ]
    return ListWorld(levels, claims, {f"f{fact}": frozenset(each) for fact, each in enumerate(truth)})


def majority(claims: Sequence[Claim]) -> dict[str, frozenset[str]]:
    """Return for each subject the list that most sources claim, of equal ones the smallest."""
    votes: dict[str, Counter[List]] = defaultdict(Counter)
    for claim in claims:
        votes[claim.subject][tuple(sorted(claim.value))] += 1
    chosen: dict[str, List] = {
        subject: min(told, key=lambda each: (-told[each], each)) for subject, told in votes.items()
    }
    return {subject: frozenset(each) for subject, each in chosen.items()}


def _list(random: np.random.Generator) -> List:
    length = int(random.integers(1, LONGEST + 1))
    return tuple(f"n{each}" for each in sorted(random.choice(NAMES, length, replace=False).tolist()))


def _said(random: np.random.Generator, true: List, able: float, errors: str) -> List:
    """Return what a source lists: the truth as often as it is able, or a list with an error of some kind."""
    if random.random() < able:
        return true
    kind = errors
    if errors == "parts and lists":
        kind = str(random.choice(("parts omitted", "parts added", "whole lists")))
    if kind == "parts omitted" and len(true) > 1:
        kept = set(random.choice(true, int(random.integers(1, len(true))), replace=False).tolist())
        return tuple(name for name in true if name in kept)
    if kind == "whole lists":
        return _list(random)
    return tuple(sorted({*true, f"n{random.integers(NAMES)}"}))
