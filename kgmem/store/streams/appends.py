"""Appends to streams: messages get their numbers under the lock of the stream, and trimming follows."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, InvalidInput, TooLarge
from kgmem.domain.streams.stream import (
    LARGEST_BODY,
    MOST_APPENDED,
    MOST_MESSAGES,
    MOST_STREAMS,
    Appended,
    NewMessage,
    StreamAddress,
    StreamSettings,
)
from kgmem.store.db.database import Database
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.streams.stream_rows import FILE, IN_POSTGRES, InRedis, settings_values
from kgmem.tasks import caller, for_nobody

_READS: Final = ("streams",)
_TRIM_EVERY: Final = 1_000  # Messages after which an append trims.
_TRIMMED_AT_ONCE: Final = 5_000
_MOST_KNOWN: Final = 10_000  # Streams whose ids a process keeps.
_Told = tuple[str, str | None, str | None, str | None]  # Body, key, idempotency key, author.


class _Gone(Conflict):
    """The stream was deleted at the same time."""


@dataclass(slots=True)
class _Append:
    messages: Sequence[_Told]
    future: "asyncio.Future[Appended]"


class Appends:
    """Appends to streams. Requests of one process to one stream that meet share a commit."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database = catalog.database
        self._waiting: dict[tuple[str, StreamAddress], list[_Append]] = defaultdict(list)
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids: dict[tuple[str, StreamAddress], int] = {}  # By schema: spares a look before each append.
        self.place_of_new: Callable[[], Awaitable[int]] = _here

    async def append(self, graph: str, address: StreamAddress, messages: Sequence[NewMessage]) -> Appended:
        """Append messages in one transaction; the stream is made where it is not there.

        Raises Conflict for an idempotency key with another content, TooLarge for a full stream.
        """
        by = caller()
        author = by.key if by else None
        told = [(encoded(each, place), each.key, each.idempotency_key, author) for place, each in enumerate(messages)]
        request = _Append(told, asyncio.get_running_loop().create_future())
        queue = self._waiting[graph, address]
        queue.append(request)
        if len(queue) == 1:
            task = asyncio.create_task(self._drain(graph, address), context=for_nobody())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await request.future

    async def made(self, layout: Layout, address: StreamAddress, settings: StreamSettings) -> tuple[int, bool]:
        """Make a stream that is not there; returns its id, and whether it was made. Raises TooLarge."""
        by = caller()
        place = await self.place_of_new()

        async def work(connection: asyncpg.Connection) -> tuple[int, bool]:
            number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
            row = await connection.fetchrow(layout.sql(FILE, "get"), number, address.name)
            if row is not None:
                return row["id"], False
            id_ = await connection.fetchval(
                layout.sql(FILE, "make"),
                number,
                address.name,
                *settings_values(settings),
                by.key if by else None,
                MOST_STREAMS,
                place,
            )
            if id_ is not None:
                return id_, True
            row = await connection.fetchrow(layout.sql(FILE, "get"), number, address.name)
            if row is None:
                raise TooLarge(f"The scope has {MOST_STREAMS:,} streams.", hint="Delete some that nobody uses.")
            return row["id"], False

        return await self.database.transact(work)

    async def _drain(self, graph: str, address: StreamAddress) -> None:
        """Append what waits, as long as something does; what gathers during a commit shares the next one."""
        key = (graph, address)
        queue = self._waiting[key]
        batch: list[_Append] = []
        try:
            while queue:
                batch, size = [], 0
                for each in queue:
                    if batch and size + len(each.messages) > MOST_APPENDED:
                        break
                    batch.append(each)
                    size += len(each.messages)
                await self._append_together(graph, address, batch)
                del queue[: len(batch)]
        except BaseException as error:
            for each in queue:
                if not each.future.done():
                    each.future.set_exception(error)
            queue.clear()
            raise
        finally:
            if not queue:
                self._waiting.pop(key, None)

    async def _append_together(self, graph: str, address: StreamAddress, batch: Sequence[_Append]) -> None:
        try:
            results = await self._append(graph, address, [each.messages for each in batch])
        except Exception as error:
            if len(batch) > 1 and isinstance(error, (Conflict, InvalidInput)):
                for each in batch:  # The error concerns only the request that caused it.
                    await self._append_together(graph, address, [each])
                return
            for each in batch:
                if not each.future.done():
                    each.future.set_exception(error)
            return
        for each, appended in zip(batch, results, strict=True):
            if not each.future.done():
                each.future.set_result(appended)

    async def _append(
        self, graph: str, address: StreamAddress, requests: Sequence[Sequence[_Told]], *, again: bool = True
    ) -> Sequence[Appended]:
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("streams")
            known = (layout.index_name, address)
            if known not in self._ids:
                if len(self._ids) > _MOST_KNOWN:
                    self._ids.clear()
                self._ids[known], _ = await self.made(layout, address, StreamSettings())
            id_ = self._ids[known]
            trims: list[tuple[int, int]] = []

            async def work(connection: asyncpg.Connection) -> Sequence[Appended]:
                trims.clear()
                stream = _here_at(await connection.fetchrow(layout.sql(FILE, "lock"), id_), address)
                told = [each for request in requests for each in request]
                if stream["length"] + len(told) > MOST_MESSAGES:
                    raise TooLarge(
                        f"The stream keeps {stream['length']:,} messages, the most of a stream.",
                        hint="Let its groups acknowledge them, delete groups that nobody uses, or trim it.",
                    )
                seqs, fresh = await _numbered(connection, layout, stream, told)
                if fresh:
                    bodies, keys, idems, authors = zip(*fresh, strict=True)
                    await connection.execute(
                        layout.sql(FILE, "append"), id_, stream["last"], list(bodies), list(keys), list(idems),
                        list(authors),
                    )  # fmt: skip
                    if stream["last"] // _TRIM_EVERY != (stream["last"] + len(fresh)) // _TRIM_EVERY:
                        trims.append((stream["max_length"], stream["max_age"]))
                return _shared_out(requests, seqs, stream["last"])

            try:
                results = await self.database.transact(work)
            except (InRedis, _Gone) as error:  # Deleted since; another one of its name may be there.
                self._ids.pop(known, None)
                if again and isinstance(error, _Gone):
                    return await self._append(graph, address, requests, again=False)
                raise
            for length, age in trims:
                await trimmed(self.database, layout, id_, length, age, once=True)
        return results


