"""`kgmem communities`: find, list and show the communities of a scope."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, Limit, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Find, list and show the communities of a scope's entities.", no_args_is_help=True)


@app.command()
def find(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Find the communities of exactly this scope and sum them up, now, and let workers keep that up."""
    with NOTES.status(f"Finding communities in {graph}"):
        done = with_memory(lambda m: m.group(graph, scope=scope))
        with_memory(lambda m: m.keep_summaries(graph))
    if as_json:
        print_json(done)
        return
    OUT.print(f"{done.communities:,} communities: {done.made:,} new, {done.changed:,} changed, {done.gone:,} gone.")


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    level: Annotated[int | None, typer.Option("--level", min=0, help="Only of this level; 0 is the finest.")] = None,
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """List communities, the finest level and the largest first, with their most central members."""
    page = with_memory(lambda m: m.communities(graph, scope=scope, level=level, limit=limit))
    if as_json:
        print_json(list(page.items))
        return
    table = Table("id", "level", "within", "size", "around")
    for each in page.items:
        around = ", ".join(member.name for member in each.members)
        table.add_row(str(each.id), str(each.level), str(each.parent or ""), f"{each.size:,}", around)
    OUT.print(table if page.items else "There are no communities: kgmem communities find")


@app.command()
def show(
    community: Annotated[int, typer.Argument(help="The id of a community.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """Show a community with its most central members, and its summary once that is made."""
    found = with_memory(lambda m: m.community(graph, community, scope=scope, limit=limit))
    summary = with_memory(lambda m: m.community_summary(graph, community, scope=scope))
    if as_json:
        print_json({"community": found, "summary": summary})
        return
    OUT.print(f"Community {found.id} (level {found.level}): {found.size:,} entities.")
    for member in found.members:
        OUT.print(f"  {member.name} ({member.label}) {member.centrality:.3f}", markup=False)
    if summary:
        OUT.print(summary.text, markup=False)


@app.command()
def drop(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Delete the communities of exactly this scope, and keep them no more."""
    gone = with_memory(lambda m: m.ungroup(graph, scope=scope))
    if as_json:
        print_json({"gone": gone})
    else:
        OUT.print(f"{gone:,} communities are gone.")
