"""Fusion: one ranking out of the rankings of several arms. Pure, deterministic, in any order of its input."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from kgmem.domain.answer import ArmShare
from kgmem.domain.errors import InvalidInput
from kgmem.domain.question import Fusion

Id = TypeVar("Id", bound=Hashable)
RRF_K = 60  # Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion", SIGIR 2009.


@dataclass(frozen=True, slots=True)
class Ranked(Generic[Id]):
    """One fused candidate: its score in 0..1 and each arm's part in it."""

    id: Id
    score: float
    arms: Mapping[str, ArmShare]


def fuse(
    arms: Mapping[str, Sequence[tuple[Id, float]]],
    *,
    method: Fusion = "convex",
    weights: Mapping[str, float] | None = None,
) -> list[Ranked[Id]]:
    """Fuse arms, each a list of (id, value) with the greatest value first, into one ranking, best first.

    `rrf` sums weight / (60 + rank). `convex` sums weight times the value scaled to 0..1 over the arm's candidates
    (min-max; Bruch, Gai and Ingber, "An Analysis of Fusion Functions for Hybrid Retrieval", TOIS 2023). Scores are
    divided by the weights of all arms asked (for rrf also by 1 / 61), so that 1 is first in every arm. Ties are broken
    by id, so equal questions give equal orders.
    """
    asked = {name: (weights or {}).get(name, 1.0) for name in arms}
    if not all(0 <= weight < math.inf for weight in asked.values()) or (asked and not sum(asked.values())):
        raise InvalidInput("Weights are at least 0, and one of them is more.", mend="Leave weights out for equal ones.")
    total = math.fsum(asked.values())  # In any order of the arms the same.
    parts: dict[Id, dict[str, ArmShare]] = {}
    for name, ranking in arms.items():
        scaled = _reciprocal(ranking) if method == "rrf" else _minmax(ranking)
        for rank, ((id_, value), part) in enumerate(zip(ranking, scaled, strict=True), start=1):
            parts.setdefault(id_, {})[name] = ArmShare(rank, value, asked[name] * part / total)
    fused = [_ranked(id_, shares) for id_, shares in parts.items()]
    return sorted(fused, key=lambda item: (-item.score, item.id))


def _ranked(id_: Id, shares: Mapping[str, ArmShare]) -> Ranked[Id]:
    score = sum(shares[name].share for name in sorted(shares))
    told = {n: ArmShare(s.rank, s.value, s.share / score if score else 0.0) for n, s in shares.items()}
    return Ranked(id_, score, told)


def _reciprocal(ranking: Sequence[tuple[Id, float]]) -> list[float]:
    return [(RRF_K + 1) / (RRF_K + rank) for rank in range(1, len(ranking) + 1)]


def _minmax(ranking: Sequence[tuple[Id, float]]) -> list[float]:
    if not ranking:
        return []
    values = [value for _, value in ranking]
    low, high = min(values), max(values)
    if high == low:
        return [1.0] * len(values)
    # A floor keeps the last candidate of an arm above one that the arm did not find at all.
    floor = 1.0 / (len(values) + 1)
    return [floor + (1 - floor) * (value - low) / (high - low) for value in values]
