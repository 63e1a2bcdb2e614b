"""Subscriptions and feedback: read for an export from its snapshot, and stored from the records of a file."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.shared_records import FEEDBACK, SUBSCRIPTION, subscription_of
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import ENTITY, EPISODE
from kgmem.domain.subscriptions.event import Position
from kgmem.domain.time.interval import iso, now, parse_time
from kgmem.store.graph.layout import Layout
from kgmem.store.subscriptions import answer_log

_PAGE: Final = 500
_KIND_OF: Final = {ENTITY: "entity", EPISODE: "episode"}


async def shared_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the subscriptions of one scope, or of all, and then feedback, in pages of one kind."""
    cursor = await connection.cursor(layout.sql("subscriptions", "all"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(SUBSCRIPTION, _subscription(row)) for row in rows]
    async with aclosing(feedback_records(connection, layout, scope)) as pages:
        async for page in pages:
            yield page


async def feedback_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None, items: Sequence[int] | None = None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the feedback of one scope, or of all, in pages; only that on some items (ids)."""
    cursor = await connection.cursor(layout.sql("feedback", "all"), scope, items)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(FEEDBACK, _feedback(row)) for row in rows]


async def restore_subscription(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a subscription whose name is free, with its groups, behind all changes so far; returns whether it was."""
    address, request, groups = subscription_of(told)
    id_ = await connection.fetchval(
        layout.sql("subscriptions", "restore"), layout.scopes[address.scope], address.name, request.what,
        orjson.dumps(request.filter).decode(), request.below, told.get("author"), _at(told),
    )  # fmt: skip
    if id_ is not None and request.answer is not None:
        await answer_log.restore(connection, layout, id_, request.answer)
    if id_ is not None and groups:
        await connection.execute(layout.sql("subscriptions", "restore_groups"), id_, groups, Position(0).place)
    return id_ is not None


async def restore_feedback(connection: asyncpg.Connection, layout: Layout, told: Mapping[str, Any]) -> bool:
    """Store a verdict that its caller has not given; returns whether that is new. Raises InvalidInput."""
    if told["item"] == "relationship":
        apart = told.get("apart")
        ends = (told["start"], told["relation"], told["end"], None if apart is None else int(apart))
        found = await connection.fetchval(layout.sql("feedback", "relationship_of"), told.get("of_scope") or "", *ends)
    else:
        kind = ENTITY if told["item"] == "entity" else EPISODE
        found = await connection.fetchval(
            layout.sql("feedback", "item_of"), told.get("of_scope") or "", told["key"], kind
        )
    if found is None:
        raise InvalidInput(
            f"The feedback is on a {told['item']} that is not there.", hint="Import what it is on, too.", field="item"
        )
    made = await connection.fetchval(
        layout.sql("feedback", "restore"), layout.scopes[told.get("scope") or ""], found, told.get("by") or "",
        told.get("question") or "", told["verdict"] == "useful", told.get("reason"), _at(told),
    )  # fmt: skip
    return made is not None


def _at(told: Mapping[str, Any]) -> int:
    at = parse_time(told["at"]).start if told.get("at") is not None else None
    return now() if at is None else at


def _subscription(row: Any) -> dict[str, Any]:
    standard: Mapping[str, Any] = {"kinds": [], "labels": [], "keys": [], "question": None}
    told = orjson.loads(row["filter"])
    narrowed = {name: value for name, value in told.items() if name not in standard or value != standard[name]}
    return {
        "subscription": row["name"], "scope": row["path"] or None, "what": row["what"], "filter": narrowed,
        "below": row["below"], "at": iso(row["created"]), "author": row["author"], "groups": row["groups"] or None,
        "answer": orjson.loads(row["question"]) if row["question"] is not None else None,
    }  # fmt: skip


def _feedback(row: Any) -> dict[str, Any]:
    about = {"item": "relationship", "start": row["start"], "relation": row["relation"], "end": row["end"]}
    if row["apart"] is not None:  # As text, since not every reader of JSON has integers of 64 bits.
        about["apart"] = str(row["apart"])
    if row["kind"] is not None:
        about = {"item": _KIND_OF[row["kind"]], "key": row["key"]}
    return {
        **about, "of_scope": row["of_scope"] or None, "scope": row["path"] or None, "by": row["by"] or None,
        "question": row["question"] or None, "verdict": "useful" if row["useful"] else "wrong",
        "reason": row["reason"], "at": iso(row["at"]),
    }  # fmt: skip


def _record(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    return BeliefRecord(kind, {name: value for name, value in told.items() if value is not None})
