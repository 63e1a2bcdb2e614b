"""Calibration: Brier scores, reliability tables, intervals."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.agents.calibration import Forecast, calibration, forecast_of, wilson
from kgmem.domain.agents.decision import Considered, DecisionRecord, DecisionStatement, Outcome
from kgmem.domain.errors import InvalidInput


def decided(outcome: str | None, probability: float | None = None, **options: float | None) -> DecisionRecord:
    stated = DecisionStatement(
        "d", "a", probability=probability, chosen=next(iter(options), None),
        options=[Considered(name, probability=each) for name, each in options.items()],
    )  # fmt: skip
    came = Outcome(outcome, "2026-01-01", "ann") if outcome else None
    return DecisionRecord("k", "", stated, "2026-01-01", came)


def test_outcomes_are_scored_as_documented() -> None:
    assert forecast_of(decided(None, 0.5)) is None
    assert forecast_of(decided("yes")) is None
    assert forecast_of(decided("yes", 0.75)) == Forecast(0.75, happened=True, score=0.0625)
    assert forecast_of(decided("no", 0.75)) == Forecast(0.75, happened=False, score=0.5625)
    assert forecast_of(decided("x", 0.75, x=None, y=None)) == Forecast(0.75, happened=True, score=0.0625)
    assert forecast_of(decided("y", 0.75, x=None, y=None)) == Forecast(0.75, happened=False, score=0.5625)
    of_options = forecast_of(decided("y", 0.1, x=0.5, y=0.25, z=0.25))
    assert of_options is not None
    assert (of_options.probability, of_options.happened) == (0.5, False)
    assert of_options.score == pytest.approx((0.25 + 0.5625 + 0.0625) / 2)
    two = forecast_of(decided("x", None, x=0.75, y=0.25))
    assert two is not None
    assert two.score == pytest.approx(0.0625)  # As yes of 0.75.


def test_wilson_intervals_are_those_of_the_book() -> None:
    assert wilson(0, 10) == (pytest.approx(0.0, abs=1e-12), pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=50), st.integers(1, 100))
def test_every_forecast_is_in_one_bin_and_all_numbers_are_in_range(told: list[tuple[float, bool]], bins: int) -> None:
    forecasts = [Forecast(p, happened, (p - happened) ** 2) for p, happened in told]
    found = calibration("a", len(told), forecasts, bins)
    assert len(found.bins) == bins
    assert sum(each.count for each in found.bins) == found.resolved == len(told)
    if told:
        assert found.brier is not None
        assert math.isclose(found.brier, sum(each.score for each in forecasts) / len(told))
    for each in found.bins:
        if each.share is not None and each.share_low is not None and each.share_high is not None:
            assert 0 <= each.share_low <= each.share + 1e-12
            assert each.share - 1e-12 <= each.share_high <= 1


@pytest.mark.parametrize("bins", [0, 101])
def test_a_table_has_1_to_100_bins(bins: int) -> None:
    with pytest.raises(InvalidInput):
        calibration("a", 0, (), bins)
