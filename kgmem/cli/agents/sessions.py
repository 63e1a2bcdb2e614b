"""`kgmem session`: conversations of agents with users, message by message."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, ExpiresAt, GraphName, Limit, ScopeName, TimeToLive, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.context import DEFAULT_BUDGET
from kgmem.domain.agents.message import Message, StoredMessage, message_from
from kgmem.domain.agents.session import Session, SessionAddress, SessionDetails
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.expiry import ttl_of
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Open, fill, read and close the sessions of agents.", no_args_is_help=True)

SessionId = Annotated[str, typer.Argument(metavar="SESSION", help="The session's id.")]


@app.command("open")
def open_(
    session: SessionId,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    agent: Annotated[str | None, typer.Option("--agent", help="The agent that talks in it.")] = None,
    user: Annotated[list[str] | None, typer.Option("--user", help="Who talks with it; may be repeated.")] = None,
    expires_at: ExpiresAt = None,
    ttl: TimeToLive = None,
    as_json: AsJSON = False,
) -> None:
    """Open a session; one that is there gets this agent and these users in the place of its own."""
    details = SessionDetails(agent, tuple(user or ()), expires_at=expires_at, ttl=ttl_of(ttl))
    found = with_memory(lambda m: m.sessions.open(graph, SessionAddress(session, scope), details))
    _show(found, as_json)


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    agent: Annotated[str | None, typer.Option("--agent", help="Only sessions of this agent.")] = None,
    user: Annotated[str | None, typer.Option("--user", help="Only sessions with this user.")] = None,
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the sessions in this scope, the newest first."""
    page = with_memory(lambda m: m.sessions.list(graph, scope=scope, agent=agent, user=user, limit=limit))
    if as_json:
        print_json({"sessions": page.items, "cursor": page.cursor})
        return
    table = Table("session", "agent", "users", "messages", "tokens", "opened", "closed")
    for each in page.items:
        table.add_row(
            each.id, each.agent or "", ", ".join(each.users), f"{each.messages:,}", f"{each.tokens:,}",
            each.opened_at, each.closed_at or "",
        )  # fmt: skip
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def append(
    session: SessionId,
    text: Annotated[str | None, typer.Argument(help="What is said; without it, --file.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    role: Annotated[str, typer.Option("--role", help="user, assistant, system or tool.")] = "user",
    file: Annotated[
        Path | None, typer.Option("--file", help="A JSON list of messages as models' APIs have them; - for input.")
    ] = None,
    no_extract: Annotated[bool, typer.Option("--no-extract", help="Only store; extract nothing.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Store messages at the end of a session; those with an id that is stored already stay as they are."""
    if (text is None) == (file is None):
        raise InvalidInput("Give a text or --file.", hint="One of the two.")
    messages = _read(file) if file is not None else [message_from({"role": role, "content": text}, "message")]
    appended = with_memory(
        lambda m: m.sessions.append(graph, SessionAddress(session, scope), messages, extract=not no_extract)
    )
    if as_json:
        print_json(appended)
        return
    OUT.print(
        f"Stored {appended.created} of {len(appended.messages)} messages; the last is {_last(appended.messages)}."
    )


@app.command()
def messages(
    session: SessionId,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    newest: Annotated[bool, typer.Option("--newest", help="Begin with the newest.")] = False,
    limit: Limit = 100,
    cursor: Annotated[str | None, typer.Option("--cursor", help="Where the last page ended.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Print the messages of a session, from the oldest on or from the newest back."""
    address = SessionAddress(session, scope)
    page = with_memory(lambda m: m.sessions.messages(graph, address, newest_first=newest, cursor=cursor, limit=limit))
    if as_json:
        print_json({"messages": page.items, "cursor": page.cursor})
        return
    for each in page.items:
        who = f"{each.role} ({each.name})" if each.name else each.role
        OUT.print(f"{each.seq} {who}: {each.message().text}", markup=False, soft_wrap=True)
    if page.cursor:
        note(f"There are more: --cursor {page.cursor}")


@app.command()
def context(
    session: SessionId,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    budget: Annotated[int, typer.Option("--budget", min=1, help="Most tokens of the text.")] = DEFAULT_BUDGET,
    as_json: AsJSON = False,
) -> None:
    """Print what to put into the next prompt: facts, memories, earlier and latest messages, within a budget."""
    found = with_memory(lambda m: m.sessions.context(graph, SessionAddress(session, scope), budget=budget))
    if as_json:
        print_json(found)
        return
    OUT.print(found.text, markup=False, soft_wrap=True)


@app.command()
def summary(
    session: SessionId,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=20, help="Most sentences.")] = 6,
    as_json: AsJSON = False,
) -> None:
    """Print the sentences that say most of a session, as they were said."""
    found = with_memory(lambda m: m.sessions.summary(graph, SessionAddress(session, scope), limit=limit))
    if as_json:
        print_json(found)
        return
    who = f", {found.session.agent}" if found.session.agent else ""
    note(f"{found.session.messages:,} messages{who}.")
    OUT.print(found.text, markup=False, soft_wrap=True)


@app.command()
def delete(
    session: SessionId,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    erase: Annotated[bool, typer.Option("--erase", help="Erase it from the history too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Delete a session with its messages and everything extracted only from them."""
    address = SessionAddress(session, scope)
    report = with_memory(lambda m: m.sessions.delete(graph, address, dry_run=dry_run, erase=erase))
    if as_json:
        print_json(report)
        return
    verb = "Would delete" if dry_run else "Deleted"
    OUT.print(
        f"{verb} {report.episodes} messages, {report.entities} entities, {report.relationships} relationships, "
        f"{report.claims} claims; kept {report.kept_entities + report.kept_relationships} that other texts state."
    )


@app.command()
def close(session: SessionId, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Close a session: it takes no messages until it is opened again."""
    _show(with_memory(lambda m: m.sessions.close(graph, SessionAddress(session, scope))), as_json)


@app.command()
def reopen(
    session: SessionId, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False
) -> None:
    """Open a closed session again."""
    _show(with_memory(lambda m: m.sessions.reopen(graph, SessionAddress(session, scope))), as_json)


def _read(file: Path) -> list[Message]:
    try:
        told: Any = json.loads(sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is not JSON: {error}.", hint='Give [{"role": ..., "content": ...}].') from error
    listed = told.get("messages") if isinstance(told, dict) else told
    if not isinstance(listed, list):
        raise InvalidInput(f"{file} is not a list of messages.", hint='Give [{"role": ..., "content": ...}].')
    return [message_from(each, f"messages[{n}]") for n, each in enumerate(listed)]


def _last(stored: Sequence[StoredMessage]) -> str:
    return f"{stored[-1].id} (number {stored[-1].seq})"


def _show(session: Session, as_json: bool) -> None:
    if as_json:
        print_json(session)
        return
    state = "closed" if session.closed_at else "open"
    OUT.print(f"{session.id}: {state}, {session.messages:,} messages, {session.tokens:,} tokens.")
