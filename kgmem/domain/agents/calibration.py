"""How well an agent's probabilities fit what came about: Brier score and reliability table.

Sources: G. W. Brier, Verification of forecasts expressed in terms of probability (1950); E. B. Wilson, Probable
inference (1927), for the interval of a share.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.agents.decision import NO, YES, DecisionRecord
from kgmem.domain.errors import InvalidInput

MOST_BINS: Final = 100
_Z: Final = 1.959964  # Of a normal distribution, 95 % are within so many standard deviations.


@dataclass(frozen=True, slots=True)
class Forecast:
    """One probability and whether what it was of came about; `score` is its Brier score, from 0 (best) to 1."""

    probability: float
    happened: bool
    score: float


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Forecasts of similar probability: how many, their mean, and the share that came about, with its 95 % interval."""

    low: float
    high: float
    count: int
    mean_probability: float | None
    share: float | None
    share_low: float | None
    share_high: float | None


@dataclass(frozen=True, slots=True)
class Calibration:
    """How well an agent's probabilities fit; the numbers are None where no forecast is resolved."""

    agent: str
    decisions: int
    resolved: int  # Decisions with a probability and an outcome.
    brier: float | None  # The mean score; 0.25 is that of one half for everything.
    brier_low: float | None  # The 95 % interval of the mean; None of fewer than two.
    brier_high: float | None
    base_rate: float | None  # The share that came about.
    calibration_error: float | None  # The mean distance of probability and share over the bins, by their counts.
    bins: Sequence[ReliabilityBin]


def forecast_of(record: DecisionRecord) -> Forecast | None:
    """Return what a decision forecast, and what came about; None where one of both is missing.

    The outcome yes or no is scored by (p - o)^2 of `probability`. The name of an option is scored by half the sum of
    (p - o)^2 over the options where these have probabilities; the forecast is that of the most probable option, the
    first of several. Where they have none, an option's name counts as yes where it was chosen.
    """
    if record.outcome is None:
        return None
    outcome, stated = record.outcome.outcome, record.statement
    options = [(each.name, each.probability) for each in stated.options if each.probability is not None]
    if outcome not in {YES, NO} and options:
        score = sum((p - (name == outcome)) ** 2 for name, p in options) / 2
        name, p = max(options, key=lambda each: each[1])
        return Forecast(p, name == outcome, score)
    if stated.probability is None:
        return None
    happened = outcome == YES or (outcome != NO and outcome == stated.chosen)
    return Forecast(stated.probability, happened, (stated.probability - happened) ** 2)


def calibration(agent: str, decisions: int, forecasts: Sequence[Forecast], bins: int = 10) -> Calibration:
    """Return how well forecasts fit, in bins of equal width. Raises InvalidInput for a number of bins that is none."""
    if not 1 <= bins <= MOST_BINS:
        raise InvalidInput(f"bins is {bins}.", hint=f"Give 1 to {MOST_BINS}.", field="bins")
    table = [_bin(place, bins, forecasts) for place in range(bins)]
    count = len(forecasts)
    if not count:
        return Calibration(agent, decisions, 0, None, None, None, None, None, table)
    brier = sum(each.score for each in forecasts) / count
    low = high = None
    if count > 1:
        variance = sum((each.score - brier) ** 2 for each in forecasts) / (count - 1)
        margin = _Z * math.sqrt(variance / count)
        low, high = max(brier - margin, 0.0), min(brier + margin, 1.0)
    error = sum(
        each.count * abs(each.mean_probability - each.share)
        for each in table
        if each.mean_probability is not None and each.share is not None
    )
    base_rate = sum(each.happened for each in forecasts) / count
    return Calibration(agent, decisions, count, brier, low, high, base_rate, error / count, table)


def _bin(place: int, bins: int, forecasts: Sequence[Forecast]) -> ReliabilityBin:
    low, high = place / bins, (place + 1) / bins
    inside = [each for each in forecasts if min(int(each.probability * bins), bins - 1) == place]
    if not inside:
        return ReliabilityBin(low, high, 0, None, None, None, None)
    happened = sum(each.happened for each in inside)
    bounds = wilson(happened, len(inside))
    mean = sum(each.probability for each in inside) / len(inside)
    return ReliabilityBin(low, high, len(inside), mean, happened / len(inside), *bounds)


def wilson(happened: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share by Wilson's score."""
    share, z2 = happened / count, _Z * _Z
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    margin = _Z / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count * count))
    return max(middle - margin, 0.0), min(middle + margin, 1.0)
