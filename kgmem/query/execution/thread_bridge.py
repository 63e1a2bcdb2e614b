"""Run the long computations of a statement in a thread, so that the event loop stays free.

The steps of a statement are a coroutine that `drive` runs. It starts in the event loop, since most statements are
short, and continues in a thread of its own once it reports (`aside`) that there is much to compute. What needs the
event loop, such as the database, it awaits by `on_loop`; that always runs in the event loop.

One thread of a process computes at a time, and callers that wait are served in turn.
Python threads share one interpreter lock, which goes to any of the threads that wait for it. The event loop needs the
lock often and for short times, so it would wait behind every thread that computes. With one computing thread it waits
at most a switch interval, which is shorter while a thread computes.
"""

import asyncio
import contextvars
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Coroutine, Generator, Hashable
from typing import Any, Generic, TypeVar

from kgmem.domain.errors import TimedOut
from kgmem.tasks import caller

_SLICE = 0.005  # Seconds for which others wait for a thread that computes.
_SWITCH = 0.0005  # Seconds for which the event loop waits for it; Python's default is ten times as long.


class Turns:
    """Who may compute now, and who waits for that, by caller."""

    def __init__(self) -> None:
        """Begin with nobody who computes."""
        self._guard = threading.Lock()
        self._busy = False
        self._since = 0.0
        self._waiting: OrderedDict[Hashable, deque[threading.Lock]] = OrderedDict()
        self._interval = 0.0

    def begin(self, who: Hashable) -> None:
        """Wait until it is this thread's turn to compute, on behalf of a caller."""
        with self._guard:
            if not self._busy:
                self._busy = True
                self._since = time.perf_counter()
                self._interval = sys.getswitchinterval()
                sys.setswitchinterval(min(self._interval, _SWITCH))
                return
            mine = threading.Lock()
            mine.acquire()
            self._waiting.setdefault(who, deque()).append(mine)
        mine.acquire()

    def end(self) -> None:
        """Start the next thread: that of the caller who has waited longest since its last turn."""
        with self._guard:
            if not self._waiting:
                self._busy = False
                sys.setswitchinterval(self._interval)
                return
            who, threads = next(iter(self._waiting.items()))
            following = threads.popleft()
            if threads:
                self._waiting.move_to_end(who)
            else:
                del self._waiting[who]
            self._since = time.perf_counter()
            following.release()

    def give_way(self, who: Hashable) -> None:
        """Yield to other threads where the slice of this one is over; called by the thread that computes."""
        if self._waiting and time.perf_counter() - self._since > _SLICE:
            self.end()
            self.begin(who)


TURNS = Turns()  # Of this process, as the interpreter lock is.


T = TypeVar("T")


