"""Work over many items in the event loop, with pauses in which others have their turn."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

_AT_ONCE = 200  # Items of some tens of microseconds each.


async def in_turns(items: Iterable[A]) -> AsyncIterator[A]:
    """Give the items, with a pause now and then."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)


async def each(convert: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Convert each item."""
    return [convert(item) async for item in in_turns(items)]
