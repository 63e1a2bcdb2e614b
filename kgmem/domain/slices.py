"""Slices: long background work is done a few seconds at a time, so that other work gets its turn.

Work that may be interrupted anywhere asks `slice_over` between its steps and returns when told so; the worker then asks
for the same job again. What is still to do is read from the database, or from the `progress` that the work noted, which
also outlives the worker. Outside of a worker a slice never ends.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Slice:
    """The time of one run of a job. It begins again as long as `others_wait` says that nothing else waits."""

    seconds: float
    others_wait: Callable[[], Awaitable[bool]]
    ends: float
    keep: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None  # Stores the progress with the job.
    progress: Mapping[str, Any] = field(default_factory=dict)  # JSON values.
    unfinished: bool = False  # Whether the work returned because its slice was over, or it was put off.
    pause: float = 0.0  # Seconds after which work that was put off is requested again.


_CURRENT: ContextVar[Slice | None] = ContextVar("kgmem slice", default=None)


@contextmanager
def slice_of(
    seconds: float,
    others_wait: Callable[[], Awaitable[bool]],
    *,
    keep: Callable[[Mapping[str, Any]], Awaitable[None]] | None = None,
    progress: Mapping[str, Any] | None = None,
) -> Iterator[Slice]:
    """Let the work in the block have a slice of so many seconds, from the progress on that slices before it noted."""
    own = Slice(seconds, others_wait, time.monotonic() + seconds, keep, progress or {})
    token = _CURRENT.set(own)
    try:
        yield own
    finally:
        _CURRENT.reset(token)


def progress() -> Mapping[str, Any]:
    """Return what this job noted as its progress when it was interrupted, or before its worker died; else nothing."""
    own = _CURRENT.get()
    return {} if own is None else own.progress


def broken_off() -> bool:
    """Return whether the work was told to return, and is therefore not done."""
    own = _CURRENT.get()
    return own is not None and own.unfinished


async def slice_over(progress: Mapping[str, Any] | None = None) -> bool:
    """Return whether the work is to return now, because its slice is over and something else waits.

    `progress`: from where the job goes on, for work that cannot see that in the database. It is stored with the job at
    the end of each slice, also where nothing else waits.
    """
    own = _CURRENT.get()
    if own is None or time.monotonic() < own.ends:
        return False
    if progress is not None:
        own.progress = progress
        if own.keep is not None:
            await own.keep(progress)
    own.unfinished = await own.others_wait()
    if not own.unfinished:
        own.ends = time.monotonic() + own.seconds
    return own.unfinished


def put_off(seconds: float) -> bool:
    """Have this job requested again after some seconds, when the work returns now; False outside a worker."""
    own = _CURRENT.get()
    if own is None:
        return False
    own.unfinished, own.pause = True, seconds
    return True
