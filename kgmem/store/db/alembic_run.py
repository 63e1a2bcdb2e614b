"""Alembic's run over migrations/, under an advisory lock, so that two servers migrate once.

A revision is a transaction for the tables of the whole server and one for each graph: a transaction over all graphs
would need more locks than Postgres has room for. An interrupted run goes on where it was.

The statements of revision 0010 for a graph are migrations/sql/0010_up_graph.sql and 0010_down_graph.sql; they find the
graph as `current_setting('kgmem.graph_in_turn')`. Where a revision also has 0010_up_end.sql, that runs once all graphs
are up. `kgmem.graph_revision` names the graphs that are one revision behind the tables of the server; it has rows only
while a migration is in progress or was interrupted. Up, the server goes first; down, the graphs go first.
"""

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from alembic import command, op
from alembic.config import Config
from procrastinate.schema import SchemaManager
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from kgmem.domain.errors import Conflict, DatabaseUnavailable, InvalidInput
from kgmem.resources import resource
from kgmem.store.db.migrate import Limits, Report, outdated, revisions, state_of
from kgmem.store.db.psycopg_errors import conninfo, translated, translating

_REPORT_EVERY = 100  # Graphs.
# "kgmem" in ASCII: the advisory lock that a migration holds.
_TURN = 0x6B676D656D


def _make_graph_revisions(connection: Connection) -> None:
    """Make the table of graphs that are behind."""
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS kgmem.graph_revision (graph integer PRIMARY KEY, behind text NOT NULL)"
    )


def _drop_graph_revisions(connection: Connection) -> None:
    """Drop the table of graphs that are behind."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS kgmem.graph_revision")


def _mark_graphs(connection: Connection, revision: str) -> None:
    """Note that every graph is behind a revision that the server's tables are about to have."""
    if _statements(f"{revision}_up_graph") and _has_graphs(connection):
        connection.exec_driver_sql(
            "INSERT INTO kgmem.graph_revision SELECT id, %s FROM kgmem.graph ON CONFLICT DO NOTHING", (revision,)
        )


def _unmark_graphs(connection: Connection) -> None:
    """Note that the server's tables have the revision of the graphs."""
    connection.exec_driver_sql("DELETE FROM kgmem.graph_revision")


def _graphs_up(connection: Connection, report: Report | None, revision: str) -> None:
    """Bring the graphs that are behind up to a revision that the server's tables have."""
    sql, end = _statements(f"{revision}_up_graph"), _statements(f"{revision}_up_end")
    behind = _graphs(connection, "SELECT graph FROM kgmem.graph_revision ORDER BY graph")
    for place, graph in enumerate(behind, 1):
        with connection.begin():
            _run_for(connection, sql, graph)
            connection.exec_driver_sql("DELETE FROM kgmem.graph_revision WHERE graph = %s", (graph,))
        _tell(report, f"up to {revision}", place, len(behind))
    if end:
        with connection.begin():
            _run_for(connection, end)


def _graphs_down(connection: Connection, report: Report | None, revision: str) -> None:
    """Take the graphs that are not behind yet down from a revision that the server's tables still have."""
    sql = _statements(f"{revision}_down_graph")
    if not sql:
        return
    there = _graphs(
        connection,
        "SELECT id FROM kgmem.graph WHERE id NOT IN (SELECT graph FROM kgmem.graph_revision) ORDER BY id",
    )
    for place, graph in enumerate(there, 1):
        with connection.begin():
            _run_for(connection, sql, graph)
            connection.exec_driver_sql("INSERT INTO kgmem.graph_revision VALUES (%s, %s)", (graph, revision))
        _tell(report, f"down from {revision}", place, len(there))


def _graphs(connection: Connection, query: str) -> list[int]:
    with connection.begin():
        return [row[0] for row in connection.exec_driver_sql(query)]


def _has_graphs(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT to_regclass('kgmem.graph')").scalar() is not None


def _run_for(connection: Connection, sql: str, graph: int | None = None) -> None:
    if graph is not None:
        connection.exec_driver_sql("SELECT set_config('kgmem.graph_in_turn', %s, true)", (str(graph),))
    # Without parameters psycopg sends the text untouched: many statements in one, and % signs stay.
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _statements(name: str) -> str:
    """Return migrations/sql/<name>.sql; empty where there is none."""
    path = resource("migrations") / "sql" / f"{name}.sql"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _tell(report: Report | None, what: str, place: int, count: int) -> None:
    if report and place % _REPORT_EVERY == 0:
        report(f"{what}: {place:,} of {count:,} graphs")


class _Session(psycopg.Connection[Any]):
    """A session that ends with the first transaction that fails, without a ROLLBACK (connection.py tells why)."""

    def rollback(self) -> None:
        """End the transaction; after a failed one nothing else runs on this connection."""
        if self.info.transaction_status is TransactionStatus.INERROR:
            self.close()
        elif not self.closed:
            super().rollback()


def run(url: str, target: str, *, down: bool, report: Report | None, limits: Limits) -> None:
    """Migrate to the target revision ("base": to none), up or down; blocks until it is done."""
    # libpq reads the URL itself: SQLAlchemy's own reading loses Unix sockets and some passwords.
    connect = partial(_Session.connect, conninfo(url, application="kgmem migrate"))
    engine = create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool, hide_parameters=True)
    with translating():
        try:
            with engine.connect() as connection:
                _take_turn(connection, limits)
                _migrate(connection, target, down, report)
        except DBAPIError as error:
            known = translated(error.orig) if isinstance(error.orig, psycopg.Error) else None
            raise known or error from error.orig


