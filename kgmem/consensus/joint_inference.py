"""Correlated facts: an observation of one moves the others.

Facts are variables with a few values each; factors say which joint values go together and how well. Groups of at most
`EXACT` joint states are summed exactly. Above that, loopy belief propagation runs until no message moves by more than
`TOLERANCE`, or `ROUNDS` are over; it is exact on trees (J. Pearl, "Probabilistic Reasoning in Intelligent Systems",
1988, chapter 4; K. P. Murphy, Y. Weiss, M. I. Jordan, "Loopy Belief Propagation for Approximate Inference", UAI 1999).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from kgmem.domain.errors import InvalidInput

EXACT = 200_000
ROUNDS = 200
TOLERANCE = 1e-7
_DAMPING = 0.3  # What of a message is kept; circles that swing come to rest with it.
_MOST_CELLS = 1_000_000

Table = NDArray[np.float64]
Beliefs = dict[str, dict[str, float]]


@dataclass(frozen=True, slots=True, eq=False)
class Factor:
    """How well joint values of some variables go together: a table with an axis for each, its values in their order.

    The order of values is that of their text.
    """

    variables: tuple[str, ...]
    table: Table


@dataclass(frozen=True, slots=True)
class Joint:
    """What is believed of each variable, whether it is exact, and whether belief propagation came to rest."""

    beliefs: Beliefs
    exact: bool
    converged: bool
    rounds: int = 0


def exclusion(first: tuple[str, str], second: tuple[str, str], values: Mapping[str, Sequence[str]]) -> Factor:
    """Return the factor by which two facts do not have these values at once: (variable, value) each."""
    return _pairwise(first, second, values, allowed=lambda one, other: not (one and other))


def implication(first: tuple[str, str], second: tuple[str, str], values: Mapping[str, Sequence[str]]) -> Factor:
    """Return the factor by which the first fact's value brings the second's with it."""
    return _pairwise(first, second, values, allowed=lambda one, other: other or not one)


def same_origin(
    variables: Sequence[str], right: Mapping[str, str], values: Mapping[str, Sequence[str]], *, together: float = 0.9
) -> list[Factor]:
    """Return factors that tie the values which one document or sensor gives: right together or wrong together.

    `together` (0.5 to 1) is how probable the second is right if the first is. Facts are tied in a chain.
    """
    ordered = sorted(variables)
    factors = []
    for one, other in pairwise(ordered):
        table = np.full((len(values[one]), len(values[other])), 1 - together)
        for (i, first), (j, second) in product(enumerate(sorted(values[one])), enumerate(sorted(values[other]))):
            if (first == right[one]) == (second == right[other]):
                table[i, j] = together
        factors.append(Factor((one, other), table))
    return factors


def infer(
    beliefs: Mapping[str, Mapping[str, float]],
    factors: Sequence[Factor],
    seen: Mapping[str, str] | None = None,
) -> Joint:
    """Return what is believed of every variable once the factors hold and some values are seen.

    Raises InvalidInput for a factor or an observation that does not fit, and where nothing is possible any more.
    """
    names = sorted(beliefs)
    values = {name: sorted(beliefs[name]) for name in names}
    _check(values, factors, seen or {})
    alone = {name: np.array([max(beliefs[name][value], 0.0) for value in values[name]]) for name in names}
    for name, value in (seen or {}).items():
        alone[name] = np.where(np.array(values[name]) == value, 1.0, 0.0)
    found: dict[str, Table] = {}
    exact, converged, rounds = True, True, 0
    for group in _groups(names, factors):
        mine = [factor for factor in factors if factor.variables[0] in group]
        states = float(np.prod([float(len(values[name])) for name in group]))
        if states <= EXACT:
            found |= _summed(sorted(group), mine, alone)
        else:
            tables, rest, took = _propagated(sorted(group), mine, alone)
            found |= tables
            exact, converged, rounds = False, converged and rest, max(rounds, took)
    told = {name: dict(zip(values[name], found[name].tolist(), strict=True)) for name in names}
    return Joint(told, exact, converged, rounds)


def _pairwise(
    first: tuple[str, str],
    second: tuple[str, str],
    values: Mapping[str, Sequence[str]],
    *,
    allowed: Callable[[bool, bool], bool],
) -> Factor:
    ones, others = sorted(values[first[0]]), sorted(values[second[0]])
    table = [[float(allowed(one == first[1], other == second[1])) for other in others] for one in ones]
    return Factor((first[0], second[0]), np.array(table))


def _check(values: Mapping[str, Sequence[str]], factors: Sequence[Factor], seen: Mapping[str, str]) -> None:
    for factor in factors:
        unknown = [name for name in factor.variables if name not in values]
        if unknown or len(set(factor.variables)) != len(factor.variables):
            raise InvalidInput(f"A factor names {factor.variables}.", hint="Name different facts of the group.")
        shape = tuple(len(values[name]) for name in factor.variables)
        if factor.table.shape != shape or factor.table.size > _MOST_CELLS or np.any(factor.table < 0):
            raise InvalidInput(
                f"The factor of {factor.variables} has the shape {factor.table.shape}.",
                hint=f"Give a table of {shape} without negative numbers, of at most {_MOST_CELLS} cells.",
            )
    for name, value in seen.items():
        if value not in values.get(name, ()):
            raise InvalidInput(f"{name} has no value {value!r}.", hint="Observe one of its alternatives.")


def _groups(names: Sequence[str], factors: Sequence[Factor]) -> list[set[str]]:
    """Part variables into those that factors tie together."""
    group = {name: {name} for name in names}
    for factor in factors:
        whole = set().union(*(group[name] for name in factor.variables))
        for name in whole:
            group[name] = whole
    return list({id(each): each for each in group.values()}.values())


def _summed(names: Sequence[str], factors: Sequence[Factor], alone: Mapping[str, Table]) -> dict[str, Table]:
    axis = {name: at for at, name in enumerate(names)}
    weight = np.ones([len(alone[name]) for name in names])
    for name in names:
        weight = weight * _spread(alone[name], [axis[name]], len(names))
    for factor in factors:
        weight = weight * _spread(factor.table, [axis[name] for name in factor.variables], len(names))
    whole = float(weight.sum())
    if whole <= 0:
        raise InvalidInput("Nothing is possible any more.", hint="Observations and factors contradict each other.")
    return {name: weight.sum(axis=tuple(at for at in range(len(names)) if at != axis[name])) / whole for name in names}


def _spread(table: Table, axes: Sequence[int], size: int) -> Table:
    """Return a table with its axes at these places among so many."""
    order = np.argsort(axes)
    shape = [1] * size
    for at in axes:
        shape[at] = table.shape[list(axes).index(at)]
    return np.transpose(table, order).reshape(shape)


def _propagated(
    names: Sequence[str], factors: Sequence[Factor], alone: Mapping[str, Table]
) -> tuple[dict[str, Table], bool, int]:
    edges = [(at, name) for at, factor in enumerate(factors) for name in factor.variables]
    to_variable = {edge: np.full(len(alone[edge[1]]), 1 / len(alone[edge[1]])) for edge in edges}
    moved, rounds = np.inf, 0
    while rounds < ROUNDS and moved > TOLERANCE:
        rounds += 1
        to_factor = {
            (at, name): _normal(
                alone[name]
                * np.prod([to_variable[edge] for edge in edges if edge[1] == name and edge[0] != at], axis=0)
            )
            for at, name in edges
        }
        moved = 0.0
        for at, name in edges:
            table = factors[at].table
            variables = factors[at].variables
            for place, other in enumerate(variables):
                if other != name:
                    table = table * _spread(to_factor[at, other], [place], len(variables))
            summed = table.sum(axis=tuple(i for i, other in enumerate(variables) if other != name))
            message = (1 - _DAMPING) * _normal(summed) + _DAMPING * to_variable[at, name]
            moved = max(moved, float(np.abs(message - to_variable[at, name]).max()))
            to_variable[at, name] = message
    told = {
        name: _normal(alone[name] * np.prod([to_variable[e] for e in edges if e[1] == name], axis=0)) for name in names
    }
    return told, moved <= TOLERANCE, rounds


def _normal(weight: Table) -> Table:
    whole = float(weight.sum())
    if whole <= 0:
        raise InvalidInput("Nothing is possible any more.", hint="Observations and factors contradict each other.")
    return weight / whole
