"""`kgmem hold`: legal holds, which forbid to delete what they cover."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.retention.hold import HoldRequest
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Hold what may not be deleted, and release it.", no_args_is_help=True)

Who = Annotated[str, typer.Option("--by", help="Who does it.")]


@app.command()
def put(
    reason: Annotated[str, typer.Option("--reason", help="The reason, which refused deletions show.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: Annotated[str | None, typer.Option("--scope", help="Hold a scope and those below it.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Hold what bears a label, or relationships of a kind.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Hold what comes from a source.")] = None,
    keys: Annotated[list[str] | None, typer.Option("--key", help="Hold an entity or text; repeatable.")] = None,
    keys_in: Annotated[str, typer.Option("--keys-in", help="The scope of these.")] = "",
    by: Who = "cli",
    as_json: AsJSON = False,
) -> None:
    """Hold a graph, or what the options name of it."""
    kinds = {"scope": scope, "label": label, "source": source}
    named = [(kind, name) for kind, name in kinds.items() if name is not None]
    if len(named) + bool(keys) > 1:
        raise typer.BadParameter("Give one of --scope, --label, --source and --key.")
    kind, name = named[0] if named else ("items" if keys else "graph", None)
    request = HoldRequest(kind, reason, by, name, keys or (), keys_in)  # type: ignore[arg-type]
    hold = with_memory(lambda m: m.holds.put(graph, request))
    if as_json:
        print_json(hold)
    else:
        OUT.print(f"Hold {hold.id} on {hold.kind} {hold.name or ''}".rstrip() + ".")


@app.command()
def release(
    hold: Annotated[int, typer.Argument(help="The id of the hold.")],
    reason: Annotated[str, typer.Option("--reason", help="The reason.")],
    graph: GraphName = DEFAULT_GRAPH,
    by: Who = "cli",
) -> None:
    """Release a hold."""
    with_memory(lambda m: m.holds.release(graph, hold, by=by, reason=reason))
    note(f"Released {hold}.")


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    active: Annotated[bool, typer.Option("--active", help="Only those that are not released.")] = False,
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the holds of a graph, released ones too."""
    page = with_memory(lambda m: m.holds.list(graph, active=True if active else None, limit=limit))
    if as_json:
        print_json(page.items)
        return
    table = Table("hold", "on", "reason", "by", "at", "released")
    for each in page.items:
        what = each.name if each.name is not None else ", ".join(each.keys[:3])
        table.add_row(str(each.id), f"{each.kind} {what}", each.reason, each.by, each.at, each.released_at or "")
    OUT.print(table)
