"""`kgmem cypher`: run a query, a named query, or a shell."""

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, print_json
from kgmem.cli.cypher_shell import run_shell, show
from kgmem.cli.opening import with_memory
from kgmem.domain.cypher import Mode, NamedQuery
from kgmem.domain.errors import InvalidInput
from kgmem.memory import DEFAULT_GRAPH, Memory
from kgmem.query.values.wire import from_json

Many = list[str] | None


def cypher(
    query: Annotated[
        str | None, typer.Argument(help="The query; - reads it from standard input. By default a shell opens.")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: Annotated[
        str | None, typer.Option("--scope", help="Query what this scope sees; by default the whole graph.")
    ] = None,
    param: Annotated[
        Many, typer.Option("--param", "-p", help="NAME=VALUE; the value is JSON or text (may be repeated).")
    ] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the query from a file.")] = None,
    named: Annotated[str | None, typer.Option("--named", help="Run a named query; see --list.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the named queries.")] = False,
    write: Annotated[bool, typer.Option("--write", help="Allow the query to write.")] = False,
    timeout: Annotated[float | None, typer.Option("--timeout", help="Stop the query after so many seconds.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Run a Cypher query, a named query, or a shell."""
    if list_:
        _list(list(with_memory(_named).values()), as_json=as_json)
        return
    parameters = dict(map(parameter, param or []))
    mode: Mode = "write" if write else "read"
    if query is None and file is None and named is None and sys.stdin.isatty():
        run_shell(graph, scope=scope, mode=mode, parameters=parameters)
        return
    text = None if named is not None else _text(query, file)

    async def ask(memory: Memory) -> None:
        asked, given = text or "", parameters
        if named is not None:
            found = memory.queries.get(named)
            asked, given = found.text, found.filled(parameters)
        started = time.perf_counter()
        answer = await memory.cypher(graph, asked, given, mode=mode, scope=scope, seconds=timeout)
        show(answer, time.perf_counter() - started, as_json=as_json)

    with_memory(ask)


def parameter(text: str) -> tuple[str, Any]:
    """Return the name and value that NAME=VALUE states. Raises InvalidInput."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InvalidInput(f"Invalid parameter {text!r}.", hint="Use NAME=VALUE, such as -p year=1969.")
    try:
        return name.strip().removeprefix("$"), from_json(orjson.loads(value))
    except orjson.JSONDecodeError:
        return name.strip().removeprefix("$"), value


async def _named(memory: Memory) -> dict[str, NamedQuery]:
    return dict(memory.queries.all())


def _text(query: str | None, file: Path | None) -> str:
    if file is not None:
        try:
            return file.read_text()
        except OSError as error:
            raise InvalidInput(
                f"{file} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
            ) from error
    return sys.stdin.read() if query in {None, "-"} else str(query)


def _list(queries: list[NamedQuery], *, as_json: bool) -> None:
    if as_json:
        print_json(queries)
        return
    table = Table("name", "answers", "parameters")
    for each in queries:
        table.add_row(each.name, each.answers, ", ".join(f"{one.name} ({one.type})" for one in each.parameters))
    OUT.print(table)
