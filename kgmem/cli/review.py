"""`kgmem review`: what waits for a person, and what was decided."""

from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Limit, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.review_pairs import add_commands
from kgmem.cli.why import listed, shown
from kgmem.domain.claim import Action, Ruling
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(
    help="Decide on contested facts and on entities that may be one; take decisions back.", no_args_is_help=True
)
add_commands(app)

Facts = Annotated[list[int], typer.Argument(help="Ids of facts.")]
Value = Annotated[str | None, typer.Option("--value", help="The value that is meant; left out: the one that is held.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only tell what would become of the facts.")]


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 50,
    as_json: AsJSON = False,
) -> None:
    """List the contested facts of predicates that the schema marks critical."""
    page = with_memory(lambda memory: memory.review_queue(graph, scope=scope, limit=limit))
    if as_json:
        print_json(page.items)
        return
    OUT.print(listed(page.items) if page.items else "Nothing waits for a decision.")


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
    """Hold a value true, whatever is claimed."""
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
    """Hold a value false; the next probable one takes its place."""
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
    """Note that somebody looked, and leave it open."""
    _decide("defer", facts, (by, reason, None), False, (graph, scope), as_json)


@app.command()
def undo(
    decision: Annotated[int, typer.Argument(help="A decision's id.")],
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Take a decision back."""
    ruled = with_memory(lambda memory: memory.undo_decision(graph, decision, by=by, reason=reason, scope=scope))
    if as_json:
        print_json(ruled)
        return
    for each in ruled:
        OUT.print(f"fact {each.fact}: {each.after.get('state')}, {shown(each.after.get('value'))}")


@app.command()
def trail(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="Most decisions to list.")] = 50,
    as_json: AsJSON = False,
) -> None:
    """List the audit trail: every decision, by whom and why, the newest first."""
    found = with_memory(lambda memory: memory.decisions(graph, scope=scope, limit=limit))
    if as_json:
        print_json(found)
        return
    table = Table("decision", "at", "fact", "action", "value", "by", "why", "ended")
    for each in found:
        fact = "" if each.fact is None else str(each.fact)
        value = "" if each.value is None else shown(each.value)
        table.add_row(str(each.id), each.at, fact, each.action, value, each.by, each.reason, each.ended or "")
    OUT.print(table if found else "Nothing was decided yet.")


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
    ruling = Ruling(action, facts, by, reason, value, dry_run=dry_run)
    ruled = with_memory(lambda memory: memory.decide(graph, ruling, scope=scope))
    if as_json:
        print_json(ruled)
        return
    for each in ruled:
        before, after = (f"{each_.get('state')} {shown(each_.get('value'))}" for each_ in (each.before, each.after))
        would = " (dry run)" if dry_run else f" (decision {each.decision})"
        OUT.print(f"fact {each.fact}: {before} -> {after}{would}")
