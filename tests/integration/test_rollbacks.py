"""A transaction that failed ends whatever other sessions did to the catalogs meanwhile."""

import asyncio

import asyncpg
import pytest

from kgmem.storage.postgres.database import Database

pytestmark = pytest.mark.server

# More messages than a session may fall behind by (4,096): it is told to forget all that it knows of the catalogs.
_CHANGE_CATALOGS = """
    DO $$ BEGIN
        FOR n IN 1..400 LOOP
            EXECUTE format('CREATE TABLE public.passing_%s (a int PRIMARY KEY, b text)', n);
            EXECUTE format('DROP TABLE public.passing_%s', n);
        END LOOP;
    END $$
"""


@pytest.mark.parametrize("nested", [False, True], ids=["a transaction", "a savepoint"])
async def test_a_transaction_that_failed_is_rolled_back_without_a_look_at_the_catalogs(
    database_url: str, nested: bool
) -> None:
    """AGE asks in each statement whether it is installed, a ROLLBACK too, and a failed transaction may ask nothing."""
    async with Database(database_url, size=1) as database, Database(database_url, size=1) as other:

        async def fail(connection: asyncpg.Connection) -> None:
            async with connection.transaction():
                with pytest.raises(asyncpg.DivisionByZeroError):
                    await connection.execute("SELECT 1/0")
                async with other.connection() as busy:
                    await busy.execute(_CHANGE_CATALOGS)
                await asyncio.sleep(0.2)
                raise LookupError

        async with database.connection() as connection:
            process = connection.get_server_pid()
        async with database.connection() as connection:
            if nested:
                async with connection.transaction():
                    with pytest.raises(LookupError):
                        await fail(connection)
                    assert await connection.fetchval("SELECT 1") == 1
            else:
                with pytest.raises(LookupError):
                    await fail(connection)
            assert await connection.fetchval("SELECT 2") == 2
        async with database.connection() as connection:
            assert connection.get_server_pid() == process, "the connection is as good as before"
