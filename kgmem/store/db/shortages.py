"""What Postgres lacks (SQLSTATE class 53): a full disk is no lack of memory, of locks or of connections."""

FULL_DISK = "53100"
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