class _Asked(Generic[T]):
    """Something that is to be done in the event loop; whoever drives the statement sees to it."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self.make = make

    def __await__(self) -> Generator[Any, Any, T]:
        answer: T = yield self
        return answer


class _Aside:
    """The wish to go on in a thread."""

    def __await__(self) -> Generator[Any, Any, None]:
        yield self


class _Driven(Generic[T]):
    """Drives a coroutine in the event loop until it ends or wants to go on in a thread, and then in that."""

    __slots__ = ("_beside", "_work")

    def __init__(self, beside: "Beside", work: Coroutine[Any, Any, T]) -> None:
        self._beside, self._work = beside, work

    def __await__(self) -> Generator[Any, Any, T]:
        value: Any = None
        error: BaseException | None = None
        self._beside.enter()
        try:
            while True:
                wanted = self._work.send(value) if error is None else self._work.throw(error)
                value = error = None
                if isinstance(wanted, _Aside):
                    return (yield from self._beside.in_thread(self._work).__await__())
                try:
                    # What is neither is for the event loop: a future, or nothing but a pause.
                    value = (yield from wanted.make().__await__()) if isinstance(wanted, _Asked) else (yield wanted)
                    self._beside.resumed = time.perf_counter()
                except BaseException as failed:  # Also that the statement is stopped: its steps have to clean up.
                    error = failed
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self._beside.leave()
            if not self._beside.ended:
                self._work.close()


class Beside:
    """The threads of one statement, and what they ask of the event loop."""

    __slots__ = ("_asked", "_driven", "_ended", "_home", "_loop", "_who", "resumed")

    def __init__(self) -> None:
        """Begin with the statement, in its event loop."""
        self._loop = asyncio.get_running_loop()
        self._home = threading.get_ident()
        self._asked: set[asyncio.Task[Any]] = set()
        self._driven = 0
        self._who = caller()
        self._ended = False
        self.resumed = 0.0  # When the steps went on after the event loop had served others, by time.perf_counter().

    @property
    def ended(self) -> bool:
        """Whether the statement was stopped, so that threads shall end."""
        return self._ended

    @property
    def away(self) -> bool:
        """Whether the caller runs in a thread outside the event loop."""
        return threading.get_ident() != self._home

    def enter(self) -> None:
        """Note that steps are driven from now on."""
        self._driven += 1

    def leave(self) -> None:
        """Note that they are no more."""
        self._driven -= 1

    def drive(self, work: Coroutine[Any, Any, T]) -> Awaitable[T]:
        """Run the steps of a statement; awaited in the event loop."""
        return _Driven(self, work)

    def aside(self) -> Awaitable[None]:
        """Continue in a thread; awaited by the driven coroutine."""
        return _Aside()

    @property
    def can_go_aside(self) -> bool:
        """Whether the steps are driven in the event loop, and so can go on in a thread."""
        return self._driven > 0 and not self.away

    def on_loop(self, make: Callable[[], Awaitable[T]]) -> Awaitable[T]:
        """Await something in the event loop; awaited by the driven coroutine."""
        return _Asked(make) if self.away else make()

    def here(self, work: Coroutine[Any, Any, T]) -> T:
        """Run steps to their end in this thread. Raises TimedOut after the statement's end."""
        value: Any = None
        error: BaseException | None = None
        try:
            while True:
                wanted = work.send(value) if error is None else work.throw(error)
                value = error = None
                try:
                    if isinstance(wanted, _Asked):
                        value = self._ask(wanted.make)
                    elif wanted is not None and not isinstance(wanted, _Aside):
                        error = RuntimeError(f"In a thread, a step waits for what is the event loop's: {wanted!r}.")
                except BaseException as failed:
                    error = failed
        except StopIteration as end:
            result: T = end.value
            return result

    async def in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        """Run steps to their end in a thread of their own."""
        return await self.run(lambda: self.here(work))

    async def run(self, work: Callable[[], T]) -> T:
        """Run work in a thread of its own: one of a pool could wait for another of it that never comes free."""
        if self.away:
            return work()
        done: asyncio.Future[T] = self._loop.create_future()
        context = contextvars.copy_context()

        def settle(set_it: Callable[[Any], None], value: Any) -> None:
            if not done.done():
                set_it(value)

        def run() -> None:
            TURNS.begin(self._who)
            try:
                result = context.run(work)
            except BaseException as error:
                self._loop.call_soon_threadsafe(settle, done.set_exception, error)
            else:
                self._loop.call_soon_threadsafe(settle, done.set_result, result)
            finally:
                TURNS.end()

        threading.Thread(target=run, name="kgmem cypher", daemon=True).start()
        try:
            return await done
        except asyncio.CancelledError:
            await self._end()
            raise

    def _ask(self, make: Callable[[], Awaitable[T]]) -> T:
        """Do something in the event loop, from a thread. Raises TimedOut after the statement's end."""

        async def answer() -> T:
            if self._ended:
                raise TimedOut("The statement was stopped.")
            task = asyncio.ensure_future(make())
            self._asked.add(task)
            try:
                return await task
            finally:
                self._asked.discard(task)

        asked = asyncio.run_coroutine_threadsafe(answer(), self._loop)
        TURNS.end()
        try:
            return asked.result()
        finally:
            TURNS.begin(self._who)

    def give_way(self) -> None:
        """Yield to other statements where the slice of this one is over."""
        if self.away:
            TURNS.give_way(self._who)

    async def _end(self) -> None:
        """Stop all threads, and wait until what they asked is over: it must not use the connection after this."""
        self._ended = True
        waiting = set(self._asked)
        for task in waiting:
            task.cancel()
        if waiting:
            await asyncio.wait(waiting)


class OnLoop:
    """A proxy of an object whose methods need the event loop, such as a transaction: they always run there."""

    def __init__(self, inner: Any, beside: Beside) -> None:
        """Take what has the methods, and the statement that calls them."""
        self._inner = inner
        self.beside = beside

    def __getattr__(self, name: str) -> Any:
        """Return a method that is done in the event loop; what is no method as it is at this moment."""
        method = getattr(self._inner, name)
        if not callable(method):
            return method

        def asked(*arguments: Any, **named: Any) -> Awaitable[Any]:
            return self.beside.on_loop(lambda: method(*arguments, **named))

        self.__dict__[name] = asked
        return asked
