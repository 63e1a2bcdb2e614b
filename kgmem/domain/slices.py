"""Slices: long background work is done a few seconds at a time, so that other work gets its turn.

Work that may be broken off anywhere asks `slice_over` between its steps and returns when told so; the worker then asks
for the same job again. Outside of a worker a slice never ends.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Slice:
    """The time of one run of a job. It begins anew as long as `others_wait` says that nothing else waits."""

    seconds: float
    others_wait: Callable[[], Awaitable[bool]]
    ends: float
    unfinished: bool = False  # Whether the work returned because its slice was over, or it was put off.
    pause: float = 0.0  # Seconds after which work that was put off is asked for again.


_CURRENT: ContextVar[Slice | None] = ContextVar("kgmem slice", default=None)


@contextmanager
def slice_of(seconds: float, others_wait: Callable[[], Awaitable[bool]]) -> Iterator[Slice]:
    """Let the work in the block have a slice of so many seconds."""
    own = Slice(seconds, others_wait, time.monotonic() + seconds)
    token = _CURRENT.set(own)
    try:
        yield own
    finally:
        _CURRENT.reset(token)


async def slice_over() -> bool:
    """Say whether the work is to return now, because its slice is over and something else waits."""
    own = _CURRENT.get()
    if own is None or time.monotonic() < own.ends:
        return False
    own.unfinished = await own.others_wait()
    if not own.unfinished:
        own.ends = time.monotonic() + own.seconds
    return own.unfinished


def put_off(seconds: float) -> bool:
    """Have this job asked for again after some seconds, when the work returns now; False outside of a worker."""
    own = _CURRENT.get()
    if own is None:
        return False
    own.unfinished, own.pause = True, seconds
    return True
