"""What kgmem makes of a database server's state: findings, each with the command or the line that fixes it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from kgmem.domain.errors import DatabaseOutdated
from kgmem.store.db.extensions import (
    BM25_IN_WAL,
    NEWEST_SERVER,
    OLDEST_SERVER,
    OPTIONAL,
    REQUIRED,
    Capabilities,
    refuse_unfit_extension,
    renewal,
    version_key,
)

State = Literal["ok", "warning", "problem"]

# kgmem's pool, its workers and its migrations, and some for people.
LEAST_CONNECTIONS = 30
LEAST_BUFFERS = 128 * 1024 * 1024
LOCKS_SHARE = 0.7  # Of the locks, from which on the tables are many.
LEAST_FILES = 100_000
LEAST_DISK_WARNING, LEAST_DISK_PROBLEM = 2 * 1024**3, 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `hint` is empty where all is well."""

    area: str
    state: State
    what: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Role:
    """What the role of the connection may do."""

    name: str
    superuser: bool
    create_schema: bool
    use_age: bool
    set_preload: bool


@dataclass(frozen=True, slots=True)
class DatabaseState:
    """What the checks read of one database; disk sizes in bytes, where its disk is this machine's."""

    database: str
    encoding: str
    replica: bool
    settings: Mapping[str, str]
    capabilities: Capabilities
    role: Role
    free_disk: int | None = None
    graphs: int = 0
    tables: int = 0
    free_files: int | None = None  # How many more files the disk can have.


def judge(facts: DatabaseState) -> Iterator[Finding]:
    """Findings of all areas, in the order in which they are fixed best."""
    yield _server(facts)
    yield from (_required(facts, name) for name in REQUIRED)
    yield _words(facts)
    yield _preload(facts)
    yield from _rights(facts)
    yield _encoding(facts)
    yield _replica(facts)
    yield from _safety(facts.settings)
    yield from _size(facts.settings)
    yield _graphs(facts)
    if facts.free_disk is not None:
        yield _disk(facts.free_disk)
    if facts.free_files is not None:
        yield _files(facts.free_files)


def _server(facts: DatabaseState) -> Finding:
    held = facts.capabilities
    if OLDEST_SERVER <= held.server_major <= NEWEST_SERVER:
        return Finding("server", "ok", f"Postgres {held.server_version}")
    return Finding(
        "server",
        "problem",
        f"Postgres {held.server_version}; kgmem works with {OLDEST_SERVER} to {NEWEST_SERVER}.",
        "Upgrade the server with pg_upgrade, or point KGMEM_DATABASE_URL to another one.",
    )


def _required(facts: DatabaseState, name: str) -> Finding:
    held, extension = facts.capabilities, facts.capabilities.extensions[name]
    try:
        refuse_unfit_extension(held, name)
    except DatabaseOutdated as unfit:
        return Finding(name, "problem", unfit.message, unfit.hint)
    if extension.installed is None:
        what = f"{name} {extension.available} is available and not created yet."
        if facts.role.superuser or (extension.trusted and facts.role.create_schema):
            return Finding(name, "warning", what, "Run kgmem db migrate, which creates it.")
        hint = f"Run once as a superuser in the database {facts.database}: CREATE EXTENSION {name};"
        return Finding(name, "problem", what, hint)
    return _newer_one(held, name)


def _newer_one(held: Capabilities, name: str) -> Finding:
    extension = held.extensions[name]
    installed, available = extension.installed or "", extension.available or ""
    if version_key(available) > version_key(installed):
        what = f"{name} {installed}; the server brings {available}."
        return Finding(name, "warning", what, f"Run in the database: ALTER EXTENSION {name} UPDATE;")
    return Finding(name, "ok", f"{name} {installed}")


