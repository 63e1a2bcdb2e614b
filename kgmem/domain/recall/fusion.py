"""Fusion of the rankings of several retrievers into one. Pure and deterministic, whatever the order of the input."""

import math
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final, Generic, TypeVar

from kgmem.domain.recall.answer import RetrieverShare
from kgmem.domain.recall.question import DEFAULT_WEIGHT, Fusion
from kgmem.domain.recall.question_checks import check_weights

Id = TypeVar("Id", bound=Hashable)
_ID, _VALUE = itemgetter(0), itemgetter(1)
RRF_K = 60  # Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion", SIGIR 2009.


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Id]):
    """One fused candidate: its score (0 to 1) and the part of each retriever in it."""

    id: Id
    score: float
    retrievers: Mapping[str, RetrieverShare]


@dataclass(frozen=True, slots=True)
class LookedUp(Generic[Id]):
    """What a retriever makes of candidates that only others list: their values, and where its scale begins.

    `lowest` is the least value of what retrievers list. A lower one, of a neighbour of a hit, counts like it, so that
    the scale does not depend on the number of neighbours.
    """

    values: Mapping[Id, float]
    lowest: float


_ABSENT: Final[LookedUp[Any]] = LookedUp({}, math.inf)
# Retrievers of places and times: an item without a place or a time has no value there, and that speaks neither for it
# nor against it.
NEUTRAL: Final = frozenset({"where", "when", "recency"})


def ranked(values: Iterable[tuple[Id, float]]) -> list[tuple[Id, float]]:
    """Return pairs of an id and its value with the greatest value first, of equal ones the lesser id."""
    ranking = sorted(values, key=_ID)
    ranking.sort(key=_VALUE, reverse=True)
    return ranking


def fuse(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]],
    *,
    method: Fusion = "convex",
    weights: Mapping[str, float] | None = None,
    most: int | None = None,
    last: Mapping[str, Collection[Id]] | None = None,
    looked_up: Mapping[str, LookedUp[Id]] | None = None,
) -> list[Ranked[Id]]:
    """Fuse retrievers, each a list of (id, value) with the greatest value first, into one ranking, best first.

    `rrf` sums weight / (60 + rank). `convex` sums weight times the value scaled to 0..1 over the retriever's candidates
    (min-max; Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023). Scores are
    divided by the weights of all retrievers asked (for rrf also by 1 / 61), so that 1 is first in every retriever. Ties
    are broken by id, so equal questions give equal orders. `most` keeps the best so many. What `last` lists for an
    retriever counts there as the last that the retriever found, whatever its value.

    A retriever that gives all candidates the same value (`level`) has no share, unless all are such. A candidate
    without a value in one of NEUTRAL counts there as the mean of those that have one (convex: at most 0.5), and shows
    no share of it.

    `looked_up` completes a retriever by the values of candidates that only others list: a candidate that is the 41st of
    a retriever then counts almost as much as the 40th, and not nothing. What no retriever lists is no candidate.
    """
    scaled, candidates = _scaled(retrievers, method, weights, last, looked_up)
    sums = _sums(scaled, candidates)
    # Parts that make a whole may sum to a little more than 1.
    best = sorted((-min(1.0, score), id_) for id_, score in sums.items())[:most]
    # Only what is kept is spelled out: candidates are several times as many.
    shares: dict[Id, dict[str, RetrieverShare]] = {id_: {} for _, id_ in best}
    for each in scaled:
        values = looked_up[each.name].values if looked_up and each.name in looked_up else ()
        for rank, ((id_, value), part) in enumerate(zip(each.ranking, each.parts, strict=True), start=1):
            if id_ in shares:
                # A part, and its share, may be a little more than the whole: the score was cut off at 1.
                share = min(1.0, part / min(1.0, sums[id_])) if sums[id_] else 0.0
                shares[id_][each.name] = RetrieverShare(rank, value, share, id_ not in values)
    return [Ranked(id_, -negative, shares[id_]) for negative, id_ in best]


def scores(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]],
    *,
    method: Fusion,
    weights: Mapping[str, float],
    looked_up: Mapping[str, LookedUp[Id]],
) -> dict[Id, float]:
    """Return the scores alone that `fuse` gives to all candidates."""
    sums = _sums(*_scaled(retrievers, method, weights, None, looked_up))
    return {id_: min(1.0, score) for id_, score in sums.items()}


def level(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]],
    *,
    last: Mapping[str, Collection[Id]] | None = None,
    looked_up: Mapping[str, LookedUp[Id]] | None = None,
) -> list[str]:
    """Return the retrievers that give every candidate the same value, so that they say nothing of their order.

    Where every retriever is such, none is returned: all count then.
    """
    return _level(*_complete(retrievers, looked_up), last)


