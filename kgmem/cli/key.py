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
    name: Annotated[str, typer.Argument(help="Whose or what for it is, for your own overview.")],
    role: Annotated[
        str, typer.Option("--role", help="reader, writer (who also reads) or admin (who may do everything).")
    ] = "writer",
    graph: Annotated[str | None, typer.Option("--graph", "-g", help="Bind it to this graph.")] = None,
    scope: Annotated[str, typer.Option("--scope", help="Bind it to this scope and what lies below it.")] = "",
    expires: Annotated[str | None, typer.Option("--expires", help="When it ends, in ISO 8601.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Create an API key and print it, this once."""
    if role not in {"reader", "writer", "admin"}:
        raise InvalidInput(f"There is no role {role!r}.", hint="Give reader, writer or admin.")
    wanted = cast("Literal['reader', 'writer', 'admin']", role)
    key, secret = with_memory(lambda m: m.keys.create(name, wanted, graph=graph, scope=scope, expires_at=expires))
    if as_json:
        print_json({"key": secret, **key_shape(key)})
    else:
        OUT.print(secret, soft_wrap=True)
        note(
            f"Key {key.id} has the role {key.role}{_bound(key)}. It is shown this once; kgmem keeps only a hash of it."
        )


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
    OUT.print(table if keys else "There is no key yet. Create one: kgmem key create NAME --role admin")


@app.command()
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The key's id (kgmem key list tells it).")],
    as_json: AsJSON = False,
) -> None:
    """Revoke an API key; it ends within a second in every server."""
    key = with_memory(lambda m: m.keys.revoke(id_))
    if as_json:
        print_json(key_shape(key))
    else:
        OUT.print(f"Revoked the key {key.id} ({key.name}).")


def _bound(key: Key) -> str:
    return (f", on the graph {key.graph}" if key.graph else "") + (f", in the scope {key.scope}" if key.scope else "")
