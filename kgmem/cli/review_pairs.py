"""`kgmem review pairs`, `merge`, `different`, `merges` and `unmerge`: entities that are one, or may be."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Limit, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.resolution import Merge, MergeAsked
from kgmem.memory import DEFAULT_GRAPH


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the group of reviews."""
    for command in (find, pairs, different, merge, merges, unmerge):
        app.command()(command)


def find(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Look for entities of one scope that may be one thing, and put them on the list of pairs; nothing is merged."""
    seen, waiting = with_memory(lambda memory: memory.find_duplicates(graph, scope=scope))
    if as_json:
        print_json({"entities": seen, "pairs": waiting})
        return
    OUT.print(f"Of {seen} entities {waiting} pairs may be one: see kgmem review pairs.")


def pairs(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 50, as_json: AsJSON = False) -> None:
    """List the entities that may be one thing, the likeliest first."""
    page = with_memory(lambda memory: memory.merge_candidates(graph, scope=scope, limit=limit))
    if as_json:
        print_json(page.items)
        return
    table = Table("pair", "one", "other", "evidence", "by", "scope")
    for each in page.items:
        parts = ", ".join(f"{name} {value:+.1f}" for name, value in each.parts.items())
        table.add_row(str(each.id), each.one, each.other, f"{each.evidence:.1f}", each.vetoed or parts, each.scope)
    OUT.print(table if page.items else "No pair waits for a decision.")


def different(
    pair: Annotated[int, typer.Argument(help="A pair's id.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Say that a pair is two things, for good."""
    told = with_memory(lambda memory: memory.tell_apart(graph, pair, by=by, reason=reason, scope=scope))
    if as_json:
        print_json(told)
        return
    OUT.print(f"{told.one} and {told.other} are two.")


def merge(
    keep: Annotated[str, typer.Argument(help="The key of the entity that stays.")],
    gone: Annotated[str, typer.Argument(help="The key of the entity that goes.")],
    by: By,
    reason: Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would move.")] = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Make two entities one: relationships, claims and names of the second move to the first."""
    asked = MergeAsked(keep, gone, by, reason, scope, dry_run)
    merged = with_memory(lambda memory: memory.merge_entities(graph, asked))
    if as_json:
        print_json(merged)
        return
    _tell(merged, "would become one" if dry_run else "are one")


def merges(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 50, as_json: AsJSON = False) -> None:
    """List merges, undone ones too, the newest first."""
    found = with_memory(lambda memory: memory.merges(graph, scope=scope, limit=limit))
    if as_json:
        print_json(found)
        return
    table = Table("merge", "at", "kept", "gone", "by", "why", "undone")
    for each in found:
        undone = f"{each.undone_at} by {each.undone_by}" if each.undone_at else ""
        table.add_row(str(each.id), each.at or "", each.kept, each.gone, each.by, each.reason, undone)
    OUT.print(table if found else "Nothing was merged yet.")


def unmerge(
    merge: Annotated[int, typer.Argument(help="A merge's id.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Undo a merge: both entities are there again, each with what it had."""
    undone = with_memory(lambda memory: memory.undo_merge(graph, merge, by=by, reason=reason, scope=scope))
    if as_json:
        print_json(undone)
        return
    OUT.print(f"{undone.kept} and {undone.gone} are two again.")


def _tell(merged: Merge, what: str) -> None:
    number = "" if merged.id is None else f" (merge {merged.id})"
    OUT.print(f"{merged.kept} and {merged.gone} {what}{number}.")
    OUT.print(
        f"{merged.moved} relationships move, {merged.doubled} were there twice, {merged.dropped} between the two."
    )
    if merged.contested:
        OUT.print(f"Both values are kept of: {', '.join(merged.contested)}.")
