"""Wake-ups: many calls become few messages, and the last call is always covered by one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from kgmem.domain.errors import KgmemError
from kgmem.stopping import told_to_stop

logger = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)

_LONGEST_PAUSE = 30.0


class Wakeups(Generic[K]):
    """Sends a wake-up at once and then at most one every `pause` seconds a key, outside of the callers' time.

    A message is sent after the call that it covers, never before: what a caller committed before `wake` is there for
    whoever gets the message. A failed send is tried again with growing pauses.
    """

    def __init__(self, send: Callable[[K], Awaitable[None]], *, pause: float = 0.5) -> None:
        """Take what sends one message for a key, raising a KgmemError when it cannot."""
        self._send = send
        self._pause = pause
        self._due: set[K] = set()
        self._senders: dict[K, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    def wake(self, key: K) -> None:
        """Ask for a message; returns at once."""
        self._due.add(key)
        if key not in self._senders:
            self._senders[key] = asyncio.create_task(self._keep_sending(key), name=f"wake {key}")

    async def aclose(self, within: float = 5.0) -> None:
        """Send what is due without further pauses, for so many seconds; what is left is logged."""
        self._closing.set()
        if not self._senders:
            return
        _, late = await asyncio.wait(self._senders.values(), timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if late:
            logger.warning("%d wake-up(s) were not sent; a sweep finds what they were for.", len(late))

    async def _keep_sending(self, key: K) -> None:
        failures = 0
        try:
            while key in self._due and not told_to_stop():
                self._due.discard(key)
                try:
                    await self._send(key)
                    failures = 0
                except Exception as error:
                    self._due.add(key)
                    failures += 1
                    trace = None if isinstance(error, KgmemError) else error
                    logger.warning("A wake-up was not sent (%s), and is sent again: %s", key, error, exc_info=trace)
                await self._rest(failures)
        finally:
            del self._senders[key]

    async def _rest(self, failures: int) -> None:
        """Pause, the longer the more sends failed; a closing cuts the pause short."""
        if self._closing.is_set():
            await asyncio.sleep(self._pause if failures else 0)
            return
        try:
            await asyncio.wait_for(self._closing.wait(), min(self._pause * 2**failures, _LONGEST_PAUSE))
        except TimeoutError:
            return
