"""Claims whose truth is known because it was planted."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from kgmem.consensus.claims import Claims, Integers, Stated
from kgmem.consensus.outcome import Outcome
from kgmem.consensus.segments import Segments, choose


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """Claims, the true value of each fact, and the sources that copy each other."""

    stated: Stated
    truth: Integers
    clique: tuple[int, ...] = ()


def planted(
    seed: int,
    accuracies: list[float],
    *,
    facts: int = 300,
    wrong: int = 10,
    cover: float = 1.0,
    copies: int = 0,
) -> Planted:
    """Plant independent sources, the last of which is copied word for word by so many others."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, wrong + 1, facts)
    told = []
    for accuracy in accuracies:
        off = (truth + random.integers(1, wrong + 1, facts)) % (wrong + 1)
        told.append(np.where(random.random(facts) < accuracy, truth, off))
    told += [told[-1]] * copies
    said = random.random((len(told), facts)) < cover
    source, fact = np.nonzero(said)
    last = len(accuracies) - 1
    clique = tuple(range(last, last + copies + 1)) if copies else ()
    return Planted(Stated(source, fact, np.array(told)[source, fact]), truth, clique)


def accuracy(outcome: Outcome, truth: Integers) -> float:
    """Return the share of facts whose chosen value is true."""
    claims = outcome.claims
    chosen = choose(Segments.of(claims), outcome.score)
    return float(np.mean(claims.code[chosen] == truth[claims.facts]))


def reordered(stated: Stated, order: Integers) -> Stated:
    """Return the same claims in another order; an index may repeat."""
    part = {
        name: None if getattr(stated, name) is None else getattr(stated, name)[order]
        for name in ("confidence", "number")
    }
    return replace(stated, source=stated.source[order], fact=stated.fact[order], value=stated.value[order], **part)


def renamed(stated: Stated, new: Integers) -> Stated:
    """Return the same claims with other codes for the sources."""
    return replace(stated, source=new[stated.source])


def beliefs(outcome: Outcome) -> tuple[NDArray[np.float64], ...]:
    """Return all that must not depend on order or names."""
    return outcome.score, outcome.probability, outcome.trust


def alike(one: Claims, other: Claims) -> bool:
    """Say whether two arrangements are the same to the last bit."""
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("source", "value", "weight", "fact", "code", "prior")
    )
