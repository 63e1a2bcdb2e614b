"""The identity of a database: what tells it from every other one that shares a Redis with it."""

from hashlib import sha256

import asyncpg

from kgmem.store.db.sql import SQL

_IDENTITY = SQL("""
    SELECT s.system_identifier::text || ':' || d.oid FROM pg_control_system() s, pg_database d
     WHERE d.datname = current_database()
""")


async def database_identity(connection: asyncpg.Connection) -> str:
    """Return 16 hexadecimal digits that follow from the cluster and the database in it."""
    return sha256((await connection.fetchval(_IDENTITY)).encode()).hexdigest()[:16]
