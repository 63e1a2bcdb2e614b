"""The gate before each use of a graph: what has expired is deleted first, so that no answer has it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from weakref import WeakValueDictionary

from kgmem.store.db.database import Database
from kgmem.store.graph.layout import Layout

_TRUSTED = 0.02  # Seconds for which a process trusts what it read of the next item to expire.
_FAR = 3600.0
_expiring: ContextVar[bool] = ContextVar("expiring", default=False)  # Whether this task deletes what has expired.


class ExpiryGate:
    """Deletes the expired items of a graph before it is used; graphs without such items cost nothing."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self.database = database
        self.expire: Callable[[str], Awaitable[int]] | None = None
        self._next: dict[int, tuple[float, float]] = {}  # By graph: when it was read, and when the first item expires.
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def pass_through(self, layout: Layout) -> None:
        """Return once the graph has no expired item."""
        if self.expire is None or "expiry" not in layout.subsystems.made or _expiring.get():
            return
        known = self._next.get(layout.id)
        present = time.monotonic()
        if known is not None and present - known[0] < _TRUSTED and present < known[1]:
            return
        if not await self.is_due(layout):
            return
        lock = self._turns.setdefault(layout.id, asyncio.Lock())
        async with lock:
            if await self.is_due(layout):  # Else it was done while this task waited.
                token = _expiring.set(True)
                try:
                    await self.expire(layout.graph.name)
                finally:
                    _expiring.reset(token)
                self.forget(layout)

    async def is_due(self, layout: Layout) -> bool:
        """Return whether the time of an item is over."""
        if "expiry" not in layout.subsystems.made:
            return False
        began = time.monotonic()
        async with self.database.connection() as connection:
            seconds = await connection.fetchval(layout.sql("expiry", "next"))
        self._next[layout.id] = (began, began + (_FAR if seconds is None else seconds))
        return seconds is not None and seconds <= 0

    def forget(self, layout: Layout) -> None:
        """Read again when the next item expires, since this process wrote one."""
        self._next.pop(layout.id, None)
