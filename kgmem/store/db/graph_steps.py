"""The part of a migration that is done graph by graph, each graph in a transaction of its own.

The statements of revision 0010 are migrations/sql/0010_up_graph.sql and 0010_down_graph.sql; they find the graph as
`current_setting('kgmem.graph_in_turn')`. Where a revision also has 0010_up_end.sql, that runs once all graphs are up.

`kgmem.graph_revision` names the graphs that are one revision behind the tables of the server; it is empty unless a
migration is in progress or was broken off. Up goes the server first, then the graphs; down go the graphs first.
"""

from sqlalchemy import Connection

from kgmem.resources import resource
from kgmem.store.db.migrate import Report

_REPORT_EVERY = 100  # Graphs.


def prepare(connection: Connection) -> None:
    """Make the table of graphs that are behind."""
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS kgmem.graph_revision (graph integer PRIMARY KEY, behind text NOT NULL)"
    )


def forget(connection: Connection) -> None:
    """Drop the table of graphs that are behind."""
    connection.exec_driver_sql("DROP TABLE IF EXISTS kgmem.graph_revision")


def mark_all(connection: Connection, revision: str) -> None:
    """Note that every graph is behind a revision that the server's tables are about to have."""
    if _statements(f"{revision}_up_graph") and _has_graphs(connection):
        connection.exec_driver_sql(
            "INSERT INTO kgmem.graph_revision SELECT id, %s FROM kgmem.graph ON CONFLICT DO NOTHING", (revision,)
        )


def unmark_all(connection: Connection) -> None:
    """Note that the server's tables have the revision of the graphs."""
    connection.exec_driver_sql("DELETE FROM kgmem.graph_revision")


def finish_up(connection: Connection, report: Report | None, revision: str) -> None:
    """Bring the graphs that are behind up to a revision that the server's tables have."""
    sql, end = _statements(f"{revision}_up_graph"), _statements(f"{revision}_up_end")
    behind = _graphs(connection, "SELECT graph FROM kgmem.graph_revision ORDER BY graph")
    for place, graph in enumerate(behind, 1):
        with connection.begin():
            _run(connection, sql, graph)
            connection.exec_driver_sql("DELETE FROM kgmem.graph_revision WHERE graph = %s", (graph,))
        _tell(report, f"up to {revision}", place, len(behind))
    if end:
        with connection.begin():
            _run(connection, end)


def go_down(connection: Connection, report: Report | None, revision: str) -> None:
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
            _run(connection, sql, graph)
            connection.exec_driver_sql("INSERT INTO kgmem.graph_revision VALUES (%s, %s)", (graph, revision))
        _tell(report, f"down from {revision}", place, len(there))


def _graphs(connection: Connection, query: str) -> list[int]:
    with connection.begin():
        return [row[0] for row in connection.exec_driver_sql(query)]


def _has_graphs(connection: Connection) -> bool:
    return connection.exec_driver_sql("SELECT to_regclass('kgmem.graph')").scalar() is not None


def _run(connection: Connection, sql: str, graph: int | None = None) -> None:
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
