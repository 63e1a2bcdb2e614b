"""The log of a followed answer: what entered, left or moved, numbered under the lock of the answer.

A number is given with the commit that stores its event, so a reader who has seen a number has seen all before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.errors import CursorExpired, TooLarge
from kgmem.domain.graph.scope import SHARED
from kgmem.domain.recall.question import Question
from kgmem.domain.recall.question_record import record_of
from kgmem.domain.subscriptions.answer import MOST_ANSWERS, MOST_LOGGED, AnswerItem, Evaluation, Moved, moves, replayed
from kgmem.domain.subscriptions.event import BEGINNING, Event, Position
from kgmem.domain.subscriptions.subscription import Subscription, SubscriptionRequest
from kgmem.domain.time.interval import iso
from kgmem.store.db.sql import SQL, fill
from kgmem.store.graph.labels import borne
from kgmem.store.graph.layout import Layout, scope_ids

FILE: Final = "answers"
_STRETCH: Final = 500
_LONGEST_PROBLEM: Final = 500


async def begin(
    connection: asyncpg.Connection,
    layout: Layout,
    of: tuple[int, int],
    request: SubscriptionRequest,
    first: Evaluation,
) -> None:
    """Follow an answer for a new subscription (its number, that of its scope), in the caller's transaction.

    Raises TooLarge.
    """
    subscription, scope = of
    if request.answer is None or await connection.fetchval(layout.sql(FILE, "count"), scope) >= MOST_ANSWERS:
        raise TooLarge(f"The scope has {MOST_ANSWERS} subscriptions to answers.", hint="Delete some that nobody reads.")
    await connection.execute(layout.sql(FILE, "add"), subscription, _record(request.answer))
    number = await store(connection, layout, subscription, 0, first)
    if request.start == "now":
        await connection.execute(layout.sql(FILE, "start"), subscription, number)


async def restore(connection: asyncpg.Connection, layout: Layout, subscription: int, question: Question) -> None:
    """Follow an answer for a subscription of a file: its first evaluation comes later, and begins its events."""
    await connection.execute(layout.sql(FILE, "add"), subscription, _record(question))
    await connection.execute(layout.sql(FILE, "start"), subscription, 0)


async def delete(connection: asyncpg.Connection, layout: Layout, subscription: int) -> None:
    """Delete what is kept of an answer, in the caller's transaction."""
    await connection.execute(layout.sql(FILE, "lock"), subscription)  # Whoever stores an evaluation is waited for.
    await connection.execute(layout.sql(FILE, "delete"), subscription)


async def place_of(
    connection: asyncpg.Connection, layout: Layout, subscription: int, to: Position | int | None
) -> Position:
    """Return a position whose events are kept: a given one, before the events since an instant, or behind all (None).

    Raises CursorExpired.
    """
    if isinstance(to, int):
        to = Position(await connection.fetchval(layout.sql(FILE, "before_time"), subscription, to) or 0)
    end = await last_event(connection, layout, subscription, to or BEGINNING)
    return end if to is None else to


async def last_event(connection: asyncpg.Connection, layout: Layout, subscription: int, after: Position) -> Position:
    """Return the position behind all events. Raises CursorExpired where events behind `after` are not kept any more."""
    row = await connection.fetchrow(layout.sql(FILE, "ends"), subscription)
    base, number = (row["base"], row["number"]) if row else (0, 0)
    if after.change > number or 0 < after.change < base:
        raise CursorExpired(
            f"The events behind the cursor {after} are not kept any more.",
            hint='Read the answer, and go on from its cursor; or set the group to "0", which begins with that answer.',
            oldest=str(Position(base)),
        )
    return Position(number)


async def matching(
    connection: asyncpg.Connection, layout: Layout, subscription: Subscription, after: Position, limit: int
) -> tuple[Sequence[Event], Position]:
    """Return the first matching events behind a position, and up to where all were looked at."""
    end = await last_event(connection, layout, subscription.id, after)
    sql, found = _with_details(layout, "events"), list[Event]()
    while True:
        rows = await connection.fetch(sql, subscription.id, after.change, after.place, _STRETCH)
        for row in rows:
            event = _event(row)
            if subscription.filter.matches(event):
                found.append(event)
                if len(found) == limit:
                    return found, Position.parse(event.id)
        if len(rows) < _STRETCH:
            return found, max(end, Position(rows[-1]["number"], rows[-1]["place"])) if rows else end
        after = Position(rows[-1]["number"], rows[-1]["place"])


