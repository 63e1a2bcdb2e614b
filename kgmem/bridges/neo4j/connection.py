"""The connection to a server: transactions that are tried again, and the driver's errors as kgmem's."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Self, TypeVar

from neo4j import READ_ACCESS, WRITE_ACCESS, Auth, Driver, GraphDatabase, ManagedTransaction, Session, basic_auth
from neo4j.exceptions import (
    AuthError,
    ClientError,
    ConfigurationError,
    DriverError,
    IncompleteCommit,
    Neo4jError,
)
from neo4j.exceptions import Forbidden as NotAllowed

from kgmem.bridges.servers import Server
from kgmem.domain.errors import Forbidden, InvalidInput, KgmemError, NotFound, Unauthenticated, Unavailable

T = TypeVar("T")
Work = Callable[[ManagedTransaction], T]

_ROWS = 250  # That the server sends at a time; one may hold megabytes.
_UNHEARD_COMMITS = 5
_PATIENCE = 30.0  # Seconds for which a transaction is tried again.
_SILENCING = (5, 2)  # The first version of Bolt in which a server can be asked to give no notifications.
_HINTS = {"SyntaxError": "Correct the query.", "AccessMode": "Give a query that only reads."}
# The driver logs what it raises, and notifications of servers that cannot be asked to keep them to themselves.
logging.getLogger("neo4j").addHandler(logging.NullHandler())


class Connection:
    """A server's database, open for the time of a `with`. It is used from one thread at a time."""

    def __init__(self, server: Server, *, patience: float = _PATIENCE) -> None:
        """Take what is to be reached; nothing is opened yet."""
        self._server = server
        self._patience = patience
        self._driver: Driver | None = None
        self._settings: dict[str, Any] = {}
        self.version = (0, 0)  # Of Bolt.

    def __enter__(self) -> Self:
        """Connect. Raises Unauthenticated, Unavailable, InvalidInput."""
        server = self._server
        auth = basic_auth(server.user, server.password or "") if server.user is not None else Auth("none", "", "")
        with self.translated():
            driver = GraphDatabase.driver(
                server.url,
                auth=auth,
                connection_timeout=10.0,
                max_transaction_retry_time=self._patience,
                user_agent="kgmem",
            )
            with ExitStack() as stack:
                stack.callback(driver.close)
                try:
                    self.version = driver.get_server_info().protocol_version
                except (Neo4jError, DriverError):
                    raise
                except Exception as error:  # What stumbles over no Bolt at all differs with the driver's version.
                    raise ValueError(str(error)) from error
                stack.pop_all()
        self._driver = driver
        if self.version >= _SILENCING:
            self._settings["notifications_min_severity"] = "OFF"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release the connection."""
        if self._driver:
            self._driver.close()
            self._driver = None

    def read(self, work: "Work[T]", *, rows: int = _ROWS) -> T:
        """Do work in a transaction that only reads, with so many rows at a time; it may be done more than once."""

        def once() -> T:
            with self._session(READ_ACCESS, rows) as session:
                return session.execute_read(work)

        return _heard(once)

    def write(self, work: "Work[T]") -> T:
        """Do work in a transaction; it may be done more than once, also when it was committed before."""

        def once() -> T:
            with self._session(WRITE_ACCESS, _ROWS) as session:
                return session.execute_write(work)

        return _heard(once)

    @contextmanager
    def _session(self, mode: str, rows: int) -> Iterator[Session]:
        if self._driver is None:
            raise RuntimeError("The connection is not open.")
        with (
            self.translated(),
            self._driver.session(
                database=self._server.database, default_access_mode=mode, fetch_size=rows, **self._settings
            ) as session,
        ):
            yield session

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise kgmem's errors in place of the driver's."""
        try:
            yield
        except (Neo4jError, DriverError) as error:
            raise _translation(error, self._server) from error
        except (ValueError, RecursionError) as error:  # What a server sends that is not Bolt, or nested without end.
            raise InvalidInput(
                f"{self._server.url} sends what cannot be read: {error}.", hint="Is it a Bolt server?"
            ) from error


def _heard(once: Callable[[], T]) -> T:
    """Do what may be done more than once until its commit was heard of: the driver does not repeat one that was not.

    What only reads can be repeated, and what is written here merges.
    """
    for _ in range(_UNHEARD_COMMITS):
        try:
            return once()
        except Unavailable as error:
            if not isinstance(error.__cause__, IncompleteCommit):
                raise
    return once()


def run(transaction: ManagedTransaction, statement: str, **parameters: Any) -> Any:
    """Run a statement that was made of constants and quoted names; gives the driver's result."""
    return transaction.run(statement, parameters)


def _translation(error: Neo4jError | DriverError, server: Server) -> KgmemError:
    if isinstance(error, AuthError):
        who = f"{server.user!r} with this password" if server.user is not None else "anybody without a name"
        return Unauthenticated(
            f"{server.url} does not let {who} in.",
            hint="Give --user, and the password in KGMEM_NEO4J_PASSWORD or at the prompt.",
        )
    if isinstance(error, Neo4jError):
        return _answer(error, server)
    if isinstance(error, ConfigurationError):
        return InvalidInput(f"{server.url}: {error}", hint="Correct the server's address.")
    told = " ".join(str(error).split())
    return Unavailable(
        f"No Bolt server answers at {server.url}: {told}", hint="Check host and port, and that the server runs."
    )


def _answer(error: Neo4jError, server: Server) -> KgmemError:
    """Return the error that a server answered."""
    told, code = f"{server.name} says: {error.message}", error.code or ""
    if code == "Neo.ClientError.Database.DatabaseNotFound":
        return NotFound(f"{server.url} has no database {server.database!r}.", hint="Name another with --database.")
    if isinstance(error, NotAllowed):
        return Forbidden(told, hint="Ask the server's administrator for the right, or be another user.")
    if isinstance(error, ClientError):
        return InvalidInput(told, hint=_HINTS.get(code.rpartition(".")[2], "Change the request to the server."))
    return Unavailable(told, hint="Try again; an import goes on with --resume.")
