"""The look at a Postgres: what is well, what is degraded, and that each hint fixes the problem."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import DatabaseOutdated, Forbidden
from kgmem.store.db.diagnostics import DatabaseState, Role, judge
from kgmem.store.db.doctor import Finding, examine
from kgmem.store.db.extensions import (
    Capabilities,
    Extension,
    ensure_extensions,
    read_capabilities,
    refuse_unfit,
    version_key,
)
from tests import postgres
from tests.embedded import home_folder, server_in

pytestmark = pytest.mark.server

WELL = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "data_checksums": "on",
    "max_connections": "100",
    "shared_buffers": "131072",
    "jit": "on",
    "TimeZone": "UTC",
    "statement_timeout": "0",
    "max_locks_per_transaction": "64",
    "max_prepared_transactions": "0",
}


def extensions(**changed: Extension) -> dict[str, Extension]:
    held = {
        "age": Extension("age", "1.7.0", "1.7.0"),
        "vector": Extension("vector", "0.8.1", "0.8.1", trusted=True),
        "pg_textsearch": Extension("pg_textsearch", "1.0.0", "1.0.0"),
    }
    return held | changed


def capabilities(major: int = 18, preloaded: str = "age pg_textsearch", **changed: Extension) -> Capabilities:
    return Capabilities(f"{major}.1", major, frozenset(preloaded.split()), extensions(**changed))


def facts(**changed: object) -> DatabaseState:
    role = Role("kgmem", superuser=True, create_schema=True, use_age=True, set_preload=True)
    well = DatabaseState("kgmem", "UTF8", replica=False, settings=WELL, capabilities=capabilities(), role=role)
    return replace(well, **changed)  # type: ignore[arg-type]


def found(given: DatabaseState) -> dict[str, Finding]:
    return {finding.area: finding for finding in judge(given) if finding.state != "ok"}


def bad(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.area: finding for finding in findings if finding.state != "ok"}


class TestJudging:
    def test_a_good_server_has_no_findings_to_mend(self) -> None:
        assert found(facts(free_disk=10**12)) == {}

    @pytest.mark.parametrize(
        ("changed", "area", "state", "hint"),
        [
            ({"capabilities": capabilities(major=15)}, "server", "problem", "pg_upgrade"),
            ({"capabilities": capabilities(age=Extension("age"))}, "age", "problem", "postgresql-18-age"),
            ({"capabilities": capabilities(age=Extension("age", "1.6.0", "1.6.0"))}, "age", "problem", "apt-get"),
            ({"capabilities": capabilities(age=Extension("age", "1.8.0", "1.6.0"))}, "age", "problem", "ALTER EXT"),
            ({"capabilities": capabilities(age=Extension("age", "1.8.0", "1.7.0"))}, "age", "warning", "ALTER EXT"),
            ({"capabilities": capabilities(vector=Extension("vector", "0.8.1"))}, "vector", "warning", "db migrate"),
            (
                {"capabilities": capabilities(pg_textsearch=Extension("pg_textsearch"))},
                "pg_textsearch",
                "warning",
                "postgresql-18-pg-textsearch",
            ),
            ({"capabilities": capabilities(preloaded="age auto_explain")}, "pg_textsearch", "warning", "auto_explain,"),
            ({"capabilities": capabilities(preloaded="pg_textsearch")}, "preload", "warning", "'age,pg_textsearch'"),
            ({"encoding": "LATIN1"}, "encoding", "problem", "ENCODING 'UTF8'"),
            ({"replica": True}, "replica", "problem", "primary"),
            ({"settings": WELL | {"fsync": "off"}}, "fsync", "problem", "ALTER SYSTEM SET fsync = on"),
            ({"settings": WELL | {"full_page_writes": "off"}}, "full_page_writes", "problem", "ALTER SYSTEM"),
            ({"settings": WELL | {"synchronous_commit": "off"}}, "synchronous_commit", "warning", "ALTER SYSTEM"),
            ({"settings": WELL | {"data_checksums": "off"}}, "data_checksums", "warning", "pg_checksums"),
            ({"settings": WELL | {"max_connections": "10"}}, "max_connections", "warning", "KGMEM_POOL_SIZE"),
            ({"settings": WELL | {"shared_buffers": "1024"}}, "shared_buffers", "warning", "shared_buffers"),
            ({"settings": WELL | {"statement_timeout": "500"}}, "statement_timeout", "warning", "ALTER ROLE"),
            ({"graphs": 400, "tables": 5000}, "graphs", "warning", "max_locks_per_transaction = 128"),
            ({"free_files": 5000}, "files", "warning", "inodes"),
            ({"free_disk": 10**9}, "disk", "warning", "Free space"),
            ({"free_disk": 10**7}, "disk", "problem", "Free space"),
        ],
    )
    def test_what_is_not_well_names_its_mend(
        self, changed: dict[str, object], area: str, state: str, hint: str
    ) -> None:
        finding = found(facts(**changed))[area]
        assert finding.state == state
        assert hint in finding.hint

    def test_without_textsearch_it_says_what_is_degraded(self) -> None:
        bare = facts(capabilities=capabilities(pg_textsearch=Extension("pg_textsearch")))
        assert "full text instead of BM25" in found(bare)["pg_textsearch"].what
        assert not bare.capabilities.bm25

    @given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
    def test_versions_compare_by_their_numbers(self, one: list[int], other: list[int]) -> None:
        texts = [".".join(map(str, numbers)) for numbers in (one, other)]
        assert (version_key(texts[0]) < version_key(texts[1])) == (one < other)


class TestRefusing:
    def test_a_server_that_is_too_old_is_named(self) -> None:
        with pytest.raises(DatabaseOutdated, match=r"Postgres 15\.1"):
            refuse_unfit(capabilities(major=15))

    def test_a_missing_extension_names_its_package(self) -> None:
        with pytest.raises(DatabaseOutdated) as refused:
            refuse_unfit(capabilities(major=17, vector=Extension("vector")))
        assert "postgresql-17-pgvector" in refused.value.hint


@pytest.fixture
async def bare_database(postgres_url: str) -> AsyncIterator[str]:
    """A new database without extensions."""
    name = f"kgmem_bare_{secrets.token_hex(4)}"
    await postgres.run_on(postgres_url, f"CREATE DATABASE {name}")
    yield postgres.with_database(postgres_url, name)
    await postgres.drop_database(postgres_url, name)


@asynccontextmanager
async def connected(url: str, **more: object) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url, **more)
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def plain_role(server: str) -> AsyncIterator[str]:
    """A role without rights; its sessions are those of the superuser, who acts as it."""
    name = f"kgmem_plain_{secrets.token_hex(4)}"
    await postgres.run_on(server, f"CREATE ROLE {name}")
    try:
        yield name
    finally:
        await postgres.run_on(server, f"DROP ROLE {name}")


class TestOnAServer:
    async def test_a_prepared_database_has_no_problems(self, database_url: str) -> None:
        findings = await examine(database_url)
        assert [finding for finding in findings if finding.state == "problem" and finding.area != "fsync"] == []
        assert {"server", "age", "vector", "pg_textsearch", "rights", "tables"} <= {f.area for f in findings}

    async def test_a_bare_database_is_told_to_migrate(self, bare_database: str) -> None:
        findings = bad(await examine(bare_database))
        assert "kgmem db migrate" in findings["age"].hint
        assert "kgmem db migrate" in findings["tables"].hint

    async def test_extensions_are_created_once_and_twice_is_no_error(self, bare_database: str) -> None:
        async with connected(bare_database) as connection:
            first = await ensure_extensions(connection)
            assert await ensure_extensions(connection) == first == await read_capabilities(connection)
            assert first.bm25
            assert all(extension.installed for extension in first.extensions.values())
            for name in ("age", "vector"):
                assert await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = $1", name)

    async def test_a_role_that_may_not_create_extensions_is_told_who_may(
        self, bare_database: str, postgres_url: str
    ) -> None:
        async with plain_role(postgres_url) as role, connected(bare_database) as connection:
            await connection.execute(f"SET ROLE {role}")
            with pytest.raises(Forbidden, match="may not create the extension age") as refused:
                await ensure_extensions(connection)
            assert "as a superuser in this database: CREATE EXTENSION age;" in refused.value.hint

    async def test_the_mends_for_a_plain_role_give_it_all_it_needs(self, database_url: str, postgres_url: str) -> None:
        async with plain_role(postgres_url) as role:
            await postgres.run_on(database_url, f"ALTER ROLE {role} LOGIN")
            acting = f"{database_url}{'&' if '?' in database_url else '?'}role={role}"
            findings = [finding for finding in await examine(acting) if finding.area == "rights"]
            assert len(findings) == 3
            try:
                for finding in findings:
                    for statement in re.findall(r"GRANT [^;]+;", finding.hint):
                        await postgres.run_on(database_url, statement)
                rights = [finding for finding in await examine(acting) if finding.area == "rights"]
                assert [finding.state for finding in rights] == ["ok"]
            finally:
                await postgres.run_on(database_url, f"DROP OWNED BY {role}")

    async def test_a_database_that_does_not_exist_is_a_finding(self, postgres_url: str) -> None:
        (finding,) = await examine(postgres.with_database(postgres_url, "nonesuch"))
        assert finding.state == "problem"
        assert "createdb" in finding.hint

    @pytest.mark.parametrize("url", ["postgresql://127.0.0.1:1/none", "nonsense", "postgresql://[::1/x"])
    async def test_an_address_without_a_server_is_a_finding(self, url: str) -> None:
        (finding,) = await examine(url)
        assert finding.area == "connection"
        assert "KGMEM_DATABASE_URL" in finding.hint

    @pytest.mark.long
    async def test_a_careless_server_is_seen_through(self, short_folder: Path) -> None:
        careless = {
            "fsync": "off",
            "synchronous_commit": "off",
            "shared_preload_libraries": "",
            "max_connections": "20",
        }
        with home_folder(short_folder) as home:
            async with server_in(home, settings=careless) as server:
                findings = bad(await examine(server.url))
        assert findings["fsync"].state == "problem"
        areas = {"synchronous_commit", "max_connections", "shared_buffers", "preload", "pg_textsearch"}
        assert areas <= findings.keys()
        assert "'age,pg_textsearch'" in findings["preload"].hint
