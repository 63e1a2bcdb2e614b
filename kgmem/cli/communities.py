"""`kgmem communities`, `kgmem summarize` and `kgmem link-similar`: what is derived from a graph."""

import time
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import NOTES, OUT, AsJSON, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import community_shape
from kgmem.domain.derived.similarity import ALIKE
from kgmem.memory import DEFAULT_GRAPH

# `kgmem summarize`.


def summarize(
    key: Annotated[str, typer.Argument(help="The key of an entity.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    known_at: Annotated[str | None, typer.Option("--known-at", help="As it was known at this time.")] = None,
    as_json: AsJSON = False,
) -> None:
    """Summarise an entity of this scope. Each sentence cites its episodes; a worker keeps the summary up to date."""
    if known_at is None:
        found = with_memory(lambda m: m.summaries.create(graph, key, scope=scope))
    else:
        found = with_memory(lambda m: m.summaries.get(graph, key, scope=scope, known_at=known_at))
    if as_json:
        print_json(found)
        return
    for sentence in found.sentences:
        told = f"  [{', '.join(sentence.episodes)}]" if sentence.episodes else ""
        OUT.print(f"{sentence.text}{told}", markup=False)
    note(f"Known from {found.known_from}" + (f" to {found.known_to}." if found.known_to else "."))


# `kgmem link-similar`.


def link_similar(
    graph: GraphName = DEFAULT_GRAPH,
    min_similarity: Annotated[
        float, typer.Option("--min-similarity", help="Link two entities from this cosine similarity on.")
    ] = ALIKE,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the links, and stop linking.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Link similar entities of each scope; a worker keeps the links up to date."""
    if remove:
        parted = with_memory(lambda m: m.similarity.unlink(graph))
        if as_json:
            print_json({"removed": parted})
        else:
            OUT.print(f"Removed {parted:,} links and stopped linking.")
        return
    started = time.perf_counter()
    with NOTES.status(f"Comparing the entities of {graph}") as status:
        done = with_memory(
            lambda m: m.similarity.link(
                graph,
                min_similarity=min_similarity,
                progress=lambda so_far: status.update(f"{so_far.compared:,} entities compared"),
            )
        )
    if as_json:
        print_json(done)
        return
    took = time.perf_counter() - started
    OUT.print(
        f"Compared {done.compared:,} entities: {done.joined:,} pairs linked, {done.parted:,} unlinked ({took:.1f} s)."
    )


app = typer.Typer(help="Detect, list, show and delete communities of entities.", no_args_is_help=True)


@app.command()
def detect(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Detect and summarise the communities of this scope; a worker keeps them up to date."""
    with NOTES.status(f"Detecting communities in {graph}"):
        done = with_memory(lambda m: m.communities.detect(graph, scope=scope))
        with_memory(lambda m: m.tasks.update_summaries(graph))
    if as_json:
        print_json(done)
        return
    OUT.print(f"{done.communities:,} communities: {done.made:,} new, {done.changed:,} changed, {done.gone:,} deleted.")


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    level: Annotated[int | None, typer.Option("--level", min=0, help="Only of this level; 0 is the finest.")] = None,
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """List communities with their most central members: the finest level first, then the largest."""
    page = with_memory(lambda m: m.communities.list(graph, scope=scope, level=level, limit=limit))
    if as_json:
        print_json([community_shape(each, None) for each in page.items])
        return
    table = Table("id", "level", "within", "size", "around")
    for each in page.items:
        around = ", ".join(member.name for member in each.members)
        table.add_row(str(each.id), str(each.level), str(each.parent or ""), f"{each.size:,}", around)
    OUT.print(table if page.items else "There are no communities: kgmem communities detect")


@app.command()
def show(
    community: Annotated[int, typer.Argument(help="The id of a community.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 20,
    as_json: AsJSON = False,
) -> None:
    """Show a community with its most central members and its summary."""
    found = with_memory(lambda m: m.communities.get(graph, community, scope=scope, limit=limit))
    summary = with_memory(lambda m: m.summaries.of_community(graph, community, scope=scope))
    if as_json:
        print_json(community_shape(found, summary))
        return
    OUT.print(f"Community {found.id} (level {found.level}): {found.size:,} entities.")
    for member in found.members:
        OUT.print(f"  {member.name} ({member.label}) {member.centrality:.3f}", markup=False)
    if summary:
        OUT.print(summary.text, markup=False)


@app.command()
def delete(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Delete the communities of this scope, and stop detecting them."""
    gone = with_memory(lambda m: m.communities.delete(graph, scope=scope))
    if as_json:
        print_json({"deleted": gone})
    else:
        OUT.print(f"Deleted {gone:,} communities.")
