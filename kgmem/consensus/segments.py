"""Sums, maxima and shares over the values and facts of claims, in one fixed order."""

from dataclasses import dataclass

import numpy as np

from kgmem.consensus.claims import Claims, Integers, Numbers, tally

_SAFE = 300.0  # Scores whose exponentials neither overflow nor vanish beside each other.


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The places where values and facts begin, found once for the many sums of a method."""

    claims: Claims
    of_value: Integers  # The first claim of each value.
    of_fact: Integers  # The first value of each fact.
    values: Integers  # How many values each fact has.

    @classmethod
    def of(cls, claims: Claims) -> "Segments":
        """Return the segments of claims."""
        first = np.ones(len(claims.value), bool)
        first[1:] = claims.value[1:] != claims.value[:-1]
        starts = claims.starts
        return cls(claims, np.flatnonzero(first), starts, np.diff(starts, append=len(claims.fact)))

    def per_value(self, amount: Numbers) -> Numbers:
        """Sum an amount of each claim over each value."""
        # Bincount adds in the order of claims too, and is three times as fast as reduceat over short stretches.
        return tally(self.claims.value, amount, len(self.claims.fact))

    def per_fact(self, amount: Numbers) -> Numbers:
        """Sum an amount of each value over each fact."""
        return tally(self.claims.fact, amount, len(self.claims.facts))

    def highest(self, amount: Numbers) -> Numbers:
        """Return the highest amount among the values of each fact."""
        return np.maximum.reduceat(amount, self.of_fact) if len(amount) else np.zeros(0)

    def per_source(self, amount: Numbers) -> Numbers:
        """Sum an amount of each claim over each source."""
        return tally(self.claims.source, amount, len(self.claims.prior))

    def shares(self, score: Numbers, unseen: Numbers | float = 0.0) -> Numbers:
        """Return softmax of the scores within each fact, beside so many unseen values of score 0."""
        if float(score.max(initial=0.0)) < _SAFE and float(score.min(initial=0.0)) >= 0.0:
            raised = np.exp(score)
            return self.decided(raised / (self.per_fact(raised) + unseen)[self.claims.fact])
        top = np.maximum(self.highest(score), 0.0)
        raised = np.exp(score - top[self.claims.fact])
        whole = self.per_fact(raised) + unseen * np.exp(-top)
        return self.decided(raised / whole[self.claims.fact])

    def decided(self, probability: Numbers) -> Numbers:
        """Return the probabilities of values with those that people decided on: right ones are 1, refuted ones 0.

        What is refuted leaves its part to the other values of its fact.
        """
        label = self.claims.label
        if label is None:
            return probability
        left = np.where(label == 0, 0.0, probability)
        lost = self.per_fact(np.where(label == 0, probability, 0.0))[self.claims.fact]
        with np.errstate(divide="ignore", invalid="ignore"):
            raised = np.where(lost < 1, left / (1 - lost), left)
        return np.where(label == 1, 1.0, np.clip(np.where(lost > 0, raised, left), 0.0, 1.0))

    def decided_alone(self, probability: Numbers) -> Numbers:
        """Return probabilities of values that do not compete, with those that people decided on: 1 or 0."""
        label = self.claims.label
        return probability if label is None else np.where(np.isnan(label), probability, label)

    def divided(self, score: Numbers) -> Numbers:
        """Return each value's part of its fact's sum; equal parts where there is nothing to share."""
        whole = self.per_fact(score)
        equal = 1.0 / np.maximum(self.values, 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            part = score / whole[self.claims.fact]
        return self.decided(np.where(whole[self.claims.fact] > 0, part, equal[self.claims.fact]))

    def voices(self) -> Integers:
        """Return how many claims each fact has."""
        return self.per_fact(np.diff(self.of_value, append=len(self.claims.value)).astype(float)).astype(np.int64)


def choose(segments: Segments, score: Numbers) -> Integers:
    """Return the value chosen for each fact: the highest score, and of equal ones the lowest code.

    Scores that differ by less than rounding does (1e-9 of the highest) are equal.
    """
    claims = segments.claims
    if claims.label is not None:
        decided = np.where(claims.label == 1, score.max(initial=0.0) + 1, score)
        score = np.where(claims.label == 0, score.min(initial=0.0) - 1, decided)
    top = segments.highest(score)
    near = score >= (top - 1e-9 * np.maximum(np.abs(top), 1.0))[claims.fact]
    at = np.flatnonzero(near)
    chosen = np.zeros(len(claims.facts), np.int64)
    # Written from the last to the first, so that the lowest code is what stays.
    chosen[claims.fact[at][::-1]] = at[::-1]
    return chosen
