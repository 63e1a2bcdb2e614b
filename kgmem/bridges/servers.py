"""Servers that records are read from or written to, and what reaches them.

What a bridge stands on is loaded when it is first used: it may not be installed.
"""

from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from urllib.parse import urlsplit

from kgmem.domain.errors import InvalidInput
from kgmem.formats.records import Destination, Origin

SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")


@dataclass(frozen=True, slots=True)
class Server:
    """One database of a server: its address, and who asks. Without a database it is the user's own."""

    url: str
    database: str | None = None
    user: str | None = None  # None: the server asks nobody for a name.
    password: str | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """What people know it by."""
        return f"{self.url} ({self.database})" if self.database else self.url


def names_server(text: object) -> bool:
    """Return whether this is the address of a server and not of a file."""
    return isinstance(text, str) and text.partition("://")[0].lower() in SCHEMES and "://" in text


def origin(server: Server, query: str | None = None) -> Origin:
    """Return what reads a server's database, or what a query returns. Raises InvalidInput."""
    _check_address(server)
    found: Origin = _bridge("read").Neo4jOrigin(server, query)
    return found


def destination(server: Server) -> Destination:
    """Return what writes to a server's database. Raises InvalidInput."""
    _check_address(server)
    found: Destination = _bridge("write").Neo4jDestination(server)
    return found


def _bridge(part: str) -> ModuleType:
    try:
        return import_module(f"kgmem.bridges.neo4j.{part}")
    except ModuleNotFoundError as error:
        if error.name != "neo4j":
            raise
        raise InvalidInput(
            "The Python package neo4j, which speaks with Bolt servers, is not installed.",
            hint="pip install 'kgmem[neo4j]'",
        ) from error


def _check_address(server: Server) -> None:
    """Raise InvalidInput for an address with a password in it, or with none of the schemes."""
    try:
        parts = urlsplit(server.url)
        named, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput("The server's address is no URL.", hint="Give one such as bolt://host:7687.") from error
    if parts.username is not None or parts.password is not None:
        # The address is shown in messages and kept in the register of imports.
        raise InvalidInput(
            "The server's address has a user or password in it.",
            hint="Give --user, and the password in KGMEM_NEO4J_PASSWORD or at the prompt.",
        )
    if not named or parts.scheme.lower() not in SCHEMES or parts.path.strip("/") or port == 0:
        raise InvalidInput(
            f"{server.url} is no address of a Bolt server.",
            hint=f"Give {', '.join(f'{scheme}://host:port' for scheme in SCHEMES[:2])} or the like; name the database "
            "with --database.",
        )
