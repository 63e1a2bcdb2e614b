"""Computations in threads beside the event loop, which may ask the graph; they end with the statement."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from kgmem.domain.errors import TimedOut

T = TypeVar("T")


class Beside:
    """The threads of one statement, and what they ask of the event loop."""

    __slots__ = ("_asked", "_ended", "_loop")

    def __init__(self) -> None:
        """Begin with the statement, in its event loop."""
        self._loop = asyncio.get_running_loop()
        self._asked: set[asyncio.Task[Any]] = set()
        self._ended = False

    @property
    def ended(self) -> bool:
        """Whether the statement was stopped, so that threads shall end."""
        return self._ended

    async def run(self, work: Callable[[], T]) -> T:
        """Run work in a thread of its own: one of a pool could wait for another of it that never comes free."""
        done: asyncio.Future[T] = self._loop.create_future()

        def settle(set_it: Callable[[Any], None], value: Any) -> None:
            if not done.done():
                set_it(value)

        def run() -> None:
            try:
                result = work()
            except BaseException as error:
                self._loop.call_soon_threadsafe(settle, done.set_exception, error)
            else:
                self._loop.call_soon_threadsafe(settle, done.set_result, result)

        threading.Thread(target=run, name="kgmem cypher", daemon=True).start()
        try:
            return await done
        except asyncio.CancelledError:
            await self._end()
            raise

    def ask(self, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run a coroutine in the event loop, from a thread. Raises TimedOut after the statement's end."""

        async def answer() -> T:
            if self._ended:
                raise TimedOut("The statement was stopped.")
            task = asyncio.ensure_future(make())
            self._asked.add(task)
            try:
                return await task
            finally:
                self._asked.discard(task)

        return asyncio.run_coroutine_threadsafe(answer(), self._loop).result()

    async def _end(self) -> None:
        """Let no thread go on, and wait until what they asked is over: it must not use the connection after this."""
        self._ended = True
        waiting = set(self._asked)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)
