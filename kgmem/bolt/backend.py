"""The port of a Bolt session to kgmem: authentication, and transactions that run queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of a client: a scheme (basic, bearer, none), a name, and a secret."""

    scheme: str
    principal: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class TransactionOptions:
    """The options of a transaction."""

    database: str | None = None  # None is the caller's own.
    write: bool = True
    timeout: float | None = None  # Seconds.
    metadata: Mapping[str, Any] = field(default_factory=dict)
    bookmarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The metadata of a query after its last row."""

    kind: str = "r"  # r, w, rw, or s for a change of the schema.
    counters: Mapping[str, int] = field(default_factory=dict)  # Such as nodes-created; those above 0.
    plan: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] | None = None
    notifications: Sequence[Mapping[str, Any]] = ()


class Result(Protocol):
    """The rows of a query, produced on request."""

    fields: Sequence[str]

    async def take(self, most: int) -> tuple[Sequence[Row], bool]:
        """Return at most so many further rows (-1: all), and whether there are more."""

    async def summary(self) -> Summary:
        """Return the metadata after the last row; remaining rows are discarded."""


class Transaction(Protocol):
    """A transaction; whoever opened it commits it or rolls it back."""

    database: str

    async def run(self, query: str, parameters: Mapping[str, Any]) -> Result:
        """Start a query."""

    async def commit(self) -> str:
        """Commit; returns the bookmark that later transactions can wait for, or an empty text."""

    async def rollback(self) -> None:
        """Roll back."""


class Caller(Protocol):
    """An authenticated client."""

    @property
    def identity(self) -> str:
        """The identity that shares the limits of connections."""

    async def begin(self, asked: TransactionOptions, *, alone: bool) -> Transaction:
        """Open a transaction; `alone`: it consists of one query, and then the commit."""

    async def check(self) -> None:
        """Raise Unauthenticated where the credentials are no longer valid."""

    def spend(self) -> None:
        """Count a query. Raises TooManyRequests."""

    def watch(self, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once, within a second after the credentials become invalid; returns what ends the watch."""

    async def home(self, database: str | None) -> str:
        """Return the name of the requested database, or the default one of the caller. Raises NotFound."""


class Backend(Protocol):
    """kgmem behind the Bolt server."""

    agent: str

    async def authenticate(self, credentials: Credentials, address: str | None = None) -> Caller:
        """Authenticate a client at an address. Raises Unauthenticated, TooManyLogins."""

    def element_id(self, node: int) -> str:
        """Return the element id of a node by its id."""

    def report(self, error: Exception, connection: str) -> None:
        """Log an internal error, of which the client got no details."""
