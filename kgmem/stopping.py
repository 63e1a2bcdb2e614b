"""Stopping: tasks that go on whatever fails have to end when they are told to, whatever fails then."""

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager


def told_to_stop() -> bool:
    """Say whether this task was cancelled, where an error on the way out came in the place of its CancelledError.

    Cleaning up may fail too: a connection that breaks while it is given back raises an error of its own.
    """
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@contextmanager
def before_sigterm(cleanup: Callable[[], Awaitable[object]]) -> Iterator[None]:
    """Within the block, clean up before SIGTERM ends this process, as it does by default.

    A program that handles SIGTERM in its own way is left alone: it leaves its blocks by itself. So is a loop that runs
    beside the main thread, which signals do not reach.
    """
    loop = asyncio.get_running_loop()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    ending: list[asyncio.Task[None]] = []

    async def end() -> None:
        try:
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
