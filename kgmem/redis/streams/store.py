"""Work streams in Redis where it may keep them, else in Postgres. Each stream stays where it was made."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from kgmem.domain.errors import Conflict, RedisUnavailable, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.streams.stream import (
    MOST_DEAD,
    MOST_GROUPS,
    MOST_MESSAGES,
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
from kgmem.log import EventLog
from kgmem.redis.connection import RedisConnection
from kgmem.redis.durability import faults
from kgmem.redis.streams.replies import dead_of, group_of, messages_of, pending_of, settled_of
from kgmem.redis.streams.scripts import StreamLost, StreamScripts
from kgmem.store.graph.layout import Layout
from kgmem.store.streams.appends import encoded
from kgmem.store.streams.stream_rows import IN_POSTGRES, TO_BE_MADE, InRedis, settings_values
from kgmem.store.streams.streams import PostgresStreams
from kgmem.tasks import caller

log = EventLog(__name__)

TIMEOUT: Final = 5.0  # Seconds that a call may take: it waits for the disk of the server.
_TRUSTED: Final = 60.0  # Seconds for which the settings of the server are taken to be as they were.
_MOST_KNOWN: Final = 10_000  # Streams of which a process remembers that they are in Redis.
_MOST_BYTES: Final = 16 * 1024 * 1024  # Of bodies, after which a read takes no further message.
_TRIM_EVERY: Final = 1_000  # Messages after which an append trims.
_LOOKED_AT: Final = 1_000  # Messages that one step of a trimming looks at: others have their turn between.
_SOME_DEAD: Final = 200  # Dead letters of one step.
_DEAD_FOR: Final = 30 * 86_400  # Seconds.

T = TypeVar("T")


class RedisStreams:
    """Implements StreamStore. A row in Postgres says where a stream is; its messages and groups are there alone."""

    def __init__(self, postgres: PostgresStreams, redis: RedisConnection) -> None:
        """Take the streams in Postgres, and a connection whose calls may wait for the disk."""
        self._postgres = postgres
        self._redis = redis
        self._scripts = StreamScripts(redis)
        self._known: dict[tuple[str, StreamAddress], int] = {}
        self._faults: Sequence[str] = ()
        self._looked = float("-inf")
        postgres.appends.place_of_new = self._place_of_new

    async def put(self, graph: str, address: StreamAddress, settings: StreamSettings) -> Stream:
        """Make a stream, or set its settings. Raises TooLarge, RedisUnavailable."""
        created = False

        async def here() -> Stream:
            nonlocal created
            try:
                return await self._postgres.put(graph, address, settings)
            except InRedis as found:
                created = found.created
                raise

        async def there(at: "_Place") -> Stream:
            await self._postgres.set(graph, address, settings)
            await at.run("set", *settings_values(settings))
            return replace(await self._shown(await self._postgres.row(graph, address), at), created=created)

        return await self._routed(graph, address, here, there)

    async def get(self, graph: str, address: StreamAddress) -> Stream:
        """Return a stream with its groups. Raises NotFound, RedisUnavailable."""

        async def there(at: "_Place") -> Stream:
            return await self._shown(await self._postgres.row(graph, address), at)

        return await self._routed(graph, address, lambda: self._postgres.get(graph, address), there)

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Stream]:
        """Return the streams in this scope only, by name. Raises RedisUnavailable."""
        page = await self._postgres.list(graph, scope, cursor, limit)
        if all(each.store == "postgres" for each in page.items):
            return page
        async with self._postgres.catalog.on(graph, reads=("streams",)) as layout:
            return Page([await self._filled(each, self._at(layout, each.id)) for each in page.items], page.cursor)

    async def delete(self, graph: str, address: StreamAddress) -> None:
        """Delete a stream with its messages and groups. Raises NotFound, RedisUnavailable."""
        found = await self._postgres.row(graph, address)
        if found.store == "redis":
            async with self._postgres.catalog.on(graph, reads=("streams",)) as layout:
                await self._dropped(self._at(layout, found.id))
        await self._postgres.delete(graph, address)

    async def append(self, graph: str, address: StreamAddress, messages: Sequence[NewMessage]) -> Appended:
        """Append messages in one step; the stream is made where it is not there.

        Raises Conflict for an idempotency key with another content, TooLarge for a full stream, RedisUnavailable.
        """
        by = caller()
        author = (by.key if by else None) or ""
        told = [
            (encoded(each, place), each.key or "", each.idempotency_key or "") for place, each in enumerate(messages)
        ]

        async def there(at: "_Place") -> Appended:
            await self._require_durable()
            word, *rest = await at.run("append", MOST_MESSAGES, author, *(part for each in told for part in each))
            if word == b"full":
                raise TooLarge(
                    f"The stream keeps {rest[0]:,} messages, the most of a stream.",
                    hint="Let its groups acknowledge them, delete groups that nobody uses, or trim it.",
                )
            if word == b"conflict":
                raise Conflict(
                    f"The idempotency key {rest[0].decode()[:80]!r} has another message.",
                    hint="Send the same message again, or take another idempotency key.", id=rest[1],
                )  # fmt: skip
            before, last, ids = rest
            if before // _TRIM_EVERY != last // _TRIM_EVERY:
                await at.run("trim", "", "", 0, _LOOKED_AT)
            return Appended(ids, word)

        return await self._routed(graph, address, lambda: self._postgres.append(graph, address, messages), there)

    async def messages(self, graph: str, address: StreamAddress, after: int, limit: int) -> Sequence[WorkMessage]:
        """Return the messages behind a number, for nobody in particular. Raises NotFound, RedisUnavailable."""

        async def there(at: "_Place") -> Sequence[WorkMessage]:
            return messages_of((await at.run("messages", after, limit))[0])

        return await self._routed(graph, address, lambda: self._postgres.messages(graph, address, after, limit), there)

    async def read(self, graph: str, address: StreamAddress, request: StreamRead) -> Sequence[WorkMessage]:
        """Lease the next messages of a group to a consumer. Raises NotFound, TooLarge, RedisUnavailable."""
        arguments = (
            request.group, request.consumer, request.limit, _milliseconds(request.lease_seconds),
            int(request.start == "beginning"), MOST_GROUPS, MOST_PENDING, MOST_DEAD, _MOST_BYTES,
        )  # fmt: skip

        async def there(at: "_Place") -> Sequence[WorkMessage]:
            return messages_of((await at.run("read", *arguments))[0])

        return await self._routed(graph, address, lambda: self._postgres.read(graph, address, request), there)

    async def acknowledge(self, graph: str, address: GroupAddress, receipts: Mapping[int, int]) -> Settled:
        """Note that deliveries are processed. Raises NotFound, RedisUnavailable."""
        here = self._postgres.acknowledge
        step = _Step("acknowledge", address.group, receipts)
        return await self._routed(graph, address.stream, lambda: here(graph, address, receipts), step.run)

    async def extend(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], seconds: float) -> Settled:
        """Extend leases to so many seconds from now. Raises NotFound, RedisUnavailable."""
        here = self._postgres.extend
        step = _Step("extend", address.group, receipts, seconds)
        return await self._routed(graph, address.stream, lambda: here(graph, address, receipts, seconds), step.run)

    async def release(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], how: Release) -> Settled:
        """Return deliveries that could not be processed. Raises NotFound, RedisUnavailable."""
        here = self._postgres.release
        step = _Step("release", address.group, receipts, how.delay_seconds, how.reason, how.dead)
        return await self._routed(graph, address.stream, lambda: here(graph, address, receipts, how), step.run)

    async def claim(self, graph: str, address: StreamAddress, request: StreamClaim) -> Sequence[WorkMessage]:
        """Lease to one consumer what another one of its group has. Raises NotFound, RedisUnavailable."""
        arguments = (
            request.group, request.consumer, request.of, _milliseconds(request.min_idle_seconds), request.limit,
            _milliseconds(request.lease_seconds),
        )  # fmt: skip

        async def there(at: "_Place") -> Sequence[WorkMessage]:
            return messages_of((await at.run("claim", *arguments, group=request.group))[0])

        return await self._routed(graph, address, lambda: self._postgres.claim(graph, address, request), there)

    async def pending(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[PendingMessage]:
        """Return what a group has taken and not acknowledged, by number. Raises NotFound, RedisUnavailable."""

        async def there(at: "_Place") -> Sequence[PendingMessage]:
            (rows,) = await at.run("pending", address.group, after, limit, group=address.group)
            return [pending_of(row) for row in rows]

        here = self._postgres.pending
        return await self._routed(graph, address.stream, lambda: here(graph, address, after, limit), there)

    async def dead_letters(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[DeadLetter]:
        """Return what a group has given up, by number. Raises NotFound, RedisUnavailable."""

        async def there(at: "_Place") -> Sequence[DeadLetter]:
            (rows,) = await at.run("dead_letters", address.group, after, limit, group=address.group)
            return [dead_of(row) for row in rows]

        here = self._postgres.dead_letters
        return await self._routed(graph, address.stream, lambda: here(graph, address, after, limit), there)

    async def replay(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Deliver dead letters (None: all) again; returns how many. Raises NotFound, RedisUnavailable."""
        here = self._postgres.replay
        return await self._routed(
            graph, address.stream, lambda: here(graph, address, ids),
            lambda at: _settle_dead(at, "replay", address.group, ids),
        )  # fmt: skip

    async def discard(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Delete dead letters (None: all); returns how many. Raises NotFound, RedisUnavailable."""
        here = self._postgres.discard
        return await self._routed(
            graph, address.stream, lambda: here(graph, address, ids),
            lambda at: _settle_dead(at, "discard", address.group, ids),
        )  # fmt: skip

    async def delete_group(self, graph: str, address: GroupAddress) -> None:
        """Delete a group with what it has pending, and its dead letters. Raises NotFound, RedisUnavailable."""

        async def there(at: "_Place") -> None:
            await at.run("delete_group", address.group, group=address.group)

        await self._routed(graph, address.stream, lambda: self._postgres.delete_group(graph, address), there)

    async def trim(self, graph: str, address: StreamAddress, length: int | None, age: int | None) -> int:
        """Remove the oldest messages that all groups have acknowledged. Raises NotFound, RedisUnavailable."""
        here = self._postgres.trim
        return await self._routed(
            graph, address, lambda: here(graph, address, length, age), lambda at: _trimmed(at, length, age)
        )

    async def trim_all(self, graph: str) -> int:
        """Trim each stream of a graph by its settings; returns how many messages were removed."""
        removed = await self._postgres.trim_all(graph)
        async with self._postgres.catalog.on(graph, reads=("streams",)) as layout:
            for id_ in await self._postgres.ids_in_redis(layout):
                at = self._at(layout, id_)
                try:
                    before = 1000 * int(time.time() - _DEAD_FOR)
                    while (await at.run("forget_dead", before, _SOME_DEAD))[0]:
                        pass
                    removed += await _trimmed(at, None, None)
                except StreamLost:
                    log.warning("stream_lost", graph=graph, stream=id_)
        return removed

    async def in_use(self, graph: str) -> bool:
        """Return whether a graph has streams."""
        return await self._postgres.in_use(graph)

    async def sweep(self) -> int:
        """Delete what streams, scopes and graphs that are gone have left in Redis. Raises RedisUnavailable."""
        members: Any = await self._redis.call(lambda client: client.smembers(self._register))
        by_graph: dict[int, set[int]] = {}
        for member in members:
            graph, _, stream = member.decode().partition(".")
            by_graph.setdefault(int(graph), set()).add(int(stream))
        if not by_graph:
            return 0
        existing = await self._postgres.existing_ids(list(by_graph))
        swept = 0
        for graph_id, streams in by_graph.items():
            for id_ in streams - existing.get(graph_id, frozenset()):
                await self._dropped(_Place(self._scripts, self._register, self._redis, graph_id, id_))
                swept += 1
        return swept

    @property
    def _register(self) -> str:
        return self._redis.key("streams")

    def _at(self, layout: Layout, id_: int) -> "_Place":
        return _Place(self._scripts, self._register, self._redis, layout.id, id_)

    async def _routed(
        self,
        graph: str,
        address: StreamAddress,
        here: Callable[[], Awaitable[T]],
        there: Callable[["_Place"], Awaitable[T]],
    ) -> T:
        """Do something where a stream is; one that was deleted and made again meanwhile is looked for again."""
        async with self._postgres.catalog.on(graph, reads=("streams",)) as layout:
            known = (layout.index_name, address)
            if known in self._known:
                try:
                    return await there(self._at(layout, self._known[known]))
                except StreamLost:
                    self._known.pop(known, None)
            try:
                return await here()
            except InRedis as found:
                at, ready = self._at(layout, found.id), found.ready
            try:
                if not ready:
                    row = await self._postgres.row(graph, address)
                    await at.make(row.settings)
                    await self._postgres.made_in_redis(layout, at.stream)
                result = await there(at)
            except StreamLost:
                raise RedisUnavailable(
                    f"This Redis server does not have the messages of the stream {address.name!r}.",
                    hint="Start the server that has them, or restore its files; delete the stream to do without them.",
                    retry_after=30,
                ) from None
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            self._known[known] = at.stream
            return result

    async def _shown(self, row: Stream, at: "_Place") -> Stream:
        last, first, groups = await at.run("look")
        found = sorted((group_of(each, last) for each in groups), key=lambda each: each.name)
        return replace(row, last=last, length=last - first + 1, groups=tuple(found))

    async def _filled(self, row: Stream, at: "_Place") -> Stream:
        if row.store == "postgres":
            return row
        try:
            return await self._shown(row, at)
        except StreamLost:  # A list shows it, so that it can be deleted.
            return row

    async def _dropped(self, at: "_Place") -> None:
        try:
            await at.drop()
        except StreamLost:
            await self._redis.call(lambda client: client.srem(self._register, at.member))

    async def _place_of_new(self) -> int:
        """Return where new streams go: to Postgres while Redis is away, or does not keep what it acknowledges."""
        try:
            return IN_POSTGRES if await self._found_faults(anew=True) else TO_BE_MADE
        except RedisUnavailable:
            return IN_POSTGRES

    async def _require_durable(self) -> None:
        """Raise RedisUnavailable where the server does not keep what it acknowledges, as after a change of settings."""
        found = await self._found_faults()
        if found:
            raise RedisUnavailable(
                f"Nothing is appended to streams on this Redis server: {'; '.join(found)}.",
                hint="Set appendonly yes, appendfsync always and a maxmemory-policy without allkeys.",
                retry_after=30,
            )

    async def _found_faults(self, *, anew: bool = False) -> Sequence[str]:
        now = time.monotonic()
        if anew or now - self._looked > _TRUSTED or self._redis.failures:
            found = await self._redis.call(faults)
            if found and found != self._faults:
                log.warning("streams_stay_in_postgres", server=self._redis.name, reason="; ".join(found))
            self._faults, self._looked, self._redis.failures = found, now, 0
        return self._faults


class _Place:
    """Where a stream is on a server."""

    def __init__(
        self, scripts: StreamScripts, register: str, redis: RedisConnection, graph: int, stream: int
    ) -> None:  # fmt: skip
        self.member = f"{graph}.{stream}"
        self.stream = stream
        self._scripts = scripts
        self._register = register
        self._key = redis.key("stream", str(graph), str(stream))

    async def run(self, name: Any, *arguments: Any, group: str = "") -> list[Any]:
        return await self._scripts.run(name, [self._key], *arguments, group=group)

    async def make(self, settings: StreamSettings) -> None:
        await self._scripts.run("make", [self._key, self._register], self.member, *settings_values(settings))

    async def drop(self) -> None:
        await self._scripts.run("delete", [self._key, self._register], self.member)


@dataclass(frozen=True, slots=True)
class _Step:
    """What is to become of deliveries."""

    what: str
    group: str
    receipts: Mapping[int, int]
    seconds: float = 0.0  # Of the lease, or of the delay.
    reason: str | None = None
    dead: bool = False

    async def run(self, at: _Place) -> Settled:
        pairs = (part for pair in self.receipts.items() for part in pair)
        how = (self.what, _milliseconds(self.seconds), self.reason or "", int(self.dead), MOST_DEAD)
        (ids,) = await at.run("settle", self.group, *how, *pairs, group=self.group)
        return settled_of(self.receipts, ids)


async def _settle_dead(at: _Place, what: str, group: str, ids: Sequence[int] | None) -> int:
    if ids is not None:
        return int((await at.run("settle_dead", group, what, *ids, group=group))[0])
    count, after = 0, 0
    while True:  # By number, so that one which dies again meanwhile does not come twice.
        (rows,) = await at.run("dead_letters", group, after, _SOME_DEAD, group=group)
        if not rows:
            return count
        after = int(rows[-1][0])
        count += int((await at.run("settle_dead", group, what, *(row[0] for row in rows), group=group))[0])


async def _trimmed(at: _Place, length: int | None, age: int | None) -> int:
    removed, begin = 0, 0
    while True:
        some, begin = await at.run(
            "trim", "" if length is None else length, "" if age is None else age, begin, _LOOKED_AT
        )
        removed += int(some)
        if not begin:
            return removed


def _milliseconds(seconds: float) -> int:
    return round(1000 * seconds)
