"""`kgmem key`: create, list and revoke API keys."""

from typing import Annotated, Literal, cast

import typer
from rich.table import Column, Table

from kgmem.cli.console import OUT, AsJSON, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import key_shape
from kgmem.domain.access import Key
from kgmem.domain.errors import InvalidInput

app = typer.Typer(help="Create, list and revoke API keys.", no_args_is_help=True)


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


def _restriction(key: Key) -> str:
    return (f", on the graph {key.graph}" if key.graph else "") + (f", in the scope {key.scope}" if key.scope else "")
