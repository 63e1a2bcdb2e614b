"""`kgmem`: every command by name, loaded only when it is run, so that `kgmem --help` answers at once."""

import importlib
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version as version_of
from typing import Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

from kgmem.cli.console import OUT, AsJSON, print_json, report_error

# `kgmem version`.


def version(as_json: AsJSON = False) -> None:
    """Print the versions of kgmem and of Python."""
    if as_json:
        print_json({"kgmem": version_of("kgmem"), "python": platform.python_version()})
    else:
        OUT.print(f"kgmem {version_of('kgmem')}, Python {platform.python_version()}")


# Name -> its module and function, and its line of help. A module's `app` is a group, any other name a command.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "quickstart": ("kgmem.cli.quickstart:quickstart", "Load the sample graph and answer a question from it."),
    "serve": ("kgmem.cli.serve:serve", "Serve REST and Bolt until interrupted."),
    "mcp": ("kgmem.cli.agents.mcp:mcp", "Serve a host of the Model Context Protocol."),
    "worker": ("kgmem.cli.serve:worker", "Run background jobs until interrupted."),
    "jobs": ("kgmem.cli.operations.jobs:jobs", "List background jobs."),
    "cache": ("kgmem.cli.operations.cache:app", "Show how values are cached, and drop what is cached."),
    "flows": ("kgmem.cli.operations.flows:flows", "List what runs now and ran lately, and show its steps."),
    "remember": ("kgmem.cli.remember:remember", "Store texts, files or folders, and extract entities and facts."),
    "forget": ("kgmem.cli.remember:forget", "Delete episodes and everything extracted only from them."),
    "link-similar": (
        "kgmem.cli.communities:link_similar",
        "Link similar entities, and update the links in the background.",
    ),
    "events": ("kgmem.cli.agents.subscriptions:feed", "Print the events that a scope sees."),
    "subscribe": ("kgmem.cli.agents.subscriptions:subscribe", "Subscribe to changes."),
    "subscriptions": (
        "kgmem.cli.agents.subscriptions:app",
        "List subscriptions, and read, acknowledge and replay their events.",
    ),
    "webhook": (
        "kgmem.cli.agents.webhooks:app",
        "Send events to URLs, and look after what receivers have not taken.",
    ),
    "presence": ("kgmem.cli.agents.presence:app", "Show which agents are at work, and what happens each minute."),
    "stream": ("kgmem.cli.agents.streams:app", "Hand work from agent to agent by streams of messages."),
    "publications": ("kgmem.cli.agents.publications:app", "Publish facts and texts to other scopes."),
    "feedback": ("kgmem.cli.agents.feedback:app", "Give feedback on hits, list and withdraw it."),
    "tiers": ("kgmem.cli.agents.tiers:app", "Show the tiers of items, move and pin items, and set when tiers change."),
    "scopes": ("kgmem.cli.agents.scopes:app", "List scopes, show what is in them, and delete one."),
    "erase": ("kgmem.cli.lifecycle.erase:app", "Erase a person or a scope, and prove it."),
    "hold": ("kgmem.cli.lifecycle.holds:app", "Hold what may not be deleted, and release it."),
    "retention": ("kgmem.cli.lifecycle.retention:app", "Keep what for how long, then forget, erase or distil it."),
    "block": ("kgmem.cli.agents.blocks:app", "Write, read and edit the memory blocks of agents."),
    "session": ("kgmem.cli.agents.sessions:app", "Open, fill, read and close the sessions of agents."),
    "decision": ("kgmem.cli.agents.decisions:app", "Record, list, resolve, review and follow the decisions of agents."),
    "state": ("kgmem.cli.states:app", "Write, read, compare, restore and prune the states of agents."),
    "ledger": ("kgmem.cli.ledger.commands:app", "Keep accounts of what agents spend: post, reserve, limit, verify."),
    "distil": ("kgmem.cli.agents.distil:app", "Distil texts, verify that recall keeps what they say, and undo it."),
    "communities": ("kgmem.cli.communities:app", "Detect, list, show and delete communities of entities."),
    "summarize": ("kgmem.cli.communities:summarize", "Summarise an entity."),
    "recall": ("kgmem.cli.recall:recall", "Query a graph by meaning, words, place, time and cause."),
    "cypher": ("kgmem.cli.cypher:cypher", "Run a Cypher query, a named query, or a shell."),
    "why": ("kgmem.cli.why:why", "Explain why a fact is believed."),
    "withdraw": ("kgmem.cli.correct:withdraw", "Withdraw claims by id, by source or by episode."),
    "correct": ("kgmem.cli.correct:correct", "Replace the value of a fact."),
    "retract": ("kgmem.cli.correct:retract", "Retract a fact that was never true."),
    "expire": ("kgmem.cli.correct:expire", "End a fact that is no longer true."),
    "conflicts": ("kgmem.cli.why:conflicts", "List the facts that sources disagree on."),
    "review": ("kgmem.cli.review:app", "Review contested facts and candidates for merging."),
    "eval": ("kgmem.cli.eval:evaluate", "Evaluate recall with questions whose answers are known."),
    "import": ("kgmem.cli.transfer:import_", "Import files, or the graph of a Bolt server."),
    "imports": ("kgmem.cli.imports:app", "List, inspect and undo imports."),
    "export": ("kgmem.cli.transfer:export", "Export a graph to a file or to a Bolt server."),
    "graph": ("kgmem.cli.graph:app", "Create, list, show, check and delete graphs."),
    "index": ("kgmem.cli.index:app", "Rebuild a graph's retrieval index, or embed its texts."),
    "key": ("kgmem.cli.key:app", "Create, list, rotate and revoke API keys and their grants."),
    "db": ("kgmem.cli.db:app", "Start, stop, migrate and inspect the database."),
    "audit": ("kgmem.cli.operations.audit:app", "List, export and verify the audit log."),
    "backup": (
        "kgmem.cli.operations.backup:app",
        "Make, verify, restore and prune backups, and archive the write-ahead log.",
    ),
    "doctor": ("kgmem.cli.doctor:doctor", "Diagnose the database and its graphs, and suggest fixes."),
    "version": ("kgmem.cli.main:version", "Print the version."),
}


