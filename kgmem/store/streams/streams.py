"""Work streams in the tables of each graph: the truth about what was appended, and what was acknowledged."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import NotFound, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.streams.stream import (
    MOST_DEAD,
    MOST_GROUPS,
    MOST_PENDING,
    Appended,
    DeadLetter,
    GroupAddress,
    NewMessage,
    PendingMessage,
    Release,
    Settled,
    Stream,
    StreamAddress,
    StreamClaim,
    StreamRead,
    StreamSettings,
    WorkMessage,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.database import Database
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout
from kgmem.store.streams.appends import Appends, trimmed
from kgmem.store.streams.stream_rows import (
    FILE,
    IN_POSTGRES,
    IN_REDIS,
    InRedis,
    existing,
    group_of,
    message_of,
    scope_number,
    settings_values,
    settled,
    stream_of,
    time_of,
    whole,
)

_READS: Final = ("streams",)
_LOOKED_AT: Final = 4  # Of so many times the messages that a read wants, those that may be delivered are sought.
_LEAST_LOOKED_AT: Final = 200


class PostgresStreams:
    """Streams by scope and name. Appends of one process to one stream that meet share a commit."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database: Database = catalog.database
        self.appends = Appends(catalog)

    async def put(self, graph: str, address: StreamAddress, settings: StreamSettings) -> Stream:
        """Make a stream, or set its settings. Raises TooLarge."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("streams")
            _, created = await self.appends.made(layout, address, settings)
            if not created:
                await self.set(graph, address, settings)
            async with self.database.connection() as connection:
                try:
                    return await whole(connection, layout, address, created=created)
                except InRedis as found:
                    found.created = created
                    raise

    async def get(self, graph: str, address: StreamAddress) -> Stream:
        """Return a stream with its groups. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return await whole(connection, layout, address)

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Stream]:
        """Return the streams in this scope only, by name."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            number = await scope_number(layout, self.database, scope)
            async with self.database.connection() as connection:
                rows = await connection.fetch(layout.sql(FILE, "list"), number, cursor or "", limit + 1)
                groups = await connection.fetch(layout.sql(FILE, "groups"), [row["id"] for row in rows[:limit]])
        found = [stream_of(row, scope, groups) for row in rows[:limit]]
        return Page(found, rows[limit - 1]["name"] if len(rows) > limit else None)

    async def delete(self, graph: str, address: StreamAddress) -> None:
        """Delete a stream with its messages and groups. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                found = await existing(connection, layout, address, anywhere=True)
                await connection.execute(layout.sql(FILE, "delete"), found["id"])

            await self.database.transact(work)

    async def append(self, graph: str, address: StreamAddress, messages: Sequence[NewMessage]) -> Appended:
        """Append messages in one transaction; the stream is made where it is not there.

        Raises Conflict for an idempotency key with another content, TooLarge for a full stream.
        """
        return await self.appends.append(graph, address, messages)

    async def messages(self, graph: str, address: StreamAddress, after: int, limit: int) -> Sequence[WorkMessage]:
        """Return the messages behind a number, for nobody in particular. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            found = await existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(FILE, "messages"), found["id"], after, limit)
        return [message_of(row) for row in rows]

    async def read(self, graph: str, address: StreamAddress, request: StreamRead) -> Sequence[WorkMessage]:
        """Lease the next messages of a group to a consumer. Raises NotFound, TooLarge."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            async with self.database.connection() as connection:
                stream = await existing(connection, layout, address)
                waits = await connection.fetchval(layout.sql(FILE, "waits"), stream["id"], request.group)
            if waits is False:  # So that who waits for messages writes nothing. None: the group is not made yet.
                return []
            return await self.database.transact(lambda c: _taken(c, layout, stream, request))

    async def acknowledge(self, graph: str, address: GroupAddress, receipts: Mapping[int, int]) -> Settled:
        """Note that deliveries are processed. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            number = await scope_number(layout, self.database, address.stream.scope)
            async with self.database.connection() as connection:
                rows = await connection.fetch(
                    layout.sql(FILE, "acknowledge_by_name"), number, list(receipts), list(receipts.values()),
                    address.stream.name, address.group,
                )  # fmt: skip
        # Nothing is found where the stream or the group is not there, too, or is in Redis.
        return settled(receipts, rows) if rows else await self._settle(graph, address, receipts, "acknowledge")

    async def extend(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], seconds: float) -> Settled:
        """Extend leases to so many seconds from now. Raises NotFound."""
        return await self._settle(graph, address, receipts, "extend", seconds)

    async def release(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], how: Release) -> Settled:
        """Return deliveries that could not be processed. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Settled:
                stream, group = await group_of(connection, layout, address)
                rows = await connection.fetch(
                    layout.sql(FILE, "release"), group["id"], list(receipts), list(receipts.values()),
                    how.delay_seconds, how.reason,
                )  # fmt: skip
                over = [row["seq"] for row in rows if how.dead or row["deliveries"] >= stream["max_deliveries"]]
                if over:
                    await _bury(connection, layout, stream, group["id"], over)
                return settled(receipts, rows)

            return await self.database.transact(work)

    async def claim(self, graph: str, address: StreamAddress, request: StreamClaim) -> Sequence[WorkMessage]:
        """Lease to one consumer what another one of its group has. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Sequence[WorkMessage]:
                stream, group = await group_of(connection, layout, GroupAddress(address, request.group))
                rows = await connection.fetch(
                    layout.sql(FILE, "claim"), group["id"], stream["id"], request.of, request.min_idle_seconds,
                    request.limit, request.consumer, request.lease_seconds,
                )  # fmt: skip
                return [message_of(row) for row in rows]

            return await self.database.transact(work)

    async def pending(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[PendingMessage]:
        """Return what a group has taken and not acknowledged, by number. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            _, group = await group_of(connection, layout, address)
            rows = await connection.fetch(layout.sql(FILE, "pending"), group["id"], after, limit)
        return [
            PendingMessage(
                row["seq"], row["key"], row["consumer"], row["deliveries"], time_of(row["delivered"]),
                time_of(row["until"]), row["reason"],
            )
            for row in rows
        ]  # fmt: skip

    async def dead_letters(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[DeadLetter]:
        """Return what a group has given up, by number. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            _, group = await group_of(connection, layout, address)
            rows = await connection.fetch(layout.sql(FILE, "dead"), group["id"], after, limit)
        return [
            DeadLetter(row["seq"], row["key"], orjson.loads(row["body"]), row["deliveries"], row["reason"],
                       iso(row["died"]))
            for row in rows
        ]  # fmt: skip

    async def replay(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Deliver dead letters (None: all) again; returns how many. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                stream, group = await group_of(connection, layout, address, lock=True)
                chosen = None if ids is None else list(ids)
                return int(await connection.fetchval(layout.sql(FILE, "replay"), group["id"], stream["id"], chosen))

            return await self.database.transact(work)

    async def discard(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Delete dead letters (None: all); returns how many. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            _, group = await group_of(connection, layout, address)
            chosen = None if ids is None else list(ids)
            return int(await connection.fetchval(layout.sql(FILE, "discard"), group["id"], chosen))

    async def delete_group(self, graph: str, address: GroupAddress) -> None:
        """Delete a group with what it has pending, and its dead letters. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                _, group = await group_of(connection, layout, address, lock=True)
                await connection.execute(layout.sql(FILE, "delete_group"), group["id"])

            await self.database.transact(work)

    async def trim(self, graph: str, address: StreamAddress, length: int | None, age: int | None) -> int:
        """Remove the oldest messages that all groups have acknowledged; returns how many. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            async with self.database.connection() as connection:
                stream = await existing(connection, layout, address)
            length = stream["max_length"] if length is None else length
            return await trimmed(self.database, layout, stream["id"], length, stream["max_age"] if age is None else age)

    async def trim_all(self, graph: str) -> int:
        """Trim each stream of a graph by its settings; returns how many messages were removed."""
        removed = 0
        async with self.catalog.on(graph, reads=_READS) as layout:
            async with self.database.connection() as connection:
                await connection.execute(layout.sql(FILE, "old_dead"))
                streams = await connection.fetch(layout.sql(FILE, "all"))
            for each in streams:
                if each["place"] != IN_POSTGRES:
                    continue
                removed += await trimmed(self.database, layout, each["id"], each["max_length"], each["max_age"])
        return removed

    async def in_use(self, graph: str) -> bool:
        """Return whether a graph has streams."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            return "streams" in layout.subsystems.made

    async def sweep(self) -> int:
        """Delete nothing: all is in the database, and goes with it."""
        return 0

    async def row(self, graph: str, address: StreamAddress) -> Stream:
        """Return a stream wherever its messages are, without its groups. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return stream_of(await existing(connection, layout, address, anywhere=True), address.scope, ())

    async def set(self, graph: str, address: StreamAddress, settings: StreamSettings) -> None:
        """Set the settings of a stream that exists."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            number = await scope_number(layout, self.database, address.scope)
            async with self.database.connection() as connection:
                await connection.execute(layout.sql(FILE, "set"), number, address.name, *settings_values(settings))

    async def made_in_redis(self, layout: Layout, id_: int) -> None:
        """Note that Redis has a stream: it is lost where Redis has it no more."""
        async with self.database.connection() as connection:
            await connection.execute(layout.sql(FILE, "made_in_redis"), id_)

    async def ids_in_redis(self, layout: Layout) -> Sequence[int]:
        """Return the ids of the streams of a graph whose messages are in Redis."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(FILE, "all"))
        return [row["id"] for row in rows if row["place"] == IN_REDIS]

    async def existing_ids(self, graphs: Sequence[int]) -> Mapping[int, frozenset[int]]:
        """Return the ids of all streams of these graphs, by the number of the graph; none of a graph that is gone."""
        found = dict[int, frozenset[int]]()
        for graph in await self.catalog.list():
            try:
                async with self.catalog.on(graph.name, reads=_READS, expires=False) as layout:
                    if layout.id not in graphs:
                        continue
                    async with self.database.connection() as connection:
                        found[layout.id] = frozenset(
                            row["id"] for row in await connection.fetch(layout.sql(FILE, "all"))
                        )
            except NotFound:  # Dropped meanwhile.
                continue
        return found

    async def _settle(
        self, graph: str, address: GroupAddress, receipts: Mapping[int, int], name: str, *more: float
    ) -> Settled:
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            _, group = await group_of(connection, layout, address)
            rows = await connection.fetch(
                layout.sql(FILE, name), group["id"], list(receipts), list(receipts.values()), *more
            )
        return settled(receipts, rows)


async def _taken(
    connection: asyncpg.Connection, layout: Layout, stream: Any, request: StreamRead
) -> Sequence[WorkMessage]:
    """Take what waits, then what is new, in the caller's transaction, under the lock of the group."""
    group = await connection.fetchrow(layout.sql(FILE, "lock_group"), stream["id"], request.group)
    if group is None:
        await connection.execute(
            layout.sql(FILE, "make_group"), stream["id"], request.group, request.start == "beginning", MOST_GROUPS
        )
        group = await connection.fetchrow(layout.sql(FILE, "lock_group"), stream["id"], request.group)
    if group is None:
        raise TooLarge(f"The stream has {MOST_GROUPS} groups.", hint="Delete groups that nobody uses.")
    held = await connection.fetchrow(
        layout.sql(FILE, "held"), group["id"], MOST_PENDING + MOST_DEAD, stream["max_deliveries"]
    )
    assert held is not None  # noqa: S101 - it counts
    if held["spent"]:
        await _bury(connection, layout, stream, group["id"], [])
    how = (request.consumer, request.lease_seconds)
    waiting = (layout.sql(FILE, "take_waiting"), group["id"], stream["id"], request.limit, *how)
    rows = await connection.fetch(*waiting) if held["waits"] else []
    missing = request.limit - len(rows)
    if missing and held["count"] < MOST_PENDING:
        looked_at = min(max(_LOOKED_AT * missing, _LEAST_LOOKED_AT), MOST_PENDING - held["count"])
        new = await connection.fetch(
            layout.sql(FILE, "take_new"), group["id"], stream["id"], group["taken"], missing, *how, looked_at
        )
        rows = [*rows, *(row for row in new if row["deliveries"])]
    return [message_of(row) for row in rows]


async def _bury(connection: asyncpg.Connection, layout: Layout, stream: Any, group: int, seqs: Sequence[int]) -> None:
    buried = await connection.fetch(layout.sql(FILE, "bury"), group, stream["id"], stream["max_deliveries"], list(seqs))
    if buried:
        await connection.execute(layout.sql(FILE, "forget_dead"), group, MOST_DEAD - 1)
