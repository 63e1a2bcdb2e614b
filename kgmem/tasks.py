"""Asyncio tasks: the caller that a task works for, pauses for other tasks, and an orderly end."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import NamedTuple, TypeVar


class Caller(NamedTuple):
    """The id of an API key, and the graph of its request (None: the server as a whole)."""

    key: str
    graph: str | None = None


_CALLER: ContextVar[Caller | None] = ContextVar("kgmem_caller", default=None)


def caller() -> Caller | None:
    """Return the caller of this task; None for kgmem's own work."""
    return _CALLER.get()


def act_for(key: str, graph: str | None = None) -> None:
    """Set the caller of this task, and of tasks that it starts."""
    _CALLER.set(Caller(key, graph))


def for_nobody() -> Context:
    """Return a context without a caller, for a task that serves many callers."""
    context = copy_context()
    context.run(_CALLER.set, None)
    return context


_UNCOUNTED: ContextVar[bool] = ContextVar("kgmem_uncounted", default=False)


def counts_uses() -> bool:
    """Return whether what this task reads counts as used."""
    return not _UNCOUNTED.get()


@contextmanager
def uncounted() -> Iterator[None]:
    """Within the block, nothing that is read counts as used: kgmem measures itself, and nobody needs the items."""
    token = _UNCOUNTED.set(True)
    try:
        yield
    finally:
        _UNCOUNTED.reset(token)


_WRITERS: ContextVar[Mapping[str | None, frozenset[str]] | None] = ContextVar("kgmem_writers", default=None)


def keys_by_source() -> Mapping[str | None, frozenset[str]]:
    """Return the ids of the keys by which the claims of this task come, by source; None stands for all sources.

    Empty where no key is known: for kgmem's own work, and for callers in the same process.
    """
    several = _WRITERS.get()
    if several is not None:
        return several
    by = caller()
    return {None: frozenset({by.key})} if by is not None else {}


def keys_in(keys: Mapping[str | None, frozenset[str]], source: str | None) -> frozenset[str]:
    """Return the keys by which the claims of one source come, of what `keys_by_source` returned."""
    return keys.get(None, frozenset()) | keys.get(source, frozenset())


@contextmanager
def writing_for(sources: Iterable[tuple[str | None, Iterable[str]]]) -> Iterator[None]:
    """Within the block, the claims of each of these sources come by these keys, those of others without a key."""
    keys: dict[str | None, set[str]] = {}
    for source, ids in sources:
        if source is not None:
            keys.setdefault(source, set()).update(ids)
    with _writers({source: frozenset(ids) for source, ids in keys.items() if ids}):
        yield


@contextmanager
def writing_as(key: str | None) -> Iterator[None]:
    """Within the block, all claims come by this key (None: without one), whoever the caller is."""
    with _writers({} if key is None else {None: frozenset({key})}):
        yield


@contextmanager
def _writers(keys: Mapping[str | None, frozenset[str]]) -> Iterator[None]:
    token = _WRITERS.set(keys)
    try:
        yield
    finally:
        _WRITERS.reset(token)


A = TypeVar("A")
B = TypeVar("B")

_SECONDS = 0.004  # After which others have their turn; an item may be of a few bytes or of megabytes.


class Turn:
    """The time slice of a task that computes much and awaits nothing."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        """Start the slice."""
        self._ends = time.perf_counter() + _SECONDS

    async def over(self) -> None:
        """Yield to other tasks where the slice is over; to be called between small steps."""
        if time.perf_counter() > self._ends:
            await asyncio.sleep(0)
            self._ends = time.perf_counter() + _SECONDS


async def in_turns(items: Iterable[A]) -> AsyncIterator[A]:
    """Return the items, with a pause for other tasks after each few milliseconds."""
    turn = Turn()
    for item in items:
        yield item
        await turn.over()


def parts(items: Sequence[A], size: int) -> Iterator[Sequence[A]]:
    """Return the items in parts of this size, the last one smaller."""
    return (items[first : first + size] for first in range(0, len(items), size))


async def each(convert: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Convert each item, with pauses for other tasks."""
    return [convert(item) async for item in in_turns(items)]


def told_to_stop() -> bool:
    """Return whether this task was cancelled, where another error has replaced its CancelledError.

    Cleaning up may fail too: a broken connection raises an error of its own when it is returned to the pool.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_CLEANUPS: list[Callable[[], Awaitable[object]]] = []  # Of the blocks that SIGTERM ends, the outermost first.


@contextmanager
def before_sigterm(cleanup: Callable[[], Awaitable[object]]) -> Iterator[None]:
    """Within the block, run `cleanup` before SIGTERM ends this process; of nested blocks the innermost first.

    A program that handles SIGTERM itself is left alone: it leaves its blocks by itself. So is an event loop outside the
    main thread, which signals do not reach.
    """
    outside = threading.current_thread() is not threading.main_thread()
    if outside or not (_CLEANUPS or signal.getsignal(signal.SIGTERM) == signal.SIG_DFL):
        yield
        return
    _CLEANUPS.append(cleanup)
    try:
        if len(_CLEANUPS) > 1:
            yield
        else:
            with _ended_by_sigterm():
                yield
    finally:
        _CLEANUPS.remove(cleanup)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Within the block, SIGTERM runs what `before_sigterm` was given, and then ends this process."""
    loop = asyncio.get_running_loop()
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        try:
            for cleanup in reversed(_CLEANUPS[:]):
                await cleanup()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)

    def told() -> None:
        if not ending:
            ending.append(asyncio.create_task(end(), name="kgmem ends"))

    loop.add_signal_handler(signal.SIGTERM, told)
    try:
        yield
    finally:
        if not ending:  # Else the signal follows.
            loop.remove_signal_handler(signal.SIGTERM)
