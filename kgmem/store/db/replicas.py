"""Reads on replicas: one that has all that a reader must see answers, else the primary.

What a replica must have is a position in the primary's write-ahead log. It covers each commit of this server, whichever
of its processes made it, and what the primary had committed `staleness` seconds ago, whoever did. So a reader sees its
own writes, and never less than a reader before it.
"""

import asyncio
import mmap
import os
import random
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg

from kgmem.domain.errors import ConnectionLost, DatabaseUnavailable, InvalidInput
from kgmem.log import EventLog
from kgmem.store.db.commits import GONE
from kgmem.store.db.connection import Connection
from kgmem.store.db.database import Database
from kgmem.store.db.identity import database_identity
from kgmem.store.db.sql import SQL
from kgmem.tasks import for_nobody

log = EventLog(__name__)

_WRITTEN: Final = SQL("SELECT (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint")
# None of a server that is no standby: it may have been left by the others, and its log be another one.
_REPLAYED: Final = SQL("SELECT (pg_last_wal_replay_lsn() - '0/0'::pg_lsn)::bigint WHERE pg_is_in_recovery()")
_CATCHING_UP: Final = (0.0, 0.002, 0.005, 0.01, 0.02)  # Seconds that a replica has before the primary is asked instead.
_BEHIND: Final = 0.1  # Seconds in which one that did not catch up is not asked.
_PROCESSES: Final = 64  # That have a place of their own in the file, by their number.
_TIMES: Final = struct.Struct(f"{_PROCESSES}d")
_LOOKED_EVERY: Final = 2.0  # Seconds between looks at replicas that are away.
# What a replica raises that the primary would not: it is away, it stopped a query for what it had to replay, or it
# lacks what the primary has made since.
_OF_REPLICAS: Final = (
    *GONE,
    OSError,
    asyncpg.SerializationError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
    asyncpg.UndefinedFunctionError,
    asyncpg.UndefinedObjectError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.InternalServerError,
)


class CommitClock:
    """When this server committed last, by the machine's clock that never goes back; its processes share a file."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder of the processes of one server; None where it has one process."""
        self._times: mmap.mmap | bytearray = bytearray(_TIMES.size)
        self._place = os.getpid() % _PROCESSES * 8
        if folder is not None:
            with (folder / "committed").open("a+b") as file:
                file.truncate(_TIMES.size)
                self._times = mmap.mmap(file.fileno(), _TIMES.size)

    def note(self) -> None:
        """Note that a commit has just ended."""
        struct.pack_into("d", self._times, self._place, time.monotonic())

    @property
    def last(self) -> float:
        """The time of the last commit; 0 where there was none."""
        latest: float = max(_TIMES.unpack_from(self._times))
        return min(latest, time.monotonic())


class Freshness:
    """How far a replica has to be: a position in the primary's write-ahead log, in bytes."""

    def __init__(self, primary: Database, *, staleness: float, commits: CommitClock) -> None:
        """Take the primary, the seconds by which reads may lack what others wrote, and when this server committed."""
        self._primary = primary
        self._staleness = staleness
        self._commits = commits
        self._position = 0
        self._identity: str | None = None
        self._asked = -1.0  # When the primary was asked for its position.
        self._asking: tuple[float, asyncio.Task[None]] | None = None

    async def needed(self) -> int:
        """Return the position that a read which begins now needs. Raises DatabaseUnavailable."""
        oldest = max(time.monotonic() - self._staleness, self._commits.last)
        while self._asked <= oldest:
            # Many readers wait for one answer, if the primary was asked after what each of them must see.
            if self._asking is None or self._asking[0] <= oldest or self._asking[1].done():
                began = time.monotonic()
                if began <= oldest:  # Within the clock's resolution.
                    began = oldest + 1e-9
                task = asyncio.create_task(self._ask(began), name="kgmem position", context=for_nobody())
                self._asking = (began, task)
            await asyncio.shield(self._asking[1])
        return self._position

    async def identity(self) -> str:
        """Return what tells the primary's database from others. Raises DatabaseUnavailable."""
        if self._identity is None:
            async with self._primary.connection() as connection:
                self._identity = await database_identity(connection)
        return self._identity

    def require(self, position: int) -> None:
        """Demand a position of all later reads: a reader has seen it."""
        self._position = max(self._position, position)

    def seen_primary(self) -> None:
        """Note that a reader has seen the primary as it is now: later ones see no less."""
        self._asked = -1.0

    async def _ask(self, began: float) -> None:
        async with self._primary.connection() as connection:
            self.require(int(await connection.fetchval(_WRITTEN)))
        self._asked = max(self._asked, began)


