"""One transaction, and what is known of it when its server goes away: nothing is stored, or nobody knows."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from kgmem.domain.errors import CommitUnknown, ConnectionLost
from kgmem.store.db.sql import SQL

T = TypeVar("T")
_IS_STANDBY = SQL("SELECT pg_is_in_recovery()")
GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
)


async def commit(
    connection: asyncpg.Connection, work: Callable[[asyncpg.Connection], Awaitable[T]], isolation: str | None
) -> T:
    """Run work in a transaction on a connection, and commit it.

    Raises ConnectionLost or CommitUnknown when the server goes away, and what the work raises.
    """
    committing = False
    try:
        async with connection.transaction(isolation=isolation):
            result = await work(connection)
            committing = True
    except Exception as error:
        if not await _is_lost(connection, error):
            raise
        connection.terminate()
        if committing:
            raise CommitUnknown(
                "The connection to the database was lost while it committed: whether this is stored is not known.",
                hint="Read it back, or send the same request again with the same keys or Idempotency-Key, which does "
                "not store it twice.",
            ) from error
        raise ConnectionLost(
            "The connection to the database was lost, and nothing was stored.", hint="Try again in a moment."
        ) from error
    return result


async def _is_lost(connection: asyncpg.Connection, error: Exception) -> bool:
    """Return whether the server of a connection has gone, or is a standby that takes no writes."""
    if connection.is_closed() or isinstance(error, GONE):
        return True
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return bool(await connection.fetchval(_IS_STANDBY))
    return False
