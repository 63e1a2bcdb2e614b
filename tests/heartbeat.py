"""A heartbeat of the event loop: for how long it stood, whatever else the machine does."""

import asyncio
import gc
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from kgmem_api.server import COLLECTOR, TURN

_BEAT = 0.002
_TRIES = 3
_T = TypeVar("_T")


class Heartbeat:
    """What was noted, in seconds: for how long the loop stood at the most, and what the process computed in all."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.computed = 0.0

    def steady(self, share: float) -> bool:
        """Whether the loop never stood for 50 ms.

        On a machine where everything is slow, since others use its processors' caches, a share of the work may be
        more than that.
        """
        return self.longest < max(0.05, self.computed * share)

    async def beat(self) -> None:
        """Beat until it is cancelled.

        A gap counts as far as this process computed in it: while other processes had the processors, or a disk was
        slow, the loop was held up by no work of ours. A thread that keeps the interpreter's lock counts.
        """
        wall, computed = time.perf_counter(), time.process_time()
        while True:
            await asyncio.sleep(_BEAT)
            now, done = time.perf_counter(), time.process_time()
            self.longest = max(self.longest, min(now - wall, done - computed))
            self.computed += done - computed
            wall, computed = now, done


@asynccontextmanager
async def heartbeat() -> AsyncIterator[Heartbeat]:
    """Note how the event loop beats during a block."""
    heart = Heartbeat()
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    # As the server does: what lives as long as the process is not looked through for garbage again and again, and a
    # thread that computes lets the loop have its turn.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR)
    sys.setswitchinterval(TURN)
    task = asyncio.create_task(heart.beat())
    await asyncio.sleep(0)
    try:
        yield heart
    finally:
        await asyncio.sleep(2 * _BEAT)  # So that a gap at the very end is noted too.
        task.cancel()
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)


async def steadily(work: Callable[[], Awaitable[_T]], *, share: float = 0.1) -> _T:
    """What a piece of work gives, which has to leave the event loop to others.

    It is done again where the loop stood: what holds the loop does so each time, while a machine that others use
    too slows a step by chance. So the work is something that can be done three times.
    """
    gaps = []
    for _ in range(_TRIES):
        async with heartbeat() as heart:
            given = await work()
        if heart.steady(share):
            return given
        gaps.append(round(heart.longest, 4))
    raise AssertionError(f"The event loop stood in each of {_TRIES} runs, at the longest for {gaps} seconds.")
