"""`kgmem review`: contested facts, candidates for merging, and the adjudications of both."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.agents import decisions
from kgmem.cli.console import OUT, AsJSON, By, GraphName, Limit, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import fact_shape
from kgmem.cli.why import listed, shown
from kgmem.domain.agents.decision import DecisionFilter
from kgmem.domain.claims.claim import Action, NewAdjudication
from kgmem.domain.text.resolution import Candidate, Merge, NewMerge
from kgmem.memory import DEFAULT_GRAPH

# `kgmem review find`, `candidates`, `merge`, `distinct`, `merges` and `unmerge`: duplicate entities.


def add_commands(app: typer.Typer) -> None:
    """Add the commands to the group of reviews."""
    for command in (find, candidates, distinct, merge, merges, unmerge):
        app.command()(command)


def find(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Find duplicate candidates in one scope and add them to the review list; nothing is merged."""
    seen, waiting = with_memory(lambda memory: memory.resolution.find_duplicates(graph, scope=scope))
    if as_json:
        print_json({"entities": seen, "pairs": waiting})
        return
    OUT.print(f"Compared {seen} entities; {waiting} pairs wait for review: kgmem review candidates")


def candidates(
    graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 50, as_json: AsJSON = False
) -> None:
    """List duplicate candidates, the most likely first."""
    page = with_memory(lambda memory: memory.resolution.candidates(graph, scope=scope, limit=limit))
    if as_json:
        print_json([_pair(each) for each in page.items])
        return
    table = Table("pair", "one", "other", "decision", "evidence", "by", "scope")
    for each in page.items:
        parts = ", ".join(f"{name} {value:+.1f}" for name, value in each.parts.items())
        told = [str(each.id), each.one, each.other, each.decision, f"{each.evidence:.1f}", each.vetoed or parts]
        table.add_row(*told, each.scope)
    OUT.print(table if page.items else "No pairs wait for review.")