def _here_at(stream: Any, address: StreamAddress) -> Any:
    """Return the row of a stream whose messages are in Postgres."""
    if stream is None:
        raise _Gone
    if stream["place"] != IN_POSTGRES:
        raise InRedis(stream, address.name)
    return stream


async def _here() -> int:
    return IN_POSTGRES


async def trimmed(database: Database, layout: Layout, stream: int, length: int, age: int, *, once: bool = False) -> int:
    """Remove messages in parts, with `once` only one; returns how many."""
    removed = 0
    while True:
        async with database.connection() as connection:
            some = int(
                await connection.fetchval(layout.sql(FILE, "trim"), stream, length, float(age), _TRIMMED_AT_ONCE)
            )
        removed += some
        if some < _TRIMMED_AT_ONCE or once:
            return removed


async def _numbered(
    connection: asyncpg.Connection,
    layout: Layout,
    stream: Any,
    told: Sequence[_Told],
) -> tuple[list[int], list[_Told]]:
    """Return the number of each message, and the messages that are new. Raises Conflict."""
    named = [idem for _, _, idem, _ in told if idem is not None]
    rows = await connection.fetch(layout.sql(FILE, "same"), stream["id"], named) if named else []
    known = {row["idem"]: (row["seq"], row["key"], row["body"]) for row in rows}
    seqs, fresh = list[int](), list[_Told]()
    for each in told:
        body, key, idem, _ = each
        existing = known.get(idem) if idem is not None else None
        if existing is None:
            fresh.append(each)
            seqs.append(stream["last"] + len(fresh))
            if idem is not None:
                known[idem] = (seqs[-1], key, body)
            continue
        if existing[1:] != (key, body):
            raise Conflict(
                f"The idempotency key {str(idem)[:80]!r} has another message.",
                hint="Send the same message again, or take another idempotency key.", id=existing[0],
            )  # fmt: skip
        seqs.append(existing[0])
    return seqs, fresh


def _shared_out(requests: Sequence[Sequence[Any]], seqs: Sequence[int], last: int) -> Sequence[Appended]:
    results, place, seen = [], 0, last
    for request in requests:
        own = seqs[place : place + len(request)]
        new = sum(1 for each in own if each > seen)
        results.append(Appended(own, len(own) - new))
        seen = max([seen, *own])
        place += len(request)
    return results


def encoded(message: NewMessage, place: int) -> str:
    """Return the body of a message as JSON. Raises InvalidInput, TooLarge."""
    try:
        body = orjson.dumps(message.body)
    except TypeError as error:
        raise InvalidInput(
            f"messages[{place}].body is no JSON value.",
            hint="Give texts, numbers, lists, objects, true, false or null.",
            field=f"messages[{place}].body",
        ) from error  # fmt: skip
    if len(body) > LARGEST_BODY:
        raise TooLarge(
            f"messages[{place}].body has {len(body):,} bytes.",
            hint=f"At most {LARGEST_BODY:,}: store it, and send its key.",
            field=f"messages[{place}].body",
        )  # fmt: skip
    return body.decode()
