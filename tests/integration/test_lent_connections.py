"""Connections go back to the pool, whatever became of them while they were lent."""

import asyncio

import asyncpg
import pytest

from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import Conflict, ConnectionLost, DatabaseUnavailable
from kgmem.store.db.database import ConnectionShare, Database, work_on
from tests.memories import opened_memory, until

pytestmark = pytest.mark.server


async def test_a_connection_that_is_lost_while_it_is_lent_is_replaced(database_url: str) -> None:
    async with Database(database_url, size=1) as database, Database(database_url, size=1) as other:

        async def lose() -> None:
            async with database.connection() as connection, other.connection() as killer:
                await killer.execute("SELECT pg_terminate_backend($1, 5000)", connection.get_server_pid())
                await connection.fetchval("SELECT 1")

        with pytest.raises(DatabaseUnavailable):
            await lose()
        assert database.in_use == 0
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT 2") == 2


async def test_connections_whose_borrowers_were_stopped_serve_on(database_url: str) -> None:
    async with Database(database_url, size=2) as database:

        async def borrow() -> None:
            async with database.connection() as connection, connection.transaction():
                await connection.fetchval("SELECT pg_sleep(0.01)")

        for turns in (0, 1, 3, 7, 20):
            tasks = [asyncio.create_task(borrow()) for _ in range(8)]
            for _ in range(turns):
                await asyncio.sleep(0)
            for task in tasks[::2]:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert [each for each in ended if each is not None and not isinstance(each, asyncio.CancelledError)] == []
            assert database.in_use == 0
        async with database.connection() as connection:
            assert await connection.fetchval("SELECT 3") == 3


async def test_a_connection_that_has_worked_on_many_graphs_is_replaced(database_url: str) -> None:
    async with Database(database_url, size=1, lending=ConnectionShare(most_graphs=3)) as database:

        async def session_of(graph: int) -> int:
            work_on(graph)
            async with database.connection() as connection:
                return connection.get_server_pid()

        same = [await asyncio.create_task(session_of(graph)) for graph in (1, 2, 3, 2, 1, 3, 1)]
        assert len(set(same)) == 1
        many = [await asyncio.create_task(session_of(graph)) for graph in range(4, 13)]
        assert [len(set(many[first : first + 4])) for first in (1, 5)] == [1, 1], many
        assert len({*same, *many}) == 3  # The first serves one of the second kind, and is then replaced.
        assert database.in_use == 0

        async def idle() -> bool:
            async with database.connection() as connection:
                sql = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1::int[]) AND pid <> pg_backend_pid()"
                return not await connection.fetchval(sql, many)

        await until(idle)


async def test_work_that_met_another_session_in_the_catalog_is_run_again(database_url: str) -> None:
    async with Database(database_url, size=1) as database:
        met = ["tuple concurrently updated", "tuple concurrently deleted"]

        async def work(connection: asyncpg.Connection) -> int:
            if met:  # As Postgres raises it: an error of its own, without a code that says so.
                await connection.execute(f"DO $do$ BEGIN RAISE '{met.pop()}' USING ERRCODE = 'XX000'; END $do$")
            return 7

        assert await database.transact(work) == 7
        met = ["something else"]
        with pytest.raises(asyncpg.InternalServerError):
            await database.transact(work)


_OTHERS_END = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


async def test_a_transaction_of_several_queries_that_loses_its_server_says_so_at_once(database_url: str) -> None:
    """What it has answered cannot be run again by itself, even where kgmem would wait for a new primary."""
    async with opened_memory(database_url, wait=60) as memory, Database(database_url, size=1) as other:
        await memory.graphs.create("lost")
        async with memory.transaction("lost", mode="write") as transaction:
            await transaction.run(CypherQuery("CREATE (:Note)"))
            async with other.connection() as killer:
                await killer.execute(_OTHERS_END)
            async with asyncio.timeout(20):
                with pytest.raises(ConnectionLost, match="nothing was stored"):
                    await transaction.run(CypherQuery("CREATE (:Note)"))
            with pytest.raises(Conflict, match="rolled back"):
                await transaction.run(CypherQuery("CREATE (:Note)"))
        found = await memory.cypher("lost", "MATCH (n) RETURN count(n)")
        assert [list(row) for row in found.rows] == [[0]]


async def test_an_error_of_another_network_leaves_the_connection_alone(database_url: str) -> None:
    async with Database(database_url, size=1) as database:

        async def fetch(connection: asyncpg.Connection) -> None:
            processes.append(connection.get_server_pid())
            if len(processes) == 1:
                raise ConnectionResetError("a server of models went away")

        processes: list[int] = []
        with pytest.raises(DatabaseUnavailable) as failed:
            await database.transact(fetch)
        assert not isinstance(failed.value, ConnectionLost)
        await database.transact(fetch)
        assert len(set(processes)) == 1