class LazyGroup(TyperGroup):
    """A group that knows its commands by name, and imports the one that is run.

    Contexts and commands are `Any`: some versions of typer bring a click of their own, with types of their own.
    """

    def __init__(self, **settings: Any) -> None:
        """Know of each command what help, completion and suggestions show: its name and its line."""
        super().__init__(**settings)
        self.commands = {name: TyperCommand(name, help=line) for name, (_, line) in COMMANDS.items()}

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands, in the order of the table."""
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Return the command that is to be run, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS and command else command, rest


def load(name: str) -> Any:
    """Import a command."""
    module, _, attribute = COMMANDS[name][0].partition(":")
    found: Any = getattr(importlib.import_module(module), attribute)
    if isinstance(found, typer.Typer):
        return typer.main.get_group(found)
    alone = typer.Typer(add_completion=False)
    alone.command(name)(found)
    return typer.main.get_command(alone)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # run() prints errors.
    help="A knowledge-memory server: property graph, vectors and full text in one Postgres.",
    epilog="Settings are environment variables: see docs/settings.md.",
)


def _tell_version(asked: bool) -> None:
    if asked:
        typer.echo(f"kgmem {version_of('kgmem')}")
        raise typer.Exit


@app.callback()
def kgmem(
    version: bool = typer.Option(False, "--version", callback=_tell_version, is_eager=True, help="Print the version."),
) -> None:
    """A knowledge-memory server: property graph, vectors and full text in one Postgres."""


def run(main: Callable[[], Any] = app) -> None:
    """Run the command line; an error becomes two lines and an exit code, never a traceback."""
    try:
        main()
    except Exception as error:
        sys.exit(report_error(error))
