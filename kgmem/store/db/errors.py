"""From the drivers' errors to kgmem's: the one place where they are translated."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import asyncpg

from kgmem.domain.errors import (
    DatabaseOutdated,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    KgmemError,
    NotFound,
    OutOfSpace,
    TimedOut,
    TooLarge,
)
from kgmem.domain.retention.hold import held_by
from kgmem.store.db.hosts import NoPrimary, refuses_tls

# SQLSTATE class 53, insufficient resources. Only a full disk raises OutOfSpace.
FULL_DISK = "53100"
HELD = "KGH01"  # What the triggers of legal holds raise: the hold's id and its reason.
_BY_STATE = {
    FULL_DISK: (
        "The disk of the database is full.",
        "Free space on the disk of its machine; what was committed is safe.",
    ),
    "53200": ("The database is out of memory.", "Free memory on its machine, or give Postgres less work_mem."),
    "53300": ("The database has no connection left.", "Close other clients, or raise max_connections of Postgres."),
    "53400": ("A limit in the configuration of the database is reached.", "Look for the limit in the log of Postgres."),
}
_ANY = ("The database lacks a resource.", "Look for the reason in the log of Postgres.")
_LOCKS = (
    "The lock table of the database is full: its transactions lock too many tables at once.",
    "Raise max_locks_per_transaction of Postgres and restart it, or do less at once.",
)


def shortage(sqlstate: str, postgres_hint: str | None) -> tuple[str, str]:
    """Return message and hint for an error of class 53, by its SQLSTATE and by the hint that Postgres gave with it."""
    if sqlstate == "53200" and "max_locks_per_transaction" in (postgres_hint or ""):  # In every language of the server.
        return _LOCKS
    return _BY_STATE.get(sqlstate, _ANY)


# Errors after which the same transaction, run again from its start, can succeed.
RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)

AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)


def no_tls() -> DatabaseUnavailable:
    """Return the error for a server whose certificate is not accepted, or that has no TLS."""
    return DatabaseUnavailable(
        "The database was reached, but not by TLS as the URL demands: it has none, or its certificate does not fit.",
        hint="Compare sslmode, sslrootcert and the host of KGMEM_DATABASE_URL with the server's certificate.",
    )


_DROPPED = (
    "could not open relation with OID"  # How Postgres tells of a table that went while a statement waited for it.
)


def met_in_catalog(error: asyncpg.InternalServerError) -> bool:
    """Return whether two statements changed the same row of Postgres' catalog, which it has no SQLSTATE of its own for.

    That happens where an index is dropped or built while another session changes its entry (heap_delete and
    simple_heap_update in Postgres' heapam.c raise it); the transaction is undone, and may run again.
    """
    return error.args[:1] in {("tuple concurrently updated",), ("tuple concurrently deleted",)}


def _know(kind: type[KgmemError], message: str = "", hint: str = "") -> Callable[[], KgmemError]:
    return lambda: kind(message, hint=hint)


_TABLE: tuple[tuple[tuple[type[BaseException], ...], Callable[[], KgmemError]], ...] = (
    (
        (asyncpg.QueryCanceledError, TimeoutError),
        _know(TimedOut, hint="Ask for less, or raise KGMEM_STATEMENT_TIMEOUT."),
    ),
    (
        (NoPrimary,),
        _know(
            DatabaseUnavailable,
            "None of the database's hosts takes writes: a failover is in progress, or its primary is down.",
            "Try again in some seconds; kgmem doctor shows the state of each host.",
        ),
    ),
    (AWAY, _know(DatabaseUnavailable, hint="It is restarting or out of reach; try again in a moment.")),
    (RETRYABLE, _know(DatabaseUnavailable, "Too many writers met on the same items.", "Try again in a moment.")),
    (
        (asyncpg.ReadOnlySQLTransactionError,),
        _know(DatabaseUnavailable, "The database is read-only: it is a replica.", "Write to the primary."),
    ),
    (
        (asyncpg.InsufficientPrivilegeError,),
        _know(Forbidden, "The database role lacks a right that kgmem needs.", "Run kgmem doctor."),
    ),
    (
        (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedFunctionError),
        _know(
            DatabaseOutdated,
            "A table of kgmem is missing: the graph was dropped meanwhile, or the database was not migrated.",
            "Run kgmem db migrate.",
        ),
    ),
    (
        (asyncpg.ForeignKeyViolationError,),
        _know(NotFound, "What it belongs to was deleted meanwhile.", "Look whether the graph is still there."),
    ),
    (
        (asyncpg.ProgramLimitExceededError,),
        _know(TooLarge, "A value is larger than the database can hold.", "Send it in smaller parts."),
    ),
    (
        (asyncpg.DataError,),
        _know(InvalidInput, "A value cannot be stored.", "Texts are UTF-8 without NUL; numbers are 64 bits wide."),
    ),
)


def translated(error: BaseException) -> KgmemError | None:
    """Return kgmem's error for a driver's, or None when it is not one that callers can do something about."""
    if getattr(error, "sqlstate", None) == HELD:
        hold, _, reason = str(error).partition(": ")
        return held_by(int(hold), reason)
    if isinstance(error, asyncpg.ProgramLimitExceededError) and "index row" in str(error):
        return TooLarge(
            "A key, or a property that the schema declares as indexed or unique, is larger than 2,600 bytes.",
            hint="Shorten it; a long value may stand in a property that is neither.",
        )
    if isinstance(error, asyncpg.InternalServerError) and _DROPPED in str(error):
        return DatabaseOutdated("A table of the graph was dropped meanwhile.", hint="Look whether it is still there.")
    if refuses_tls(error):
        return no_tls()
    if isinstance(error, asyncpg.InsufficientResourcesError):
        message, hint = shortage(error.sqlstate or "", getattr(error, "hint", None))
        return (OutOfSpace if error.sqlstate == FULL_DISK else DatabaseUnavailable)(message, hint=hint)
    return next((make() for kinds, make in _TABLE if isinstance(error, kinds)), None)


@contextmanager
def translating() -> Iterator[None]:
    """Run a block; a driver's error leaves it as kgmem's."""
    try:
        yield
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError) as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error
