"""The shell of `kgmem cypher` (queries end with `;`, commands begin with `:`), and the output of queries."""

import asyncio
import readline
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import typer
from rich.markup import escape
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, note, print_json, report_error
from kgmem.cli.opening import load_settings, opened
from kgmem.domain.cypher import CypherAnswer, Mode
from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.memory import Memory
from kgmem.query.functions import FUNCTIONS
from kgmem.query.values.text import written
from kgmem.query.values.wire import from_json, to_json

_WORDS = """
MATCH OPTIONAL WHERE RETURN WITH UNWIND CREATE MERGE SET REMOVE DELETE DETACH FOREACH CALL YIELD UNION ORDER BY SKIP
LIMIT DISTINCT AS AND OR XOR NOT IN CONTAINS STARTS ENDS CASE WHEN THEN ELSE END EXISTS COUNT COLLECT EXPLAIN PROFILE
SHOW true false null
"""
_KEYWORDS = _WORDS.split()
_HISTORY = 2_000  # Lines that are kept.
_HELP = """A query ends with ; and may go over several lines. Ctrl-C stops it, Ctrl-D leaves.
:graph NAME        use another graph              :graphs      list the graphs
:scope PATH        query what a scope sees        :scope       query the whole graph
:param NAME=VALUE  set a parameter (JSON)         :params      show them
:write on|off      allow queries to write         :queries     list the named queries
:named NAME        run a named query              :quit        leave"""


@dataclass(slots=True)
class Shell:
    """The state of a shell between queries."""

    memory: Memory
    runner: asyncio.Runner
    graph: str
    scope: str | None = None
    mode: Mode = "read"
    parameters: dict[str, Any] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)  # Labels and kinds of the graph, for completion.

    def ask(self, text: str) -> bool:
        """Run a query and show its answer; return True, which continues the shell."""
        started = time.perf_counter()
        work = self.memory.cypher(self.graph, text, self.parameters, mode=self.mode, scope=self.scope)
        show(self.runner.run(work), time.perf_counter() - started, as_json=False)
        return True

    def command(self, line: str) -> bool:
        """Run a command; return whether the shell continues. Raises KgmemError."""
        name, _, rest = line[1:].strip().partition(" ")
        if name in {"quit", "exit", "q"}:
            return False
        run = _COMMANDS.get(name)
        if run is None:
            OUT.print(_HELP, markup=False)
        else:
            run(self, rest.strip().rstrip(";"))
        return True

    def learn(self) -> None:
        """Load the names of the graph's labels and kinds."""
        stats = self.runner.run(self.memory.graphs.stats(self.graph))
        self.names = [*stats.labels, *stats.kinds]

    def completions(self, text: str) -> Sequence[str]:
        """Return the completions of a word."""
        if text.startswith(":"):
            return [f":{name}" for name in _COMMANDS if name.startswith(text[1:])]
        functions = [f"{each.name}(" for each in FUNCTIONS.values()]
        parameters = [f"${name}" for name in self.parameters]
        wanted = text.lower()
        every = (*_KEYWORDS, *self.names, *functions, *parameters)
        return [each for each in every if each.lower().startswith(wanted)]


def _graph(shell: Shell, name: str) -> None:
    if name:
        shell.runner.run(shell.memory.graphs.get(name))
        shell.graph = name
        shell.learn()
    note(f"Using the graph {shell.graph}.")


def _graphs(shell: Shell, _rest: str) -> None:
    for graph in shell.runner.run(shell.memory.graphs.list()):
        OUT.print(graph.name)


def _scope(shell: Shell, path: str) -> None:
    shell.scope = path or None
    note(f"Querying what {path} sees." if path else "Querying the whole graph.")


def _param(shell: Shell, text: str) -> None:
    name, equals, value = text.partition("=")
    if not equals:
        raise InvalidInput(f"Invalid parameter {text!r}.", hint="Use :param NAME=VALUE.")
    try:
        shell.parameters[name.strip()] = from_json(orjson.loads(value))
    except orjson.JSONDecodeError:
        shell.parameters[name.strip()] = value.strip()


def _params(shell: Shell, _rest: str) -> None:
    for name, value in shell.parameters.items():
        OUT.print(f"${name} = {value!r}", markup=False)


def _write(shell: Shell, word: str) -> None:
    if word not in {"on", "off", ""}:
        raise InvalidInput(f"Invalid value {word!r}.", hint="Use :write on or :write off.")
    shell.mode = "write" if word == "on" else "read"
    note("Queries may write." if word == "on" else "Queries are read-only.")


def _queries(shell: Shell, _rest: str) -> None:
    for name, query in shell.memory.queries.all().items():
        OUT.print(f"{name}: {query.answers}", markup=False)


def _named(shell: Shell, name: str) -> None:
    query = shell.memory.queries.get(name)
    known = {each.name for each in query.parameters}
    given = {key: value for key, value in shell.parameters.items() if key in known}
    started = time.perf_counter()
    work = shell.memory.cypher(shell.graph, query.text, query.filled(given), scope=shell.scope)
    show(shell.runner.run(work), time.perf_counter() - started, as_json=False)


