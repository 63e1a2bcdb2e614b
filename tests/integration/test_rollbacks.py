"""A transaction that failed ends whatever other sessions did to the catalogs meanwhile."""

import asyncio
import contextlib

import asyncpg
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.store.db.database import Database
from tests.memories import index_schema, opened_memory, until

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


_OTHERS_END = """
    SELECT bool_and(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""
_WAITS_FOR_LATCH = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'extension')
"""
_CREATE_KEYWORD_INDEX = """
    CREATE TABLE public.text (words text);
    CREATE INDEX ON public.text USING bm25 (words) WITH (text_config = 'english')
"""


async def test_a_session_whose_write_of_texts_was_broken_off_still_ends_when_it_is_told_to(database_url: str) -> None:
    """Before version 1.5, pg_textsearch leaves a session that rolls back deaf to timeouts, cancellation and its end."""
    async with opened_memory(database_url) as memory:
        await memory.graphs.create("apollo")
        await memory.entities.put("apollo", [Entity("buzz", text="He walked too.")])
        schema = await index_schema(memory, "apollo")
        client = await asyncpg.connect(database_url)
        try:
            async with client.transaction():
                await client.execute(f"UPDATE {schema}.passage SET body = body || ' Later.'")
                query = "CREATE (:Person {key: 'neil', text: 'He walked.'})"
                writing = asyncio.create_task(memory.cypher("apollo", query, mode="write"))

                async def waits() -> bool:
                    await client.execute("SELECT pg_stat_clear_snapshot()")
                    return writing.done() or bool(await client.fetchval(_WAITS_FOR_LATCH))

                await until(waits)
                writing.cancel()
                await asyncio.sleep(0.1)
            with contextlib.suppress(asyncio.CancelledError):  # From version 1.5 on it has not waited.
                await writing

            assert await client.fetchval(_OTHERS_END)
        finally:
            await client.close()


@pytest.mark.parametrize("nested", [False, True], ids=["a transaction", "a savepoint"])
async def test_a_statement_is_stopped_in_a_session_that_undid_a_write_of_texts(database_url: str, nested: bool) -> None:
    async with Database(database_url, size=1, statement_timeout=0.2) as database, database.connection() as connection:
        await connection.execute(_CREATE_KEYWORD_INDEX)

        async def write_and_undo() -> None:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute("INSERT INTO public.text VALUES ('He walked.')")
            await transaction.rollback()

        if nested:
            async with connection.transaction():
                await write_and_undo()
        else:
            await write_and_undo()

        with pytest.raises(asyncpg.QueryCanceledError):
            await connection.execute("SELECT pg_sleep(2)")
