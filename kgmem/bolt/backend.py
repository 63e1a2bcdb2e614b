"""What a Bolt session asks of kgmem: who a caller is, and transactions that run queries."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client says of itself: a scheme (basic, bearer, none), a name, and a secret."""

    scheme: str
    principal: str = ""
    secret: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a transaction shall be."""

    database: str | None = None  # None is the caller's own.
    write: bool = True
    timeout: float | None = None  # Seconds.
    metadata: Mapping[str, Any] = field(default_factory=dict)
    bookmarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a query when its last row is out."""

    kind: str = "r"  # r, w, rw, or s for a change of the schema.
    counters: Mapping[str, int] = field(default_factory=dict)  # Such as nodes-created; those above 0.
    plan: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] | None = None
    notifications: Sequence[Mapping[str, Any]] = ()


class Result(Protocol):
    """The rows of a query, which come as they are asked for."""

    fields: Sequence[str]

    async def take(self, most: int) -> tuple[Sequence[Row], bool]:
        """Return at most so many further rows (-1: all), and whether there are more."""

    async def summary(self) -> Summary:
        """Return what is known after the last row; what was not taken is thrown away."""


class Transaction(Protocol):
    """A transaction; whoever opened it commits it or rolls it back."""

    database: str

    async def run(self, query: str, parameters: Mapping[str, Any]) -> Result:
        """Begin to run a query."""

    async def commit(self) -> str:
        """Make what was written last; returns the bookmark that later transactions can wait for, or none ("")."""

    async def rollback(self) -> None:
        """Undo what was written."""


class Caller(Protocol):
    """Somebody who was let in."""

    @property
    def identity(self) -> str:
        """What tells this caller from others: connections of the same identity share a limit."""

    async def begin(self, asked: Asked, *, alone: bool) -> Transaction:
        """Open a transaction; `alone`: one query follows, and then the commit."""

    async def check(self) -> None:
        """Raise Unauthenticated where what the caller was let in with is no longer in force."""

    def watch(self, ended: Callable[[], None]) -> Callable[[], None]:
        """Call `ended` once, within a second after that is no longer in force; returns what ends the watch."""

    async def home(self, database: str | None) -> str:
        """Return the name of the database that is meant: the one named, or the caller's own. Raises NotFound."""


class Backend(Protocol):
    """kgmem behind the Bolt server."""

    agent: str

    async def authenticate(self, credentials: Credentials) -> Caller:
        """Let somebody in. Raises Unauthenticated."""

    def element_id(self, node: int) -> str:
        """Return the element id of a node by its id."""

    def report(self, error: Exception, connection: str) -> None:
        """Log an error of which the client was told little."""