def run_sql(name: str) -> None:
    """Run migrations/sql/<name>.sql unchanged, in the transaction of the migration that calls."""
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
    """Wait until no other migration runs, then set the limits under which this one does; both last for the session."""
    settings: tuple[tuple[str, Any], ...] = (
        ("search_path", "public"),
        ("statement_timeout", 0),
        ("lock_timeout", int(limits.turn * 1000)),
    )
    with connection.begin():
        for name, value in settings:
            _set(connection, name, value)
    try:
        with connection.begin():
            connection.exec_driver_sql("SELECT pg_advisory_lock(%s)", (_TURN,))
    except DBAPIError as error:
        if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
            raise
        raise DatabaseUnavailable(
            f"Another kgmem has been migrating this database for more than {limits.turn:g} s.",
            hint="Wait until it is done, then try again.",
        ) from error
    with connection.begin():
        _set(connection, "lock_timeout", int(limits.lock * 1000))
        _set(connection, "statement_timeout", int(limits.statement * 1000))


def _migrate(connection: Connection, target: str, down: bool, report: Report | None) -> None:
    with connection.begin():
        # Alembic keeps its version table in this schema, so the schema exists before the first migration.
        connection.exec_driver_sql("CREATE SCHEMA IF NOT EXISTS kgmem")
        _make_graph_revisions(connection)
        current = _current(connection)
    found = state_of(current)
    if found.state == "newer":
        raise outdated(found)
    if not down and current and current > target:
        raise InvalidInput(
            f"The database is of revision {current} already.", hint=f"Go back with kgmem db migrate --down {target}."
        )
    if down and target != "base" and (current or "") < target:
        raise InvalidInput(
            f"The database is of revision {current}, before {target}.", hint=f"Run kgmem db migrate --to {target}."
        )
    if target == "base" and current:
        _refuse_with_graphs(connection)
    config = Config(attributes={"connection": connection, "report": report})
    # Alembic reads % as the start of a reference.
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    (_down if down else _up)(connection, config, current or "", target)
    if target == "base":
        with connection.begin():
            _drop_graph_revisions(connection)
            connection.exec_driver_sql("DROP TABLE IF EXISTS kgmem.alembic_version")
            connection.exec_driver_sql("DROP SCHEMA kgmem")


def _up(connection: Connection, config: Config, current: str, target: str) -> None:
    """Go up revision by revision: the tables of the server, then each graph, each in a transaction of its own."""
    _graphs_up(connection, config.attributes["report"], current)
    for revision in revisions():
        if current < revision <= target:
            with connection.begin():
                _mark_graphs(connection, revision)
                command.upgrade(config, revision)
            _graphs_up(connection, config.attributes["report"], revision)


def _down(connection: Connection, config: Config, current: str, target: str) -> None:
    """Go down revision by revision: each graph, then the tables of the server, each in a transaction of its own."""
    known = ("base", *revisions())
    for before, revision in reversed(list(pairwise(known))):
        if revision <= current and (target == "base" or revision > target):
            _graphs_down(connection, config.attributes["report"], revision)
            with connection.begin():
                command.downgrade(config, before)
                _unmark_graphs(connection)


def _refuse_with_graphs(connection: Connection) -> None:
    """Raise Conflict where there are graphs, before anything is taken down."""
    with connection.begin():
        graphs = connection.exec_driver_sql("SELECT count(*) FROM kgmem.graph").scalar_one()
    if graphs:
        raise Conflict(
            f"This database has {graphs} graph(s), and going back to base would remove them.",
            hint="Export what you want to keep and delete the graphs first: kgmem graph delete.",
            graphs=graphs,
        )


def _current(connection: Connection) -> str | None:
    if connection.exec_driver_sql("SELECT to_regclass('kgmem.alembic_version')").scalar() is None:
        return None
    found: str | None = connection.exec_driver_sql("SELECT version_num FROM kgmem.alembic_version").scalar()
    return found


def _set(connection: Connection, name: str, value: Any) -> None:
    connection.exec_driver_sql("SELECT set_config(%s, %s, false)", (name, str(value)))
