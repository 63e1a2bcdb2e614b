"""`kgmem tiers`: what is hot, warm, cold and distilled; settings, moves and pins."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.graph.tier import ItemKind, Tier, TierChanges
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Show the tiers of items, move and pin items, and set when tiers change.", no_args_is_help=True)

Keys = Annotated[list[str], typer.Argument(help="Keys of items.")]
Kind = Annotated[ItemKind, typer.Option("--kind", help="What the keys are of.")]


@app.command()
def show(
    graph: GraphName = DEFAULT_GRAPH,
    scope: Annotated[str | None, typer.Option("--scope", help="Only this scope; by default the whole graph.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Show the settings, and how many items each tier has."""
    report = with_memory(lambda m: m.tiers.report(graph, scope=scope))
    if as_json:
        print_json(asdict(report))
        return
    table = Table("tier", "items", "pinned", "archived")
    for tier, counts in report.tiers.items():
        table.add_row(tier, f"{counts.items:,}", f"{counts.pinned:,}", f"{counts.archived:,}")
    OUT.print(table)
    note(", ".join(f"{name} {value}" for name, value in asdict(report.settings).items()))


@app.command("list")
def list_(
    tier: Annotated[Tier | None, typer.Option("--tier", help="Only this tier.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the items of this scope with their tiers and uses."""
    page = with_memory(lambda m: m.tiers.list(graph, scope=scope, tier=tier, limit=limit))
    if as_json:
        print_json({"items": page.items, "cursor": page.cursor})
        return
    table = Table("kind", "key", "tier", "used", "uses")
    for each in page.items:
        marks = ["pinned"] if each.pinned else []
        table.add_row(each.kind, each.key, " ".join([each.tier, *marks]), each.used_at or "", f"{each.uses:g}")
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def settings(
    graph: GraphName = DEFAULT_GRAPH,
    hot_for: Annotated[int | None, typer.Option("--hot-for", min=0, help="Seconds for which an item is hot.")] = None,
    warm_for: Annotated[int | None, typer.Option("--warm-for", min=0, help="Seconds until an item is cold.")] = None,
    half_life: Annotated[
        int | None, typer.Option("--half-life", min=1, help="Seconds after which a counted use counts half.")
    ] = None,
    archive: Annotated[
        bool | None,
        typer.Option("--archive/--no-archive", help="Whether cold episodes leave the vector and text indexes."),
    ] = None,
    enough: Annotated[
        float | None,
        typer.Option("--enough", min=0, max=1, help="Relevance of the best hit that leaves the archive unsearched."),
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Show when items change their tier, and change what is given. Times count from the last use."""
    given = {
        "hot_for": hot_for,
        "warm_for": warm_for,
        "half_life": half_life,
        "archive": archive,
        "enough": enough,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if changes:
        found = with_memory(lambda m: m.tiers.put(graph, **changes))
    else:
        found = with_memory(lambda m: m.tiers.settings(graph))
    if as_json:
        print_json(asdict(found))
        return
    for name, value in asdict(found).items():
        OUT.print(f"{name:<14} {value}")


@app.command()
def move(
    tier: Annotated[Tier, typer.Argument(help="The tier that they move to.")],
    keys: Keys,
    kind: Kind = "episode",
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Move items of this scope to a tier."""
    _print(with_memory(lambda m: m.tiers.move(graph, keys, tier, kind=kind, scope=scope)), as_json=as_json)


@app.command()
def pin(
    keys: Keys,
    tier: Annotated[Tier, typer.Option("--tier", help="The tier in which they stay.")] = "hot",
    kind: Kind = "entity",
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
) -> None:
    """Pin items of this scope: they stay in a tier, whoever uses them or not."""
    count = with_memory(lambda m: m.tiers.pin(graph, keys, tier=tier, kind=kind, scope=scope))
    note(f"Pinned {count:,} as {tier}.")


@app.command()
def unpin(keys: Keys, kind: Kind = "entity", graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "") -> None:
    """Unpin items of this scope: from now on their use decides."""
    note(f"Unpinned {with_memory(lambda m: m.tiers.unpin(graph, keys, kind=kind, scope=scope)):,}.")


@app.command()
def sweep(graph: GraphName = DEFAULT_GRAPH, as_json: AsJSON = False) -> None:
    """Lower the tiers of what nobody uses and archive what is cold now, as a worker does every few minutes."""
    _print(with_memory(lambda m: m.tiers.sweep(graph)), as_json=as_json)


def _print(changes: TierChanges, *, as_json: bool) -> None:
    if as_json:
        print_json(asdict(changes))
        return
    OUT.print(f"Warmer: {changes.raised:,}, colder: {changes.lowered:,}.")
    if changes.archived or changes.restored:
        OUT.print(f"Archived: {changes.archived:,}, restored: {changes.restored:,}.")
    if changes.missing:
        note(f"Not there: {', '.join(changes.missing)[:500]}")
