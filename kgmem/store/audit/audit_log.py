"""The audit log in Postgres.

A process collects what it notes for a fraction of a second and writes it as one batch. A batch locks the end of the
chain while it is written, so that all processes extend one chain, and no request waits for it.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from hashlib import blake2b
from typing import Any, Final

import orjson

from kgmem.domain.audit.chain import Chain, chained, removal
from kgmem.domain.audit.log import (
    LEVELS,
    AuditActor,
    AuditEntry,
    AuditEvent,
    AuditFilter,
    AuditHead,
    AuditLevel,
    AuditVerification,
)
from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import iso, now
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.statements import load
from kgmem.tasks import for_nobody

log = EventLog(__name__)

_PAUSE: Final = 0.2  # Seconds between two batches.
_LONGEST_PAUSE: Final = 5.0
_AT_ONCE: Final = 1_000  # Entries of a batch.
_WAITING: Final = 50_000  # Entries that may wait to be written, while the database is away.
_PAGE: Final = 5_000  # Entries that are verified or exported in one step.
_LEVELS_FRESH: Final = 2.0  # Seconds for which the levels of graphs count.
_REMOVED_AT_ONCE: Final = 20_000  # Entries that retention removes in one transaction.
_DAY: Final = 86_400 * 1_000_000
_NAMES: Final = {each.name for each in fields(AuditEntry)} - {"hash"}
_LONGEST: Final = 500  # Characters of an action, an address or an id of a request.


class PostgresAuditLog:
    """The audit log of one database."""

    def __init__(self, database: Database, *, default: AuditLevel = "off", days: float = 0.0) -> None:
        """Take the database, the level of graphs that have none of their own, and for how many days entries stay."""
        self._database = database
        self._default = default
        self._days = days
        self._levels: Mapping[str, AuditLevel] = {}
        self._levels_at = float("-inf")
        self._salt = b""
        self._waiting: deque[tuple[int, AuditEvent]] = deque()
        self._lost = 0
        self._writing: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()

    async def open(self) -> None:
        """Read which graphs are audited."""
        await self._read_levels()

    async def aclose(self) -> None:
        """Write what waits, as far as the database can be reached."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        try:
            await self._flush()
        except KgmemError as error:
            log.warning("audit_not_written", entries=len(self._waiting), error=error)

    def wants(self, graph: str | None, *, change: bool) -> bool:
        """Return whether something done to a graph is to be noted."""
        if self._default == "off" and not self._levels:
            self._look_again()
            return False
        self._look_again()
        level = self._default if graph is None else self._levels.get(graph, self._default)
        return level == "all" or (level == "changes" and change)

    def note(self, event: AuditEvent) -> None:
        """Note an event where its graph is audited."""
        if not self.wants(event.graph, change=event.change):
            return
        if len(self._waiting) >= _WAITING:
            self._lost += 1
            return
        self._waiting.append((now(), event))
        self._start()

    def _look_again(self) -> None:
        if time.monotonic() - self._levels_at >= _LEVELS_FRESH:
            self._levels_at = time.monotonic()
            self._start()

    def _start(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="kgmem audit", context=for_nobody())

    async def _write(self) -> None:
        """Read the levels again, and write what waits, until nothing does."""
        pause = _PAUSE
        try:
            await self._read_levels()
        except KgmemError as error:
            log.debug("audit_levels_not_read", error=error)
        while self._waiting:
            await asyncio.sleep(pause)
            try:
                await self._flush()
                pause = _PAUSE
            except KgmemError as error:
                pause = min(2 * pause, _LONGEST_PAUSE)
                log.warning("audit_not_written", entries=len(self._waiting), error=error)

    async def _flush(self) -> None:
        """Write what waits. Who is cancelled meanwhile leaves it to go on: a batch is written once, and wholly."""
        await asyncio.shield(asyncio.create_task(self._write_waiting(), name="kgmem audit", context=for_nobody()))

    async def _write_waiting(self) -> None:
        async with self._lock:
            while self._waiting:
                batch = [self._waiting[n] for n in range(min(_AT_ONCE, len(self._waiting)))]
                lost = self._lost
                await self._append(batch, lost)
                self._lost -= lost
                for _ in batch:
                    self._waiting.popleft()

    async def _append(self, batch: Sequence[tuple[int, AuditEvent]], lost: int) -> None:
        """Write a batch at the end of the chain, in one transaction."""
        if lost:
            batch = [*batch, (now(), AuditEvent("server", f"lost {lost} entries", change=True, outcome="failed"))]
        async with self._database.connection() as connection, connection.transaction():
            await self._extend(connection, await connection.fetchrow(load("audit")["state"]), batch)

    async def _extend(self, connection: Any, state: Any, batch: Sequence[tuple[int, AuditEvent]]) -> None:
        """Write a batch at the end of the chain, whose state is locked."""
        number, previous = state["last_id"], state["last_hash"]
        self._salt = state["salt"] or await connection.fetchval(load("audit")["make_salt"])
        unproven = {each.graph for _, each in batch if each.graph is not None and each.outcome != "done"}
        there = await connection.fetchval(load("audit")["graphs"], list(unproven)) if unproven else []
        entries, hashes = [], []
        for at, event in batch:
            number += 1
            # A name that no graph has is a text of the caller: it might be of a person.
            graph = None if event.graph in unproven.difference(there) else event.graph
            entry = self._entry(number, at, replace(event, graph=graph))
            previous = chained(previous, entry.text())
            entries.append(entry)
            hashes.append(previous)
        await connection.execute(
            load("audit")["append"],
            [each.id for each in entries],
            [at for at, _ in batch],
            [each.key for each in entries],
            [each.graph for each in entries],
            [each.scope for each in entries],
            [each.item for each in entries],
            [each.change for each in entries],
            [each.text() for each in entries],
            hashes,
        )
        await connection.execute(load("audit")["advance"], number, previous)

    def _entry(self, number: int, at: int, event: AuditEvent) -> AuditEntry:
        return AuditEntry(
            number,
            iso(at),
            event.interface,
            event.action[:_LONGEST],
            event.change,
            event.outcome,
            event.key,
            event.graph,
            self._digest("scope", event.graph, event.scope),
            self._digest("item", event.graph, event.item),
            (event.address or "")[:_LONGEST] or None,
            (event.request_id or "")[:_LONGEST] or None,
        )

    def _digest(self, kind: str, graph: str | None, text: str | None) -> str | None:
        if text is None:
            return None
        return blake2b(f"{kind}\0{graph}\0{text}".encode(), key=self._salt, digest_size=16).hexdigest()

    async def list(self, wanted: AuditFilter, *, cursor: str | None, limit: int) -> Page[AuditEntry]:
        """Return a page of entries, newest first. Raises InvalidInput."""
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidInput("cursor: this is no cursor of a page.", hint="Give the one that the last page has.")
        before = None if cursor is None else int(cursor)
        values = await self._values(wanted)
        async with self._database.connection() as connection:
            rows = await connection.fetch(load("audit")["page"], before, *values, limit + 1)
        entries = [_entry_of(row) for row in rows[:limit]]
        return Page(entries, str(entries[-1].id) if len(rows) > limit else None)

    async def export(self, wanted: AuditFilter) -> AsyncIterator[AuditEntry]:
        """Return all entries, oldest first, as they are at one time."""
        await self._flush()
        values, after = await self._values(wanted), 0
        async with self._snapshot() as connection:
            while rows := await connection.fetch(load("audit")["onward"], after, *values, _PAGE):
                for row in rows:
                    yield _entry_of(row)
                after = rows[-1]["id"]

    @asynccontextmanager
    async def _snapshot(self) -> AsyncIterator[Any]:
        """Yield a connection that sees the log as it is now, whatever retention removes meanwhile."""
        async with (
            self._database.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield connection

    async def _values(self, wanted: AuditFilter) -> Sequence[Any]:
        """Return the parameters of a filter; scope and item are looked for by their digests, in one graph."""
        since, until = wanted.check()
        async with self._database.connection() as connection:
            self._salt = (await connection.fetchrow(load("audit")["read_state"]))["salt"] or b""
        scope = self._digest("scope", wanted.graph, wanted.scope)
        item = self._digest("item", wanted.graph, wanted.item)
        return wanted.graph, wanted.key, scope, item, wanted.change, since, until

    async def head(self) -> AuditHead:
        """Return the last entry, when all that this process has noted is written."""
        await self._flush()
        async with self._database.connection() as connection:
            state = await connection.fetchrow(load("audit")["read_state"])
        return AuditHead(state["last_id"], state["last_hash"].hex())

    async def verify(self, head: AuditHead | None) -> AuditVerification:
        """Verify the chain up to where it ends now, and that it has the entry that was noted elsewhere."""
        await self._flush()
        async with self._snapshot() as connection:
            state = await connection.fetchrow(load("audit")["read_state"])
            last = AuditHead(state["last_id"], state["last_hash"].hex())
            chain = Chain(AuditHead(state["base_id"], state["base_hash"].hex()), head)
            after = state["base_id"]
            while chain.broken is None and (
                rows := await connection.fetch(load("audit")["chain"], after, last.id, _PAGE)
            ):
                await asyncio.to_thread(_follow, chain, rows)
                after = rows[-1]["id"]
        return chain.end(last)

    async def trim(self) -> int:
        """Remove entries that are older than the setting allows, oldest first; returns how many."""
        removed = 0
        oldest = now() - int(self._days * _DAY)
        while self._days and (some := await self._trim(oldest)):
            removed += some
        if removed:
            log.info("audit_trimmed", entries=removed)
        return removed

    async def _trim(self, oldest: int) -> int:
        """Remove some entries from before a time, and note the last of them at the end of the chain."""
        async with self._database.connection() as connection, connection.transaction():
            state = await connection.fetchrow(load("audit")["state"])
            first = state["base_id"]
            cut = min(await connection.fetchval(load("audit")["expired"], oldest), first + _REMOVED_AT_ONCE)
            if cut <= first:
                return 0
            hash_ = await connection.fetchval(load("audit")["hash_of"], cut)
            if hash_ is None:
                return 0  # Somebody has removed it: that is for `verify` to report.
            await connection.fetchval(load("audit")["allow_retention"])
            await connection.execute(load("audit")["remove"], cut)
            await connection.fetchval(load("audit")["forbid_retention"])
            await connection.execute(load("audit")["rebase"], cut, hash_)
            action = removal(AuditHead(cut, hash_.hex()))
            event = AuditEvent("server", action, change=True, outcome="done")
            await self._extend(connection, state, [(now(), event)])
        return int(cut - first)

    async def level(self, graph: str) -> AuditLevel:
        """Return what of a graph is audited."""
        await self._read_levels()
        return self._levels.get(graph, self._default)

    async def set_level(self, graph: str, level: AuditLevel | None, by: AuditActor) -> AuditLevel:
        """Set what of a graph is audited, and note the change in the same transaction. Raises InvalidInput."""
        if level is not None and level not in LEVELS:
            raise InvalidInput(f"level: {level!r} is no level.", hint=f"Give one of {', '.join(LEVELS)}.")
        await self._flush()
        async with self._database.connection() as connection, connection.transaction():
            state = await connection.fetchrow(load("audit")["state"])
            before = await connection.fetchval(load("audit")["level"], graph)
            if level is None:
                await connection.execute(load("audit")["unset_level"], graph)
            else:
                await connection.execute(load("audit")["set_level"], graph, level)
            if before != level:
                action = f"audit level: {before or 'default'} to {level or 'default'}"
                await self._extend(connection, state, [(now(), _event_of(by, action, graph))])
        return await self.level(graph)

    async def _read_levels(self) -> None:
        async with self._database.connection() as connection:
            rows = await connection.fetch(load("audit")["levels"])
        self._levels = {row["graph"]: row["level"] for row in rows}
        self._levels_at = time.monotonic()


def _entry_of(row: Any) -> AuditEntry:
    return AuditEntry(**orjson.loads(row["entry"]), hash=row["hash"].hex())


def _event_of(by: AuditActor, action: str, graph: str) -> AuditEvent:
    return AuditEvent(by.interface, action, True, "done", by.key, graph, address=by.address, request_id=by.request_id)


def _follow(chain: Chain, rows: Sequence[Any]) -> None:
    """Verify the next entries: their hashes, and that the columns, by which they are found, repeat what was hashed."""
    for row in rows:
        agrees = _agrees(row)
        chain.follow(_stored(row, agrees=agrees), row["entry"])
        if chain.broken is None and not agrees:
            chain.entries -= 1
            chain.broken = row["id"], "Its columns say something else than what was hashed."
        if chain.broken is not None:
            return


def _stored(row: Any, *, agrees: bool) -> AuditEntry:
    """Return an entry; of one that was tampered with what the chain compares, its number and its hash."""
    if agrees:
        return _entry_of(row)
    return AuditEntry(row["id"], "", "server", "", True, "", None, None, None, None, None, None, row["hash"].hex())


def _agrees(row: Any) -> bool:
    """Return whether the columns of an entry say what its text says."""
    try:
        values = orjson.loads(row["entry"])
    except orjson.JSONDecodeError:
        return False
    if not isinstance(values, dict) or values.keys() != _NAMES:
        return False
    names = ("id", "key", "graph", "scope", "item", "change")
    return all(values[name] == row[name] for name in names) and bool(values["at"] == iso(row["at"]))
