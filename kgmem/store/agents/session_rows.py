"""Rows of sessions and messages, as the store reads them."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.session import Session, SessionAddress, no_such_session
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout, scope_ids


async def scope_number(connection: asyncpg.Connection, layout: Layout, scope: str) -> int:
    """Return the number of a scope; -1 where it does not exist."""
    return (await scope_ids(connection, layout, [scope], make=False)).get(scope, -1)


async def existing(connection: asyncpg.Connection, layout: Layout, address: SessionAddress) -> asyncpg.Record:
    """Return the row of a session. Raises NotFound."""
    number = await scope_number(connection, layout, address.scope)
    row = await connection.fetchrow(layout.sql("sessions", "get"), number, address.id)
    if row is None:
        raise no_such_session(address)
    return row


def session_of(row: asyncpg.Record | Mapping[str, Any], scope: str) -> Session:
    """Return the session that a row tells."""
    return Session(
        id=row["name"], scope=scope, agent=row["agent"], users=tuple(row["users"]),
        metadata=orjson.loads(row["metadata"]), opened_at=iso(row["opened"]),
        closed_at=iso(row["closed"]) if row["closed"] is not None else None,
        latest_at=iso(row["latest"]) if row["latest"] is not None else None, messages=row["messages"],
        tokens=row["tokens"], created=row["created"],
        expires_at=iso(row["expires_at"]) if row["expires_at"] is not None else None,
    )  # fmt: skip


def message_of(row: asyncpg.Record, session: str) -> StoredMessage:
    """Return the message that a row tells."""
    body: Mapping[str, Any] = orjson.loads(row["body"])
    return StoredMessage(
        seq=row["seq"], id=row["name"], session=session, tokens=row["tokens"], created_at=iso(row["at"]), **body
    )
