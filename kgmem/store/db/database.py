"""The database: a pool of connections that heals by itself, transactions that are tried again when writers meet."""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Protocol, TypeVar

import asyncpg

from kgmem.domain.errors import ConnectionLost, DatabaseUnavailable, KgmemError
from kgmem.store.db.codecs import set_codecs
from kgmem.store.db.commits import GONE, commit
from kgmem.store.db.connection import Connection
from kgmem.store.db.errors import AWAY, RETRYABLE, met_in_catalog, translating
from kgmem.store.db.hosts import Host, connect, refuses_tls
from kgmem.store.db.pool import FairSlots, Pool
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import name_of
from kgmem.store.db.unique_values import explain, forget_stale
from kgmem.tasks import caller

T = TypeVar("T")
Work = Callable[[asyncpg.Connection], Awaitable[T]]

_TRIES = 8
_READS = 3  # How often work that only reads runs at most.
_PAUSE = (0.1, 0.5)  # Seconds, by chance, until a server that is away is asked again.
_CONNECTING = 10.0  # Seconds in which Postgres has to let a connection in.
# How many connections, of any pool, the task holds: what waits for one more while it holds one goes first.
_HELD: ContextVar[int] = ContextVar("kgmem_connections_held", default=0)
# The graph that the task works on.
_GRAPH: ContextVar[int | None] = ContextVar("kgmem_graph", default=None)
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
# segments and from where it is lost with a crash (sync/keyword_index_repair.py): about 10,000 passages at the most,
# instead of all.
# Newer versions do not have the setting.
_ON_CONNECT = SQL("""
    SELECT count(set_config(name, '200000', false)) FROM pg_settings
    WHERE name = 'pg_textsearch.memtable_spill_threshold'
""")

# A search orders by an index and looks each row up; with these the planner does that whatever it estimates, and keeps
# the plan, so that a search costs no planning.
SEARCH_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_sort": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",  # It would read all that a filter passes before the first row is there.
    "enable_memoize": "off",  # What an exact scan looks up it looks up once; to remember it costs as much again.
    "hnsw.ef_search": "100",  # More where more are asked for (near_many, recall.sql).
    "hnsw.iterative_scan": "strict_order",
    "hnsw.max_scan_tuples": "40000",
}


class OnStatement(Protocol):
    """Takes the name of a statement that has ended, its seconds, and whether it failed."""

    def __call__(self, name: str, elapsed: float, *, failed: bool) -> None:
        """Take a statement, and never its text or its parameters."""


def _report(on_statement: OnStatement, query: Any) -> None:
    on_statement(name_of(query.query), query.elapsed, failed=query.exception is not None)


