"""Uses of items, counted in the process and stored in batches, so that who reads an item waits for nothing.

A count that is lost, because the process was killed or because too many items were used in between, loses no data: an
item gets colder somewhat earlier than it should.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.log import EventLog
from kgmem.store.graph.layout import Layout
from kgmem.tasks import counts_uses, for_nobody

log = EventLog(__name__)

_MOST = 100_000  # Items that are remembered until they are stored; further ones are not counted.
_MOST_AT_ONCE = 1000  # Of one read; a query that reads a whole graph does not make all of it hot.
_PAUSE = 5.0  # Seconds between two stores, ...
_LONGEST_PAUSE = 30.0  # ... where one takes long up to so many, ...
_SHARE = 0.01  # ... so that stores take about this share of the time.

Store = Callable[[str, Sequence[int], Sequence[float]], Awaitable[None]]


class UseCounter:
    """Counts the uses of items by graph; a task stores them every few seconds while there are any."""

    def __init__(self) -> None:
        """Count nothing until `on_flush` has said where to."""
        self._store: Store | None = None
        self._counts: dict[str, dict[int, float]] = {}
        self._size = 0
        self._dropped = 0
        self._flushing: asyncio.Task[None] | None = None

    def on_flush(self, store: Store) -> None:
        """Take what stores the uses of a graph's items."""
        self._store = store

    def note(self, layout: Layout, ids: Iterable[int]) -> None:
        """Count a use of each of these items, of the present; returns at once."""
        if self._store is None or layout.is_past or not counts_uses():
            return
        counts = self._counts.setdefault(layout.graph.name, {})
        for taken, id_ in enumerate(ids):
            if taken >= _MOST_AT_ONCE:
                break
            if id_ in counts:
                counts[id_] += 1.0
            elif self._size < _MOST:
                counts[id_] = 1.0
                self._size += 1
            else:
                self._dropped += 1
        if self._flushing is None and self._size:
            self._flushing = asyncio.create_task(self._flush_later(), name="store uses", context=for_nobody())

    async def flush(self, graph: str | None = None) -> None:
        """Store what is counted, of one graph or of all; what cannot be stored now is not counted."""
        for name in [graph] if graph is not None else list(self._counts):
            counts = self._counts.pop(name, None)
            if not counts:
                continue
            self._size -= len(counts)
            if self._dropped:
                log.warning("uses_not_counted", items=self._dropped)
                self._dropped = 0
            try:
                assert self._store is not None  # noqa: S101 - note looks
                await self._store(name, list(counts), list(counts.values()))
            except NotFound:
                pass  # The graph was dropped meanwhile.
            except KgmemError as error:
                log.warning("uses_not_stored", graph=name, items=len(counts), error=error)

    async def aclose(self) -> None:
        """Store what is counted, and end."""
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            self._flushing = None
        await self.flush()
        self._store = None

    async def _flush_later(self) -> None:
        pause = _PAUSE
        try:
            while self._size:
                await asyncio.sleep(pause)
                began = time.monotonic()
                await self.flush()
                pause = min(_LONGEST_PAUSE, max(_PAUSE, (time.monotonic() - began) / _SHARE))
        except Exception as error:
            log.crash("uses_not_stored", error)
        finally:
            self._flushing = None
