"""Fusion of the rankings of several retrievers into one. Pure and deterministic, whatever the order of the input."""

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from kgmem.domain.recall.answer import RetrieverShare
from kgmem.domain.recall.question import DEFAULT_WEIGHT, Fusion
from kgmem.domain.recall.question_checks import check_weights

Id = TypeVar("Id", bound=Hashable)
RRF_K = 60  # Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion", SIGIR 2009.


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Id]):
    """One fused candidate: its score (0 to 1) and the part of each retriever in it."""

    id: Id
    score: float
    retrievers: Mapping[str, RetrieverShare]


def fuse(
    retrievers: Mapping[str, Sequence[tuple[Id, float]]],
    *,
    method: Fusion = "convex",
    weights: Mapping[str, float] | None = None,
    most: int | None = None,
    last: Mapping[str, Collection[Id]] | None = None,
) -> list[Ranked[Id]]:
    """Fuse retrievers, each a list of (id, value) with the greatest value first, into one ranking, best first.

    `rrf` sums weight / (60 + rank). `convex` sums weight times the value scaled to 0..1 over the retriever's candidates
    (min-max; Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023). Scores are
    divided by the weights of all retrievers asked (for rrf also by 1 / 61), so that 1 is first in every retriever. Ties
    are broken by id, so equal questions give equal orders. `most` keeps the best so many. What `last` lists for an
    retriever counts there as the last that the retriever found, whatever its value.
    """
    asked = {name: (weights or {}).get(name, DEFAULT_WEIGHT) for name in retrievers}
    check_weights(asked.values())
    total = math.fsum(asked.values())  # In any order of the retrievers the same.
    parts: dict[Id, dict[str, tuple[int, float, float]]] = {}
    scores: dict[Id, float] = {}
    for name, ranking in sorted(retrievers.items()):
        scaled = _reciprocal(ranking) if method == "rrf" else _minmax(ranking)
        weight, lowered = asked[name] / total, (last or {}).get(name, ())
        lowest = scaled[-1] if scaled and method == "rrf" else _floor(ranking)
        for rank, ((id_, value), full) in enumerate(zip(ranking, scaled, strict=True), start=1):
            part = lowest if id_ in lowered else full
            parts.setdefault(id_, {})[name] = (rank, value, weight * part)
            scores[id_] = scores.get(id_, 0.0) + weight * part
    # Parts that make a whole may sum to a little more than 1.
    best = sorted((-min(1.0, score), id_) for id_, score in scores.items())[:most]
    # Only what is kept is spelled out: candidates are several times as many.
    return [_ranked(id_, -negative, parts[id_]) for negative, id_ in best]


def _ranked(id_: Id, score: float, told: Mapping[str, tuple[int, float, float]]) -> Ranked[Id]:
    # A part, and its share, may be a little more than the whole: the score was cut off at 1.
    shares = {
        name: RetrieverShare(rank, value, min(1.0, part / score) if score else 0.0)
        for name, (rank, value, part) in told.items()
    }
    return Ranked(id_, score, shares)


def _reciprocal(ranking: Sequence[tuple[Id, float]]) -> list[float]:
    return [(RRF_K + 1) / (RRF_K + rank) for rank in range(1, len(ranking) + 1)]


def _minmax(ranking: Sequence[tuple[Id, float]]) -> list[float]:
    if not ranking:
        return []
    values = [value for _, value in ranking]
    low, high = min(values), max(values)
    if high == low:
        return [1.0] * len(values)
    floor = _floor(ranking)
    return [floor + (1 - floor) * (value - low) / (high - low) for value in values]


def _floor(ranking: Sequence[tuple[Id, float]]) -> float:
    """Return the value that keeps the last candidate of a retriever above those that it did not find."""
    return 1.0 / (len(ranking) + 1)
