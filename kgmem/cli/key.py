"""`kgmem key`: create, list and revoke API keys and their grants."""

from dataclasses import asdict
from typing import Annotated, Literal, cast

import typer
from rich.table import Column, Table

from kgmem.cli.console import OUT, AsJSON, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import key_shape
from kgmem.domain.access import Grant, GrantRequest, Key
from kgmem.domain.errors import InvalidInput

app = typer.Typer(help="Create, list and revoke API keys and their grants.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for your own overview.")],
    role: Annotated[
        str, typer.Option("--role", help="reader, writer (who also reads) or admin (who may do everything).")
    ] = "writer",
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Restrict it to this graph.")] = None,
    scope: Annotated[str, typer.Option("--scope", help="Restrict it to this scope and the scopes below it.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="When it expires (ISO 8601).")] = None,
    as_json: AsJSON = False,
) -> None:
    """Create an API key and print it; it cannot be shown again."""
    if role not in {"reader", "writer", "admin"}:
        raise InvalidInput(f"Unknown role {role!r}.", hint="Use reader, writer or admin.")
    wanted = cast("Literal['reader', 'writer', 'admin']", role)
    key, secret = with_memory(lambda m: m.keys.create(name, wanted, graph=graph, scope=scope, expires_at=expires))
    if as_json:
        print_json({"key": secret, **key_shape(key)})
    else:
        OUT.print(secret, soft_wrap=True)
        note(f"Key {key.id} has the role {key.role}{_restriction(key)}. It cannot be shown again.")


@app.command("list")
def list_(as_json: AsJSON = False) -> None:
    """List all API keys, without their secrets."""
    keys = with_memory(lambda m: m.keys.list())
    if as_json:
        print_json([key_shape(key) for key in keys])
        return
    table = Table(Column("id", no_wrap=True), "name", "role", "graph", "scope", "created", "expires", "revoked")
    for key in keys:
        times = (key.created_at, key.expires_at, key.revoked_at)
        table.add_row(key.id, key.name, key.role, key.graph or "", key.scope, *(at or "" for at in times))
    OUT.print(table if keys else "No keys yet. Create one: kgmem key create NAME --role admin")


@app.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id; kgmem key list shows it.")],
    as_json: AsJSON = False,
) -> None:
    """Revoke an API key; every server refuses it within a second."""
    key = with_memory(lambda m: m.keys.revoke(id_))
    if as_json:
        print_json(key_shape(key))
    else:
        OUT.print(f"Revoked the key {key.id} ({key.name}).")


_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key's id; kgmem key list shows it.")]


@app.command()
def grant(
    key: _Key,
    scope: Annotated[str, typer.Argument(help="The scope to grant, with what lies below it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it is granted.")],
    access: Annotated[str, typer.Option("--access", help="read, or write, which includes read.")] = "read",
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Only in this graph.")] = None,
    starts: Annotated[str | None, typer.Option("--starts", help="When it begins (ISO 8601); by default now.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="When it ends; by default when revoked.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Grant a further scope to a key, to read or also to write, for a time."""
    wanted = GrantRequest(
        scope, cast("Literal['read', 'write']", access), reason, graph, starts_at=starts, expires_at=expires
    )
    made = with_memory(lambda m: m.keys.grant(key, wanted))
    if as_json:
        print_json(asdict(made))
    else:
        OUT.print(f"Grant {made.id}: the key {made.key} may {made.access} {made.scope}{_until(made)}.")


@app.command()
def grants(key: _Key, as_json: AsJSON = False) -> None:
    """List the newest 1,000 grants of a key, with those that are over."""
    found = with_memory(lambda m: m.keys.grants(key, limit=1000))
    if as_json:
        print_json([asdict(each) for each in found])
        return
    table = Table(Column("id", no_wrap=True), "scope", "access", "graph", "starts", "expires", "revoked", "reason")
    for each in found:
        times = (each.starts_at or "", each.expires_at or "", each.revoked_at or "")
        table.add_row(str(each.id), each.scope, each.access, each.graph or "", *times, each.reason)
    OUT.print(table if found else "This key has no grants. Make one: kgmem key grant KEY SCOPE --reason WHY")


@app.command("revoke-grant")
def revoke_grant(
    key: _Key,
    id_: Annotated[int, typer.Argument(metavar="GRANT", help="The grant's id; kgmem key grants shows it.")],
    reason: Annotated[str | None, typer.Option("--reason", help="Why it is revoked.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Revoke a grant of a key; every server refuses it within a second."""
    gone = with_memory(lambda m: m.keys.revoke_grant(key, id_, reason=reason))
    if as_json:
        print_json(asdict(gone))
    else:
        OUT.print(f"Revoked the grant {gone.id} of {gone.scope} to the key {gone.key}.")


def _until(made: Grant) -> str:
    return f" until {made.expires_at}" if made.expires_at else ""


def _restriction(key: Key) -> str:
    return (f", on the graph {key.graph}" if key.graph else "") + (f", in the scope {key.scope}" if key.scope else "")
