"""Sessions with their messages, and memory blocks with their versions, read for an export from its snapshot."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any, Final

import asyncpg
import orjson

from kgmem.domain.agents.session_records import BLOCK, BLOCK_VERSION, MESSAGE, SESSION, sent_of
from kgmem.domain.claims.records import BeliefKind, BeliefRecord
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout

_PAGE: Final = 200


async def session_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None, session: str | None = None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the sessions of one scope, or of all, and then their messages in order, in pages of one kind.

    With `session` only that one.
    """
    cursor = await connection.cursor(layout.sql("sessions", "all_sessions"), scope, session)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(SESSION, _session(row)) for row in rows]
    cursor = await connection.cursor(layout.sql("sessions", "all_messages"), scope, session)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(MESSAGE, _message(row)) for row in rows]


async def block_records(
    connection: asyncpg.Connection, layout: Layout, scope: str | None
) -> AsyncGenerator[Sequence[BeliefRecord], None]:
    """Return the memory blocks of one scope, or of all, and then their versions, in pages of one kind."""
    cursor = await connection.cursor(layout.sql("blocks", "all_blocks"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(BLOCK, _block(row)) for row in rows]
    cursor = await connection.cursor(layout.sql("blocks", "all_versions"), scope)
    while rows := await cursor.fetch(_PAGE):
        yield [_record(BLOCK_VERSION, _version(row)) for row in rows]


def _session(row: Any) -> dict[str, Any]:
    return {
        "id": row["name"], "scope": row["path"] or None, "agent": row["agent"], "users": list(row["users"]) or None,
        "metadata": orjson.loads(row["metadata"]) or None, "opened": iso(row["opened"]),
        "closed": None if row["closed"] is None else iso(row["closed"]), "last": row["last"],
        "messages": row["messages"], "latest": None if row["latest"] is None else iso(row["latest"]),
        "expires_at": None if row["expires_at"] is None else iso(row["expires_at"]),
    }  # fmt: skip


def _message(row: Any) -> dict[str, Any]:
    body: Mapping[str, Any] = orjson.loads(row["body"])
    return {
        "session": row["session_name"], "scope": row["path"] or None, "seq": row["seq"], "id": row["name"],
        "episode": body["episode"], "tokens": row["tokens"], "at": iso(row["at"]), "digest": row["digest"].hex(),
        "sent": sent_of(body),
    }  # fmt: skip


def _block(row: Any) -> dict[str, Any]:
    return {
        "name": row["name"], "scope": row["path"] or None, "last": row["last"], "versions": row["versions"],
        "expires_at": None if row["expires_at"] is None else iso(row["expires_at"]),
    }  # fmt: skip


def _version(row: Any) -> dict[str, Any]:
    return {
        "block": row["name"], "scope": row["path"] or None, "version": row["version"], "at": iso(row["at"]),
        "author": row["author"], "text": row["content"], "description": row["description"] or None,
        "limit": row["most"], "agents": list(row["agents"]) or None,
    }  # fmt: skip


def _record(kind: BeliefKind, told: Mapping[str, Any]) -> BeliefRecord:
    return BeliefRecord(kind, {name: value for name, value in told.items() if value is not None})
