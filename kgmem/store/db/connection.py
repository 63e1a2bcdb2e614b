"""A connection that ends failed transactions without having Postgres look anything up.

AGE's hook looks up, in each statement that is parsed (a ROLLBACK too), whether AGE is installed. It caches the result
until the catalogs change. Without the cache, in a transaction that has failed, the look-up reads the catalogs, which
Postgres does not allow there. Postgres 18 then refuses the ROLLBACK with "ResourceOwnerEnlarge called after release
started", and the session leaves a lock behind by which the server refuses later sessions until it restarts ("failed to
re-find shared lock object"). A statement that was prepared before the failure is not parsed again.

pg_textsearch before 1.5 holds a latch (an LWLock) on an index that a transaction has written to until the transaction
ends. When it ends by a ROLLBACK without an error, Postgres takes the latch but goes on deferring interrupts, which it
does while a session has latches: no timeout, no cancellation and no termination reaches that session any more, and DROP
DATABASE, in whatever database, waits for it. An error ends that, also one that is caught at once and not reported.
"""

import contextlib
import re
from functools import cached_property, lru_cache
from typing import Any, Final

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from kgmem.store.db.sql import SQL, compose

_SAVEPOINT = SQL("SAVEPOINT kgmem_savepoint")
_RELEASE = SQL("RELEASE SAVEPOINT kgmem_savepoint")
_ROLLBACK_TO = SQL("ROLLBACK TO kgmem_savepoint")
_RAISE_AND_CATCH = SQL("DO $$ BEGIN RAISE division_by_zero; EXCEPTION WHEN division_by_zero THEN NULL; END $$")
_WRITES: Final = re.compile(
    r"\b(?:INSERT|UPDATE|DELETE|MERGE|CREATE|DROP|ALTER|TRUNCATE|COPY|REFRESH|CALL|DO)\b", re.IGNORECASE
)


async def release_latches(connection: asyncpg.Connection) -> None:
    """Release the latches on keyword indexes that this session has written to, and process interrupts again."""
    await connection.execute(_RAISE_AND_CATCH)


@lru_cache(10_000)
def writes(query: str) -> bool:
    """Return whether a statement may write: one that calls a function which does is run in a transaction."""
    return _WRITES.search(query) is not None


class Connection(asyncpg.Connection):
    """asyncpg's connection, whose transactions and savepoints are rolled back by prepared statements."""

    replica = False  # Whether its server is a replica, which may not have yet what this process knows.
    replayed = 0  # How far the server of this connection, a replica, was when it was asked last.
    wrote = False  # Whether something was written on it, while `watched`.
    watched = False
    _rollback: PreparedStatement | None = None
    _rollback_to: PreparedStatement | None = None

    @cached_property
    def graphs(self) -> set[int]:
        """The graphs that work on this connection was about: Postgres remembers their tables until the session ends."""
        return set()

    async def prepare_rollback(self) -> None:
        """Prepare for transactions that fail; once, before the first."""
        self._rollback = await self.prepare(SQL("ROLLBACK"))

    def get_reset_query(self) -> str:
        """Return what `reset` runs after it has ended an open transaction: proof that nothing is running any more.

        kgmem sets nothing that outlives a transaction, so that there is nothing to set back.
        """
        return "SELECT 1"

    async def execute(self, query: SQL, *args: object, timeout: float | None = None) -> str:
        """As asyncpg's, which sends the statements of its transactions through it too.

        All savepoints have one name, so that one statement rolls back to the innermost, which that also releases.
        """
        if not args:
            if query.startswith("SAVEPOINT "):
                if self._rollback_to is None:
                    self._rollback_to = await self.prepare(_ROLLBACK_TO)
                query = _SAVEPOINT
            elif query.startswith("RELEASE SAVEPOINT "):
                query = _RELEASE
            elif query.startswith("ROLLBACK TO ") and self._rollback_to is not None:
                await self._rollback_to.fetch(timeout=timeout)
                query = compose("{}; {}", _RAISE_AND_CATCH, _RELEASE)
            elif query.rstrip(";") == "ROLLBACK" and self._rollback is not None:
                await self._rollback.fetch(timeout=timeout)
                # A cancellation that was not heeded before is now, and has nothing left to stop.
                with contextlib.suppress(asyncpg.QueryCanceledError):
                    await super().execute(_RAISE_AND_CATCH, timeout=timeout)
                return "ROLLBACK"
        self._note(query)
        status: str = await super().execute(query, *args, timeout=timeout)
        return status

    def _note(self, query: str) -> None:
        if self.watched and not self.wrote and writes(query):
            self.wrote = True

    async def fetch(self, query: SQL, *args: object, **options: Any) -> list[Any]:
        """As asyncpg's."""
        self._note(query)
        rows: list[Any] = await super().fetch(query, *args, **options)
        return rows

    async def fetchrow(self, query: SQL, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        self._note(query)
        return await super().fetchrow(query, *args, **options)

    async def fetchval(self, query: SQL, *args: object, **options: Any) -> Any:
        """As asyncpg's."""
        self._note(query)
        return await super().fetchval(query, *args, **options)

    async def executemany(self, command: SQL, args: Any, **options: Any) -> None:
        """As asyncpg's."""
        self._note(command)
        await super().executemany(command, args, **options)
