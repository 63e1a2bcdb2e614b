"""Epochs of what readers see of a graph, by which caches know that their values are current."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.cache.ports import Epoch, Seen
from kgmem.domain.errors import KgmemError
from kgmem.domain.graph.scope import visible_from
from kgmem.log import EventLog
from kgmem.store.db.sql import SQL, compose, fill, join, parameter
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.epoch import EPOCH_PARTS
from kgmem.store.graph.layout import Layout, label_id, learn_labels
from kgmem.store.graph.subsystems import learn_subsystems
from kgmem.tasks import for_nobody

log = EventLog(__name__)

_FILE: Final = "epoch"
_PATIENCE: Final = "100ms"  # For which the first triggers wait for a lock: writers wait behind it.
_AGAIN: Final = 5.0  # Seconds until it is tried again.
_MANY: Final = 500  # Tokens that are summed up.
_SUMMED_EVERY: Final = 1.0  # Seconds.
_REMEMBERED: Final = 10_000  # Graphs.


class PostgresEpochs:
    """Implements EpochReader. The tables and triggers of a graph are made when it is first asked for its epoch."""

    def __init__(self, catalog: PostgresCatalog, on_read: Callable[[], None] | None = None) -> None:
        """Take the catalog, which knows the database, and what is called after an epoch was read."""
        self.catalog = catalog
        self._on_read = on_read
        self.database = catalog.database
        # By graph and pause, which differs for tables and sums.
        self._work: dict[tuple[int, float], asyncio.Task[None]] = {}
        self._not_before: dict[tuple[int, float], float] = {}  # When it may be done again.

    async def read(self, seen: Seen, ids: Sequence[int] = (), *, repeated: bool = True) -> Epoch | None:
        """Return the epoch, after what has expired is deleted.

        None while the graph has no epoch yet, while another client's writes are not indexed, while this process does
        not know the graph's settings, and where one of the items no longer exists.
        """
        async with self.catalog.on(seen.graph, reads=()) as layout:
            if "cache" not in layout.subsystems.made:
                if repeated and "history" in layout.subsystems.made:  # Else nothing was ever stored.
                    self._begin(layout, self._make)
                return None
            if not all(label_id(id_) in layout.by_id for id_ in ids):
                return None
            parts = [EPOCH_PARTS[part] for part in seen.parts]
            values: list[Any] = [layout.id, list(visible_from(seen.scope)), parts]
            sql = fill(layout.sql(_FILE, "read"), {"existing": _existing(layout, ids, values)})
            async with self.database.connection() as connection:
                row = await connection.fetchrow(sql, *values)
                if row is not None and row["labels"] != len(layout.by_id):  # Another process has made or dropped some.
                    await learn_labels(connection, layout)
                    return None
        if self._on_read:
            self._on_read()
        return self._epoch(layout, row, len(set(ids)))

    def _epoch(self, layout: Layout, row: Any, wanted: int) -> Epoch | None:
        if row is None or row["register"] != layout.register:
            self.catalog.forget(layout.graph.name)  # Another process has changed the graph's settings.
            return None
        if row["complete"] is None:
            self._begin(layout, self._fill)
            return None
        if row["tokens"] > _MANY:
            self._begin(layout, self._sum_up, pause=_SUMMED_EVERY)
        if row["captured"] or row["existing"] != wanted:
            return None
        return Epoch(row["token"], row["register"], row["at"], row["until"])

    async def move(self, graph: str) -> None:
        """Move the epoch of a graph, so that nothing counts that was read until now."""
        async with self.catalog.on(graph, reads=("cache",), expires=False) as layout:
            if "cache" in layout.subsystems.made:
                async with self.database.connection() as connection:
                    await connection.execute(layout.sql(_FILE, "move"), list(EPOCH_PARTS.values()))

    async def note_use(self, graph: str, ids: Sequence[int]) -> None:
        """Count a use of each of these items."""
        self.catalog.usage.note(await self.catalog.layout(graph), ids)

    async def settle(self) -> None:
        """Return when no tables are being made any more."""
        await asyncio.gather(*self._work.values(), return_exceptions=True)

    async def aclose(self) -> None:
        """End what is being made; the next use begins it again."""
        for task in self._work.values():
            task.cancel()
        await self.settle()

    def _begin(self, layout: Layout, work: Callable[[Layout], Awaitable[None]], pause: float = _AGAIN) -> None:
        """Do something for a graph in the background, unless something is being done, or was a moment ago."""
        key = (layout.id, pause)
        if key in self._work or time.monotonic() < self._not_before.get(key, 0.0):
            return
        task = asyncio.create_task(self._done(layout, work, pause), name="kgmem epoch", context=for_nobody())
        self._work[key] = task
        task.add_done_callback(lambda _: self._work.pop(key, None))

    async def _done(self, layout: Layout, work: Callable[[Layout], Awaitable[None]], pause: float) -> None:
        try:
            await work(layout)
            if pause == _AGAIN:
                return
        except KgmemError as error:
            log.info("epoch_deferred", graph=layout.graph.name, error=error)
        except Exception as error:
            log.crash("epoch_failed", error)
        if len(self._not_before) > _REMEMBERED:
            self._not_before.clear()
        self._not_before[layout.id, pause] = time.monotonic() + pause

    async def _make(self, layout: Layout) -> None:
        await self.catalog.make_subsystem(layout, "cache", patience=_PATIENCE)
        await self._fill(layout)

    async def _fill(self, layout: Layout) -> None:
        """Note the boundaries of what was stored before the triggers; writers do not wait for it."""

        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute(SQL("SET LOCAL statement_timeout = 0"))
            await learn_subsystems(connection, layout.id, layout.subsystems)  # Facts that another process has made.
            await connection.execute(layout.sql(_FILE, "fill"))
            await connection.execute(layout.sql(_FILE, "complete"))

        await self.database.transact(work)

    async def _sum_up(self, layout: Layout) -> None:
        async def work(connection: asyncpg.Connection) -> None:
            await connection.execute(layout.sql(_FILE, "sum_up"))
            await connection.execute(layout.sql(_FILE, "forget_boundaries"))

        await self.database.transact(work)


def _existing(layout: Layout, ids: Sequence[int], values: list[Any]) -> SQL:
    """Return the SQL of how many of these items are in their label tables; adds what its parameters stand for."""
    groups: dict[int, list[int]] = defaultdict(list)
    for id_ in dict.fromkeys(ids):
        groups[label_id(id_)].append(id_)
    counts = []
    for label, group in sorted(groups.items()):
        values.append(group)
        place = parameter(len(values), "ag_catalog.graphid[]")
        counts.append(fill(layout.sql(_FILE, "existing", label=layout.by_id[label].age_name), {"graphids": place}))
    return compose("({})", join(" + ", counts)) if counts else SQL("0")