def distinct(
    pair: Annotated[int, typer.Argument(help="A pair's id.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Mark a pair as distinct, permanently."""
    told = with_memory(lambda memory: memory.resolution.reject(graph, pair, by=by, reason=reason, scope=scope))
    if as_json:
        print_json(_pair(told))
        return
    OUT.print(f"{told.one} and {told.other} are marked as distinct.")


def _pair(told: Candidate) -> dict[str, object]:
    return {**asdict(told), "decision": told.decision}


def merge(
    keep: Annotated[str, typer.Argument(help="The key of the entity to keep.")],
    gone: Annotated[str, typer.Argument(help="The key of the entity to merge into it.")],
    by: By,
    reason: Reason,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would move; change nothing.")] = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Merge two entities: relationships, claims and names of the second move to the first."""
    asked = NewMerge(keep, gone, by, reason, scope, dry_run)
    merged = with_memory(lambda memory: memory.resolution.merge(graph, asked))
    if as_json:
        print_json(merged)
        return
    _show_merge(merged, "would be merged" if dry_run else "are merged")


def merges(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", limit: Limit = 50, as_json: AsJSON = False) -> None:
    """List merges, including undone ones, newest first."""
    found = with_memory(lambda memory: memory.resolution.merges(graph, scope=scope, limit=limit))
    if as_json:
        print_json(found)
        return
    table = Table("merge", "at", "kept", "gone", "by", "why", "undone")
    for each in found:
        undone = f"{each.undone_at} by {each.undone_by}" if each.undone_at else ""
        table.add_row(str(each.id), each.at or "", each.kept, each.gone, each.by, each.reason, undone)
    OUT.print(table if found else "No merges yet.")


def unmerge(
    merge: Annotated[int, typer.Argument(help="A merge's id.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Undo a merge: restore both entities with their own relationships, claims and names."""
    undone = with_memory(lambda memory: memory.resolution.undo_merge(graph, merge, by=by, reason=reason, scope=scope))
    if as_json:
        print_json(undone)
        return
    OUT.print(f"{undone.kept} and {undone.gone} are separate again.")


def _show_merge(merged: Merge, what: str) -> None:
    number = "" if merged.id is None else f" (merge {merged.id})"
    OUT.print(f"{merged.kept} and {merged.gone} {what}{number}.")
    OUT.print(f"{merged.moved} relationships move, {merged.doubled} are duplicates, {merged.dropped} link the two.")
    if merged.contested:
        OUT.print(f"Properties with two values, both kept: {', '.join(merged.contested)}.")


app = typer.Typer(help="Review contested facts and candidates for merging.", no_args_is_help=True)
add_commands(app)

Facts = Annotated[list[int], typer.Argument(help="Ids of facts.")]
Value = Annotated[str | None, typer.Option("--value", help="The value; by default the current one.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show how the facts would change; change nothing.")]


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 50,
    as_json: AsJSON = False,
) -> None:
    """List the contested facts of predicates that the schema marks critical, and decisions whose evidence is in doubt.

    JSON has the facts; `kgmem decision list --waiting --json` has the decisions.
    """
    page = with_memory(lambda memory: memory.adjudications.queue(graph, scope=scope, limit=limit))
    if as_json:
        print_json([fact_shape(each) for each in page.items])
        return
    OUT.print(listed(page.items) if page.items else "No facts wait for review.")
    asked = DecisionFilter(scope, waiting=True, limit=limit)
    waiting = with_memory(lambda memory: memory.decisions.list(graph, asked))
    if waiting.items:
        OUT.print(decisions.listed(waiting.items))


@app.command()
def accept(
    facts: Facts,
    by: By,
    reason: Reason,
    value: Value = None,
    dry_run: DryRun = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Accept a value as true, whatever sources claim."""
    _decide("accept", facts, (by, reason, value), dry_run, (graph, scope), as_json)


@app.command()
def reject(
    facts: Facts,
    by: By,
    reason: Reason,
    value: Value = None,
    dry_run: DryRun = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Reject a value as false; the next most probable value replaces it."""
    _decide("reject", facts, (by, reason, value), dry_run, (graph, scope), as_json)


@app.command()
def defer(
    facts: Facts,
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Record a review without an outcome; the fact stays open."""
    _decide("defer", facts, (by, reason, None), False, (graph, scope), as_json)


@app.command()
def undo(
    adjudication: Annotated[int, typer.Argument(help="The id of an adjudication.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Undo an adjudication."""
    ruled = with_memory(
        lambda memory: memory.adjudications.undo(graph, adjudication, by=by, reason=reason, scope=scope)
    )
    if as_json:
        print_json(ruled)
        return
    for each in ruled:
        OUT.print(f"fact {each.fact}: {each.after.get('state')}, {shown(each.after.get('value'))}")


@app.command()
def log(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")] = 50,
    as_json: AsJSON = False,
) -> None:
    """List the audit trail of adjudications: by whom and why, newest first."""
    found = with_memory(lambda memory: memory.adjudications.list(graph, scope=scope, limit=limit))
    if as_json:
        print_json(found)
        return
    table = Table("adjudication", "at", "fact", "action", "value", "by", "why", "ended")
    for each in found:
        fact = "" if each.fact is None else str(each.fact)
        value = "" if each.value is None else shown(each.value)
        table.add_row(str(each.id), each.at, fact, each.action, value, each.by, each.reason, each.ended or "")
    OUT.print(table if found else "No adjudications yet.")


def _decide(
    action: Action,
    facts: list[int],
    told: tuple[str, str, str | None],
    dry_run: bool,
    where: tuple[str, str],
    as_json: bool,
) -> None:
    by, reason, value = told
    graph, scope = where
    ruling = NewAdjudication(action, facts, by, reason, value, dry_run=dry_run)
    ruled = with_memory(lambda memory: memory.adjudications.create(graph, ruling, scope=scope))
    if as_json:
        print_json(ruled)
        return
    for each in ruled:
        before, after = (f"{each_.get('state')} {shown(each_.get('value'))}" for each_ in (each.before, each.after))
        would = " (dry run)" if dry_run else f" (adjudication {each.adjudication})"
        OUT.print(f"fact {each.fact}: {before} -> {after}{would}")
