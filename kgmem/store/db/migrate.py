"""Migrations: which version the tables of a database have, and the way up and down.

Alembic does the work in migrations/; it and SQLAlchemy take half a second to load, so they come in (by
alembic_run.py) only when there is something to do, and asking for the state stays cheap.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

import psycopg

from kgmem.domain.errors import DatabaseOutdated, InvalidInput
from kgmem.resources import resource
from kgmem.store.db import errors
from kgmem.store.db.extensions import ensure_extensions
from kgmem.store.db.hosts import connect
from kgmem.store.db.psycopg_errors import conninfo, translating

Report = Callable[[str], None]

_TABLES = """
    SELECT to_regclass('kgmem.alembic_version') IS NOT NULL, to_regclass('kgmem.graph_revision') IS NOT NULL
"""
_GRAPHS_LEFT = "SELECT count(*) FROM kgmem.graph_revision r JOIN kgmem.graph g ON g.id = r.graph"


@dataclass(frozen=True, slots=True)
class MigrationState:
    """The version of a database's tables (None: it has none) beside the one that this kgmem works with.

    `graphs_left` counts the graphs that a migration which was broken off has not reached; then it is "unfinished".
    """

    current: str | None
    head: str
    state: Literal["current", "empty", "older", "newer", "unfinished"]
    graphs_left: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds that a migration waits: for another migration, for a lock on a table, for one statement."""

    turn: float = 120.0
    lock: float = 10.0
    statement: float = 900.0


def revisions() -> tuple[str, ...]:
    """Return the revisions that this kgmem knows, oldest first: the four digits that each file's name begins with."""
    return tuple(sorted(path.name[:4] for path in (resource("migrations") / "versions").glob("[0-9]*.py")))


def state_of(current: str | None, graphs_left: int = 0) -> MigrationState:
    """Compare a revision with those that this kgmem knows."""
    known = revisions()
    if current is None:
        return MigrationState(None, known[-1], "empty")
    if current not in known:
        return MigrationState(current, known[-1], "newer", graphs_left)
    if graphs_left:
        return MigrationState(current, known[-1], "unfinished", graphs_left)
    return MigrationState(current, known[-1], "current" if current == known[-1] else "older")


async def revision_state(url: str) -> MigrationState:
    """Return the state of a database. Raises DatabaseUnavailable."""
    with translating():
        # Each statement is a transaction, so that none has to be rolled back (connection.py tells why that matters).
        address = conninfo(url, application="kgmem migrate")
        async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
            cursor = await connection.execute(_TABLES)
            versions, behind = await cursor.fetchone() or (False, False)
            if versions:
                row = await (await connection.execute("SELECT version_num FROM kgmem.alembic_version")).fetchone()
                left = await (await connection.execute(_GRAPHS_LEFT)).fetchone() if behind else None
                return state_of(row[0] if row else None, left[0] if left else 0)
    return state_of(None)


async def require_current(url: str) -> MigrationState:
    """Return the state of a database that this kgmem can work with. Raises DatabaseOutdated, DatabaseUnavailable."""
    found = await revision_state(url)
    if found.state != "current":
        raise outdated(found)
    return found


def outdated(found: MigrationState) -> DatabaseOutdated:
    """Return the error for a state that is not the current one, with the command that fixes it."""
    message, hint = {
        "empty": ("The database has no tables of kgmem yet.", "Run kgmem db migrate, or kgmem quickstart."),
        "older": (
            f"The database is of revision {found.current}, and this kgmem needs {found.head}.",
            "Run kgmem db migrate.",
        ),
        "newer": (
            f"The database is of revision {found.current}, which is newer than this kgmem ({found.head}).",
            "Upgrade kgmem: in its checkout run git pull and make run, or rebuild the image.",
        ),
        "unfinished": (
            f"A migration was broken off at revision {found.current}: {found.graphs_left:,} graphs are left.",
            "Run kgmem db migrate; it goes on where it was.",
        ),
    }[found.state]
    return DatabaseOutdated(message, hint=hint, current=found.current, head=found.head, state=found.state)


async def migrate(
    url: str, revision: str = "head", *, report: Report | None = None, limits: Limits | None = None
) -> MigrationState:
    """Bring a database up to a revision; whoever comes second waits and finds it done.

    Each revision is one transaction for the tables of the server and one for each graph. A run that fails or is killed
    keeps what it has done, and the next run goes on from there.

    `report` is called with each step, from a worker thread. Raises DatabaseOutdated for a database newer than this
    kgmem or without the extensions, InvalidInput for an unknown revision, Forbidden where the role lacks a right,
    DatabaseUnavailable and TimedOut when it has to wait too long.
    """
    target = _checked(revision, "head")
    found = await revision_state(url)
    if found.current == target and not found.graphs_left:
        return found
    if found.state == "newer":
        raise outdated(found)
    await _create_extensions(url)
    await _run(url, target, False, report, limits)
    return await revision_state(url)


async def downgrade(
    url: str, revision: str, *, report: Report | None = None, limits: Limits | None = None
) -> MigrationState:
    """Take a database back to a revision, keeping all data; "base" removes kgmem from it. Transactions as of `migrate`.

    Raises what `migrate` raises, and Conflict when the way to "base" would remove graphs.
    """
    await _run(url, _checked(revision, "base"), True, report, limits)
    return await revision_state(url)


async def _create_extensions(url: str) -> None:
    with errors.translating():
        connection = await connect(url, timeout=10)
        try:
            await ensure_extensions(connection)
        finally:
            await connection.close()


async def _run(url: str, target: str, down: bool, report: Report | None, limits: Limits | None) -> None:
    alembic_run = await asyncio.to_thread(import_module, "kgmem.store.db.alembic_run")
    await asyncio.to_thread(alembic_run.run, url, target, down=down, report=report, limits=limits or Limits())


def _checked(revision: str, word: Literal["head", "base"]) -> str:
    """Return the revision that the text names; `word` is the one word that it may be. Raises InvalidInput."""
    known = revisions()
    if revision == word:
        return known[-1] if word == "head" else word
    if revision not in known:
        raise InvalidInput(
            f"There is no revision {revision[:40]!r}.", hint=f"Give {word} or one of: {', '.join(known)}."
        )
    return revision
