"""Servers that `kgmem import` and `kgmem export` are given in place of files, and who asks them."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from kgmem.bridges.servers import Server, destination, names_server, origin
from kgmem.cli.opening import load_settings
from kgmem.domain.errors import InvalidInput
from kgmem.formats.records import Destination, Origin

_DEFAULT_USER = "neo4j"

UserName = Annotated[
    str | None,
    typer.Option("--user", help="Who asks a Bolt server; the password is KGMEM_NEO4J_PASSWORD, or is asked for."),
]
DatabaseName = Annotated[
    str | None, typer.Option("--database", help="The Bolt server's database; left out, the user's own.")
]
Query = Annotated[
    str | None, typer.Option("--query", help="Cypher that a Bolt server is asked, in place of all that it holds.")
]


def sources(
    files: Sequence[str], database: str | None, user: str | None, query: str | None = None
) -> list[str | Origin]:
    """Give files, and in place of addresses what reads their servers. Raises InvalidInput."""
    _check(any(map(names_server, files)), database, user, query)
    return [origin(_server(file, database, user), query) if names_server(file) else file for file in files]


def target(output: str, database: str | None, user: str | None) -> str | Destination:
    """Give a file, or in place of an address what writes to its server. Raises InvalidInput."""
    _check(names_server(output), database, user, None)
    return destination(_server(output, database, user)) if names_server(output) else output


def _check(named: bool, database: str | None, user: str | None, query: str | None) -> None:
    told = {"--database": database, "--user": user, "--query": query}
    idle = [option for option, value in told.items() if value is not None]
    if idle and not named:
        raise InvalidInput(f"{idle[0]} is for Bolt servers, and none is named.", mend="Name one: bolt://host:7687")


def _server(url: str, database: str | None, user: str | None) -> Server:
    held = load_settings().neo4j_password
    password = held.get_secret_value() if held else None
    if password is None and user is not None:
        if not sys.stdin.isatty():
            raise InvalidInput(f"There is no password for {user!r}.", mend="Set KGMEM_NEO4J_PASSWORD.")
        password = typer.prompt(f"Password of {user} at {url}", hide_input=True, err=True)
    return Server(url, database, user or (_DEFAULT_USER if password is not None else None), password)
