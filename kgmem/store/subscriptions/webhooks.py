"""Webhooks in the tables of each graph: what is sent where, how far each is, and what waits for another attempt."""

import secrets
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import Conflict, CursorExpired, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.subscriptions.event import BEGINNING, Event, Position
from kgmem.domain.subscriptions.subscription import EventFilter, Scorers, Subscription, SubscriptionRequest
from kgmem.domain.subscriptions.webhook import (
    FAILING,
    MOST_DEAD,
    MOST_LOGGED,
    MOST_WAITING,
    MOST_WEBHOOKS,
    DeliveryAttempt,
    Outbox,
    Outgoing,
    RoundReport,
    Run,
    Sent,
    UndeliveredEvent,
    Webhook,
    WebhookAddress,
    WebhookRequest,
    item_of,
    no_webhook,
)
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL
from kgmem.store.graph.catalog import PostgresCatalog
from kgmem.store.graph.layout import Layout, scope_ids
from kgmem.store.subscriptions.event_log import EventLog
from kgmem.store.subscriptions.subscriptions import PostgresSubscriptions
from kgmem.tasks import caller

_FILE: Final = "webhooks"
_READS: Final = ("webhooks", "subscriptions", "history", "claims", "sessions")
_LEASE: Final = 60.0  # Seconds; longer than one round of requests takes.
_GRAPHS: Final = SQL("SELECT name FROM kgmem.graph WHERE 'webhooks' = ANY (subsystems) ORDER BY name")