def share_of(size: int) -> int:
    """Return how many of so many connections one caller may have at once, unless a setting says it."""
    return max(2, size // 3)


class Remedy(Exception):
    """What work in a transaction needs first: it is rolled back, `apply` runs, and the work begins again."""

    def __init__(self, apply: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
        """Take what makes transactions of its own."""
        super().__init__("something has to be done before this transaction")
        self.apply = apply


@dataclass(frozen=True, slots=True)
class ConnectionShare:
    """How connections are lent: the share of one caller (None: a third), and the seconds that one waits for one.

    A caller is a key on a graph, or with `by_graph` off a key on all graphs. A connection that has worked on more than
    `most_graphs` graphs is closed, since a session of Postgres keeps up to 0.7 MB for the tables and plans of each.
    """

    share: int | None = None
    patience: float = 10.0
    by_graph: bool = True
    most_graphs: int = 100


def work_on(graph: int) -> None:
    """Note that what this task does next on its connections is about a graph, by its number in the register."""
    _GRAPH.set(graph)


class ServerGuard(Protocol):
    """Repairs a server that was restarted or promoted, before the first statement on it."""

    @property
    def standby(self) -> bool:
        """Whether the server is a standby, which may be promoted under its sessions."""

    async def ready(self, connection: asyncpg.Connection) -> None:
        """Return once the server of this connection may be asked. Raises DatabaseUnavailable."""


class Database:
    """A pool of connections to one database. Connections are made on demand, so that it opens at once."""

    def __init__(  # noqa: PLR0913 - each has its default, and most callers give two
        self,
        url: str,
        *,
        size: int = 10,
        statement_timeout: float = 30.0,
        wait: float = 0.0,
        settings: Mapping[str, str] | None = None,
        lending: ConnectionShare | None = None,
        probe: bool = True,
        guard: ServerGuard | None = None,
        on_statement: OnStatement | None = None,
        on_write: Callable[[], None] | None = None,
        connecting: float = _CONNECTING,
        host: Host | None = None,
    ) -> None:
        """Take the URL, the most connections, the seconds after which a statement is stopped, and more settings.

        `wait`: the seconds in which work waits for a server that takes writes, and transactions that lost theirs begin
        again. `guard` repairs keyword indexes before a connection to a server that was restarted is lent.
        `on_statement` is called with the name of each statement that has ended, its seconds, and whether it failed.
        `on_write` is called when work that may have written has ended. `connecting`: the seconds in which a server has
        to let a connection in. `host`: only this one of the URL. `probe`: opening it makes a connection, to prove that
        the database answers.
        """
        self.url = url
        self.settings = dict(settings or {})
        self.statement_timeout = statement_timeout
        self.size = size
        self._lending = lending or ConnectionShare()
        self._probe = probe
        self._wait = wait
        self._pool: Pool | None = None
        self._guard = guard
        self._on_statement = on_statement
        self._on_write = on_write
        self._connecting = connecting
        self._host = host
        self.out_of_space_at = -math.inf  # When a statement last found the disk full, by time.monotonic().

    async def __aenter__(self) -> "Database":
        """Open the pool. Raises DatabaseUnavailable where the database does not answer a probe."""
        lending = self._lending
        shares = FairSlots(self.size, share=lending.share or share_of(self.size), kept=min(2, self.size // 4))
        pool = Pool(self._connect, shares, patience=lending.patience)
        if self._probe:
            with translating():
                await pool.release(await pool.acquire(None, further=False), None, clean=True)
        self._pool = pool
        return self

    async def _connect(self) -> Connection:
        """Make a connection, waiting for a server that takes writes."""
        until = time.monotonic() + self._wait
        while True:
            try:
                return await self._connect_now()
            except (*AWAY, TimeoutError, DatabaseUnavailable) as error:
                if refuses_tls(error) or time.monotonic() >= until:
                    raise
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - jitter, no secret

    async def _connect_now(self) -> Connection:
        """Make a connection. None outlives a restart of Postgres: here what a restart broke is looked after."""
        settings = {**_SETTINGS, **self.settings, "statement_timeout": str(int(self.statement_timeout * 1000))}
        connection: Connection = await connect(
            self.url,
            connection_class=Connection,
            server_settings=settings,
            statement_cache_size=400,
            max_cacheable_statement_size=500_000,  # A recall of all dimensions is a long text, and long to plan.
            timeout=self._connecting,
            only=self._host,
        )
        try:
            await set_codecs(connection)
            await connection.prepare_rollback()
            connection.watched = self._on_write is not None
            connection.replica = self._host is not None
            await connection.fetchval(_ON_CONNECT)
            if self._on_statement:
                connection.add_query_logger(partial(_report, self._on_statement))
            if self._guard:
                await self._guard.ready(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the pool; what still runs has five seconds."""
        if self._pool:
            await self._pool.close(within=5)

    @property
    def in_use(self) -> int:
        """How many connections are lent at this moment."""
        return self._pool.shares.lent if self._pool else 0

    @property
    def waiting(self) -> int:
        """How many wait for a connection at this moment."""
        return self._pool.shares.waiting if self._pool else 0

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend a connection, to each caller at most its share. Raises DatabaseUnavailable when none comes in time."""
        if self._pool is None:
            raise DatabaseUnavailable("The database is not open.", hint="Use it inside of its async with.")
        asker = caller()
        who = asker.key if asker and not self._lending.by_graph else asker
        with translating():
            connection = await self._pool.acquire(who, further=_HELD.get() > 0)
            # Counted up and down rather than set back: a generator may end in another task than the one it began in.
            _HELD.set(_HELD.get() + 1)
            clean = True
            try:
                if self._guard and self._guard.standby:  # Sessions outlive its promotion.
                    await self._guard.ready(connection)
                yield connection
            except BaseException as error:
                if isinstance(error, asyncpg.DiskFullError):
                    self.out_of_space_at = time.monotonic()
                clean = isinstance(error, KgmemError)  # Others may have stopped a statement on its way.
                if connection.is_closed() or isinstance(error, GONE):
                    connection.terminate()
                    self._pool.forget_idle()  # They are of the same server, or soon lost as well.
                    if isinstance(error, AWAY):
                        raise ConnectionLost(
                            "The connection to the database was lost: whether a change of this request is stored is "
                            "not known.",
                            hint="Read it back, or send the same request again.",
                        ) from error
                raise
            finally:
                if connection.wrote:
                    connection.wrote = False
                    if self._on_write:
                        self._on_write()
                _HELD.set(max(0, _HELD.get() - 1))
                graph = _GRAPH.get()
                if graph is not None:
                    connection.graphs.add(graph)
                worn = len(connection.graphs) > self._lending.most_graphs
                await self._pool.release(connection, who, clean=clean, worn=worn)

    async def read(self, work: Work[T]) -> T:
        """Run work that only reads on a connection, and again on another one where it was lost."""
        for _ in range(_READS - 1):
            try:
                async with self.connection() as connection:
                    return await work(connection)
            except ConnectionLost:  # The pool has thrown the others away, but for those that are lent.
                await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - jitter, no secret
        async with self.connection() as connection:
            return await work(connection)

    async def transact(self, work: Work[T], *, isolation: str | None = None, follow: bool = True) -> T:
        """Run work in a transaction and commit it; run it again from its start when writers met on the same rows.

        It also runs again, for as long as `wait`, when the server went away before the transaction was to be committed,
        since nothing of it is stored then; without `follow`, ConnectionLost is raised at once. Raises CommitUnknown
        when the server went away while it committed.
        """
        until = time.monotonic() + (self._wait if follow else 0)
        while True:
            try:
                return await self._settle(work, isolation)
            except ConnectionLost:
                if time.monotonic() >= until:
                    raise
            await asyncio.sleep(random.uniform(*_PAUSE))  # noqa: S311 - jitter, no secret

    async def _settle(self, work: Work[T], isolation: str | None) -> T:
        """Run work in a transaction until no other writer is in its way."""
        for attempt in range(1, _TRIES + 1):
            async with self.connection() as connection:
                connection.wrote = connection.watched
                try:
                    return await commit(connection, work, isolation)
                except Remedy as needed:
                    if attempt == _TRIES:
                        break
                    await needed.apply(connection)
                except RETRYABLE:
                    if attempt == _TRIES:
                        raise
                except asyncpg.InternalServerError as error:
                    if attempt == _TRIES or not met_in_catalog(error):
                        raise
                except asyncpg.UniqueViolationError as error:
                    if attempt == _TRIES or not await forget_stale(connection, error):
                        told = await explain(connection, error)
                        if told is None:
                            raise
                        raise told from error
            await asyncio.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 - jitter, no secret
        raise DatabaseUnavailable("Too many writers met on the same items.", hint="Try again in a moment.")


async def transact_on(connection: asyncpg.Connection, work: Work[T]) -> T:
    """Run work in a transaction on a connection that is lent, again from its start when writers met on the same rows.

    Raises what RETRYABLE lists when they meet too often.
    """
    for attempt in range(1, _TRIES):
        try:
            async with connection.transaction():
                return await work(connection)
        except Remedy as needed:
            await needed.apply(connection)
        except RETRYABLE:
            await asyncio.sleep(random.uniform(0.002, 0.02) * attempt)  # noqa: S311 - jitter, no secret
    async with connection.transaction():
        return await work(connection)
