"""A Postgres for tests: one server for all workers, a template database in it, and clones of that."""

import asyncio
import json
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kgmem.store.db.extensions import ensure_extensions
from kgmem.store.db.migrate import migrate
from kgmem.store.embedded.lifecycle import EmbeddedPostgres

# A server that the tests use instead of the embedded one; its role must be allowed to create databases.
EXTERNAL_URL = os.environ.get("KGMEM_TEST_DATABASE_URL")

# Tests of a shared server need neither much memory nor data that outlives a power cut.
FAST = {
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "fsync": "off",
    "autovacuum_naptime": "1h",
    "max_connections": "300",
    "max_locks_per_transaction": "128",  # pg_dump of 2,000 graphs takes 26,000 locks.
}

_PATIENCE = 180.0  # Seconds until another process has started the server, on a machine that has much else to do.


@dataclass(frozen=True, slots=True)
class TestServer:
    """A server with extensions, and the name of the database in it that clones are made of."""

    url: str
    template: str


@contextmanager
def prepared_server() -> Iterator[TestServer]:
    """A server with a template database: KGMEM_TEST_DATABASE_URL, or an embedded one."""
    with running_server() as url, template_database(url) as template:
        yield TestServer(url, template)


class SharedServer:
    """One server for the worker processes of a session, started beside their collection of tests."""

    def __init__(self) -> None:
        """Begin to start it."""
        self.folder = Path(tempfile.mkdtemp(prefix="kgt-shared-", dir="/tmp"))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="test server")
        self._thread.start()

    def _serve(self) -> None:
        try:
            with prepared_server() as server:
                _publish(self.folder / "server.json", asdict(server))
                self._over.wait()
        except BaseException as error:
            _publish(self.folder / "failed.json", {"error": repr(error)})
            raise

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        self._over.set()
        self._thread.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def wait_for(folder: Path) -> TestServer:
        """Return the server that another process starts. Raises RuntimeError when it does not come up."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if (folder / "server.json").exists():
                return TestServer(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
            if (folder / "failed.json").exists():
                raise RuntimeError((folder / "failed.json").read_text(encoding="utf-8"))
            time.sleep(0.05)
        raise RuntimeError(f"No server for the tests within {_PATIENCE:.0f} s.")


def _publish(path: Path, value: dict[str, str]) -> None:
    """Write a file that is there whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(value), encoding="utf-8")
    partial.replace(path)


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
        asyncio.run(_drop_template(server, name))


async def _drop_template(server: str, name: str) -> None:
    if EXTERNAL_URL:
        await run_on(server, f"ALTER DATABASE {name} IS_TEMPLATE false")
    await drop_database(server, name)


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
        await drop_database(server, name)


async def drop_database(server: str, name: str) -> None:
    """Drop a database of a server that outlives the tests; the folder of an embedded one goes anyway, with all of it.

    DROP DATABASE waits for every session of the server, also for one of another test that waits for its client.
    """
    if EXTERNAL_URL:
        with suppress(asyncpg.QueryCanceledError):
            await run_on(server, "SET statement_timeout = '10s'", f"DROP DATABASE {name} WITH (FORCE)")


async def run_on(url: str, *statements: str) -> None:
    """Run statements one by one, outside of a transaction."""
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def value_on(url: str, statement: str) -> object:
    """Return what a statement returns first, on a connection of its own."""
    connection = await asyncpg.connect(url)
    try:
        value: object = await connection.fetchval(statement)
        return value
    finally:
        await connection.close()
