"""`kgmem scopes`: what scopes contain, and the deletion of one with everything in it."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.graph.scope_contents import ScopeCounts
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="List scopes, show what is in them, and delete one.", no_args_is_help=True)

Scope = Annotated[str, typer.Argument(help="The scope, such as user/42.")]
Below = Annotated[bool, typer.Option("--below/--not-below", help="The scopes below it as well.")]


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    within: Annotated[str, typer.Option("--within", help="This scope and those below it.")] = "",
    cursor: Annotated[str | None, typer.Option("--cursor", help="The cursor of the last page.")] = None,
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the scopes that contain something."""
    page = with_memory(lambda m: m.scopes.list(graph, within=within, cursor=cursor, limit=limit))
    if as_json:
        print_json({"scopes": page.items, "cursor": page.cursor})
        return
    table = Table("scope", "entities", "relationships", "episodes", "sessions", "claims", "newest")
    for each in page.items:
        counts = each.counts
        numbers = (counts.entities, counts.relationships, counts.episodes, counts.sessions, counts.claims)
        table.add_row(each.scope or "(shared)", *(f"{number:,}" for number in numbers), each.newest or "")
    OUT.print(table)
    if page.cursor:
        note(f"There are more: --cursor {page.cursor}")


@app.command()
def show(scope: Scope, graph: GraphName = DEFAULT_GRAPH, below: Below = True, as_json: AsJSON = False) -> None:
    """Show what is in a scope."""
    summary = with_memory(lambda m: m.scopes.get(graph, scope, below=below))
    if as_json:
        print_json(summary)
        return
    _print(summary.counts)
    note(f"{len(summary.scopes):,} scopes; known from {summary.oldest} to {summary.newest}.")


@app.command()
def delete(
    scope: Scope,
    graph: GraphName = DEFAULT_GRAPH,
    below: Below = True,
    erase: Annotated[bool, typer.Option("--erase", help="Remove it from the history as well.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Delete everything in a scope, and print a report."""
    report = with_memory(lambda m: m.scopes.delete(graph, scope, below=below, erase=erase, dry_run=dry_run))
    if as_json:
        print_json(report)
        return
    note(f"{'Would delete' if dry_run else 'Deleted'} in {', '.join(report.scopes[:5])}:")
    _print(report.deleted)
    if report.relationships_elsewhere:
        note(f"With its entities: {report.relationships_elsewhere:,} relationships of other scopes.")
    if report.kept.ledger_accounts:
        note(f"Kept: {report.kept.ledger_accounts:,} accounts of the ledger, which is append-only.")


@app.command()
def traces(
    texts: Annotated[list[str], typer.Argument(help="What to search for, in any letters.")],
    graph: GraphName = DEFAULT_GRAPH,
    as_json: AsJSON = False,
) -> None:
    """Search every table for texts, such as a name after an erasure; exits with 1 where one is found."""

    def progress(done: int, total: int) -> None:
        if not done % 20:
            note(f"{done} of {total} tables searched.")

    found = with_memory(lambda m: m.scopes.find_traces(graph, texts, progress=progress))
    if as_json:
        print_json(found)
    elif found.found:
        table = Table("table", "rows")
        for each in found.found:
            table.add_row(each.table, f"{each.rows:,}")
        OUT.print(table)
    else:
        OUT.print(f"No trace in {found.tables} tables.")
    if found.found:
        raise typer.Exit(1)


def _print(counts: ScopeCounts) -> None:
    table = Table("what", "number")
    for name, number in asdict(counts).items():
        if number:
            table.add_row(name.replace("_", " "), f"{number:,}")
    OUT.print(table)