async def items_of(connection: asyncpg.Connection, layout: Layout, subscription: int) -> list[AnswerItem]:
    """Return the items of an answer as it was evaluated last."""
    rows = await connection.fetch(_with_details(layout, "items"), subscription)
    return [
        AnswerItem(
            row["rank"], row["item"], row["kind"], row["path"], row["name"], _labels(row), _rounded(row["relevance"])
        )
        for row in rows
    ]


async def store(
    connection: asyncpg.Connection, layout: Layout, subscription: int, version: int, evaluation: Evaluation
) -> int | None:
    """Store an evaluation with its events, in the caller's transaction; returns the number of the last event.

    None where the version is another one, or the subscription is gone: then nothing is stored.
    """
    row = await connection.fetchrow(layout.sql(FILE, "lock"), subscription)
    if row is None or row["version"] != version:
        return None
    if evaluation.hits is None:
        problem = (evaluation.problem or "")[:_LONGEST_PROBLEM]
        await connection.execute(layout.sql(FILE, "fail"), subscription, evaluation.moment.again, problem)
        return int(row["number"])
    hits = evaluation.hits
    made = moves(row["ids"], hits)
    scopes = await scope_ids(connection, layout, {each.scope for each in hits} | {SHARED}, make=False)
    number = row["number"] + len(made)
    if made:
        places = {id_: (kind, scope) for id_, kind, scope in zip(row["ids"], row["kinds"], row["scopes"], strict=True)}
        places |= {each.id: (each.kind, scopes.get(each.scope, 0)) for each in hits}
        await _log(connection, layout, subscription, (row["number"], made), places)
    await connection.execute(
        layout.sql(FILE, "store"), subscription, [each.id for each in hits], [each.kind for each in hits],
        [scopes.get(each.scope, 0) for each in hits], [each.relevance for each in hits], number, *evaluation.moment,
    )  # fmt: skip
    if number - row["base"] > MOST_LOGGED:
        await _shorten(connection, layout, subscription, number - MOST_LOGGED // 2)
    return int(number)


async def _log(
    connection: asyncpg.Connection,
    layout: Layout,
    subscription: int,
    made: tuple[int, Sequence[Moved]],
    places: Mapping[int, tuple[str, int]],
) -> None:
    """Append events behind a number; `places` has the kind and scope of each item."""
    last, events = made
    ids = [each.item.id for each in events]
    await connection.execute(
        layout.sql(FILE, "log"), subscription, [last + place for place in range(1, len(events) + 1)],
        [each.change for each in events], ids, [places[id_][0] for id_ in ids], [places[id_][1] for id_ in ids],
        [each.rank for each in events], [each.previous_rank for each in events],
        [each.item.relevance for each in events],
    )  # fmt: skip


async def _shorten(connection: asyncpg.Connection, layout: Layout, subscription: int, base: int) -> None:
    """Replace all events up to one by the answer as it was behind it."""
    rows = await connection.fetch(layout.sql(FILE, "kept"), subscription, base)
    ids = replayed((row["change"], row["item"], row["rank"]) for row in rows)
    last = {row["item"]: row for row in rows if row["change"] != "left"}
    kept = [last[id_] for id_ in ids]
    await connection.execute(layout.sql(FILE, "forget"), subscription, base)
    await connection.execute(
        layout.sql(FILE, "replace"), subscription, base, ids, [row["kind"] for row in kept],
        [row["scope"] for row in kept], [row["relevance"] for row in kept], [row["at"] for row in kept],
    )  # fmt: skip


def _record(question: Question) -> str:
    return orjson.dumps(record_of(question)).decode()


def _with_details(layout: Layout, name: str) -> SQL:
    return fill(layout.sql(FILE, name), {"details": layout.sql(FILE, "details")})


def _event(row: Any) -> Event:
    entities = row["entities"] if row["entities"] is not None else [row["name"]] if row["name"] is not None else []
    return Event(
        id=str(Position(row["number"], row["place"])), at=iso(row["at"]), kind=f"answer.{row['change']}",
        item=row["item"], scope=row["path"], key=row["name"], labels=_labels(row), entities=tuple(entities),
        state=None, previous_state=None, source=row["source"], by=None, relevance=_rounded(row["relevance"]),
        rank=row["rank"], previous_rank=row["previous_rank"],
    )  # fmt: skip


def _labels(row: Any) -> tuple[str, ...]:
    if row["kind"] == "fact":
        return (row["label"],) if row["label"] else ()
    return tuple(each for each in borne(row["label"] or "", row["labels"]) if each)


def _rounded(relevance: float | None) -> float | None:
    return None if relevance is None else round(relevance, 3)
