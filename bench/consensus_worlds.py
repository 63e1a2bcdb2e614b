"""How often the default finds the truth in synthetic worlds, beside majority and every method of the product.

Worlds vary by number of sources, coverage, copying, difficulty and number of values (bench/rig/worlds.py); the same
number gives the same worlds. The baseline is majority on the same claims: a source has one vote, ties go to the
smallest value. Each level of an axis is a family, and so is each copying with each difficulty. The mean rank is over
all methods of the product, 1 being the best of each world, ties sharing their places. What the default is made of was
chosen on worlds of one seed; half of the worlds are of another, and reported apart. Half as many worlds are of lists,
whose sources omit and add parts (bench/rig/list_worlds.py): there the baseline has a vote for each list. The rows are
worlds.
"""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bench.contract import Figure, alone, compared, within
from bench.rig import list_worlds
from bench.rig.worlds import AXES, World, worlds
from kgmem.consensus.calibration import reliability
from kgmem.consensus.claims import arranged
from kgmem.consensus.engine import weigh
from kgmem.consensus.methods import run
from kgmem.consensus.segments import Segments, choose
from kgmem.domain.claims.consensus import VERIFIED, Method, ValueKind, ValueRule

ROWS = 500
SHORT = 36
_METHODS = tuple(Method)
_HELD_OUT = 2  # The seed of the half of the worlds on which nothing was chosen.
_BEHIND = 1.0  # Points that the default may be behind majority in a family.


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    """One world: which facts each method gets right, and how probable the default finds its choices."""

    levels: tuple[str, ...]
    right: Sequence[Any]
    sure: Any


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return accuracy beside majority by family, the mean rank of the default, and its calibration."""
    seen = [_measured(world) for world in worlds(rows - rows // 2)]
    held_out = [_measured(world) for world in worlds(rows // 2, seed=_HELD_OUT)]
    for name, part in (("worlds looked at", seen), ("worlds held out", held_out)):
        for figure in _figures(name, part):
            yield figure
    results = [*seen, *held_out]
    for family in _families():
        mine = [each for each in results if set(family) <= set(each.levels)]
        if mine:
            yield _accuracy(", ".join(family), mine)
            if len(family) == 1:
                yield _calibration(family[0], mine)
    yield _ranked(results)
    for figure in _of_lists(rows // 2):
        yield figure


def _of_lists(rows: int) -> Iterator[Figure]:
    """Return accuracy beside majority, and calibration, where values are lists; half of the worlds are held out."""
    seeds = ((rows - rows // 2, 1), (rows // 2, _HELD_OUT))
    seen, held_out = ([_measured_lists(each) for each in list_worlds.list_worlds(*told)] for told in seeds)
    parts = {"worlds looked at": seen, "worlds held out": held_out}
    results = [*seen, *held_out]
    for level in (level for levels in list_worlds.AXES.values() for level in levels):
        parts[level] = [each for each in results if level in each.levels]
    for name, part in parts.items():
        if part:
            yield _accuracy(f"lists, {name}", part)
            yield _calibration(f"lists, {name}", part)


def _measured_lists(world: list_worlds.ListWorld) -> _Result:
    verdicts = {each.subject: each for each in weigh(world.claims, rules={"p": ValueRule(kind=ValueKind.SET)}).verdicts}
    most = list_worlds.majority(world.claims)
    subjects = sorted(verdicts)
    right = {
        Method.AUTO: np.array([frozenset(verdicts[each].value) == world.truth[each] for each in subjects]),
        Method.MAJORITY: np.array([most[each] == world.truth[each] for each in subjects]),
    }
    sure = np.array([verdicts[each].probability for each in subjects])
    return _Result(world.levels, [right.get(method, np.zeros(0)) for method in _METHODS], sure)


def _measured(world: World) -> _Result:
    claims = arranged(world.stated)
    right, sure = [], None
    for method in _METHODS:
        outcome, _ = run(claims, method)
        chosen = choose(Segments.of(claims), outcome.score)
        right.append(claims.code[chosen] == world.truth[claims.facts])
        if method is Method.AUTO:
            sure = outcome.probability[chosen]
    return _Result(world.levels, right, sure)


def _families() -> Iterator[tuple[str, ...]]:
    for levels in AXES.values():
        for level in levels:
            yield (level,)
    for copying in AXES["copying"]:
        for difficulty in AXES["difficulty"]:
            yield copying, difficulty


def _share(results: Sequence[_Result], method: Method) -> float:
    at = _METHODS.index(method)
    return 100 * float(np.mean([each.right[at].mean() for each in results]))


def _accuracy(name: str, results: Sequence[_Result]) -> Figure:
    ours, base = _share(results, Method.AUTO), _share(results, Method.MAJORITY)
    figure = compared(f"{name}: accuracy", ours, base, "%")
    return replace(figure, bar=f">= majority - {_BEHIND:g}", holds=ours >= base - _BEHIND)


def _figures(name: str, results: Sequence[_Result]) -> Iterator[Figure]:
    yield _accuracy(name, results)
    yield _calibration(name, results)
    right, sure = _chosen(results)
    reason = "majority's shares are no probabilities"
    verified = sure >= VERIFIED
    off = abs(float(sure[verified].mean()) - float(right[verified].mean())) if verified.any() else 0.0
    yield within(alone(f"{name}: how far verified facts are off", off, "", reason), 0.1)


def _calibration(name: str, results: Sequence[_Result]) -> Figure:
    right, sure = _chosen(results)
    reason = "majority's shares are no probabilities"
    return within(alone(f"{name}: expected calibration error", reliability(sure, right)[1], "", reason), 0.1)


def _chosen(results: Sequence[_Result]) -> tuple[Any, Any]:
    """Return of all facts whether the default is right, and how probable it finds its choice."""
    right = np.concatenate([each.right[_METHODS.index(Method.AUTO)] for each in results])
    return right, np.concatenate([each.sure for each in results])


def _ranked(results: Sequence[_Result]) -> Figure:
    places = np.mean([_places([float(right.mean()) for right in each.right]) for each in results], axis=0)
    for method, place in sorted(zip(_METHODS, places.tolist(), strict=True), key=lambda pair: pair[1]):
        print(f"mean rank {place:5.2f}, accuracy {_share(results, method):5.2f} %: {method.value}", file=sys.stderr)
    ours = float(places[_METHODS.index(Method.AUTO)])
    others = min(float(place) for method, place in zip(_METHODS, places, strict=True) if method is not Method.AUTO)
    figure = compared("mean rank of the default beside the best other's", ours, others, "")
    return replace(figure, bar="at most the best other's", holds=ours <= others)


def _places(accuracy: Sequence[float]) -> list[float]:
    """Return the rank of each, those that are equal sharing their places."""
    rounded = [round(each, 6) for each in accuracy]
    return [sum(other > each for other in rounded) + (rounded.count(each) + 1) / 2 for each in rounded]
