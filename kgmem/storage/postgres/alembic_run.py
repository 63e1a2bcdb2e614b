"""Alembic's run over migrations/: one transaction under an advisory lock, so that two servers migrate once."""

from functools import partial
from pathlib import Path
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from procrastinate.schema import SchemaManager
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kgmem.domain.errors import DatabaseUnavailable, InvalidInput
from kgmem.resources import resource
from kgmem.storage.postgres.migrate import Limits, Report, outdated, state_of
from kgmem.storage.postgres.psycopg_errors import conninfo, translated, translating

# "kgmem" in ASCII: the advisory lock that a migration holds.
_TURN = 0x6B676D656D


def run(url: str, target: str, *, down: bool, report: Report | None, limits: Limits) -> None:
    """Migrate to the target revision ("base": to none), up or down; blocks until it is done."""
    # libpq reads the URL itself: SQLAlchemy's own reading loses Unix sockets and some passwords.
    connect = partial(psycopg.connect, conninfo(url, application="kgmem migrate"))
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool, hide_parameters=True)
    with translating():
        try:
            with engine.begin() as connection:
                _take_turn(connection, limits)
                _migrate(connection, target, down, report)
        except DBAPIError as error:
            known = translated(error.orig) if isinstance(error.orig, psycopg.Error) else None
            raise known or error from error.orig


def run_sql(name: str) -> None:
    """Run migrations/sql/<name>.sql as it stands, inside of the migration that calls."""
    _execute((resource("migrations") / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


def run_procrastinate(after: str, last: str) -> None:
    """Run procrastinate's own migrations with names in (after, last] in the schema kgmem_jobs."""
    folder = Path(SchemaManager.get_migrations_path())
    _execute("SET LOCAL search_path = kgmem_jobs")
    for path in sorted(folder.glob("*.sql")):
        if after < path.stem <= last:
            _execute(path.read_text(encoding="utf-8"))
    _execute("SET LOCAL search_path = public")


def _execute(text: str) -> None:
    # Without parameters psycopg sends the text untouched: many statements in one, and % signs stay.
    op.get_bind().exec_driver_sql(text, execution_options={"no_parameters": True})


def _take_turn(connection: Connection, limits: Limits) -> None:
    """Wait until no other migration runs, then set the limits under which this one does."""
    settings: tuple[tuple[str, Any], ...] = (
        ("search_path", "public"),
        ("statement_timeout", 0),
        ("lock_timeout", int(limits.turn * 1000)),
    )
    for name, value in settings:
        _set(connection, name, value)
    try:
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (_TURN,))
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        raise DatabaseUnavailable(
            f"Another kgmem has been migrating this database for more than {limits.turn:g} s.",
            mend="Wait until it is done, then try again.",
        ) from error
    _set(connection, "lock_timeout", int(limits.lock * 1000))
    _set(connection, "statement_timeout", int(limits.statement * 1000))


def _migrate(connection: Connection, target: str, down: bool, report: Report | None) -> None:
    # Alembic keeps its version table in this schema, so the schema stands before the first migration.
    connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS kgmem")
    current = _current(connection)
    found = state_of(current)
    if found.state == "newer":
        raise outdated(found)
    if not down and current and current > target:
        raise InvalidInput(
            f"The database is of revision {current} already.", mend=f"Go back with kgmem db migrate --down {target}."
        )
    if down and target != "base" and (current or "") < target:
        raise InvalidInput(
            f"The database is of revision {current}, before {target}.", mend=f"Run kgmem db migrate --to {target}."
        )
    config = Config(attributes={"connection": connection, "report": report})
    # Alembic reads % as the start of a reference.
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    (command.downgrade if down else command.upgrade)(config, target)
    if target == "base":
        connection.exec_driver_sql("DROP TABLE IF EXISTS kgmem.alembic_version")
        connection.exec_driver_sql("DROP SCHEMA kgmem")


def _current(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('kgmem.alembic_version')").scalar() is None:
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM kgmem.alembic_version").scalar()
    return found


def _set(connection: Connection, name: str, value: Any) -> None:
    connection.exec_driver_sql("SELECT set_config(%s, %s, true)", (name, str(value)))
