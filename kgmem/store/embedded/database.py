"""The database and the password inside the embedded Postgres."""

import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import asyncpg

from kgmem.store.db.errors import translating
from kgmem.store.db.sql import SQL, compose, identifier
from kgmem.store.embedded.access import open_private
from kgmem.store.embedded.cluster import DATABASE, ROLE
from kgmem.store.embedded.postmaster import Postmaster


def socket_url(found: Postmaster, database: str = DATABASE) -> str:
    """A URL over the Unix socket that asyncpg, psycopg and psql understand; it names all parts.

    A missing part would be read from the PG* variables of the environment.
    """
    where = urlencode({"host": str(found.socket_folder), "port": found.port}, quote_via=quote)
    return f"postgresql://{ROLE}@/{database}?{where}"


async def ensure_database(found: Postmaster) -> None:
    """Make the database of kgmem when it is missing."""
    async with _connected(found, "postgres") as connection:
        if not await connection.fetchval(SQL("SELECT count(*) FROM pg_database WHERE datname = $1"), DATABASE):
            await connection.execute(compose("CREATE DATABASE {}", identifier(DATABASE)))


def password_in(path: Path) -> str:
    """The password in that file, which is made when it is missing."""
    if not path.exists():
        with os.fdopen(open_private(path, os.O_WRONLY), "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text().strip()


async def set_password(found: Postmaster, password: str) -> None:
    """Return the role its password, which connections over TCP need."""
    async with _connected(found, DATABASE) as connection:
        # A password cannot be a parameter of ALTER ROLE, so Postgres itself quotes it.
        change = await connection.fetchval(
            SQL("SELECT format('ALTER ROLE %I PASSWORD %L', current_user, $1::text)"), password
        )
        await connection.execute(change)


@asynccontextmanager
async def _connected(found: Postmaster, database: str) -> AsyncIterator[asyncpg.Connection]:
    with translating():
        connection = await asyncpg.connect(socket_url(found, database))
        try:
            yield connection
        finally:
            await connection.close()
