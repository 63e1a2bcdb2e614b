"""A Postgres for tests: one server a session, a template database in it, and a fresh clone of that for each test."""

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kgmem.storage.postgres.embedded import EmbeddedPostgres
from kgmem.storage.postgres.extensions import ensure_extensions
from kgmem.storage.postgres.migrate import migrate

# A server that the tests use instead of the embedded one; its role must be allowed to create databases.
EXTERNAL_URL = os.environ.get("KGMEM_TEST_DATABASE_URL")

# Tests of a shared server need neither much memory nor data that outlives a power cut.
FAST = {"shared_buffers": "128MB", "max_wal_size": "1GB", "fsync": "off", "autovacuum_naptime": "1h"}


@contextmanager
def short_folder() -> Iterator[Path]:
    """A temporary folder whose path is short enough for a Unix socket in it."""
    folder = Path(tempfile.mkdtemp(prefix="kgt-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_server() -> Iterator[str]:
    """The URL of a server for this session: the external one, or an embedded one of its own."""
    if EXTERNAL_URL:
        yield EXTERNAL_URL
        return
    with short_folder() as home:
        server = EmbeddedPostgres(home, settings=FAST)
        url = asyncio.run(server.start())
        try:
            yield url
        finally:
            asyncio.run(server.stop())


def with_database(url: str, name: str) -> str:
    """The same server with another database."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


async def prepare_template(url: str) -> None:
    """Put into the template database what every test finds in its own."""
    connection = await asyncpg.connect(url)
    try:
        await ensure_extensions(connection)
    finally:
        await connection.close()
    await migrate(url)


@contextmanager
def template_database(server: str) -> Iterator[str]:
    """The name of a template database that nobody can connect to, so that it can be cloned at any time."""
    name = f"kgmem_template_{secrets.token_hex(4)}"
    asyncio.run(_make_template(server, name))
    try:
        yield name
    finally:
        asyncio.run(run_on(server, f"ALTER DATABASE {name} IS_TEMPLATE false", f"DROP DATABASE {name} WITH (FORCE)"))


async def _make_template(server: str, name: str) -> None:
    await run_on(server, f"CREATE DATABASE {name}")
    await prepare_template(with_database(server, name))
    await run_on(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false IS_TEMPLATE true")


@asynccontextmanager
async def cloned_database(server: str, template: str) -> AsyncIterator[str]:
    """The URL of a fresh database, a copy of the template, which is dropped in the end with all its sessions."""
    name = f"kgmem_test_{secrets.token_hex(6)}"
    await run_on(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield with_database(server, name)
    finally:
        await run_on(server, f"DROP DATABASE {name} WITH (FORCE)")


async def run_on(url: str, *statements: str) -> None:
    """Run statements one by one, outside of a transaction."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
