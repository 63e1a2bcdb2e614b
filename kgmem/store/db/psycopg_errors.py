"""From psycopg's errors to kgmem's: for migrations and jobs, which run on psycopg (errors.py does it for asyncpg)."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgmem.domain.errors import (
    DatabaseOutdated,
    DatabaseUnavailable,
    Forbidden,
    InvalidInput,
    KgmemError,
    OutOfSpace,
    TimedOut,
)
from kgmem.store.db.errors import FULL_DISK, no_tls, shortage
from kgmem.store.db.hosts import hosts_of

_AWAY = "It is restarting or out of reach; try again in a moment."
# By SQLSTATE, the longest prefix that fits first (Postgres manual, appendix A).
_TABLE: tuple[tuple[str, type[KgmemError], str, str], ...] = (
    (
        "55P03",
        DatabaseUnavailable,
        "Another session kept a lock for too long.",
        "Let long transactions end, then try again.",
    ),
    ("57014", TimedOut, "A statement took longer than its limit and was stopped.", "Try again when less is going on."),
    ("42501", Forbidden, "The database role lacks a right that kgmem needs.", "Run kgmem doctor."),
    ("25006", DatabaseUnavailable, "The database is read-only: it is a replica.", "Write to the primary."),
    ("42P01", DatabaseOutdated, "A table of kgmem is missing.", "Run kgmem db migrate."),
    ("42883", DatabaseOutdated, "A function of kgmem is missing.", "Run kgmem db migrate."),
    ("3F000", DatabaseOutdated, "A schema of kgmem is missing.", "Run kgmem db migrate."),
    ("57P", DatabaseUnavailable, "", _AWAY),
    ("08", DatabaseUnavailable, "", _AWAY),
)


def translated(error: psycopg.Error) -> KgmemError | None:
    """Return kgmem's error for one of psycopg's, or None when it is not one that people can do something about."""
    state = error.sqlstate or ""
    if state.startswith("53"):
        message, hint = shortage(state, error.diag.message_hint)
        return (OutOfSpace if state == FULL_DISK else DatabaseUnavailable)(message, hint=hint)
    for prefix, kind, message, hint in _TABLE:
        if state.startswith(prefix):
            return kind(message, hint=hint)
    if not state and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        # Only what the server itself said: libpq's own words may name hosts and users.
        if re.search(r"SSL (?:error|was required)|certificate", str(error)):
            return no_tls()
        _, said, reason = str(error).partition("FATAL:")
        message = f"The database refused the connection: {reason.strip().splitlines()[0]}." if said else ""
        return DatabaseUnavailable(message, hint="Check KGMEM_DATABASE_URL with kgmem doctor." if said else _AWAY)
    return None


@contextmanager
def translating() -> Iterator[None]:
    """Run a block; psycopg's error leaves it as kgmem's."""
    try:
        yield
    except psycopg.Error as error:
        known = translated(error)
        if known is None:
            raise
        raise known from error


def conninfo(url: str, *, application: str, settings: dict[str, str] | None = None) -> str:
    """Return the URL as libpq's connection text, with server settings added to those it has. Raises InvalidInput."""
    try:
        held = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's message repeats the URL and with it the password, so it does not go along.
        raise InvalidInput(
            "The database URL is not one that Postgres understands.",
            hint="Write postgresql://user:password@host:5432/database; special characters in the password as %XX.",
        ) from None
    options = [str(held.get("options") or "")]
    options += [f"-c {name}={value}" for name, value in (settings or {}).items()]
    held |= {"application_name": application, "options": " ".join(options).strip() or None}
    return make_conninfo("", **{**_patience(url), **{k: v for k, v in held.items() if v is not None}})


def _patience(url: str) -> dict[str, int]:
    """Return how soon libpq gives up a host that does not answer: sooner where there is another one."""
    if len(hosts_of(url)) > 1:
        return {"connect_timeout": 4, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3,
                "tcp_user_timeout": 20_000}  # fmt: skip
    return {"connect_timeout": 10}
