"""TLS to Postgres: `sslmode=verify-full` in the URL is honoured by every driver that kgmem uses."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from pydantic import SecretStr

from kgmem.bootstrap import open_memory
from kgmem.domain.errors import KgmemError
from kgmem.settings import Settings
from kgmem.store.db.migrate import migrate
from tests.certificates import Authority
from tests.tls_proxy import TLSPostgres, tls_postgres


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def postgres(database_url: str, authority: Authority) -> AsyncIterator[TLSPostgres]:
    """A database whose server has a certificate for `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("localhost"))
    async with tls_postgres(database_url, context) as server:
        yield server


async def _use(url: str, home: Path) -> None:
    await migrate(url)
    settings = Settings(database_url=SecretStr(url), embedder="none", extractor="none", pool_size=2, home=home)
    async with open_memory(settings) as memory:
        await memory.graphs.create("private")
        assert (await memory.graphs.get("private")).name == "private"


async def test_a_verified_server_is_used_and_every_connection_to_it_is_encrypted(
    postgres: TLSPostgres, authority: Authority, tmp_path: Path
) -> None:
    await _use(postgres.through("localhost", sslmode="verify-full", sslrootcert=str(authority.file)), tmp_path)
    assert postgres.encrypted >= 2  # Of psycopg, which migrates, and of asyncpg.


async def test_a_server_of_another_name_or_authority_gets_nothing(
    postgres: TLSPostgres, authority: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path)
    for host, trusted in (("127.0.0.1", authority), ("localhost", other)):
        url = postgres.through(host, sslmode="verify-full", sslrootcert=str(trusted.file))
        with pytest.raises(KgmemError) as refused:
            await _use(url, tmp_path)
        assert "certificate" in str(refused.value).lower()
        settings = Settings(database_url=SecretStr(url), embedder="none", extractor="none", home=tmp_path)
        with pytest.raises(KgmemError):
            async with open_memory(settings):
                pass


async def test_a_server_without_tls_is_refused(database_url: str, authority: Authority, tmp_path: Path) -> None:
    async with tls_postgres(database_url, None) as plain:
        url = plain.through("localhost", sslmode="verify-full", sslrootcert=str(authority.file))
        with pytest.raises(KgmemError, match=r"SSL|TLS"):
            await _use(url, tmp_path)


async def test_a_certificate_that_does_not_fit_is_told_at_once_and_for_any_of_several_hosts(
    postgres: TLSPostgres, authority: Authority, tmp_path: Path
) -> None:
    url = postgres.through("localhost", sslmode="verify-full", sslrootcert=str(authority.file))
    await migrate(url)
    parts = urlsplit(postgres.through("127.0.0.1", sslmode="verify-full", sslrootcert=str(authority.file)))
    several = urlunsplit(parts._replace(netloc=f"{parts.netloc},127.0.0.1:1"))
    for other in (urlunsplit(parts), several):
        settings = Settings(database_url=SecretStr(other), database_wait=60, embedder="none", home=tmp_path)
        async with asyncio.timeout(30):
            with pytest.raises(KgmemError, match="certificate"):
                async with open_memory(settings):
                    pass
