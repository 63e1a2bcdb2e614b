"""Facts as probability distributions over alternative values, and the rules that choose one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log2
from random import Random

from kgmem.domain.errors import InvalidInput


class CollapseRule(StrEnum):
    """When a distribution becomes one value."""

    MOST_PROBABLE = "most_probable"  # At once; ties go to the first by the alphabet.
    THRESHOLD = "threshold"  # Once a value is at least so probable.
    MARGIN = "margin"  # Once a value is so much more probable than the next.
    OBSERVED = "observed"  # Only when the value was seen.


@dataclass(frozen=True, slots=True)
class Superposition:
    """A distribution over values; the remainder to 1 is the probability of a value that nobody claimed."""

    values: Mapping[str, float]

    @property
    def unknown(self) -> float:
        """The probability of a value that nobody claimed."""
        return max(0.0, 1.0 - sum(self.values.values()))

    @property
    def entropy(self) -> float:
        """The entropy in bits; the remainder counts as one value."""
        return -sum(each * log2(each) for each in (*self.values.values(), self.unknown) if each > 0)


@dataclass(frozen=True, slots=True)
class Collapse:
    """The value that a rule chose, the reason, and the distribution, so that the choice can be undone."""

    value: str | None  # None: the rule leaves it open.
    reason: str
    before: Superposition


def superposed(weights: Mapping[str, float]) -> Superposition:
    """Return the distribution of probabilities, scaled down where they come to more than 1. Raises InvalidInput."""
    if any(not each >= 0 for each in weights.values()):
        raise InvalidInput("A probability is negative or not a number.", hint="Give numbers from 0 to 1.")
    whole = max(sum(weights.values()), 1.0)
    return Superposition({value: weights[value] / whole for value in sorted(weights)})


def sample(held: Superposition, seed: int) -> str | None:
    """Return one value drawn by its probability, the same for the same seed; None for a value that nobody claimed."""
    drawn = Random(seed).random()  # noqa: S311 -- a draw that can be repeated is wanted, not a secret.
    for value in sorted(held.values):
        drawn -= held.values[value]
        if drawn < 0:
            return value
    return None


def collapse(held: Superposition, rule: CollapseRule, *, level: float = 0.7, observed: str | None = None) -> Collapse:
    """Return the value that a rule chooses; `level` is the threshold or the margin. Raises InvalidInput."""
    if rule is CollapseRule.OBSERVED:
        if observed is None:
            raise InvalidInput("The action observe needs a value.", hint="Set value to what was observed.")
        return Collapse(observed, f"{observed} was observed; it had {held.values.get(observed, 0.0):.2f}.", held)
    ranked = sorted(held.values.items(), key=lambda item: (-item[1], item[0]))
    if not ranked:
        return Collapse(None, "There is no value to choose.", held)
    best, sure = ranked[0]
    next_best = max(ranked[1][1] if len(ranked) > 1 else 0.0, held.unknown)
    if rule is CollapseRule.THRESHOLD and sure < level:
        return Collapse(None, f"The most probable, {best}, has {sure:.2f}, below {level:g}.", held)
    if rule is CollapseRule.MARGIN and sure - next_best < level:
        return Collapse(None, f"{best} is {sure - next_best:.2f} ahead, less than {level:g}.", held)
    return Collapse(best, f"{best} has {sure:.2f}, by {rule.value}.", held)