def _words(facts: DatabaseState) -> Finding:
    """Without pg_textsearch recall works; its retriever of words is slower and ranks less well."""
    held, name = facts.capabilities, "pg_textsearch"
    extension = held.extensions[name]
    degraded = "Words are ranked by Postgres full text instead of BM25: slower on large graphs, and less to the point."
    if extension.available is None and extension.installed is None:
        hint = f"apt-get install {held.package(name)}, then {preload_line(held)}"
        return Finding(name, "warning", f"{name} is not installed. {degraded}", hint)
    if name not in held.preloaded:
        return Finding(name, "warning", f"{name} is not preloaded. {degraded}", preload_line(held))
    if not extension.at_least(OPTIONAL[name]):
        version = extension.installed or extension.available
        return Finding(name, "warning", f"{name} {version} is too old. {degraded}", renewal(held, name))
    if extension.installed is None:
        what = f"{name} {extension.available} is available and not created yet. {degraded}"
        return Finding(name, "warning", what, f"Run in the database: CREATE EXTENSION {name};")
    found = _newer_one(held, name)
    if found.state == "ok" and not held.bm25_outlives_restarts:
        limits = "replicas answer words by full text, and indexes are rebuilt after a crash or a failover"
        return Finding(name, "ok", f"{found.what}; before {BM25_IN_WAL} {limits}")
    return found


def preload_line(held: Capabilities) -> str:
    """The line of postgresql.conf that preloads what kgmem needs beside what is preloaded already."""
    wanted = ["age", *(name for name in OPTIONAL if held.extensions[name].available or name in held.preloaded)]
    names = [*sorted(held.preloaded - set(wanted)), *wanted]
    return f"Set in postgresql.conf and restart Postgres: shared_preload_libraries = '{','.join(names)}'"


def _preload(facts: DatabaseState) -> Finding:
    if "age" in facts.capabilities.preloaded:
        return Finding("preload", "ok", "age is preloaded")
    what = "age is not in shared_preload_libraries: every connection loads it again, and other clients must LOAD it."
    return Finding("preload", "warning", what, preload_line(facts.capabilities))


def _rights(facts: DatabaseState) -> Iterator[Finding]:
    role, name = facts.role, facts.role.name
    if role.superuser:
        yield Finding("rights", "ok", f"{name} is a superuser")
        return
    if not role.create_schema:
        hint = f"GRANT CREATE ON DATABASE {facts.database} TO {name};"
        yield Finding("rights", "problem", f"{name} may not create schemas, and each graph is one.", hint)
    if facts.capabilities.extensions["age"].installed and not role.use_age:
        hint = (
            f"GRANT USAGE ON SCHEMA ag_catalog TO {name}; "
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ag_catalog.ag_graph, ag_catalog.ag_label TO {name};"
        )
        yield Finding("rights", "problem", f"{name} may not use AGE's catalogue.", hint)
    if not role.set_preload:
        hint = f"Run as a superuser: GRANT SET ON PARAMETER session_preload_libraries TO {name};"
        yield Finding("rights", "problem", f"{name} may not set session_preload_libraries, as kgmem does.", hint)
    if role.create_schema and role.use_age and role.set_preload:
        yield Finding("rights", "ok", f"{name} has the rights that kgmem needs, and is no superuser")


def _encoding(facts: DatabaseState) -> Finding:
    if facts.encoding == "UTF8":
        return Finding("encoding", "ok", "UTF8")
    hint = "CREATE DATABASE kgmem ENCODING 'UTF8' TEMPLATE template0; and name it in KGMEM_DATABASE_URL."
    return Finding("encoding", "problem", f"{facts.encoding} cannot hold every text.", hint)


def _replica(facts: DatabaseState) -> Finding:
    if not facts.replica:
        return Finding("replica", "ok", "a primary server")
    what = "A replica in recovery: it answers questions and refuses writes."
    return Finding("replica", "problem", what, "Point KGMEM_DATABASE_URL to the primary.")


