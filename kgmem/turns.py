"""Work in the event loop, with pauses in which others have their turn."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_SECONDS = 0.004  # After which others have their turn; an item may be of a few bytes or of megabytes.


class Turn:
    """The turn of a task that has much to do, and nothing to wait for."""

    __slots__ = ("_ends",)

    def __init__(self) -> None:
        """Begin it."""
        self._ends = time.perf_counter() + _SECONDS

    async def over(self) -> None:
        """Let others have their turn where this one is over; called between small steps."""
        if time.perf_counter() > self._ends:
            await asyncio.sleep(0)
            self._ends = time.perf_counter() + _SECONDS


async def in_turns(items: Iterable[A]) -> AsyncIterator[A]:
    """Return the items, with a pause after each few milliseconds of work on them."""
    turn = Turn()
    for item in items:
        yield item
        await turn.over()


def parts(items: Sequence[A], size: int) -> Iterator[Sequence[A]]:
    """Return the items in parts of this size, the last one smaller: for what takes many at once, and not too many."""
    return (items[first : first + size] for first in range(0, len(items), size))


async def each(convert: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Convert each item."""
    return [convert(item) async for item in in_turns(items)]
