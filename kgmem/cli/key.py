"""`kgmem key`: create, list, rotate and revoke API keys and their grants."""

from dataclasses import asdict
from typing import Annotated, cast

import typer
from rich.table import Column, Table

from kgmem.cli.console import OUT, AsJSON, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import key_shape
from kgmem.domain.access import KEEP, ROLES, Grant, GrantAccess, GrantRequest, Key, rate_limit
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.expiry import duration, ttl_of

PerMinute = Annotated[
    int | None, typer.Option("--per-minute", min=1, help="Refuse more than so many requests a minute.")
]
Burst = Annotated[int | None, typer.Option("--burst", min=1, help="So many of them may come at once; by default all.")]
_Key = Annotated[str, typer.Argument(metavar="KEY", help="The key's id; kgmem key list shows it.")]

app = typer.Typer(help="Create, list, rotate and revoke API keys and their grants.", no_args_is_help=True)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="A name for your own overview.")],
    role: Annotated[
        str,
        typer.Option("--role", help="reader, analyst, reviewer, importer, writer or admin (who may do everything)."),
    ] = "writer",
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Restrict it to this graph.")] = None,
    scope: Annotated[str, typer.Option("--scope", help="Restrict it to this scope and the scopes below it.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="When it expires (ISO 8601).")] = None,
    per_minute: PerMinute = None,
    burst: Burst = None,
    as_json: AsJSON = False,
) -> None:
    """Create an API key and print it; it cannot be shown again."""
    wanted = next((each for each in ROLES if each == role), None)
    if wanted is None:
        raise InvalidInput(f"Unknown role {role!r}.", hint=f"Use one of {', '.join(ROLES)}.")
    limit = rate_limit(per_minute, burst)
    key, secret = with_memory(
        lambda m: m.keys.create(name, wanted, graph=graph, scope=scope, expires_at=expires, limit=limit)
    )
    if as_json:
        print_json({"key": secret, **key_shape(key)})
    else:
        OUT.print(secret, soft_wrap=True)
        note(f"Key {key.id} has the role {key.role}{_restriction(key)}. It cannot be shown again.")


@app.command()
def update(
    id_: _Key,
    name: Annotated[str | None, typer.Option("--name", help="Another name.")] = None,
    expires: Annotated[str | None, typer.Option("--expires", help="When it expires (ISO 8601), or `never`.")] = None,
    per_minute: PerMinute = None,
    burst: Burst = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="Remove its limit of requests.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Change the name, the expiry or the limit of requests of an API key."""
    if unlimited and (per_minute or burst):
        raise InvalidInput("A key is limited or unlimited.", hint="Give --unlimited, or --per-minute with --burst.")
    limit = rate_limit(per_minute, burst)
    until = KEEP if expires is None else None if expires == "never" else expires
    changed = with_memory(
        lambda m: m.keys.update(
            id_, name=name or KEEP, expires_at=until, limit=limit if limit is not None or unlimited else KEEP
        )
    )
    if as_json:
        print_json(key_shape(changed))
    else:
        OUT.print(f"Changed the key {changed.id} ({changed.name}).")


@app.command()
def rotate(
    id_: _Key,
    overlap: Annotated[
        str, typer.Option("--overlap", help="How long the former secret is valid, too: seconds, 2d, 12h, 30m, or 0.")
    ] = "1d",
    as_json: AsJSON = False,
) -> None:
    """Replace the secret of an API key and print the new one; the former one is valid for a while."""
    seconds = 0.0 if overlap == "0" else duration(ttl_of(overlap)) / 1_000_000
    key, secret = with_memory(lambda m: m.keys.rotate(id_, overlap=seconds))
    if as_json:
        print_json({"key": secret, **key_shape(key)})
    else:
        OUT.print(secret, soft_wrap=True)
        until = f" The former secret is valid until {key.old_secret_until}." if key.old_secret_until else ""
        note(f"This is the secret of the key {key.id} now. It cannot be shown again.{until}")


@app.command("list")
def list_(as_json: AsJSON = False) -> None:
    """List all API keys, without their secrets."""
    keys = with_memory(lambda m: m.keys.list())
    if as_json:
        print_json([key_shape(key) for key in keys])
        return
    table = Table(Column("id", no_wrap=True), "name", "role", "graph", "scope", "created", "used", "expires", "revoked")
    for key in keys:
        times = (key.created_at, key.last_used_at, key.expires_at, key.revoked_at)
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
    wanted = GrantRequest(scope, cast("GrantAccess", access), reason, graph, starts_at=starts, expires_at=expires)
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
