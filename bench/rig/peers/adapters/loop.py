"""An event loop in a thread of its own, for adapters of asynchronous libraries that several threads call."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

T = TypeVar("T")


class Loop:
    """Runs coroutines for threads that wait for them, and keeps contexts open until it is closed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._stack = AsyncExitStack()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what a coroutine returns."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context, which is left by `close`."""
        return self.run(self._stack.enter_async_context(context))

    def close(self) -> None:
        """Leave all contexts, the last one first."""
        self.run(self._stack.aclose())
