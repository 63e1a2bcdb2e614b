"""The log of flows: traced in memory, written beside the work, read by every process.

What runs longer than a quarter of a second is written while it runs, with a heartbeat, and so is everything that fails
or that is no recall or remember. Of brief ones of these a process writes 50 a second; it keeps the others in memory
alone. One statement writes what half a second brings, and no flow waits for it.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import chain, count
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import KgmemError, NotFound
from kgmem.domain.flows.flow import Flow, FlowFilter, FlowKind, Visible, flow_of, visible
from kgmem.domain.flows.trace import FlowTrace, Tracer, current_flow, inside, running
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import iso
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import statement
from kgmem.tasks import for_nobody

log = EventLog(__name__)

SILENCE: Final = 15.0  # Seconds without a heartbeat after which a flow counts as broken off.
_FILE: Final = "flows"
_MANY: Final = frozenset({"recall", "remember"})  # Kinds of which a busy process has hundreds a second.
_UPKEEP: Final = frozenset({"consolidate", "reconcile"})  # Kinds that jobs begin to see whether there is work.
_LONG: Final = 0.25  # Seconds from which a flow is written while it runs.
_PAUSE: Final = 0.5  # Seconds between two writes.
_LONGEST_PAUSE: Final = 8.0
_HEARTBEAT: Final = 3.0
_BRIEF_A_SECOND: Final = 50  # That a process writes.
_IN_MEMORY: Final = 500  # Flows that a process keeps after their end.
_WAITING: Final = 5_000  # Flows that may wait to be written; the oldest go first.
_AT_ONCE: Final = 500  # Flows of one statement.
_TRIMMED_EVERY: Final = 120  # Writes.
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class FlowRetention:
    """How many flows a database keeps, as many again of brief ones, and for how many days."""

    most: int = 20_000
    days: float = 7.0


class FlowTraces:
    """The flows of this process: begun, ended, kept for a while, and what of them waits to be written."""

    def __init__(self, tracer: Tracer | None) -> None:
        """Take the tracing system that shows them, too."""
        self.tracer = tracer
        self.running: dict[str, FlowTrace] = {}
        self.ended: OrderedDict[str, FlowTrace] = OrderedDict()
        self.waiting: OrderedDict[str, FlowTrace] = OrderedDict()
        self._allowed = float(_BRIEF_A_SECOND)  # Brief flows that may be written now.
        self._counted = time.perf_counter()

    def begin(self, kind: str, graph: str, scope: str | None, about: str | None) -> FlowTrace:
        """Begin a flow."""
        flow = FlowTrace(kind, graph, scope, about, self.tracer)
        self.running[flow.id] = flow
        return flow

    def end(self, flow: FlowTrace) -> None:
        """Note that a flow has ended."""
        if self.running.pop(flow.id, None) is None:  # Its scope was deleted meanwhile.
            return
        if _found_nothing(flow):
            return
        self.ended[flow.id] = flow
        if len(self.ended) > _IN_MEMORY:
            self.ended.popitem(last=False)
        if flow.kind not in _MANY or not is_brief(flow) or flow.written or self._may_write():
            self.waiting[flow.id] = flow
            if len(self.waiting) > _WAITING:
                self.waiting.popitem(last=False)

    def _may_write(self) -> bool:
        now = time.perf_counter()
        self._allowed = min(self._allowed + (now - self._counted) * _BRIEF_A_SECOND, float(_BRIEF_A_SECOND))
        self._counted = now
        if self._allowed < 1:
            return False
        self._allowed -= 1
        return True

    def due(self) -> list[FlowTrace]:
        """Return what is to be written now."""
        now = time.perf_counter()
        live = (
            each for each in self.running.values()
            if each.seconds > _LONG and (each.changed or now - each.written > _HEARTBEAT)
        )  # fmt: skip
        return list(chain(self.waiting.values(), live))

    def idle(self) -> bool:
        """Return whether nothing runs, and nothing waits to be written."""
        return not self.running and not self.waiting

    def find(self, id_: str) -> FlowTrace | None:
        """Return a flow that is in memory."""
        return self.running.get(id_) or self.ended.get(id_)

    def forget(self, graph: str, scope: str) -> None:
        """Keep no flow of a scope, not even one that runs."""
        for kept in (self.running, self.ended, self.waiting):
            for each in [flow for flow in kept.values() if flow.graph == graph and flow.scope == scope]:
                kept.pop(each.id, None)


def is_brief(flow: FlowTrace) -> bool:
    """Return whether an ended flow was short and went well."""
    return flow.state != "failed" and flow.seconds < _LONG


def _found_nothing(flow: FlowTrace) -> bool:
    counted = any(flow.counts.values()) or any(any(each.counts.values()) for each in flow.steps.values())
    return flow.kind in _UPKEEP and not counted and flow.state != "failed" and not flow.written


class PostgresFlows:
    """Flows in the table `kgmem.flow`."""

    def __init__(
        self, database: Database, *, enabled: bool = True, tracer: Tracer | None = None,
        retention: FlowRetention | None = None,
    ) -> None:  # fmt: skip
        """Take the database, and how long flows are kept; without `enabled` nothing is kept or written."""
        self._database = database
        self._enabled = enabled
        self._retention = retention or FlowRetention()
        self.traces = FlowTraces(tracer)
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._turns = count(1)

    @property
    def tracer(self) -> Tracer | None:
        """The tracing system that shows them, too."""
        return self.traces.tracer

    def run(
        self, kind: FlowKind, graph: str, *, scope: str | None = None, about: str | None = None
    ) -> AbstractContextManager[FlowTrace]:
        """Trace the block as a flow, or as a step of the flow that runs already."""
        around = current_flow()
        if around is not None:
            return inside(around, kind)
        scope = None if scope is None else str(scope)
        if not self._enabled:
            return running(FlowTrace(kind, graph, scope, about, self.traces.tracer), _nobody)
        self._wake()
        return running(self.traces.begin(kind, graph, scope, about), self._ended)

    async def get(self, id_: str, *, seen: Sequence[Visible] | None = None) -> Flow:
        """Return a flow, where `seen` includes it. Raises NotFound."""
        here = self.traces.find(id_)
        if here is not None:
            found: Flow | None = flow_of(here.told())
        else:
            async with self._database.connection() as connection:
                row = await connection.fetchrow(statement(_FILE, "get"), id_, SILENCE)
            found = _flow(row) if row is not None else None
        if found is None or not visible(found, seen):
            raise NotFound(
                f"There is no flow {id_[:80]!r}.",
                hint="GET /v1/flows lists those that are kept; of brief ones a busy server keeps a part.",
            )
        return found

    async def list(
        self, wanted: FlowFilter, cursor: str | None, limit: int, *, seen: Sequence[Visible] | None = None
    ) -> Page[Flow]:
        """Return a page of flows, newest first: what is written, and what this process has not written yet."""
        await self.flush()
        graphs = None if seen is None else [each.graph for each in seen]
        scopes = None if seen is None else [each.scope for each in seen]
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                statement(_FILE, "list"), wanted.graph, wanted.kind, wanted.state, wanted.scope, wanted.about,
                cursor, limit + 1, graphs, scopes, SILENCE,
            )  # fmt: skip
        found = [_flow(row) for row in rows[:limit]]
        return Page(found, found[-1].id if len(rows) > limit else None)

    async def forget(self, graph: str, scope: str) -> int:
        """Delete the flows of a scope, also those that no process has written yet; returns how many were stored."""
        self.traces.forget(graph, scope)

        async def work(connection: asyncpg.Connection) -> int:
            await connection.execute(statement(_FILE, "note_forgotten"), graph, scope)
            return int(await connection.fetchval(statement(_FILE, "forget"), graph, scope))

        async with self._lock:  # What this process writes is written before, or notices.
            return await self._database.transact(work)

    async def flush(self) -> bool:
        """Write what this process has traced and not written yet; returns False where the database refused it."""
        async with self._lock:
            due = self.traces.due()
            try:
                for first in range(0, len(due), _AT_ONCE):
                    await self._write(due[first : first + _AT_ONCE])
            except (KgmemError, asyncpg.PostgresError, OSError) as error:
                log.debug("flows_not_written", flows=len(due), error=error)
                return False
        return True

    async def trim(self) -> None:
        """Delete the flows that are too old, or too many; every minute while there are flows to write."""

        async def work(connection: asyncpg.Connection) -> None:
            for brief in (True, False):
                kept = (brief, self._retention.most, self._retention.days * _DAY)
                await connection.execute(statement(_FILE, "trim"), *kept)
            await connection.execute(statement(_FILE, "trim_forgotten"))

        await self._database.transact(work)

    async def close(self) -> None:
        """Write what waits, and stop."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self.flush()

    def _ended(self, flow: FlowTrace) -> None:
        self.traces.end(flow)
        if not self.traces.idle():
            self._wake()

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._soon(), context=for_nobody())

    async def _soon(self) -> None:
        idle, pause = False, _PAUSE
        while not idle:
            await asyncio.sleep(pause)
            written = await self.flush()
            pause = _PAUSE if written else min(2 * pause, _LONGEST_PAUSE)  # A replica, or a database that is away.
            idle = self.traces.idle()

    async def _write(self, flows: Sequence[FlowTrace]) -> None:
        told = [_row(flow) for flow in flows]
        for flow in flows:
            flow.changed = False
            flow.written = time.perf_counter()

        async def work(connection: asyncpg.Connection) -> None:
            # What a crash of Postgres may lose is the last moment of each flow.
            await connection.execute(SQL("SET LOCAL synchronous_commit = off"))
            await connection.execute(statement(_FILE, "put"), orjson.dumps(told).decode())

        try:
            await self._database.transact(work)
        except BaseException:
            for flow in flows:
                flow.changed = True
            raise
        for flow in flows:
            if flow.ended is not None and not flow.changed:
                self.traces.waiting.pop(flow.id, None)
        if next(self._turns) % _TRIMMED_EVERY == 0:
            await self.trim()


def _nobody(flow: FlowTrace) -> None:
    """Keep nothing of an ended flow."""


def _row(flow: FlowTrace) -> dict[str, Any]:
    """Return a flow as a row to write."""
    told = flow.told()
    return {
        "id": flow.id, "kind": flow.kind, "graph": _storable(flow.graph), "scope": _storable(flow.scope),
        "state": flow.state, "about": _storable(flow.about), "brief": flow.ended is not None and is_brief(flow),
        "started_at": told["started_at"],
        "told": {name: told[name] for name in ("duration_ms", "ended_at", "trace_id", "counts", "error", "steps")},
    }  # fmt: skip


def _storable(text: str | None) -> str | None:
    """Return a text without what Postgres does not store: a refused request may have named it."""
    return text and text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _flow(row: Any) -> Flow:
    names = ("id", "kind", "graph", "scope", "state", "about")
    told = {
        **orjson.loads(row["told"]),
        **{name: row[name] for name in names},
        "started_at": iso(row["started_at"]),
    }
    return flow_of(told, broken_off=row["silent"])
