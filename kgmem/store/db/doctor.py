"""A look at any Postgres: whether kgmem can work with it, what is degraded, and what fixes it."""

import os
import shutil
from pathlib import Path

import asyncpg

from kgmem.domain.errors import KgmemError
from kgmem.store.db.diagnostics import DatabaseState, Finding, Role, judge
from kgmem.store.db.extensions import Capabilities, read_capabilities
from kgmem.store.db.host_findings import examine_hosts, examine_replicas
from kgmem.store.db.hosts import connect
from kgmem.store.db.migrate import outdated, revision_state
from kgmem.store.db.sql import SQL

__all__ = ["Finding", "examine"]

_SETTINGS = (
    "fsync", "full_page_writes", "synchronous_commit", "data_checksums", "max_connections", "shared_buffers", "jit",
    "TimeZone", "statement_timeout", "max_locks_per_transaction", "max_prepared_transactions",
)  # fmt: skip

_DATABASE = SQL("""
    SELECT current_database() AS database, pg_is_in_recovery() AS replica,
           current_setting('server_encoding') AS encoding,
           inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1' AS near
""")

_ROLE = SQL("""
    SELECT rolname AS name, rolsuper AS superuser,
           has_database_privilege(current_database(), 'CREATE') AS create_schema,
           has_parameter_privilege('session_preload_libraries', 'SET') AS set_preload,
           pg_has_role('pg_read_all_settings', 'USAGE') AS read_all
      FROM pg_roles WHERE rolname = current_user
""")

_AGE = SQL("""
    SELECT has_schema_privilege('ag_catalog', 'USAGE')
       AND has_table_privilege('ag_catalog.ag_graph', 'INSERT') AND has_table_privilege('ag_catalog.ag_label', 'INSERT')
""")

_TABLES = SQL("SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p')")
_SEES_GRAPHS = SQL("""
    SELECT to_regnamespace('kgmem') IS NOT NULL AND has_schema_privilege('kgmem', 'USAGE')
       AND EXISTS (SELECT FROM pg_class c WHERE c.relnamespace = to_regnamespace('kgmem') AND c.relname = 'graph'
                     AND has_table_privilege(c.oid, 'SELECT'))
""")
_GRAPHS = SQL("SELECT count(*) FROM kgmem.graph")

_FOLDER = SQL("SELECT current_setting('data_directory')")


async def examine(url: str, read_url: str | None = None) -> list[Finding]:
    """Findings about the database behind the URL; one that cannot be reached is a finding too. Changes nothing.

    `read_url` names replicas that are read from.
    """
    hosts = [*await examine_hosts(url), *await examine_replicas(read_url)]
    try:
        connection = await connect(url, timeout=10)
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as exc:
        return [_unreachable(exc), *hosts]
    try:
        findings = list(judge(await _facts(connection)))
    finally:
        await connection.close()
    return [*findings, await _tables(url), *hosts]


async def _tables(url: str) -> Finding:
    try:
        found = await revision_state(url)
    except KgmemError as exc:
        return Finding("tables", "problem", exc.message, exc.hint)
    if found.state == "current":
        return Finding("tables", "ok", f"revision {found.head}")
    unfit = outdated(found)
    return Finding("tables", "warning", unfit.message, unfit.hint)


def _unreachable(exc: Exception) -> Finding:
    what = f"The database cannot be reached: {str(exc) or type(exc).__name__}."
    if isinstance(exc, asyncpg.InvalidCatalogNameError):
        return Finding("connection", "problem", what, "Create it: createdb --encoding UTF8 --template template0 <name>")
    if isinstance(exc, asyncpg.InvalidAuthorizationSpecificationError):
        return Finding("connection", "problem", what, "Fix the user and password in KGMEM_DATABASE_URL.")
    return Finding("connection", "problem", what, "Start it, or correct the address in KGMEM_DATABASE_URL.")


async def _facts(connection: asyncpg.Connection) -> DatabaseState:
    database = await connection.fetchrow(_DATABASE)
    capabilities = await read_capabilities(connection)
    rows = await connection.fetch(SQL("SELECT name, setting FROM pg_settings WHERE name = ANY ($1)"), list(_SETTINGS))
    role, sees_folder = await _role(connection, capabilities)
    near = database["near"] and sees_folder
    folder = Path(await connection.fetchval(_FOLDER)) if near else None
    sees_graphs = await connection.fetchval(_SEES_GRAPHS)
    return DatabaseState(
        database=database["database"],
        encoding=database["encoding"],
        replica=database["replica"],
        settings={row["name"]: row["setting"] for row in rows},
        capabilities=capabilities,
        role=role,
        free_disk=_free_disk(folder) if folder else None,
        graphs=await connection.fetchval(_GRAPHS) if sees_graphs else 0,
        tables=await connection.fetchval(_TABLES),
        free_files=_free_files(folder) if folder else None,
    )


async def _role(connection: asyncpg.Connection, capabilities: Capabilities) -> tuple[Role, bool]:
    """The role, and whether it may ask where the data folder is."""
    row = await connection.fetchrow(_ROLE)
    use_age = capabilities.extensions["age"].installed is not None and await connection.fetchval(_AGE)
    role = Role(row["name"], row["superuser"], row["create_schema"], bool(use_age), row["set_preload"])
    return role, row["superuser"] or row["read_all"]


def _free_disk(folder: Path) -> int | None:
    """Free bytes where the data folder is; None when this machine does not have it (a container's, for instance)."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def _free_files(folder: Path) -> int | None:
    """How many files may still be made where the data folder is; None where its file system sets no number."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return found.f_favail if found.f_files else None
