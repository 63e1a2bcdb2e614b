"""`kgmem state`: what agents keep for themselves, in versions."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, ExpiresAt, GraphName, Limit, ScopeName, TimeToLive, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.state import (
    BYTES,
    JSON,
    MSGPACK,
    RetentionRule,
    StateAddress,
    StateVersion,
    VersionChoice,
)
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.expiry import ttl_of
from kgmem.memory import DEFAULT_GRAPH
from kgmem.services.agents.states import patch_text

app = typer.Typer(help="Write, read, compare, restore and prune the states of agents.", no_args_is_help=True)

Agent = Annotated[str, typer.Argument(help="The agent.")]
Name = Annotated[str, typer.Argument(help="The state's name.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="The number of a version.")]
CheckpointName = Annotated[str | None, typer.Option("--checkpoint", help="The name of a version.")]
At = Annotated[str | None, typer.Option("--at", help="The version that was current at this time.")]
IfVersion = Annotated[
    int | None, typer.Option("--if-version", min=0, help="Write only where this is the current version; 0: none.")
]
_TYPES = {".json": JSON, ".msgpack": MSGPACK, ".bin": BYTES}
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


@app.command()
def put(
    agent: Agent,
    name: Name,
    file: Annotated[Path, typer.Argument(help="A file, or - for standard input.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    media_type: Annotated[
        str | None,
        typer.Option("--type", help="json, msgpack or bytes; by default as the file's name ends, else json."),
    ] = None,
    if_version: IfVersion = None,
    expires_at: ExpiresAt = None,
    ttl: TimeToLive = None,
    as_json: AsJSON = False,
) -> None:
    """Write a state as a new version; the content of the current version again writes nothing."""
    kinds = {"json": JSON, "msgpack": MSGPACK, "bytes": BYTES}
    if media_type is not None and media_type not in kinds:
        raise InvalidInput(f"Unknown value of --type: {media_type!r}.", hint=f"Use one of {', '.join(kinds)}.")
    kind = kinds[media_type] if media_type else _TYPES.get(file.suffix, JSON)
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    address = StateAddress(agent, name, scope)
    version = with_memory(
        lambda m: m.states.put(
            graph, address, content, media_type=kind, if_version=if_version, expires_at=expires_at, ttl=ttl_of(ttl)
        )
    )
    _tell(version, as_json)


@app.command()
def get(
    agent: Agent,
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    version: Version = None,
    checkpoint: CheckpointName = None,
    at: At = None,
) -> None:
    """Print a state byte for byte: the current version, or that of a number, a checkpoint, or a time."""
    address, choice = StateAddress(agent, name, scope), VersionChoice(version, checkpoint, at)
    held = with_memory(lambda m: m.states.read(graph, address, choice))
    sys.stdout.buffer.write(held.content)
    sys.stdout.buffer.flush()


@app.command("list")
def list_(
    agent: Annotated[str | None, typer.Argument(help="The agent; by default all.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the states in this scope."""
    page = with_memory(lambda m: m.states.list(graph, scope=scope, agent=agent, limit=limit))
    if as_json:
        print_json({"states": page.items, "cursor": page.cursor})
        return
    table = Table("agent", "state", "version", "versions", "written", "size", "stored")
    for each in page.items:
        table.add_row(
            each.agent, each.name, str(each.current.version), f"{each.versions:,}", each.current.at,
            decimal(each.current.size), decimal(each.stored),
        )  # fmt: skip
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def versions(
    agent: Agent,
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the versions of a state, the newest first."""
    page = with_memory(lambda m: m.states.versions(graph, StateAddress(agent, name, scope), limit=limit))
    if as_json:
        print_json({"versions": page.items, "cursor": page.cursor})
        return
    table = Table("version", "written", "size", "stored", "checkpoints", "from")
    for each in page.items:
        origin = each.branched_from or (f"version {each.restored_from}" if each.restored_from else "")
        table.add_row(
            str(each.version), each.at, decimal(each.size), decimal(each.stored), ", ".join(each.checkpoints), origin
        )
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def diff(
    agent: Agent,
    name: Name,
    before: Annotated[int, typer.Argument(min=1, help="A version.")],
    after: Annotated[int, typer.Argument(min=1, help="Another version.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
) -> None:
    """Print the JSON Patch (RFC 6902) from one version to another."""
    patch = with_memory(lambda m: m.states.diff(graph, StateAddress(agent, name, scope), before, after))
    typer.echo(patch_text(patch).decode())


@app.command()
def restore(
    agent: Agent,
    name: Name,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    version: Version = None,
    checkpoint: CheckpointName = None,
    at: At = None,
    as_json: AsJSON = False,
) -> None:
    """Write an earlier version as a new one."""
    address, choice = StateAddress(agent, name, scope), VersionChoice(version, checkpoint, at)
    _tell(with_memory(lambda m: m.states.restore(graph, address, choice)), as_json)


@app.command()
def branch(
    agent: Agent,
    name: Name,
    to: Annotated[str, typer.Argument(help="The new state: its name, or agent/name.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    version: Version = None,
    checkpoint: CheckpointName = None,
    as_json: AsJSON = False,
) -> None:
    """Begin a new state from a version."""
    new_agent, _, new_name = to.rpartition("/")
    source, target = StateAddress(agent, name, scope), StateAddress(new_agent or agent, new_name, scope)
    choice = VersionChoice(version, checkpoint)
    _tell(with_memory(lambda m: m.states.branch(graph, source, target, choice)), as_json)


@app.command()
def checkpoint(
    agent: Agent,
    name: Name,
    label: Annotated[str, typer.Argument(help="The checkpoint's name.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    version: Version = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the name away.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Name a version, by default the current one: retention never deletes it."""
    address = StateAddress(agent, name, scope)
    if remove:
        with_memory(lambda m: m.states.delete_checkpoint(graph, address, label))
        OUT.print(f"Removed the checkpoint {label}.", markup=False)
        return
    made = with_memory(lambda m: m.states.set_checkpoint(graph, address, label, version=version))
    if as_json:
        print_json(made)
    else:
        OUT.print(f"{made.name} is version {made.version}.", markup=False)


@app.command()
def delete(agent: Agent, name: Name, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Delete a state with all its versions."""
    count = with_memory(lambda m: m.states.delete(graph, StateAddress(agent, name, scope)))
    OUT.print(f"Deleted {count:,} versions.")


@app.command()
def retention(
    agent: Agent,
    rules: Annotated[
        list[str] | None, typer.Argument(help="Rules such as 1h (keep all for an hour) and 30d/1d (daily for 30 days).")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    off: Annotated[bool, typer.Option("--off", help="Delete the rules: keep all versions.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Show or set which versions are kept; the current one and checkpoints always are."""
    if off:
        with_memory(lambda m: m.states.delete_retention(graph, agent, scope=scope))
    elif rules:
        wanted = [_rule(each) for each in rules]
        with_memory(lambda m: m.states.set_retention(graph, agent, wanted, scope=scope))
    held = with_memory(lambda m: m.states.retention(graph, agent, scope=scope))
    if as_json:
        print_json({"rules": held})
        return
    for rule in held:
        every = f"the last of every {rule.every_seconds:,} s" if rule.every_seconds else "all"
        OUT.print(f"within {rule.within_seconds:,} s: {every}")
    if not held:
        OUT.print("All versions are kept.")


@app.command()
def prune(
    agent: Agent,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would delete.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Apply the retention rules of an agent now."""
    done = with_memory(lambda m: m.states.prune(graph, agent, scope=scope, dry_run=dry_run))
    if as_json:
        print_json({"states": done})
        return
    verb = "would go" if dry_run else "deleted"
    for each in done:
        OUT.print(
            f"{each.name}: {len(each.deleted):,} versions {verb}, {each.kept:,} stay, {decimal(each.freed)} freed.",
            markup=False,
        )
    if not done:
        OUT.print("The agent has no retention rules, or no state.")


def _rule(text: str) -> RetentionRule:
    """Return the rule that `within` or `within/every` names: numbers with s, m, h or d. Raises InvalidInput."""
    within, slash, every = text.partition("/")
    try:
        return RetentionRule(_seconds(within), _seconds(every) if slash else 0)
    except (KeyError, ValueError) as error:
        raise InvalidInput(f"{text!r} is no rule.", hint="Give one such as 1h, 1d/1h or 30d/1d.") from error


def _seconds(text: str) -> int:
    return int(text[:-1]) * _UNITS[text[-1:]]


def _tell(version: StateVersion, as_json: bool) -> None:
    if as_json:
        print_json(version)
        return
    verb = "Wrote" if version.created else "Unchanged:"
    OUT.print(f"{verb} version {version.version}, {decimal(version.size)}, stored as {decimal(version.stored)}.")
