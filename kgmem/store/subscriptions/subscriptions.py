"""Subscriptions in the tables of each graph, and the reads of their events."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, TooLarge, Unavailable
from kgmem.domain.graph.entity import Page
from kgmem.domain.recall.question_record import question_of
from kgmem.domain.subscriptions.answer import Evaluation
from kgmem.domain.subscriptions.event import BEGINNING, Event, Position
from kgmem.domain.subscriptions.subscription import (
    MOST_SUBSCRIPTIONS,
    Acknowledgement,
    ConsumerGroup,
    Delivery,
    EventFilter,
    GroupRead,
    Scorers,
    Subscription,
    SubscriptionAddress,
    SubscriptionRequest,
    no_subscription,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.database import Database
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.subscriptions import answer_log, groups, questions
from kgmem.store.subscriptions.event_log import FILE, LONGEST_STRETCH, EventLog
from kgmem.tasks import caller

_READS: Final = ("subscriptions", "answers", "history", "claims", "sessions")
_LOOKING: Final = 1.0  # Seconds that one read looks at events of which none matches.
_PATIENCE, _PAUSE = 10.0, 0.02  # Seconds to wait for transactions in progress, and between looks.
_GRACE = 0.1  # Seconds that a read waits for them, so that it finds what its caller has just written.


class PostgresSubscriptions:
    """Subscriptions by scope and name. Events come from the change feed, so nothing is written for them."""

    def __init__(self, catalog: PostgresCatalog) -> None:
        """Take the catalog, which knows the database."""
        self.catalog = catalog
        self.database: Database = catalog.database
        self._log = EventLog()

    async def put(
        self,
        graph: str,
        address: SubscriptionAddress,
        request: SubscriptionRequest,
        first: Evaluation | None = None,
    ) -> Subscription:
        """Store a subscription, by `answer` with its first evaluation; the same one again changes nothing.

        Raises Conflict, TooLarge, Unavailable.
        """
        by = caller()
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("subscriptions")
            if first is not None:
                await layout.ensure("answers")
            begins = request.start == "beginning" or first is not None
            start = BEGINNING.change if begins else await self._now(layout)

            async def work(connection: asyncpg.Connection) -> bool:
                number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
                if await connection.fetchval(layout.sql(FILE, "count"), number) >= MOST_SUBSCRIPTIONS:
                    raise TooLarge(
                        f"The scope has {MOST_SUBSCRIPTIONS:,} subscriptions.", hint="Delete some that nobody reads."
                    )
                told = orjson.dumps(request.filter).decode()
                made = await connection.fetchval(
                    layout.sql(FILE, "add"), number, address.name, request.what, told, request.below, start,
                    by.key if by else None,
                )  # fmt: skip
                if made is not None and first is not None:
                    await answer_log.begin(connection, layout, (made, number), request, first)
                return made is not None

            created = await self.database.transact(work)
            async with self.database.connection() as connection:
                stored = await _existing(connection, layout, address)
        same = (stored.what, stored.filter, stored.below, stored.answer)
        if not created and same != (request.what, request.filter, request.below, request.answer):
            raise Conflict(
                f"There is another subscription {address.name!r} in this scope.",
                hint="Delete it first, or take another name.",
            )
        return replace(stored, created=created)

    async def get(self, graph: str, address: SubscriptionAddress) -> Subscription:
        """Return a subscription with its groups. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            found = await _existing(connection, layout, address)
            (whole,) = await _with_groups(connection, layout, [found])
        return whole

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Subscription]:
        """Return the subscriptions in this scope only, by name."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            rows = await connection.fetch(layout.sql(FILE, "list"), number, cursor or "", limit + 1)
            found = [_subscription(row, scope) for row in rows[:limit]]
            return Page(
                await _with_groups(connection, layout, found), rows[limit - 1]["name"] if len(rows) > limit else None
            )

    async def delete(self, graph: str, address: SubscriptionAddress) -> int:
        """Delete a subscription with its groups; returns how many groups it had. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> int:
                found = await _existing(connection, layout, address)
                await answer_log.delete(connection, layout, found.id)
                return int(await connection.fetchval(layout.sql(FILE, "delete"), found.id))

            return await self.database.transact(work)

    async def events(
        self, graph: str, address: SubscriptionAddress, after: Position, limit: int, scorers: Scorers
    ) -> Delivery:
        """Return matching events behind a position, without a group. Raises NotFound, CursorExpired."""
        async with self.catalog.on(graph, reads=_READS) as layout:
            await self._let_end(layout)
            async with self.database.connection() as connection:
                found = await _existing(connection, layout, address)
                events, cursor = await self._matching(connection, layout, found, (after, limit), scorers)
        return Delivery(events, str(cursor))

    async def feed(
        self, graph: str, request: SubscriptionRequest, place: tuple[str, Position | None], limit: int, scorers: Scorers
    ) -> Delivery:
        """Return events behind a position that a request matches in a scope, without a subscription.

        `place`: the scope and the position; None: behind all events. Raises CursorExpired, Unavailable.
        """
        scope, after = place
        async with self.catalog.on(graph, reads=_READS) as layout:
            if after is None:
                return Delivery([], str(Position(await self._now(layout))))
            async with self.database.connection() as connection:
                row = await connection.fetchrow(layout.sql(FILE, "ends"))
            if after == Position(row["newest"] or 0):  # As for most looks of a stream.
                return Delivery([], str(after))
            await self._let_end(layout)
            asked = Subscription("", scope, request.what, request.filter, request.below, "", "", None)
            async with self.database.connection() as connection:
                events, cursor = await self._matching(connection, layout, asked, (after, limit), scorers)
        return Delivery(events, str(cursor))

    async def read(self, graph: str, address: SubscriptionAddress, request: GroupRead, scorers: Scorers) -> Delivery:
        """Lease the next events of a group to one consumer; without one where another has the lease.

        Raises NotFound, CursorExpired, Conflict, VersionConflict, InvalidInput, TooLarge.
        """
        async with self.catalog.on(graph, reads=_READS) as layout:
            await self._let_end(layout)
            async with self.database.connection() as connection:
                found = await _existing(connection, layout, address)
                idle = None if request.ack else await self._idle(connection, layout, found, request.group)
            if idle is not None:
                return Delivery([], str(idle), str(idle))
            turn = await self.database.transact(lambda c: groups.take(c, layout, found.id, request))
            if turn.lease is None:
                return Delivery([], str(turn.position), str(turn.position), None, turn.until)
            async with self.database.connection() as connection:
                events, cursor = await self._matching(
                    connection, layout, found, (turn.position, request.limit), scorers
                )
            return await self.database.transact(
                lambda c: groups.deliver(c, layout, found.id, (request, turn), (events, cursor))
            )

    async def acknowledge(
        self, graph: str, address: SubscriptionAddress, acknowledgement: Acknowledgement
    ) -> ConsumerGroup:
        """Move the cursor of a group. Raises NotFound, VersionConflict, Conflict, InvalidInput."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                found = await _existing(connection, layout, address)
                await groups.acknowledge(connection, layout, found.id, acknowledgement)

            await self.database.transact(work)
            return await self._group(layout, address, acknowledgement.group)

    async def seek(
        self, graph: str, address: SubscriptionAddress, group: str, to: Position | int | None, expected: str | None
    ) -> ConsumerGroup:
        """Set a group to a position, before the events since an instant, or behind all (None); ends its lease.

        Raises NotFound, VersionConflict, CursorExpired, Unavailable.
        """
        async with self.catalog.on(graph, reads=_READS) as layout:
            async with self.database.connection() as connection:
                found = await _existing(connection, layout, address)
            if found.answer is not None:
                async with self.database.connection() as connection:
                    position = await answer_log.place_of(connection, layout, found.id, to)
            else:
                position = await self._place_of(layout, to)

            async def work(connection: asyncpg.Connection) -> None:
                found = await _existing(connection, layout, address)
                await groups.seek(connection, layout, found.id, (group, position, expected))

            await self.database.transact(work)
            return await self._group(layout, address, group)

    async def _place_of(self, layout: Layout, to: Position | int | None) -> Position:
        """Return a position that is kept: a given one, before the events since an instant, or behind all (None)."""
        if to is None:
            to = Position(await self._now(layout))
        async with self.database.connection() as connection:
            if isinstance(to, int):
                to = Position(await connection.fetchval(layout.sql(FILE, "before_time"), to) or 0)
            await self._log.settled(connection, layout, to)
        return to

    async def delete_group(self, graph: str, address: SubscriptionAddress, group: str) -> None:
        """Delete a group with its cursor. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                found = await _existing(connection, layout, address)
                if not await connection.fetchval(layout.sql(FILE, "delete_group"), found.id, group):
                    raise groups.no_group(group)

            await self.database.transact(work)

    async def _idle(
        self, connection: asyncpg.Connection, layout: Layout, found: Subscription, group: str
    ) -> Position | None:
        """Return where a group is that has nothing new, so that who waits for events writes nothing; else None."""
        row = await connection.fetchrow(layout.sql(FILE, "look_at_group"), found.id, group)
        if row is None:
            return None
        position = Position(row["change"], row["place"])
        if found.answer is not None:
            end = await answer_log.last_event(connection, layout, found.id, position)
            return position if position >= end else None
        until = await self._log.settled(connection, layout, position)
        return position if position >= Position(until) else None

    async def _matching(
        self,
        connection: asyncpg.Connection,
        layout: Layout,
        found: Subscription,
        part: tuple[Position, int],
        scorers: Scorers,
    ) -> tuple[Sequence[Event], Position]:
        """Return the first matching events behind a position, and up to where all were looked at."""
        after, limit = part
        if found.answer is not None:
            return await answer_log.matching(connection, layout, found, after, limit)
        question = found.filter.question
        scorer = await scorers(layout.graph.name, question) if question is not None else None
        until = await self._log.settled(connection, layout, after)
        matching: list[Event] = []
        ending, size = time.monotonic() + _LOOKING, limit
        while True:
            events, end = await self._log.stretch(connection, layout, found, (after, until), size)
            passing = [event for event in events if found.filter.matches(event)]
            if scorer is not None:
                passing = await questions.relevant(connection, layout, found.filter, scorer, passing)
            matching += passing
            if len(matching) >= limit:
                return matching[:limit], Position.parse(matching[limit - 1].id)
            if end >= Position(until) or time.monotonic() > ending:
                return matching, end
            after, size = end, size if scorer else min(size * 4, LONGEST_STRETCH)

    async def _now(self, layout: Layout) -> int:
        """Return the change behind which all events are of transactions that end later, or ended just now."""
        settled, ended = await self._wait(layout, _PATIENCE)
        if not ended:
            raise Unavailable("A long write is in progress, such as an import.", hint="Try again when it has ended.")
        return settled

    async def settled(self, layout: Layout) -> int:
        """Return up to which change events can be read, after a moment for transactions in progress."""
        return (await self._wait(layout, _GRACE))[0]

    async def _let_end(self, layout: Layout) -> None:
        """Wait a moment for transactions in progress, since events behind them cannot be read yet."""
        await self._wait(layout, _GRACE)

    async def _wait(self, layout: Layout, seconds: float) -> tuple[int, bool]:
        """Wait until all changes that there are now can be read; returns up to which they can, and whether all can."""
        ending, newest = time.monotonic() + seconds, None
        while True:
            async with self.database.connection() as connection:  # Not kept during the pause: others need it.
                row = await connection.fetchrow(layout.sql(FILE, "ends"))
                newest = row["newest"] or 0 if newest is None else newest
                settled = await self._log.settled(connection, layout, BEGINNING)
            if settled >= newest or time.monotonic() > ending:
                return settled, settled >= newest
            await asyncio.sleep(_PAUSE)

    async def _group(self, layout: Layout, address: SubscriptionAddress, name: str) -> ConsumerGroup:
        async with self.database.connection() as connection:
            found = await _existing(connection, layout, address)
            (whole,) = await _with_groups(connection, layout, [found])
        group = next((each for each in whole.groups if each.name == name), None)
        if group is None:
            raise groups.no_group(name)
        return group