class PostgresWebhooks:
    """Webhooks by scope and name. Events come from the change feed at each attempt, so none is copied."""

    def __init__(self, catalog: PostgresCatalog, subscriptions: PostgresSubscriptions) -> None:
        """Take the catalog, which knows the database, and what reads events."""
        self.catalog = catalog
        self.database = catalog.database
        self._subscriptions = subscriptions
        self._log = EventLog()

    async def create(self, graph: str, address: WebhookAddress, request: WebhookRequest, secret: str) -> Webhook:
        """Store a webhook. Raises Conflict for a name that is taken, TooLarge, Unavailable."""
        by = caller()
        if request.events.start == "beginning":
            position = BEGINNING
        else:
            now = await self._subscriptions.feed(graph, request.events, (address.scope, None), 1, _no_scorer)
            position = Position.parse(now.cursor)
        async with self.catalog.on(graph, reads=_READS) as layout:
            await layout.ensure("webhooks")

            async def work(connection: asyncpg.Connection) -> None:
                number = (await scope_ids(connection, layout, [address.scope], make=True))[address.scope]
                if await connection.fetchval(layout.sql(_FILE, "count"), number) >= MOST_WEBHOOKS:
                    raise TooLarge(f"The scope has {MOST_WEBHOOKS} webhooks.", hint="Delete some that nobody uses.")
                made = await connection.fetchval(
                    layout.sql(_FILE, "add"), number, address.name, *_values(request), by.key if by else None,
                    position.change, position.place, secret,
                )  # fmt: skip
                if made is None:
                    raise Conflict(
                        f"There is a webhook {address.name!r} in this scope.", hint="Update it, or take another name."
                    )

            await self.database.transact(work)
            async with self.database.connection() as connection:
                return _webhook(await _existing(connection, layout, address), address.scope)

    async def get(self, graph: str, address: WebhookAddress) -> Webhook:
        """Return a webhook. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            return _webhook(await _existing(connection, layout, address), address.scope)

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Webhook]:
        """Return the webhooks in this scope only, by name."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            number = await _scope(connection, layout, scope)
            rows = await connection.fetch(layout.sql(_FILE, "list"), number, cursor or "", limit + 1)
        return Page(
            [_webhook(row, scope) for row in rows[:limit]], rows[limit - 1]["name"] if len(rows) > limit else None
        )

    async def update(
        self, graph: str, address: WebhookAddress, request: WebhookRequest, active: bool | None
    ) -> Webhook:
        """Change a webhook; the caller becomes its author. Raises NotFound."""
        by = caller()
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            author = by.key if by else None
            await connection.execute(layout.sql(_FILE, "update"), row["id"], *_values(request), author, active)
            return _webhook(await _existing(connection, layout, address), address.scope)

    async def rotate(self, graph: str, address: WebhookAddress, secret: str, overlap: int) -> Webhook:
        """Store a new secret; the one before signs beside it for so many seconds. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            await connection.execute(layout.sql(_FILE, "rotate"), row["id"], secret, float(overlap))
            return _webhook(await _existing(connection, layout, address), address.scope)

    async def delete(self, graph: str, address: WebhookAddress) -> None:
        """Delete a webhook with all that it keeps. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> None:
                row = await _existing(connection, layout, address)
                await connection.execute(layout.sql(_FILE, "delete"), row["id"])

            await self.database.transact(work)

    async def secrets(self, graph: str, address: WebhookAddress) -> Sequence[str]:
        """Return the secrets that sign now, for a test. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            return await _secrets(connection, layout, row["id"])

    async def attempts(self, graph: str, address: WebhookAddress, limit: int) -> Sequence[DeliveryAttempt]:
        """Return the newest attempts. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(_FILE, "attempts"), row["id"], limit)
        return [
            DeliveryAttempt(
                iso(each["at"]), each["message"], each["events"], each["attempt"], each["status"], each["error"],
                each["ms"],
            )
            for each in rows
        ]  # fmt: skip

    async def dead_letters(
        self, graph: str, address: WebhookAddress, after: Position, limit: int
    ) -> Sequence[UndeliveredEvent]:
        """Return what was given up, by id. Raises NotFound."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            rows = await connection.fetch(layout.sql(_FILE, "dead"), row["id"], after.change, after.place, limit)
        return [
            UndeliveredEvent(
                str(Position(each["change"], each["place"])), each["item"], each["attempts"], each["reason"] or "",
                iso(each["dead"]),
            )
            for each in rows
        ]  # fmt: skip

    async def replay(self, graph: str, address: WebhookAddress, ids: Sequence[Position] | None) -> int:
        """Send dead letters (None: all) again; returns how many. Raises NotFound."""
        return await self._of_dead(graph, address, "replay", ids)

    async def discard(self, graph: str, address: WebhookAddress, ids: Sequence[Position] | None) -> int:
        """Delete dead letters (None: all); returns how many. Raises NotFound."""
        return await self._of_dead(graph, address, "discard", ids)

    async def graphs(self) -> Sequence[str]:
        """Return the graphs that have webhooks."""
        async with self.database.connection() as connection:
            return [row["name"] for row in await connection.fetch(_GRAPHS)]

    async def due(self, graph: str) -> Sequence[tuple[int, bool]]:
        """Return the webhooks of a graph that have something to send: their ids, and whether they are slow."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            rows = await connection.fetch(layout.sql(_FILE, "due"), FAILING)
        return [(row["id"], row["slow"]) for row in rows]

    async def begin(self, graph: str, id_: int, seconds: float = _LEASE) -> Run | None:
        """Begin a run under a lease; None where there is nothing to do, or another run is at work."""
        lease = secrets.token_urlsafe(12)
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            if await connection.fetchval(layout.sql(_FILE, "begin"), id_, lease, seconds) is None:
                return None
            row = await connection.fetchrow(layout.sql(_FILE, "by_id"), id_)
            if row is None:
                return None
            return Run(_webhook(row, row["path"]), lease, await _secrets(connection, layout, id_))

    async def next(self, graph: str, run: Run, limit: int, scorers: Scorers) -> Outbox:
        """Return the next events of a run: what is due again, then new ones unless too many wait.

        A webhook that fails is tried with one event, and takes no new ones while others wait.
        """
        hook = run.webhook
        failing = hook.failures >= FAILING
        size = 1 if failing else limit
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            events, gone = await _due_again(connection, layout, self._log, (hook, size))
            if gone:
                await connection.execute(layout.sql(_FILE, "forget"), hook.id, *_places(gone))
            rows = await connection.fetch(layout.sql(_FILE, "waiting_items"), hook.id)
        waiting = {row["item"] for row in rows}
        cursor = Position.parse(hook.cursor)
        missing = size - len(events)
        if missing <= 0 or hook.waiting >= MOST_WAITING or (failing and waiting):
            return Outbox(events, cursor)
        try:
            place = (hook.scope, cursor)
            found = await self._subscriptions.feed(graph, hook.request.events, place, missing, scorers)
        except CursorExpired as error:
            oldest = Position.parse(str(error.facts.get("oldest", "0")))
            lost = f"Events behind {cursor} up to {oldest} are not kept any more, and were not sent."
            return Outbox(events, oldest, lost)
        new = [_new(event, waiting) for event in found.events]
        return Outbox([*events, *new], Position.parse(found.cursor))

    async def record(self, graph: str, run: Run, report: RoundReport) -> Webhook | None:
        """Note what became of events, and where new ones begin; None where the lease is lost."""
        hook = run.webhook
        done = [each.outgoing.position for each in report.sent if each.ok and each.outgoing.waiting]
        kept = [each for each in report.sent if not each.ok]
        ok = any(each.error is None for each in report.attempts)
        most = hook.request.max_attempts
        failed = sum(1 for each in report.attempts if each.error is not None)

        async with self.catalog.on(graph, reads=_READS) as layout:

            async def work(connection: asyncpg.Connection) -> Webhook | None:
                moved = await connection.fetchval(
                    layout.sql(_FILE, "move"), hook.id, run.lease, report.cursor.change, ok, failed, ok, report.pause,
                    report.slow, report.cursor.place, report.lost, _LEASE,
                )  # fmt: skip
                if moved is None:
                    return None
                if done:
                    await connection.execute(layout.sql(_FILE, "forget"), hook.id, *_places(done))
                if kept:
                    await connection.execute(layout.sql(_FILE, "keep"), hook.id, *_kept(kept), most)
                    await connection.execute(layout.sql(_FILE, "forget_dead"), hook.id, MOST_DEAD - 1)
                if report.attempts:
                    await connection.execute(layout.sql(_FILE, "log"), hook.id, *_columns(report.attempts))
                    await connection.execute(layout.sql(_FILE, "forget_attempts"), hook.id, MOST_LOGGED - 1)
                row = await connection.fetchrow(layout.sql(_FILE, "by_id"), hook.id)
                return _webhook(row, row["path"])

            return await self.database.transact(work)

    async def disable(self, graph: str, id_: int, reason: str) -> None:
        """Disable a webhook."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(_FILE, "disable"), id_, reason)

    async def end(self, graph: str, run: Run) -> None:
        """End the lease of a run."""
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            await connection.execute(layout.sql(_FILE, "end"), run.webhook.id, run.lease)

    async def _of_dead(self, graph: str, address: WebhookAddress, name: str, ids: Sequence[Position] | None) -> int:
        async with self.catalog.on(graph, reads=_READS) as layout, self.database.connection() as connection:
            row = await _existing(connection, layout, address)
            places: tuple[Any, Any] = (None, None) if ids is None else _places(ids)
            return int(await connection.fetchval(layout.sql(_FILE, name), row["id"], *places))


async def _due_again(
    connection: asyncpg.Connection, layout: Layout, log: EventLog, of: tuple[Webhook, int]
) -> tuple[list[Outgoing], list[Position]]:
    """Return the events that are due again, read again, and the places of those that are not kept any more."""
    hook, limit = of
    events, gone = list[Outgoing](), list[Position]()
    for row in await connection.fetch(layout.sql(_FILE, "next_waiting"), hook.id, limit):
        at = Position(row["change"], row["place"])
        bounds = (Position(at.change, at.place - 1), at.change)
        found, _ = await log.stretch(connection, layout, _subscription(hook), bounds, 1)
        if found and found[0].id == str(at):
            events.append(Outgoing(at, row["item"], found[0], row["attempts"], waiting=True))
        else:
            gone.append(at)
    return events, gone


async def _no_scorer(graph: str, question: str) -> Any:
    raise AssertionError(f"Nothing is rated: {graph} {question}")


def _new(event: Event, waiting: set[str]) -> Outgoing:
    item = item_of(event)
    return Outgoing(Position.parse(event.id), item, event, held=item in waiting)


def _subscription(hook: Webhook) -> Subscription:
    events = hook.request.events
    return Subscription("", hook.scope, events.what, events.filter, events.below, "", "", None)


def _places(positions: Sequence[Position]) -> tuple[list[int], list[int]]:
    return [each.change for each in positions], [each.place for each in positions]


def _kept(sent: Sequence[Sent]) -> tuple[list[Any], ...]:
    changes, places = _places([each.outgoing.position for each in sent])
    return (
        changes, places, [each.outgoing.item for each in sent],
        [each.outgoing.attempts + each.tried for each in sent], [each.pause for each in sent],
        [each.reason for each in sent],
    )  # fmt: skip


def _columns(attempts: Sequence[DeliveryAttempt]) -> tuple[list[Any], ...]:
    names = ("message", "events", "attempt", "status", "error", "ms")
    return tuple([getattr(each, name) for each in attempts] for name in names)


def _values(request: WebhookRequest) -> tuple[Any, ...]:
    events = request.events
    return (
        request.url, events.what, orjson.dumps(events.filter).decode(), events.below, request.batch,
        request.max_attempts,
    )  # fmt: skip


async def _scope(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def _existing(connection: asyncpg.Connection, layout: Layout, address: WebhookAddress) -> Any:
    number = await _scope(connection, layout, address.scope)
    row = await connection.fetchrow(layout.sql(_FILE, "get"), number, address.name)
    if row is None:
        raise no_webhook(address)
    return row


async def _secrets(connection: asyncpg.Connection, layout: Layout, id_: int) -> Sequence[str]:
    row = await connection.fetchrow(layout.sql(_FILE, "secrets"), id_)
    return [each for each in (row["secret"], row["previous"]) if each is not None] if row else []


def _webhook(row: Any, scope: str) -> Webhook:
    values = orjson.loads(row["narrowed"]).items()
    narrowed: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values}
    events = SubscriptionRequest(row["what"], EventFilter(**narrowed), row["below"])
    return Webhook(
        name=row["name"], scope=scope,
        request=WebhookRequest(row["url"], events, row["batch"], row["max_attempts"]),
        state="active" if row["active"] else "disabled", reason=row["reason"],
        cursor=str(Position(row["change"], row["place"])), waiting=row["waiting"], dead=row["dead"],
        failures=row["failures"], failing_since=_time(row["failing"]), succeeded_at=_time(row["succeeded"]),
        attempted_at=_time(row["attempted"]), previous_secret_until=_time(row["previous_until"]),
        created_at=iso(row["created"]), author=row["author"], id=row["id"],
    )  # fmt: skip


def _time(value: Any) -> str | None:
    return None if value is None else iso(value)
