"""What a Postgres server can do for kgmem, read from its catalogue, and the extensions that kgmem needs in it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from kgmem.domain.errors import DatabaseOutdated, Forbidden
from kgmem.store.db.errors import translating
from kgmem.store.db.sql import NOTHING, SQL, compose, identifier

OLDEST_SERVER, NEWEST_SERVER = 16, 18

# From this version on pg_textsearch writes everything through the WAL. What is done before it stands in
# sync/keyword_index_repair.py.
BM25_IN_WAL = "1.5"
# The oldest version of each extension that kgmem works with.
REQUIRED: Mapping[str, str] = {"age": "1.7", "vector": "0.8"}
OPTIONAL: Mapping[str, str] = {"pg_textsearch": "1.0"}

# What the PostgreSQL project's apt packages call them, after postgresql-<major>-.
_PACKAGES: Mapping[str, str] = {"age": "age", "vector": "pgvector", "pg_textsearch": "pg-textsearch"}

_EXTENSIONS = SQL("""
    SELECT a.name, a.default_version, a.installed_version, coalesce(v.trusted, false) AS trusted
      FROM pg_available_extensions a
      LEFT JOIN pg_available_extension_versions v ON v.name = a.name AND v.version = a.default_version
     WHERE a.name = ANY ($1)
""")
# Only some roles may read shared_preload_libraries; for the others a library counts whose settings the session knows.
_SERVER = SQL("""
    SELECT current_setting('server_version') AS version,
           current_setting('server_version_num')::int / 10000 AS major,
           CASE WHEN pg_has_role('pg_read_all_settings', 'USAGE')
                THEN string_to_array(current_setting('shared_preload_libraries'), ',')
                ELSE ARRAY(SELECT DISTINCT split_part(name, '.', 1) FROM pg_settings WHERE name LIKE '%.%')
           END AS preloaded
""")


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension: the version that the server offers (None: it has none), and the one that the database has.

    A trusted one may be created by any role that may create schemas.
    """

    name: str
    available: str | None = None
    installed: str | None = None
    trusted: bool = False

    def at_least(self, version: str) -> bool:
        """Whether the installed version, or else the one to be installed, is not older."""
        held = self.installed or self.available
        return held is not None and version_key(held) >= version_key(version)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What one database offers; `preloaded` are the server's shared_preload_libraries."""

    server_version: str
    server_major: int
    preloaded: frozenset[str]
    extensions: Mapping[str, Extension]

    @property
    def bm25(self) -> bool:
        """Whether words can be ranked by BM25 here; else by Postgres full text."""
        return self.extensions["pg_textsearch"].installed is not None and "pg_textsearch" in self.preloaded

    @property
    def bm25_outlives_restarts(self) -> bool:
        """Whether the text index is whole after a restart of Postgres; older versions keep a part in memory only."""
        return self.bm25 and self.extensions["pg_textsearch"].at_least(BM25_IN_WAL)

    @property
    def bm25_latches(self) -> bool:
        """Whether a transaction keeps a latch on each text index that it has written to, until its end."""
        return self.bm25 and not self.bm25_outlives_restarts

    def package(self, name: str) -> str:
        """The apt package of an extension for this server."""
        return f"postgresql-{self.server_major}-{_PACKAGES[name]}"


def version_key(text: str) -> tuple[int, ...]:
    """The numbers of a version, for comparison: 1.10 is newer than 1.9."""
    return tuple(int(number) for number in re.findall(r"\d+", text))


async def read_capabilities(connection: asyncpg.Connection) -> Capabilities:
    """What the database behind the connection offers."""
    names = [*REQUIRED, *OPTIONAL]
    server = await connection.fetchrow(_SERVER)
    rows = await connection.fetch(_EXTENSIONS, names)
    found = {row["name"]: Extension(*row) for row in rows}
    return Capabilities(
        server_version=server["version"],
        server_major=server["major"],
        preloaded=frozenset(name.strip(' "') for name in server["preloaded"]),
        extensions={name: found.get(name, Extension(name)) for name in names},
    )


async def ensure_extensions(connection: asyncpg.Connection) -> Capabilities:
    """Create AGE and pgvector, and pg_textsearch where the server has it loaded; return what there is then.

    Raises DatabaseOutdated when the server or an extension is missing or too old, Forbidden when the role may not
    create extensions.
    """
    with translating():
        held = await read_capabilities(connection)
    refuse_unfit(held)
    for name, extension in held.extensions.items():
        wanted = name in REQUIRED or (extension.available is not None and name in held.preloaded)
        if wanted and extension.installed is None:
            await _create(connection, name)
    with translating():
        return await read_capabilities(connection)


def refuse_unfit(held: Capabilities) -> None:
    """Raise DatabaseOutdated when kgmem cannot work with what a server offers."""
    if not OLDEST_SERVER <= held.server_major <= NEWEST_SERVER:
        raise DatabaseOutdated(
            f"The database is Postgres {held.server_version}; kgmem works with {OLDEST_SERVER} to {NEWEST_SERVER}.",
            hint="Point KGMEM_DATABASE_URL to such a server, or leave it unset for the embedded one.",
        )
    for name in REQUIRED:
        refuse_unfit_extension(held, name)


def refuse_unfit_extension(held: Capabilities, name: str) -> None:
    """Raise DatabaseOutdated when a required extension is missing or too old."""
    extension, oldest = held.extensions[name], REQUIRED[name]
    version = extension.installed or extension.available
    if version is None:
        raise DatabaseOutdated(
            f"The database server has no extension {name}.",
            hint=f"Install {name} {oldest} or newer on it: apt-get install {held.package(name)}",
            extension=name,
        )
    if not extension.at_least(oldest):
        raise DatabaseOutdated(
            f"The extension {name} {version} is too old; kgmem needs {oldest}.",
            hint=renewal(held, name),
            extension=name,
        )


def renewal(held: Capabilities, name: str) -> str:
    """How to get a newer version of an extension: from the server where that has it, else from its package."""
    oldest = {**REQUIRED, **OPTIONAL}[name]
    available = held.extensions[name].available
    if available is not None and version_key(available) >= version_key(oldest):
        return f"Run in the database: ALTER EXTENSION {name} UPDATE;"
    return f"Install {name} {oldest} or newer on the server: apt-get install {held.package(name)}"


async def _create(connection: asyncpg.Connection, name: str) -> None:
    # AGE makes its own schema; the others belong where all can see them.
    schema = NOTHING if name == "age" else SQL(" SCHEMA public")
    try:
        with translating():
            await connection.execute(compose("CREATE EXTENSION IF NOT EXISTS {}{}", identifier(name), schema))
    except Forbidden as exc:
        raise Forbidden(
            f"The database role may not create the extension {name}.",
            hint=f"Run once as a superuser in this database: CREATE EXTENSION {name};",
            extension=name,
        ) from exc
    except asyncpg.UniqueViolationError:
        # Two processes created it at once, and the other one was first.
        return
