"""What a benchmark gives: figures, each with its baseline, the ratio between them, and the bar it is held to."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any, Protocol


class SkippedError(Exception):
    """A benchmark cannot be run here; the text says what it needs."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured figure. `ratio` is value / baseline; a figure without a baseline has a reason for that."""

    figure: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    bar: str | None = None
    holds: bool = True  # A figure without a bar is there to be read, and holds.
    reason: str | None = None

    def record(self) -> dict[str, Any]:
        """Return the figure as its JSON line has it; numbers to four digits, which is more than a run repeats."""
        told = {
            "figure": self.figure,
            "value": _round(self.value),
            "unit": self.unit,
            "baseline": _round(self.baseline),
            "ratio": _round(self.ratio),
            "bar": self.bar,
            "holds": self.holds,
        }
        return told if self.reason is None else {**told, "reason": self.reason}


class Benchmark(Protocol):
    """A script of this folder: its docstring says what it measures and against what."""

    __doc__: str | None
    ROWS: int  # The size that its bars are set for.
    SHORT: int | None  # The size for a quick look; None where there is none.

    def measure(self, rows: int) -> AsyncIterator[Figure]:
        """Return figures as they are measured. Raises SkippedError."""


def compared(
    figure: str,
    value: float,
    baseline: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Figure:
    """Return a figure beside its baseline, with the bar on the ratio."""
    told = Figure(figure, value, unit, baseline, value / baseline if baseline else None)
    if at_most is not None:
        return replace(told, bar=f"ratio <= {at_most:g}", holds=value <= at_most * baseline)
    if at_least is not None:
        return replace(told, bar=f"ratio >= {at_least:g}", holds=value >= at_least * baseline)
    return told


def within(figure: Figure, most: float, bar: str = "") -> Figure:
    """Return the figure with a bar on its value; `bar` tells how the number came to be, where it is not fixed."""
    return replace(figure, bar=bar or f"<= {most:g} {figure.unit}", holds=figure.value <= most)


def alone(figure: str, value: float, unit: str, reason: str) -> Figure:
    """Return a figure without a baseline, with the reason."""
    return Figure(figure, value, unit, reason=reason)


def _round(number: float | None) -> float | None:
    return None if number is None else float(f"{number:.4g}")
