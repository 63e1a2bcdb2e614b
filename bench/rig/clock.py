"""Clocks: ours and the baseline in turns, so that what else the machine does strikes both alike."""

import gc
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")
Timed = Callable[[T], Awaitable[Any]]


@dataclass(slots=True)
class Times:
    """Seconds of each repetition of one thing."""

    seconds: list[float] = field(default_factory=list)

    async def of(self, work: Awaitable[T]) -> T:
        """Await something and note how long it took."""
        started = time.perf_counter()
        result = await work
        self.seconds.append(time.perf_counter() - started)
        return result

    @property
    def p50(self) -> float:
        """The median in milliseconds."""
        return median(self.seconds) * 1000

    @property
    def p95(self) -> float:
        """The time in milliseconds that one in twenty takes longer than."""
        return sorted(self.seconds)[int(0.95 * (len(self.seconds) - 1))] * 1000

    @property
    def total(self) -> float:
        """The sum in seconds."""
        return sum(self.seconds)


async def interleave(inputs: Sequence[T], *ways: Timed[T], warm_up: int = 30) -> list[Times]:
    """Time each way on every input, in turns whose order rotates; gives the times of each way.

    The first inputs are run once before, untimed, so that plans, caches and connections are there.
    """
    for given in inputs[:warm_up]:
        for way in ways:
            await way(given)
    settle()
    times = [Times() for _ in ways]
    for turn, given in enumerate(inputs):
        for place in range(len(ways)):
            at = (turn + place) % len(ways)
            await times[at].of(ways[at](given))
    return times


def settle() -> None:
    """Take what was loaded out of the garbage collector's rounds: a server holds no such heap of test rows."""
    gc.collect()
    gc.freeze()