_COMMANDS: Mapping[str, Callable[[Shell, str], None]] = {
    "graph": _graph,
    "graphs": _graphs,
    "help": lambda _shell, _rest: OUT.print(_HELP, markup=False),
    "named": _named,
    "param": _param,
    "params": _params,
    "queries": _queries,
    "scope": _scope,
    "write": _write,
}


def run_shell(graph: str, *, scope: str | None, mode: Mode, parameters: Mapping[str, Any]) -> None:
    """Read and run queries and commands until the end of input."""
    history = load_settings().home / "cypher_history"
    with asyncio.Runner() as runner:
        opening = opened()
        memory = runner.run(opening.__aenter__())
        try:
            shell = Shell(memory, runner, graph, scope, mode, dict(parameters))
            shell.learn()
            _prepare(shell, history)
            note(f"Using the graph {graph}. :help lists the commands.")
            _read(shell)
        finally:
            _keep(history)
            runner.run(opening.__aexit__(None, None, None))


def _read(shell: Shell) -> None:
    lines: list[str] = []
    while True:
        try:
            line = input(f"{'  ' if lines else ''}{shell.graph if not lines else ''}> ")
        except EOFError:
            typer.echo()
            return
        except KeyboardInterrupt:
            lines = []
            typer.echo()
            continue
        if not lines and line.lstrip().startswith(":"):
            if not _guarded(shell.command, line.strip()):
                return
            continue
        lines.append(line)
        text = "\n".join(lines).strip()
        if text.endswith(";"):
            lines = []
            _guarded(shell.ask, text.rstrip(";"))
        elif not text:
            lines = []


def _guarded(work: Callable[[str], bool], text: str) -> bool:
    """Run a query or a command; print an error and continue the shell."""
    try:
        return work(text)
    except KgmemError as error:
        report_error(error)
    except KeyboardInterrupt:
        note("Stopped.")
    return True


def _prepare(shell: Shell, history: Path) -> None:
    def complete(text: str, state: int) -> str | None:
        found = shell.completions(text)
        return found[state] if state < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n()[]{},;=<>+-*/|'\"")
    readline.parse_and_bind("tab: complete")
    readline.set_history_length(_HISTORY)
    if history.exists():
        readline.read_history_file(history)


def _keep(history: Path) -> None:
    history.parent.mkdir(parents=True, exist_ok=True)
    readline.write_history_file(history)


_WIDEST = 400  # Characters of a cell.
MOST_ROWS = 1000  # Of a table; programs take JSON.


def show(answer: CypherAnswer, seconds: float, *, as_json: bool) -> None:
    """Print an answer."""
    if as_json:
        rows = [[to_json(value) for value in row] for row in answer.rows]
        print_json({"columns": answer.columns, "rows": rows, "counters": answer.counters, "plan": answer.plan})
        return
    if answer.plan is not None:
        OUT.print(_plan(answer.plan))
    if answer.columns and not (answer.plan is not None and answer.plan["mode"] == "explain"):
        table = Table(*map(escape, answer.columns))
        for row in answer.rows[:MOST_ROWS]:
            table.add_row(*map(_cell, row))
        OUT.print(table)
    NOTES.print(f"[dim]{told(answer, seconds)}[/]")


def told(answer: CypherAnswer, seconds: float) -> str:
    """Return a line about an answer: how many rows, what was changed, how long it took."""
    parts = []
    if answer.columns:
        count = len(answer.rows)
        more = f", the first {MOST_ROWS:,} shown" if count > MOST_ROWS else ""
        parts.append(f"{count:,} {'row' if count == 1 else 'rows'}{more}")
    parts += [f"{name.replace('_', ' ')}: {number:,}" for name, number in answer.counters.items() if number]
    return f"{', '.join(parts) or 'done'} ({seconds * 1000:.0f} ms)"


def _plan(plan: Mapping[str, Any]) -> Table:
    """Return a plan as a table: the last step first, as Neo4j's shell prints it."""
    measured = plan["mode"] == "profile"
    table = Table("step", "details", "expected rows", *(("rows", "read", "ms") if measured else ()))

    def add(step: Mapping[str, Any], depth: int) -> None:
        numbers = [f"{step.get('estimated_rows', 0):,.10g}"]
        if measured:
            numbers += [f"{step.get('rows', 0):,}", f"{step.get('read', 0):,}", f"{step.get('milliseconds', 0):,.1f}"]
        table.add_row("  " * depth + step["operator"], _cell(step["details"]), *numbers)
        # What ran before stands first and goes on at this depth; what runs inside of the step stands deeper.
        before: list[Mapping[str, Any]] = list(step["children"])
        for each in before[1:]:
            add(each, depth + 1)
        if before:
            add(before[0], depth)

    add(plan, 0)
    return table


def _cell(value: Any) -> str:
    text = value if isinstance(value, str) else written(value)
    return escape(text if len(text) <= _WIDEST else f"{text[:_WIDEST]}...")
