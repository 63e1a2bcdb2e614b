"""Every error that kgmem raises on purpose.

KgmemError
├── InvalidInput            the request is wrong; nothing was changed
│   ├── UnknownEntities     a relationship or mention names entities that do not exist
│   ├── SchemaViolation     a strict graph, or a declared property, refuses it
│   ├── EmbeddingMismatch   a vector of another model or dimension than the graph's
│   └── TooLarge            over a limit on size
├── NotFound                no such graph, entity, job, ...
├── Conflict                it exists already, or a change in progress excludes it
│   ├── VersionConflict     the stored version is another one
│   ├── LimitReached        a hard limit of a ledger account refuses it
│   └── OnHold              a legal hold forbids to delete it
├── CursorExpired           the events behind a cursor are not kept any more
├── Unauthenticated         no key, or a key that is unknown, expired or revoked
├── Forbidden               the key does not reach that far
├── Unavailable             a part that kgmem needs is unavailable; try again
│   ├── DatabaseUnavailable
│   ├── EmbedderUnavailable
│   ├── ExtractorUnavailable
│   ├── RedisUnavailable    Redis is away, slow or full; answers do not need it
│   └── OutOfSpace          no room left on the server's disk
├── TimedOut                the work took longer than its limit and was stopped
├── ChecksumMismatch        what is stored is damaged
├── DatabaseOutdated        the database and this kgmem are of different versions
└── ServerError             the embedded Postgres or Valkey could not be set up, started or stopped
    └── DataFolderInUse     another kgmem owns the data folder
"""

from typing import Any, ClassVar


class KgmemError(Exception):
    """kgmem could not do what was requested."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, hint: str = "", **facts: Any) -> None:
        """Take the message (by default the class's docstring), how to fix it, and its facts."""
        self.message = message or (type(self).__doc__ or "").strip()
        self.hint = hint
        self.facts = facts
        super().__init__(self.message)

    def __str__(self) -> str:
        """Return message and hint as one text for people."""
        return f"{self.message} {self.hint}".strip()


class InvalidInput(KgmemError):
    """The input is not valid."""

    code = "invalid-input"


class UnknownEntities(InvalidInput):
    """Some of the named entities do not exist."""

    code = "unknown-entities"


class SchemaViolation(InvalidInput):
    """The graph's schema refuses it."""

    code = "schema-violation"


class EmbeddingMismatch(InvalidInput):
    """The vector does not fit the graph's embedding space."""

    code = "embedding-mismatch"


class TooLarge(InvalidInput):
    """The request is larger than the limit."""

    code = "too-large"


class NotFound(KgmemError):
    """Not found."""

    code = "not-found"


class Conflict(KgmemError):
    """Conflict: it exists already, or a change in progress excludes it."""

    code = "conflict"


class VersionConflict(Conflict):
    """Conflict: the stored version is another one."""

    code = "version-conflict"


class LimitReached(Conflict):
    """Conflict: a hard limit of an account refuses it."""

    code = "limit-reached"


class OnHold(Conflict):
    """A legal hold forbids it."""

    code = "on-hold"


class CursorExpired(KgmemError):
    """The events behind this cursor are not kept any more."""

    code = "cursor-expired"


class Unauthenticated(KgmemError):
    """An API key is needed."""

    code = "unauthenticated"


class Forbidden(KgmemError):
    """The API key does not allow this."""

    code = "forbidden"


class Unavailable(KgmemError):
    """A part that kgmem needs is unavailable."""

    code = "unavailable"

    def __init__(self, message: str = "", *, hint: str = "", retry_after: int = 1, **facts: Any) -> None:
        """Take what every error takes, and the seconds after which to try again."""
        super().__init__(message, hint=hint, **facts)
        self.retry_after = retry_after


class TooManyRequests(Unavailable):
    """The limit of requests is reached."""

    code = "too-many-requests"


class TooManyLogins(TooManyRequests):
    """Too many logins from one address have failed."""

    code = "too-many-logins"


class DatabaseUnavailable(Unavailable):
    """The database is not reachable."""

    code = "database-unavailable"


class ConnectionLost(DatabaseUnavailable):
    """The connection to the database was lost: what only reads may run again."""


class CommitUnknown(DatabaseUnavailable):
    """The connection to the database was lost during a commit: whether it is stored is not known."""

    code = "commit-unknown"


class EmbedderUnavailable(Unavailable):
    """The embedding provider is not reachable."""

    code = "embedder-unavailable"


class ExtractorUnavailable(Unavailable):
    """The extractor is not reachable."""

    code = "extractor-unavailable"


class RedisUnavailable(Unavailable):
    """Redis is not reachable, too slow, or full."""

    code = "redis-unavailable"


class OutOfSpace(Unavailable):
    """The server's disk is full."""

    code = "out-of-space"


class TimedOut(KgmemError):
    """The request took longer than its time limit and was stopped."""

    code = "timed-out"


class ChecksumMismatch(KgmemError):
    """What is stored is not what was written: its checksum differs."""

    code = "checksum-mismatch"


class DatabaseOutdated(KgmemError):
    """The database and this kgmem are of different versions."""

    code = "database-outdated"


class ServerError(KgmemError):
    """An embedded server could not be set up, started or stopped."""

    code = "server-error"


class DataFolderInUse(ServerError):
    """Another kgmem owns this data folder."""

    code = "data-folder-in-use"
