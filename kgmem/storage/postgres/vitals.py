"""The vitals of a database: whether it answers, and how busy it and the connections to it are."""

from collections.abc import Mapping

from kgmem.domain.vitals import Figures
from kgmem.storage.postgres.database import Database
from kgmem.storage.postgres.statements import statement


class PostgresVitals:
    """One database, seen through the pools that lead to it."""

    def __init__(self, database: Database, pools: Mapping[str, Database]) -> None:
        """Take the pool to ask through, and all pools by the names under which they are told."""
        self._database = database
        self._pools = pools

    async def ping(self) -> None:
        """Return when the database has answered. Raises DatabaseUnavailable."""
        async with self._database.connection() as connection:
            await connection.fetchval(statement("vitals", "ping"))

    async def position(self) -> int:
        """Give how far the database's log is written, or, of a replica, replayed: a number that only grows."""
        async with self._database.connection() as connection:
            return int(await connection.fetchval(statement("vitals", "position")))

    async def figures(self) -> Figures:
        """Give the counts of this moment; its own connection counts too. Raises DatabaseUnavailable."""
        async with self._database.connection() as connection:
            jobs = await connection.fetchrow(statement("vitals", "jobs"))
            integrity = await connection.fetchrow(statement("vitals", "integrity"))
            return Figures(
                connections={name: pool.in_use for name, pool in self._pools.items()},
                most_connections={name: pool.size for name, pool in self._pools.items()},
                jobs=dict(jobs),
                oldest_job_seconds=await connection.fetchval(statement("vitals", "oldest_job")),
                passages_waiting=await connection.fetchval(statement("vitals", "passages_waiting")),
                damages={state: integrity[state] for state in ("warning", "problem")},
                unchecked_seconds=integrity["unchecked"],
            )