class Replica:
    """One server that is read from, with a pool for each kind of reads."""

    def __init__(self, name: str, pools: Mapping[str, Database]) -> None:
        """Take its name in logs and metrics, and its pools by kind."""
        self.name = name
        self.pools = pools
        self.away = True  # Until it has answered.
        self.primary = False  # By the last look; the primary answers by its own pool.
        self._not_before = 0.0

    @property
    def usable(self) -> bool:
        """Whether to ask it now."""
        return not self.away and time.monotonic() >= self._not_before

    def lag(self) -> None:
        """Note that it has not caught up: others need not wait for it at once."""
        self._not_before = time.monotonic() + _BEHIND

    def leave(self, error: BaseException) -> None:
        """Note that it does not answer as it should: it is used again once it has answered a look."""
        if not self.away:
            log.warning("replica_left", replica=self.name, error=error)
        self.away = True

    async def look(self, identity: str) -> None:
        """Use it again if it answers, and is a standby of this database. Raises what it raises, and InvalidInput."""
        for pool in self.pools.values():
            async with pool.connection() as connection:
                if await database_identity(connection) != identity:
                    raise InvalidInput(
                        f"{self.name} of KGMEM_READ_URL is no replica of the database: it belongs to another cluster, "
                        "or is another database in it.",
                        hint="Name standbys of the server in KGMEM_DATABASE_URL, and the same database.",
                    )
                self.primary = await connection.fetchval(_REPLAYED) is None
        if self.away and not self.primary:
            log.info("replica_used", replica=self.name)
        self.away = self.primary


class Replicas:
    """The servers that are read from, how far they have to be, and who answered reads."""

    def __init__(self, replicas: Sequence[Replica], freshness: Freshness) -> None:
        """Take the servers, and how far they have to be."""
        self.replicas = replicas
        self.freshness = freshness
        self.reads: Counter[str] = Counter()  # By `replica`, or by why the primary answered: `behind`, `away`, `kind`.
        self._looking: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Look which of them answer, and go on looking. Raises InvalidInput for a server of another database."""
        for result in await self._look():
            if isinstance(result, InvalidInput):
                raise result
        self._looking = asyncio.create_task(self._go_on_looking(), name="kgmem replicas", context=for_nobody())

    async def aclose(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _go_on_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOKED_EVERY)
            await self._look()

    async def _look(self) -> Sequence[BaseException | None]:
        """Look at those that are away; return what each of them raised."""
        try:
            identity = await self.freshness.identity()
        except DatabaseUnavailable as error:
            return [error]
        away = [each for each in self.replicas if each.away]
        return await asyncio.gather(*(each.look(identity) for each in away), return_exceptions=True)


class ReadPool:
    """Lends connections to read on: of a replica, or of the primary."""

    def __init__(self, primary: Database, replicas: Replicas | None = None, kind: str = "main") -> None:
        """Take the pool of the primary, and the replicas with the kind of their pools to lend from."""
        self._primary = primary
        self._replicas = replicas
        self._kind = kind

    @asynccontextmanager
    async def connection(self, *, replica: bool = True) -> AsyncIterator[Connection]:
        """Lend a connection to read on; without `replica`, of the primary.

        Raises DatabaseUnavailable when none comes in time, and ConnectionLost when a replica fails: a reader who begins
        again is answered by another server.
        """
        async with AsyncExitStack() as stack:
            found = await self._on_replica(stack, self._replicas) if replica and self._replicas else None
            if found is None:
                if self._replicas:
                    if not replica:
                        self._replicas.reads["kind"] += 1
                    stack.callback(self._replicas.freshness.seen_primary)
                yield await stack.enter_async_context(self._primary.connection())
                return
            server, connection = found
            try:
                yield connection
            except _OF_REPLICAS as error:
                if connection.is_closed() or isinstance(error, GONE):
                    server.leave(error)
                else:
                    server.lag()
                raise ConnectionLost(
                    "A replica of the database could not answer, and nothing was changed.", hint="Try again."
                ) from error

    async def _on_replica(self, stack: AsyncExitStack, of: Replicas) -> tuple[Replica, Connection] | None:
        """Enter a connection of a replica that has what is needed; None where none has."""
        servers = [each for each in of.replicas if each.usable]
        if not servers:
            of.reads["away" if all(each.away for each in of.replicas) else "behind"] += 1
            return None
        needed = await of.freshness.needed()
        random.shuffle(servers)
        for server in servers:
            lent = AsyncExitStack()
            try:
                connection = await lent.enter_async_context(server.pools[self._kind].connection())
                reached = await _reach(connection, needed)
            except (DatabaseUnavailable, *_OF_REPLICAS, TimeoutError) as error:
                server.leave(error)
                await lent.aclose()
                continue
            except BaseException:
                await lent.aclose()
                raise
            if reached:
                stack.push_async_exit(lent)
                of.freshness.require(connection.replayed)
                of.reads["replica"] += 1
                return server, connection
            server.lag()
            await lent.aclose()
        of.reads["behind"] += 1
        return None


async def _reach(connection: Connection, needed: int) -> bool:
    """Wait a little until the server of a connection has a position; return whether it has.

    Raises DatabaseUnavailable for one that is no standby any more.
    """
    for pause in _CATCHING_UP:
        if connection.replayed >= needed:
            return True
        await asyncio.sleep(pause)
        replayed = await connection.fetchval(_REPLAYED)
        if replayed is None:
            raise DatabaseUnavailable("It is no standby any more.", hint="It was promoted.")
        connection.replayed = int(replayed)
    return connection.replayed >= needed
