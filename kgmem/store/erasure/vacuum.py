"""What Postgres keeps of deleted rows in the files of tables, and how these are rewritten without them."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from kgmem.domain.erasure.erasure import Kept
from kgmem.log import EventLog
from kgmem.store.db.database import Database
from kgmem.store.db.errors import RETRYABLE
from kgmem.store.db.sql import SQL, compose, identifier
from kgmem.store.db.statements import statement

log = EventLog(__name__)

_FILE: Final = "erasure"
MOST_REWRITTEN: Final = 256 * 1024 * 1024  # Bytes of a table that is rewritten: others wait for it meanwhile.
_SMALL: Final = 8 * 1024 * 1024  # Bytes of a table that is rewritten whether it is known to have changed or not.
_TRIES: Final = 5
_WAITS, _PAUSE = 50, 0.1  # How often, and how many seconds apart, is looked for transactions that began before.
_NOT_NOW: Final = (*RETRYABLE, asyncpg.InsufficientPrivilegeError, asyncpg.QueryCanceledError)


async def rewrite(
    database: Database, schemas: Sequence[str], touched: Sequence[str], *, most: int = MOST_REWRITTEN
) -> tuple[Sequence[str], Sequence[Kept]]:
    """Rewrite the tables of schemas that lost rows, with their indexes; returns which, and what stays in files.

    VACUUM alone makes the room of deleted rows free, and leaves their bytes in the pages until others need it. So
    tables of up to `most` bytes are rewritten; larger ones are vacuumed.
    """
    async with database.connection() as connection:
        rows = await connection.fetch(statement(_FILE, "touched"), list(schemas))
    readers = await _old_readers(database)
    done, kept = list[str](), list[Kept]()
    for row in rows:
        if not row["changed"] and row["name"] not in touched and row["bytes"] > _SMALL:
            continue
        name = f"{row['schema']}.{row['name']}"
        small = row["bytes"] <= most
        if small and await _vacuum(database, row, whole=True):
            done.append(name)
            continue
        await _vacuum(database, row, whole=False)
        why = "free room of its pages has old bytes until it is used, or VACUUM FULL"
        kept.append(Kept(name, 1, why if small else f"larger than {most // 1024**2} MB: {why}"))
    await _forget_statistics(database)
    if readers:
        kept.append(Kept("transactions", readers, "began before, and keep deleted rows until they end"))
    return done, kept


async def _old_readers(database: Database) -> int:
    """Wait some seconds for the transactions that began before now; returns how many still run."""
    async with database.connection() as connection:
        before = await connection.fetchval(SQL("SELECT clock_timestamp()"))
        for _ in range(_WAITS):
            if not (readers := int(await connection.fetchval(statement(_FILE, "old_readers"), before))):
                break
            await asyncio.sleep(_PAUSE)
    return readers


async def _vacuum(database: Database, row: Any, *, whole: bool) -> bool:
    """Vacuum a table, `whole` by rewriting it; returns whether that was possible."""
    table = identifier(row["schema"], row["name"])
    sql = compose("VACUUM (FULL, ANALYZE) {}", table) if whole else compose("VACUUM (ANALYZE) {}", table)
    for attempt in range(_TRIES):
        async with database.connection() as connection:
            try:
                await connection.execute(SQL("SET lock_timeout = '1s'; SET statement_timeout = '60s'"))
                await connection.execute(sql)
            except asyncpg.UndefinedTableError:
                return True
            except _NOT_NOW as error:
                log.info("erasure_vacuum_deferred", table=row["name"], error=str(error))
            else:
                return True
            finally:
                await connection.execute(SQL("RESET lock_timeout"))
                timeout = str(int(database.statement_timeout * 1000))
                await connection.execute(SQL("SELECT set_config('statement_timeout', $1, false)"), timeout)
        await asyncio.sleep(0.1 * 2**attempt)
    return False


async def _forget_statistics(database: Database) -> None:
    """Write the planner's statistics again: the former ones have values of columns."""
    async with database.connection() as connection:
        try:
            await connection.execute(SQL("SET lock_timeout = '1s'"))
            await connection.execute(SQL("VACUUM FULL pg_catalog.pg_statistic"))
            await connection.execute(SQL("CHECKPOINT"))
        except _NOT_NOW as error:
            log.info("erasure_vacuum_deferred", table="pg_statistic", error=str(error))
        finally:
            await connection.execute(SQL("RESET lock_timeout"))