def _safety(settings: Mapping[str, str]) -> Iterator[Finding]:
    """The settings that decide what a crash may cost."""
    reload = "SELECT pg_reload_conf();"
    for name, cost in (
        ("fsync", "A crash of the machine can destroy the database."),
        ("full_page_writes", "A crash of the machine can destroy pages."),
    ):
        if settings[name] == "on":
            yield Finding(name, "ok", "on")
        else:
            yield Finding(name, "problem", f"off. {cost}", f"ALTER SYSTEM SET {name} = on; {reload}")
    if settings["synchronous_commit"] == "off":
        cost = "off. What was acknowledged within the last second may be lost in a crash."
        yield Finding("synchronous_commit", "warning", cost, f"ALTER SYSTEM SET synchronous_commit = on; {reload}")
    else:
        yield Finding("synchronous_commit", "ok", settings["synchronous_commit"])
    if settings["data_checksums"] == "on":
        yield Finding("data_checksums", "ok", "on")
    else:
        hint = "Stop Postgres, run pg_checksums --enable -D <its data folder>, and start it again."
        yield Finding("data_checksums", "warning", "off. Pages that the disk has damaged go unnoticed.", hint)


def _size(settings: Mapping[str, str]) -> Iterator[Finding]:
    """The settings that decide how much and how fast."""
    connections = int(settings["max_connections"])
    if connections >= LEAST_CONNECTIONS:
        yield Finding("max_connections", "ok", str(connections))
    else:
        hint = "ALTER SYSTEM SET max_connections = 100; and restart Postgres, or lower KGMEM_POOL_SIZE."
        yield Finding("max_connections", "warning", f"{connections} are few for a server and its workers.", hint)
    # The server counts in pages of 8 kB.
    buffers = int(settings["shared_buffers"]) * 8192
    shown = f"{buffers // 1024**2} MB"
    if buffers >= LEAST_BUFFERS:
        yield Finding("shared_buffers", "ok", shown)
    else:
        hint = "ALTER SYSTEM SET shared_buffers = '1GB'; (a quarter of the memory) and restart Postgres."
        yield Finding("shared_buffers", "warning", f"{shown}: vector indexes are read from disk again and again.", hint)
    yield Finding("jit", "ok", f"{settings['jit']} (kgmem's sessions turn it off)")
    yield Finding("timezone", "ok", f"{settings['TimeZone']} (kgmem's sessions use UTC)")
    if settings["statement_timeout"] == "0":
        yield Finding("statement_timeout", "ok", "none (kgmem's sessions set their own)")
    else:
        hint = "ALTER ROLE <role of kgmem> SET statement_timeout = 0;"
        what = f"{settings['statement_timeout']} ms: it can stop dumps and other long work of this role."
        yield Finding("statement_timeout", "warning", what, hint)


def _graphs(facts: DatabaseState) -> Finding:
    """pg_dump locks all tables of a database in one transaction; kgmem itself never locks those of many graphs."""
    settings = facts.settings
    sessions = int(settings["max_connections"]) + int(settings["max_prepared_transactions"])
    room = int(settings["max_locks_per_transaction"]) * sessions
    what = f"{facts.graphs:,} graphs, {facts.tables:,} tables; the server has room for {room:,} locks"
    if facts.tables < LOCKS_SHARE * room:
        return Finding("graphs", "ok", what)
    enough = 64 * math.ceil(2 * facts.tables / sessions / 64)
    hint = f"ALTER SYSTEM SET max_locks_per_transaction = {enough}; and restart Postgres, or back up by pg_basebackup."
    return Finding("graphs", "warning", f"{what}: pg_dump of all graphs may find no room.", hint)


def _files(free: int) -> Finding:
    shown = f"room for {free:,} more files"
    if free >= LEAST_FILES:
        return Finding("files", "ok", shown)
    hint = "Put the data folder on a file system with more inodes, or delete graphs that nobody uses."
    return Finding("files", "warning", f"{shown}; each graph takes about fifty, and more as it is used.", hint)


def _disk(free: int) -> Finding:
    shown = f"{free / 1024**3:.1f} GB free"
    if free >= LEAST_DISK_WARNING:
        return Finding("disk", "ok", shown)
    state: State = "problem" if free < LEAST_DISK_PROBLEM else "warning"
    return Finding("disk", state, f"{shown}. Postgres stops when nothing is left.", "Free space on its disk.")