async def _scope(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _existing(connection: asyncpg.Connection, layout: Layout, address: SubscriptionAddress) -> Subscription:
    number = await _scope(connection, layout, address.scope)
    row = await connection.fetchrow(layout.sql(FILE, "get"), number, address.name)
    if row is None:
        raise no_subscription(address)
    return _subscription(row, address.scope)


async def _with_groups(
    connection: asyncpg.Connection, layout: Layout, found: Sequence[Subscription]
) -> Sequence[Subscription]:
    rows = await connection.fetch(layout.sql(FILE, "groups"), [each.id for each in found]) if found else []
    return [
        replace(each, groups=tuple(_group(row) for row in rows if row["subscription"] == each.id)) for each in found
    ]


def _group(row: Any) -> ConsumerGroup:
    until = iso(row["until"]) if row["until"] is not None else None
    return ConsumerGroup(row["name"], str(Position(row["change"], row["place"])), until)


def _subscription(row: Any, scope: str) -> Subscription:
    values = orjson.loads(row["filter"]).items()
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values}
    answer = None
    if row["question"] is not None:
        answer = replace(question_of(orjson.loads(row["question"])), scope=str(scope))
    return Subscription(
        name=row["name"], scope=scope, answer=answer, what=row["what"], filter=EventFilter(**told), below=row["below"],
        start=str(Position(row["start"])), created_at=iso(row["created"]), author=row["author"], id=row["id"],
    )  # fmt: skip
