"""The vitals of a database: whether it answers, and how busy it and the connections to it are."""

import math
import time
from collections.abc import Mapping

import asyncpg

from kgmem.domain.diagnostics import Figures, Health
from kgmem.domain.errors import OutOfSpace
from kgmem.store.db.database import Database
from kgmem.store.db.replicas import Replicas
from kgmem.store.db.statements import statement

_PROBED_EVERY = 5.0  # Seconds.
_FAILED_COUNTS = 60.0
_COUNTED_EVERY = 30.0


class PostgresMetrics:
    """One database, seen through the pools that lead to it."""

    def __init__(self, database: Database, pools: Mapping[str, Database], replicas: Replicas | None = None) -> None:
        """Take the pool to query through, all pools by the names that metrics show, and the replicas."""
        self._replicas = replicas
        self._database = database
        self._pools = pools
        self._probed = self._counted = -math.inf
        self._rows: Mapping[str, int] = {}
        self._full = False

    async def ping(self) -> None:
        """Return when the database has answered. Raises DatabaseUnavailable."""
        async with self._database.connection() as connection:
            await connection.fetchval(statement("metrics", "ping"))

    async def health(self) -> Health:
        """Check that the disk of the database has room. Raises DatabaseUnavailable.

        A sort that does not fit into its memory writes to the disk and leaves nothing behind; it is made again after
        five seconds at the earliest. A write that failed counts for a minute: its tablespace may be another one.
        """
        await self.ping()
        now = time.monotonic()
        if now - self._probed >= _PROBED_EVERY:
            self._probed, self._full = now, not await self._has_room()
        failed = any(now - pool.out_of_space_at < _FAILED_COUNTS for pool in self._pools.values())
        return Health((OutOfSpace.code,) if self._full or failed else ())

    async def _has_room(self) -> bool:
        try:
            async with self._database.connection() as connection, connection.transaction():
                await connection.execute(statement("metrics", "small_sort_memory"))
                await connection.fetchval(statement("metrics", "write_to_disk"))
        except OutOfSpace:
            return False
        return True

    async def _postgres(self, connection: asyncpg.Connection) -> Mapping[str, Mapping[str, float]]:
        """Return what Postgres tells of itself; rows of tables are counted twice a minute at most."""
        server = await connection.fetchrow(statement("metrics", "server"))
        standbys = await connection.fetch(statement("metrics", "standbys"))
        now = time.monotonic()
        if now - self._counted >= _COUNTED_EVERY:
            self._counted, self._rows = now, dict(await connection.fetchrow(statement("metrics", "rows")))
        return {
            "connections": {state: server[state] for state in ("active", "idle", "idle_in_transaction")},
            "transactions": {state: server[state] for state in ("committed", "rolled_back")},
            "blocks": {of: server[of] for of in ("hit", "read")},
            "rows": self._rows,
            "standby_lag_bytes": {row["name"]: row["bytes"] for row in standbys},
            "standby_lag_seconds": {row["name"]: row["seconds"] for row in standbys},
            "single": {
                "connections_most": server["most"],
                "waiting_for_locks": server["waiting_for_locks"],
                "oldest_transaction_seconds": server["oldest"],
                "deadlocks": server["deadlocks"],
                "temporary_bytes": server["temp_bytes"],
                "bytes": server["bytes"],
                "transactions_since_freeze": server["transactions_since_freeze"],
            },
        }

    async def position(self) -> int:
        """Return how far the database's log is written, or, of a replica, replayed: a number that only grows."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(statement("metrics", "position")))

    async def reached(self, position: int) -> bool:
        """Return whether the database's log is at a position; reads on replicas have it from then on."""
        if position > await self.position():
            return False
        if self._replicas:
            self._replicas.freshness.require(position)
        return True

    async def figures(self) -> Figures:
        """Return the counts of this moment; its own connection counts too. Raises DatabaseUnavailable."""
        async with self._database.connection() as connection:
            jobs = await connection.fetchrow(statement("metrics", "jobs"))
            integrity = await connection.fetchrow(statement("metrics", "integrity"))
            return Figures(
                reads=dict(self._replicas.reads) if self._replicas else {},
                replicas=_used(self._replicas) if self._replicas else {},
                connections={name: pool.in_use for name, pool in self._pools.items()},
                waiting={name: pool.waiting for name, pool in self._pools.items()},
                postgres=await self._postgres(connection),
                most_connections={name: pool.size for name, pool in self._pools.items()},
                jobs=dict(jobs),
                oldest_job_seconds=await connection.fetchval(statement("metrics", "oldest_job")),
                passages_waiting=await connection.fetchval(statement("metrics", "passages_waiting")),
                damages={state: integrity[state] for state in ("warning", "problem")},
                unchecked_seconds=integrity["unchecked"],
            )


def _used(replicas: Replicas) -> Mapping[str, bool]:
    """Return of each replica whether it is used; the primary is none."""
    return {each.name: not each.away for each in replicas.replicas if not each.primary}
