"""The gate before each use of a graph: what has expired is deleted first, and publications follow their origins.

So no answer has what has expired, or what was published and is withdrawn at its origin.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.sql import fill
from kgmem.store.graph.layout import Layout

log = EventLog(__name__)

_SUBSYSTEMS = ("expiry", "publications")
_TRUSTED = 0.02  # Seconds for which a process trusts what it read of the next item to expire.
_FAR = 3600.0
_PATIENCE = 5.0  # Seconds for which a deletion is waited for.
_PAUSE = 5.0  # Seconds until it is tried again, where a transaction has locked what has expired.
_expiring: ContextVar[bool] = ContextVar("expiring", default=False)  # Whether this task deletes what has expired.


class ExpiryGate:
    """Deletes the expired items of a graph before it is used, and lets its publications follow their origins.

    Graphs without such items and publications cost nothing.

    Who uses a graph waits some seconds for it. A deletion that takes longer, because a transaction has locked what has
    expired or because there is very much of it, goes on beside what uses the graph.
    """

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database
        self.expire: Callable[[str], Awaitable[int]] | None = None
        self._next: dict[int, tuple[float, float]] = {}  # By graph: when it was read, and when the first item expires.
        self._running: dict[int, tuple[float, asyncio.Task[None]]] = {}  # By graph: until when it is waited for.

    async def pass_through(self, layout: Layout) -> None:
        """Return once the graph has no expired item, or after some seconds."""
        if self.expire is None or _expiring.get() or not any(each in layout.subsystems.made for each in _SUBSYSTEMS):
            return
        if self._is_trusted(layout):
            return
        running = self._running.get(layout.id)
        if running is None:
            if not await self.is_due(layout):
                return
            running = self._running.get(layout.id) or self._begin(layout)  # Another one may have begun it meanwhile.
        until, task = running
        await asyncio.wait({task}, timeout=max(until - time.monotonic(), 0))
        if task.done() and not task.cancelled():
            task.result()

    async def aclose(self) -> None:
        """End the deletions that are still running; what they have not deleted is deleted by the next use."""
        tasks = [task for _, task in self._running.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, layout: Layout) -> tuple[float, asyncio.Task[None]]:
        token = _expiring.set(True)  # The task takes a copy of the context with it.
        try:
            task = asyncio.create_task(self._expire(layout))
        finally:
            _expiring.reset(token)
        self._running[layout.id] = (time.monotonic() + _PATIENCE, task)
        return self._running[layout.id]

    async def _expire(self, layout: Layout) -> None:
        """Delete what has expired. What another transaction has locked stays for now."""
        assert self.expire is not None  # noqa: S101 - pass_through looks
        try:
            await self.expire(layout.graph.name)
            self.forget(layout)
        except DatabaseUnavailable as error:
            log.warning("expiry_deferred", graph=layout.graph.name, error=error)
            self._next[layout.id] = (time.monotonic() + _PAUSE, time.monotonic() + _PAUSE)
        finally:
            self._running.pop(layout.id, None)

    def _is_trusted(self, layout: Layout) -> bool:
        """Return whether this process knows that nothing is to be done; origins of publications may change any time."""
        if "publications" in layout.subsystems.made:
            return False
        known, present = self._next.get(layout.id), time.monotonic()
        return known is not None and present - known[0] < _TRUSTED and present < known[1]

    async def is_due(self, layout: Layout) -> bool:
        """Return whether the time of an item is over, or a publication has to follow its origin."""
        made = layout.subsystems.made
        if not any(each in made for each in _SUBSYSTEMS):
            return False
        began = time.monotonic()
        seconds, follows = None, False
        async with self.database.connection() as connection:
            if "expiry" in made:
                sql = fill(layout.sql("expiry", "next"), {"items": layout.sql("expiry", "items")})
                seconds = await connection.fetchval(sql, layout.id)
            if "publications" in made:
                follows = await connection.fetchval(layout.sql("publications", "is_due"))
        self._next[layout.id] = (began, began + (_FAR if seconds is None else seconds))
        return follows or (seconds is not None and seconds <= 0)

    def forget(self, layout: Layout) -> None:
        """Read again when the next item expires, since this process wrote one."""
        self._next.pop(layout.id, None)
