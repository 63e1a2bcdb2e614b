"""Presence in an unlogged table of each graph, activity in one of the server: a crash of Postgres empties both."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.presence import (
    DEFAULT_TTL,
    LARGEST_CONTEXT,
    MOST_AGENTS,
    AgentAddress,
    Heartbeat,
    MinuteActivity,
    Presence,
    not_present,
    too_many_agents,
)
from kgmem.domain.errors import InvalidInput, KgmemError, NotFound, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.time.interval import SECOND, iso, now
from kgmem.log import EventLog
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.tasks import caller, for_nobody

log = EventLog(__name__)

_FILE: Final = "presence"
_READS: Final = ("presence",)
_MINUTE: Final = 60 * SECOND
LOOKED_EVERY: Final = 0.5  # Seconds between looks of who follows presence.
_PAUSE: Final = 2.0  # Seconds for which counts gather before they are written.
_MOST_COUNTED: Final = 10_000  # Scopes and minutes that gather; further ones are not counted.
Counts = dict[tuple[str, int], list[int]]  # Requests, recalls and writes, by scope and minute.


class PostgresPresence:
    """Heartbeats by scope and agent, and the counts of this process until they are written."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._counted: dict[str, Counts] = defaultdict(dict)
        self._writing: asyncio.Task[None] | None = None

    async def beat(self, graph: str, address: AgentAddress, heartbeat: Heartbeat) -> Presence:
        """Note that an agent is at work. Raises TooLarge."""
        by = caller()
        context = encoded(heartbeat.context)
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("presence")

            async def work(connection: asyncpg.Connection) -> None:
                number = await _room(connection, layout, address)
                await connection.execute(
                    layout.sql(_FILE, "beat"), number, address.agent, heartbeat.session, heartbeat.status, context,
                    float(heartbeat.ttl_seconds), by.key if by else None,
                )  # fmt: skip

            await self.database.transact(work)
        return await self.get(graph, address)

    async def get(self, graph: str, address: AgentAddress) -> Presence:
        """Return an agent that is present. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await connection.fetchrow(layout.sql(_FILE, "get"), address.scope, address.agent)
        if row is None:
            raise not_present(address)
        return _presence(row)

    async def list(self, graph: str, scope: str, below: bool, cursor: str | None, limit: int) -> Page[Presence]:
        """Return who is present in a scope, with `below` in those below it, too; by scope and name."""
        path, agent = position(cursor)
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "list"), scope, below, path, agent, limit + 1)
        found = [_presence(row) for row in rows[:limit]]
        more = f"{found[-1].agent}/{found[-1].scope}" if len(rows) > limit else None
        return Page(found, more)

    async def leave(self, graph: str, address: AgentAddress) -> None:
        """Note that an agent is away. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            if not await connection.fetchval(layout.sql(_FILE, "leave"), address.scope, address.agent):
                raise not_present(address)

    async def touch(self, graph: str, address: AgentAddress, session: str) -> None:
        """Note that an agent works in a session; what it reported of itself stays. Raises TooLarge."""
        by = caller()
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("presence")

            async def work(connection: asyncpg.Connection) -> None:
                number = await _room(connection, layout, address)
                await connection.execute(
                    layout.sql(_FILE, "touch"), number, address.agent, session, float(DEFAULT_TTL),
                    by.key if by else None,
                )  # fmt: skip

            await self.database.transact(work)

    async def changed(self, graph: str, seen: int, seconds: float) -> int:
        """Wait: only looking shows what has changed. Raises NotFound where the graph is gone."""
        await self.catalog.layout(graph)
        await asyncio.sleep(min(seconds, LOOKED_EVERY))
        return seen + 1

    async def forget(self, graph: str, scope: str | None = None) -> None:
        """Count no more what this process has not written yet; all else is in the tables of the graph."""
        counted = self._counted.pop(graph, {})
        if scope is not None:
            self._counted[graph] = {place: numbers for place, numbers in counted.items() if place[0] != scope}

    def count(self, graph: str, scope: str, *, recall: bool = False, write: bool = False) -> None:
        """Count a request of this minute; returns at once, and is written within seconds."""
        counted = self._counted[graph]
        place = (scope, now() // _MINUTE * _MINUTE)
        if place not in counted and len(counted) >= _MOST_COUNTED:
            return
        numbers = counted.setdefault(place, [0, 0, 0])
        numbers[0] += 1
        numbers[1] += recall
        numbers[2] += write
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_later(), name="kgmem activity", context=for_nobody())

    async def activity(self, graph: str, scope: str, below: bool, minutes: int) -> Sequence[MinuteActivity]:
        """Return the last minutes in which something happened, oldest first."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "activity"), scope, below, minutes, layout.id)
        return [MinuteActivity(iso(row["minute"]), row["requests"], row["recalls"], row["writes"]) for row in rows]

    async def aclose(self) -> None:
        """Write what is counted."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)
        await self._write()

    async def write_counts(self, graph: str, counts: Counts) -> None:
        """Add counts to those of their minutes."""
        columns = [[path for path, _ in counts], [minute for _, minute in counts]]
        columns += [[each[place] for each in counts.values()] for place in range(3)]
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(_FILE, "add"), *columns, layout.id)
            await connection.execute(layout.sql(_FILE, "forget"))

    async def _write_later(self) -> None:
        while self._counted:
            await asyncio.sleep(_PAUSE)
            await self._write()

    async def _write(self) -> None:
        """Write the counts; where the database is away they are lost, as what is live may be."""
        counted, self._counted = self._counted, defaultdict(dict)
        for graph, numbers in counted.items():
            try:
                await self.write_counts(graph, numbers)
            except NotFound:  # Dropped meanwhile.
                continue
            except KgmemError as error:
                log.warning("activity_lost", graph=graph, error=error)


async def _room(connection: asyncpg.Connection, layout: Layout, address: AgentAddress) -> int:
    """Return the number of a scope that has room for the agent. Raises TooLarge."""
    number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
    if await connection.fetchval(layout.sql(_FILE, "count"), number, address.agent) >= MOST_AGENTS:
        await connection.execute(layout.sql(_FILE, "expire"))
        if await connection.fetchval(layout.sql(_FILE, "count"), number, address.agent) >= MOST_AGENTS:
            raise too_many_agents()
    return number


def encoded(context: Any) -> str | None:
    """Return the context of a heartbeat as JSON. Raises InvalidInput, TooLarge."""
    if context is None:
        return None
    try:
        text = orjson.dumps(context)
    except TypeError as error:
        raise InvalidInput("context is no JSON value.", hint="Give texts, numbers, lists, objects.") from error
    if len(text) > LARGEST_CONTEXT:
        raise TooLarge(f"context has {len(text):,} bytes.", hint=f"At most {LARGEST_CONTEXT:,}.", field="context")
    return text.decode()


def position(cursor: str | None) -> tuple[str | None, str | None]:
    """Return scope and name behind which a page begins; a cursor is `name/scope`, since names have no slash."""
    if cursor is None:
        return None, None
    agent, found, path = cursor.partition("/")
    if not found or not agent:
        raise InvalidInput(
            f"{cursor[:40]!r} is not a cursor.", hint="Send the cursor of the last page.", field="cursor"
        )
    return path, agent


def _presence(row: Any) -> Presence:
    return Presence(
        agent=row["agent"], scope=row["path"], session=row["session"], status=row["status"],
        context=None if row["context"] is None else orjson.loads(row["context"]), since=iso(row["since"]),
        seen_at=iso(row["seen"]), expires_at=iso(row["until"]), author=row["author"],
    )  # fmt: skip
