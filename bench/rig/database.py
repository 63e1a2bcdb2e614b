"""A database for one benchmark: of an embedded Postgres in a temporary folder, or on a server that is given."""

import os
import secrets
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from pydantic import SecretStr

from bench.contract import SkippedError
from bench.rig.machine import tell_database
from kgmem.bootstrap import open_memory
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.memory import Memory
from kgmem.settings import Settings
from kgmem.store.db.codecs import set_codecs
from kgmem.store.embedded.lifecycle import EmbeddedPostgres

# As for the tests: a server to be used instead of the embedded one; its role must be allowed to create databases.
EXTERNAL_URL = os.environ.get("KGMEM_TEST_DATABASE_URL")
DIMENSION = 384
SPACE = EmbeddingSpace("bench", "given-by-the-caller", DIMENSION)
GRAPH = "bench"
# What kgmem's own connections set: the baseline is to lack nothing that costs nothing.
_RAW_SETTINGS = {"search_path": "ag_catalog,public", "jit": "off", "hnsw.ef_search": "100"}


def data_folder(name: str) -> Path:
    """Return a folder of real data below KGMEM_DATA. Raises SkippedError where it is not there."""
    root = os.environ.get("KGMEM_DATA")
    if not root:
        raise SkippedError("it needs real data; set KGMEM_DATA to the folder that holds it.")
    folder = Path(root) / name
    if not folder.is_dir():
        raise SkippedError(f"KGMEM_DATA has no folder {name}.")
    return folder


@asynccontextmanager
async def temporary_home() -> AsyncIterator[Path]:
    """Return a folder whose path is short enough for a Unix socket in it; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="kgb-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def fresh_database() -> AsyncIterator[str]:
    """Return the URL of an empty database, with Postgres set up as kgmem sets it up for users."""
    if EXTERNAL_URL is None:
        async with temporary_home() as home, EmbeddedPostgres(home) as postgres:
            yield postgres.url
        return
    name = f"kgmem_bench_{secrets.token_hex(6)}"
    async with _administrator() as server:
        await server.execute(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(EXTERNAL_URL)._replace(path=f"/{name}"))
    finally:
        async with _administrator() as server:
            await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@asynccontextmanager
async def _administrator() -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(EXTERNAL_URL)
    try:
        yield connection
    finally:
        await connection.close()


def settings_for(url: str, **more: Any) -> Settings:
    """Return settings over a database: vectors are given by the benchmark, so there is no embedder.

    A question that is repeated is computed each time: nothing is cached.
    """
    return Settings(database_url=SecretStr(url), **{"embedder": "none", "log_level": "warning", "cache": False, **more})


@asynccontextmanager
async def memory_on(url: str, **settings: Any) -> AsyncIterator[Memory]:
    """Return a memory over a database, brought up to date first."""
    async with open_memory(settings_for(url, **settings), migrating=True) as memory:
        yield memory


@asynccontextmanager
async def raw_connection(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Return a plain connection for baselines, with the codecs and the search settings that kgmem uses."""
    connection = await asyncpg.connect(url, server_settings=_RAW_SETTINGS, statement_cache_size=400)
    try:
        await set_codecs(connection)
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def memory_and_raw() -> AsyncIterator[tuple[Memory, asyncpg.Connection, str]]:
    """Return a memory with an empty graph, a plain connection to the same database, and its URL."""
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create(GRAPH, space=SPACE)
        async with raw_connection(url) as raw:
            await tell_database(raw)
            yield memory, raw, url


@asynccontextmanager
async def hnsw_set_aside(raw: asyncpg.Connection) -> AsyncIterator[None]:
    """Let a graph be filled without its HNSW index, which is built again afterwards: five times faster to set up."""
    found = await raw.fetch("SELECT schemaname, indexname, indexdef FROM pg_indexes WHERE indexdef ~ 'USING hnsw'")
    for index in found:
        await raw.execute(f'DROP INDEX "{index["schemaname"]}"."{index["indexname"]}"')
    yield
    for index in found:
        await raw.execute(index["indexdef"])
