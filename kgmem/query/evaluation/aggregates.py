"""Aggregating functions: accumulators that take the values of a group one by one."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from kgmem.query.errors import ARGUMENT, TYPE, ValueProblem, shown, wrong_type
from kgmem.query.evaluation.arithmetic import LONGEST_LIST, add
from kgmem.query.values import Duration, Value
from kgmem.query.values.comparison import group_key, order_key
from kgmem.query.values.durations import exact, scaled


class Accumulator(ABC):
    """Accumulates the values of one group; nulls are never passed to `take`."""

    @abstractmethod
    def take(self, value: Any) -> None:
        """Take one value. Raises ValueProblem."""

    def take_times(self, value: Any, times: int) -> None:
        """Take one value n times. Raises ValueProblem."""
        for _ in range(times):
            self.take(value)

    @abstractmethod
    def result(self) -> Value:
        """Return the aggregate of the values so far."""


class Count(Accumulator):
    """Counts values."""

    def __init__(self) -> None:
        """Begin at none."""
        self._count = 0

    def take(self, value: Any) -> None:  # noqa: ARG002 - any value counts
        """Count one more."""
        self._count += 1

    def result(self) -> int:
        """Return how many there were."""
        return self._count


class Sum(Accumulator):
    """The sum of numbers or durations; 0 for none. Floats are added without loss of digits."""

    def __init__(self) -> None:
        """Begin with 0."""
        self._whole: Any = 0
        self._floats: list[float] = []

    def take(self, value: Any) -> None:
        """Add one number or duration."""
        if type(value) is float:
            self._floats.append(value)
            if len(self._floats) > 4096:
                self._floats = [_float_sum(self._floats)]
        elif type(value) is int:
            self._whole = add(self._whole, value)
        elif type(value) is Duration:
            self._whole = value if type(self._whole) is int and not self._whole else add(self._whole, value)
        else:
            raise wrong_type("a number or duration", value)

    def result(self) -> Value:
        """Return the sum."""
        return add(self._whole, _float_sum(self._floats)) if self._floats else self._whole


def _float_sum(numbers: list[float]) -> float:
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return sum(numbers)  # Infinities, and what exceeds all floats on the way.


class Average(Accumulator):
    """The mean of numbers or durations; null of none."""

    def __init__(self) -> None:
        """Begin with none."""
        self._sum, self._count = Sum(), 0

    def take(self, value: Any) -> None:
        """Take one number or duration."""
        # As a float, so that the sum of many integers is never too large.
        self._sum.take(float(value) if type(value) is int else value)
        self._count += 1

    def result(self) -> Value:
        """Return the mean."""
        if not self._count:
            return None
        total = self._sum.result()
        return scaled(total, exact(1) / self._count) if type(total) is Duration else total / self._count


class Extreme(Accumulator):
    """The least or greatest value in the order of ORDER BY; of mixed types numbers are the greatest."""

    def __init__(self, *, greatest: bool) -> None:
        """Take which end is sought."""
        self._greatest = greatest
        self._key: tuple[Any, ...] | None = None
        self._value: Value = None

    def take(self, value: Any) -> None:
        """Take one value."""
        key = order_key(value)
        if self._key is None or (key > self._key if self._greatest else key < self._key):
            self._key, self._value = key, value

    def result(self) -> Value:
        """Return the extreme; null of none."""
        return self._value


class Collect(Accumulator):
    """All values as a list."""

    def __init__(self) -> None:
        """Begin with none."""
        self._values: list[Value] = []

    def take(self, value: Any) -> None:
        """Add one value."""
        if len(self._values) >= LONGEST_LIST:
            raise ValueProblem(f"A list cannot have more than {LONGEST_LIST:,} items.", detail="TooManyItems")
        self._values.append(value)

    def result(self) -> list[Value]:
        """Return the list."""
        return self._values


class Deviation(Accumulator):
    """The standard deviation of a sample or of a whole population (Welford's algorithm); 0 of fewer than two."""

    def __init__(self, *, population: bool) -> None:
        """Take whether the values are all there are."""
        self._population = population
        self._count, self._mean, self._squares = 0, 0.0, 0.0

    def take(self, value: Any) -> None:
        """Take one number."""
        if type(value) not in {int, float}:
            raise wrong_type("a number", value)
        self._count += 1
        difference = value - self._mean
        self._mean += difference / self._count
        self._squares += difference * (value - self._mean)

    def result(self) -> float:
        """Return the deviation."""
        if self._count < 2:
            return 0.0
        return math.sqrt(self._squares / (self._count if self._population else self._count - 1))


class Percentile(Accumulator):
    """A percentile (0 to 1): interpolated where `continuous`, else the nearest value."""

    def __init__(self, percentile: Value, *, continuous: bool) -> None:
        """Take the percentile. Raises ValueProblem where it is out of range."""
        if type(percentile) not in {int, float}:
            raise wrong_type("a number", percentile)
        if not 0 <= percentile <= 1:
            raise ValueProblem(
                f"A percentile must be from 0.0 to 1.0, got {shown(percentile)}.",
                type=ARGUMENT,
                detail="NumberOutOfRange",
            )
        self._at, self._continuous = percentile, continuous
        self._values: list[float] = []

    def take(self, value: Any) -> None:
        """Take one number."""
        if type(value) not in {int, float}:
            raise ValueProblem(f"Percentiles need numbers, got {shown(value)}.", type=TYPE)
        self._values.append(value)

    def result(self) -> Value:
        """Return the value at the percentile; null of none."""
        values = sorted(self._values, key=order_key)
        if not values:
            return None
        if not self._continuous:
            return values[max(math.ceil(self._at * len(values)) - 1, 0)]
        place = self._at * (len(values) - 1)
        below = math.floor(place)
        above = min(below + 1, len(values) - 1)
        share = place - below
        return float(values[below]) if not share else values[below] * (1 - share) + values[above] * share


class Distinct(Accumulator):
    """Passes each distinct value once to another accumulator."""

    def __init__(self, inner: Accumulator) -> None:
        """Take the other one."""
        self._inner = inner
        self._seen: set[Hashable] = set()

    def take(self, value: Any) -> None:
        """Take one value."""
        key = group_key(value)
        if key not in self._seen:
            self._seen.add(key)
            self._inner.take(value)

    def result(self) -> Value:
        """Return what the other one has come to."""
        return self._inner.result()


_MAKERS: Mapping[str, Callable[..., Accumulator]] = {
    "avg": Average,
    "collect": Collect,
    "count": Count,
    "max": lambda: Extreme(greatest=True),
    "min": lambda: Extreme(greatest=False),
    "percentilecont": lambda percentile: Percentile(percentile, continuous=True),
    "percentiledisc": lambda percentile: Percentile(percentile, continuous=False),
    "stdev": lambda: Deviation(population=False),
    "stdevp": lambda: Deviation(population=True),
    "sum": Sum,
}
AGGREGATES = frozenset(_MAKERS)


def accumulator(name: str, *, distinct: bool = False, arguments: tuple[Value, ...] = ()) -> Accumulator:
    """Return a new accumulator for an aggregating function; `arguments` are those after the first."""
    made = _MAKERS[name.lower()](*arguments)
    return Distinct(made) if distinct else made
