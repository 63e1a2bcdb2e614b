"""Opening a memory for the time of one command."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeVar

from kgmem.cli.console import note, run_async
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.wiring import open_memory

T = TypeVar("T")


def opened() -> AbstractAsyncContextManager[Memory]:
    """Give the memory that the environment's settings name."""
    return open_memory(Settings(), report=note)


def with_memory(
    use: Callable[[Memory], Awaitable[T]], open_: Callable[[], AbstractAsyncContextManager[Memory]] = opened
) -> T:
    """Open a memory, use it, close it; gives what the use gives."""

    async def work() -> T:
        async with open_() as memory:
            return await use(memory)

    return run_async(work())
