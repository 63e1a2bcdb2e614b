"""The database: one asyncpg pool that heals by itself, transactions that are tried again when writers meet."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TypeVar

import asyncpg

from kgmem.domain.errors import DatabaseUnavailable
from kgmem.storage.postgres.codecs import set_codecs
from kgmem.storage.postgres.connection import Connection
from kgmem.storage.postgres.errors import RETRYABLE, translating
from kgmem.storage.postgres.unique_values import explain

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]

_TRIES = 8
_PATIENCE = 10.0  # Seconds to wait for a connection, or for one to be given back.
_SETTINGS = {
    "search_path": "ag_catalog,public",
    "jit": "off",
    "timezone": "UTC",
    "application_name": "kgmem",
    # Tells the capture constraint that these writes keep the retrieval index themselves.
    "kgmem.own": "on",
    # On kgmem's short statements a second worker process costs more than it brings.
    "max_parallel_workers_per_gather": "0",
}


# pg_textsearch before 1.5 keeps what was written last in memory, where a search is four times slower than in its
# segments and from where it is lost with a crash (words.py): about 10,000 passages at the most, instead of all.
# Newer versions do not have the setting.
_ON_CONNECT = """
    SELECT pg_postmaster_start_time()
    FROM (SELECT count(set_config(name, '200000', false)) FROM pg_settings
          WHERE name = 'pg_textsearch.memtable_spill_threshold') AS settings
"""

# A search orders by an index and looks each row up; with these the planner does that whatever it estimates, and keeps
# the plan, so that a search costs no planning.
SEARCH_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",  # It would read all that a filter passes before the first row is there.
    "hnsw.ef_search": "200",
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": "40000",
}


class Database:
    """A pool of connections to one database. Connections are made on demand, so that it opens at once."""

    def __init__(
        self,
        url: str,
        *,
        size: int = 10,
        statement_timeout: float = 30.0,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Take the URL, the most connections, the seconds after which a statement is stopped, and more settings."""
        self.url = url
        self.settings = dict(settings or {})
        self.statement_timeout = statement_timeout
        self.started: int | None = None  # When the Postgres started that the newest connection leads to.
        self.size = size
        self._pool: asyncpg.Pool | None = None

    async def __aenter__(self) -> "Database":
        """Open the pool and prove that the database answers. Raises DatabaseUnavailable."""
        settings = {**_SETTINGS, **self.settings, "statement_timeout": str(int(self.statement_timeout * 1000))}
        with translating():
            self._pool = await asyncpg.create_pool(
                self.url,
                min_size=1,
                max_size=self.size,
                connection_class=Connection,
                init=self._prepare,
                reset=_keep_session,
                server_settings=settings,
                statement_cache_size=400,
                max_cacheable_statement_size=500_000,  # A recall of all dimensions is a long text, and long to plan.
                max_inactive_connection_lifetime=300,
                timeout=10,
            )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool; what still runs has five seconds."""
        if self._pool:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()

    @property
    def in_use(self) -> int:
        """How many connections are lent at this moment."""
        return self._pool.get_size() - self._pool.get_idle_size() if self._pool else 0

    async def _prepare(self, connection: Connection) -> None:
        """Make a new connection ready; none outlives a restart of Postgres, so the newest tells of the present one."""
        await set_codecs(connection)
        await connection.prepare_rollback()
        self.started = await connection.fetchval(_ON_CONNECT)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """Lend a connection for reads. Raises DatabaseUnavailable when there is none to be had in time."""
        if self._pool is None:
            raise DatabaseUnavailable("The database is not open.", mend="Use it inside of its async with.")
        with translating():
            try:
                # Where one is free there is nothing to wait for, and a timer costs time too.
                connection = await self._pool.acquire(timeout=None if self._pool.get_idle_size() else _PATIENCE)
            except TimeoutError as error:
                raise DatabaseUnavailable("All database connections are busy.", mend="Try again.") from error
            try:
                yield connection
            finally:
                await _give_back(self._pool, connection)

    async def transact(self, work: Work[T], *, isolation: str | None = None) -> T:
        """Run work in a transaction and commit it; run it again from its start when writers met on the same rows."""
        for attempt in range(1, _TRIES + 1):
            async with self.connection() as connection:
                try:
                    async with connection.transaction(isolation=isolation):
                        return await work(connection)
                except RETRYABLE:
                    if attempt == _TRIES:
                        raise
                except asyncpg.UniqueViolationError as error:
                    told = await explain(connection, error)
                    if told is None:
                        raise
                    raise told from error
            await asyncio.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 - jitter, no secret
        raise DatabaseUnavailable("Too many writers met on the same items.", mend="Try again in a moment.")


async def transact_on(connection: asyncpg.Connection, work: Work[T]) -> T:
    """Run work in a transaction on a connection that is lent, again from its start when writers met on the same rows.

    Raises what RETRYABLE lists when they meet too often.
    """
    for attempt in range(1, _TRIES):
        try:
            async with connection.transaction():
                return await work(connection)
        except RETRYABLE:
            await asyncio.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 - jitter, no secret
    async with connection.transaction():
        return await work(connection)


async def _give_back(pool: asyncpg.Pool, connection: asyncpg.Connection) -> None:
    """Give a connection back to its pool.

    For that asyncpg starts a task, which nobody can cancel, and which costs as much as a short query. A connection on
    which nothing is left to be done has nothing to wait for, and goes back at once.
    """
    held = connection._con  # None where it was lost, and so is the pool's again.
    if held is None or held.is_closed() or held.is_in_transaction() or held._protocol._is_cancelling():
        await pool.release(connection, timeout=_PATIENCE)
    else:
        await connection._holder.release(None)


async def _keep_session(connection: asyncpg.Connection) -> None:
    """Leave a returned connection as it is: kgmem sets nothing that outlives a transaction; a RESET costs a trip."""
