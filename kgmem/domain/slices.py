"""Slices: long background work runs a few seconds at a time, so that other work gets its turn.

Work that can be interrupted anywhere calls `slice_over` between its steps, and returns when that is true; the worker
then enqueues the same job again. What is left to do is read from the database, or from the `progress` that the work
stored, which also survives the worker. Outside a worker a slice never ends.
"""

import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class Slice:
    """The time of one run of a job. It is extended as long as `others_wait` returns that no other job waits."""

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
    """Run the block within a slice of so many seconds, with the progress that earlier slices stored."""
    own = Slice(seconds, others_wait, time.monotonic() + seconds, keep, progress or {})
    token = _CURRENT.set(own)
    try:
        yield own
    finally:
        _CURRENT.reset(token)


def progress() -> Mapping[str, Any]:
    """Return the progress that this job stored when it was interrupted, or before its worker died; else empty."""
    own = _CURRENT.get()
    return {} if own is None else own.progress


def broken_off() -> bool:
    """Return whether the work was interrupted, and is therefore not complete."""
    own = _CURRENT.get()
    return own is not None and own.unfinished


async def slice_over(progress: Mapping[str, Any] | None = None) -> bool:
    """Return whether the work must return now, because its slice is over and another job waits.

    `progress`: where to continue, for work that cannot read that from the database. It is stored with the job at the
    end of each slice, also where no other job waits.
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
    """Enqueue this job again after some seconds, when the work returns now; returns False outside a worker."""
    own = _CURRENT.get()
    if own is None:
        return False
    own.unfinished, own.pause = True, seconds
    return True
