"""A heartbeat of the event loop: for how long it stood, whatever else the machine does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_BEAT = 0.002


class Heartbeat:
    """What was noted: `longest` is the longest time in seconds for which the event loop stood."""

    def __init__(self) -> None:
        self.longest = 0.0
        self.beats = 0

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
            self.beats += 1
            wall, computed = now, done


@asynccontextmanager
async def heartbeat() -> AsyncIterator[Heartbeat]:
    """Note how the event loop beats during a block."""
    heart = Heartbeat()
    task = asyncio.create_task(heart.beat())
    await asyncio.sleep(0)
    try:
        yield heart
    finally:
        await asyncio.sleep(2 * _BEAT)  # So that a gap at the very end is noted too.
        task.cancel()