def _level(
    rankings: Mapping[str, Sequence[tuple[Id, float]]],
    candidates: Collection[Id],
    last: Mapping[str, Collection[Id]] | None,
) -> list[str]:
    found, telling = [], False
    for name, ranking in rankings.items():
        if len(ranking) == len(candidates) and _is_even(ranking) and not (last or {}).get(name):
            found.append(name)
        else:
            telling = telling or bool(ranking)
    return found if telling else []


def _is_even(ranking: Sequence[tuple[Id, float]]) -> bool:
    return bool(ranking) and all(value == ranking[0][1] for _, value in ranking)


@dataclass(frozen=True, slots=True)
class _Scaled(Generic[Id]):
    """A complete ranking, and what each place of it adds to the score; `absent` is for candidates without a value."""

    name: str
    ranking: Sequence[tuple[Id, float]]
    parts: Sequence[float]
    absent: float


def _scaled(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]],
    method: Fusion,
    weights: Mapping[str, float] | None,
    last: Mapping[str, Collection[Id]] | None,
    looked_up: Mapping[str, LookedUp[Id]] | None,
) -> tuple[list[_Scaled[Id]], Collection[Id]]:
    """Return what each retriever adds to scores, and all candidates."""
    asked = {name: (weights or {}).get(name, DEFAULT_WEIGHT) for name in retrievers}
    check_weights(asked.values())
    rankings, candidates = _complete(retrievers, looked_up)
    even = _level(rankings, candidates, last)
    if any(weight for name, weight in asked.items() if name not in even):
        asked |= dict.fromkeys(even, 0.0)
    total = math.fsum(asked.values())  # In any order of the retrievers the same.
    scaled = []
    for name, ranking in sorted(rankings.items()):
        lowest = (looked_up or {}).get(name, _ABSENT).lowest
        parts = _reciprocal(ranking) if method == "rrf" else _minmax(ranking, lowest)
        if name in NEUTRAL and method != "rrf" and len(ranking) < len(candidates) and _is_even(ranking):
            parts = [min(max(value, 0.0), 1.0) for _, value in ranking]  # There is nothing to scale them by.
        weight, neutral = asked[name] / total, 0.0
        if name in NEUTRAL and ranking:
            mean = math.fsum(parts) / len(parts)
            neutral = mean if method == "rrf" else min(mean, 0.5)
        if lowered := (last or {}).get(name, ()):
            last_part = parts[-1] if parts and method == "rrf" else _floor(ranking)
            parts = [last_part if id_ in lowered else part for (id_, _), part in zip(ranking, parts, strict=True)]
        scaled.append(_Scaled(name, ranking, [weight * part for part in parts], weight * neutral))
    return scaled, candidates


def _sums(scaled: Sequence[_Scaled[Id]], candidates: Collection[Id]) -> dict[Id, float]:
    sums = dict.fromkeys(candidates, 0.0)
    for each in scaled:
        for (id_, _), part in zip(each.ranking, each.parts, strict=True):
            sums[id_] += part
        if each.absent:
            for id_ in sums.keys() - map(_ID, each.ranking):
                sums[id_] += each.absent
    return sums


def _complete(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]], looked_up: Mapping[str, LookedUp[Id]] | None
) -> tuple[dict[str, Sequence[tuple[Id, float]]], set[Id]]:
    """Return the rankings with the values that were looked up, and all candidates: what retrievers list."""
    candidates = {id_ for ranking in retrievers.values() for id_, _ in ranking}
    complete = {}
    for name, listed in retrievers.items():
        more = (looked_up or {}).get(name, _ABSENT)
        complete[name] = _completed(listed, more.values, candidates) if more.values else listed
    return complete, candidates


def _completed(
    listed: Sequence[tuple[Id, float]], values: Mapping[Id, float], candidates: Collection[Id]
) -> Sequence[tuple[Id, float]]:
    """Return a ranking with the values of candidates that it does not list."""
    more = [pair for pair in values.items() if pair[0] in candidates]
    return ranked((*listed, *more))


def _reciprocal(ranking: Sequence[tuple[Id, float]]) -> list[float]:
    return [(RRF_K + 1) / (RRF_K + rank) for rank in range(1, len(ranking) + 1)]


def _minmax(ranking: Sequence[tuple[Id, float]], lowest: float) -> list[float]:
    """Return values scaled to 0..1; the scale begins at `lowest`, or at the lowest value where that is infinite."""
    if not ranking:
        return []
    values = [value for _, value in ranking]
    low, high = min(values) if math.isinf(lowest) else lowest, max(values)
    if high <= low:
        return [1.0] * len(values)
    floor, width = _floor(ranking), high - low
    over = 1 - floor
    return [floor + over * (value - low) / width if value > low else floor for value in values]


def _floor(ranking: Sequence[tuple[Id, float]]) -> float:
    """Return the value that keeps the last candidate of a retriever above those that it did not find."""
    return 1.0 / (len(ranking) + 1)
