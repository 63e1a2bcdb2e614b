"""An orderly end by a signal, for a program whose input a thread waits for: only the end of the process ends that."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

_ENDING = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if sys.platform != "win32" else [])


@contextmanager
def ending_by_signal(leave: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Within the block, the first signal that ends a program runs `leave` and then ends this process."""
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []

    async def end() -> None:
        try:
            await leave()
        finally:
            sys.stderr.flush()
            os._exit(0)

    def told() -> None:
        if not tasks:
            tasks.append(asyncio.create_task(end(), name="kgmem mcp ends"))

    for number in _ENDING:
        loop.add_signal_handler(number, told)
    try:
        yield
    finally:
        for number in _ENDING:
            loop.remove_signal_handler(number)
