"""`kgmem distil`: plan, run, list, show, approve, reject and undo distillation, and the allowances of scopes."""

from dataclasses import asdict
from typing import Annotated, cast

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Limit, ScopeName, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.distillation.run import SHARE, Allowance, DistilRequest, DistilRun, RunState
from kgmem.domain.graph.expiry import duration, ttl_of
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Distil texts, verify that recall keeps what they say, and undo it.", no_args_is_help=True)

Keys = Annotated[list[str] | None, typer.Argument(help="Keys of texts; by default the oldest ones of the scope.")]
Older = Annotated[str | None, typer.Option("--older-than", help="Only older texts: seconds, or 30d.")]
OfSession = Annotated[str | None, typer.Option("--session", help="Only texts of this session.")]
Share = Annotated[float, typer.Option("--share", help="The share of tokens to keep where facts need no more.")]
Most = Annotated[int, typer.Option("--most", help="Most texts of the run.")]
RunId = Annotated[int, typer.Argument(help="The id of the run.")]


@app.command()
def plan(
    keys: Keys = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    older_than: Older = None,
    session: OfSession = None,
    share: Share = SHARE,
    most: Most = 2000,
    as_json: AsJSON = False,
) -> None:
    """Show what would become of which texts; nothing is stored."""
    request = DistilRequest(scope, keys or None, _age(older_than), session, share, most)
    run = with_memory(lambda m: m.distillation.plan(graph, request))
    _show(run, as_json=as_json)


@app.command("run")
def run_(
    keys: Keys = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    older_than: Older = None,
    session: OfSession = None,
    share: Share = SHARE,
    most: Most = 2000,
    as_json: AsJSON = False,
) -> None:
    """Distil texts of a scope, and verify that recall finds what they state."""
    request = DistilRequest(scope, keys or None, _age(older_than), session, share, most)
    with OUT.status("Planning") as status:
        run = with_memory(
            lambda m: m.distillation.run(
                graph, request, progress=lambda done, steps: status.update(f"{done} of {steps} steps")
            )
        )
    _show(run, as_json=as_json)


@app.command("list")
def list_(
    state: Annotated[str | None, typer.Option("--state", help="waiting, running, done, rolled_back or undone.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List the runs of this scope, the newest first."""
    wanted = cast("RunState | None", state)
    page = with_memory(lambda m: m.distillation.list(graph, scope=scope, state=wanted, limit=limit))
    if as_json:
        print_json({"runs": [_shape(each) for each in page.items], "cursor": page.cursor})
        return
    table = Table("run", "started", "trigger", "state", "texts", "tokens", "ratio", "score")
    for each in page.items:
        table.add_row(
            str(each.id), each.started_at or "", each.trigger, each.state, str(each.episodes),
            f"{each.tokens_before:,} -> {each.tokens_after:,}", f"{each.ratio:.1f}", f"{each.score:.3f}",
        )  # fmt: skip
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


@app.command()
def show(run: RunId, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Show a run with its groups."""
    _show(with_memory(lambda m: m.distillation.get(graph, run, scope=scope)), as_json=as_json)


@app.command()
def approve(
    run: RunId, by: By, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False
) -> None:
    """Approve the groups of a run that wait since they are critical."""
    _show(with_memory(lambda m: m.distillation.approve(graph, run, scope=scope, by=by)), as_json=as_json)


@app.command()
def reject(
    run: RunId, by: By, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False
) -> None:
    """Leave the texts of the groups that wait as they are."""
    _show(with_memory(lambda m: m.distillation.reject(graph, run, scope=scope, by=by)), as_json=as_json)


@app.command()
def undo(run: RunId, by: By, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Delete the distilled texts of a run, and bring its originals back."""
    _show(with_memory(lambda m: m.distillation.undo(graph, run, scope=scope, by=by)), as_json=as_json)


@app.command()
def allow(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    items: Annotated[int | None, typer.Option("--items", help="Most texts that are not distilled.")] = None,
    tokens: Annotated[int | None, typer.Option("--tokens", help="Most tokens of these.")] = None,
    older_than: Older = None,
    closed_sessions: Annotated[
        bool, typer.Option("--closed-sessions", help="Distil sessions that are closed.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Delete the allowance.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Set the allowance of a scope; a job distils its oldest texts above 80 % of it."""
    if remove:
        with_memory(lambda m: m.distillation.delete_allowance(graph, scope))
        note("Deleted the allowance.")
        return
    wanted = Allowance(scope, items, tokens, _age(older_than), closed_sessions)
    stored = with_memory(lambda m: m.distillation.put_allowance(graph, wanted))
    if as_json:
        print_json(stored)
        return
    note(f"Set the allowance of {scope or 'the shared scope'}: it uses {stored.fullness():.0%}.")


@app.command()
def allowances(graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """List the allowances of a scope and of those below it, and what is used of them."""
    page = with_memory(lambda m: m.distillation.allowances(graph, within=scope, limit=1000))
    if as_json:
        print_json({"allowances": page.items, "cursor": page.cursor})
        return
    table = Table("scope", "items", "tokens", "older than", "closed sessions")
    for each in page.items:
        age = f"{each.older_than / 86_400:g} d" if each.older_than else ""
        table.add_row(
            each.scope, f"{each.used_items} of {each.items or 'any'}", f"{each.used_tokens} of {each.tokens or 'any'}",
            age, "yes" if each.closed_sessions else "",
        )  # fmt: skip
    OUT.print(table)


def _age(text: str | None) -> float | None:
    return None if text is None else duration(ttl_of(text)) / 1e6


def _shape(run: DistilRun) -> dict[str, object]:
    return {**asdict(run), "score": run.score, "ratio": run.ratio}


def _show(run: DistilRun, *, as_json: bool) -> None:
    if as_json:
        print_json(_shape(run))
        return
    for each in run.groups:
        size = f"{len(each.episodes)} texts, {each.tokens_before} -> {each.tokens_after} tokens, {each.facts} facts"
        critical = ", critical" if each.critical else ""
        OUT.print(f"{each.number}. {each.state}: {size}, {each.kept} of {each.had} answers{critical}")
        if each.text:
            OUT.print(each.text, markup=False, highlight=False)
        for lost in each.lost:
            note(f"Not found again: {lost['kind']} {lost['word']!r} of {lost['question']!r}")
    if run.dropped:
        note(f"{run.dropped} texts stay as they are: too little of them was found again.")
    for why, count in run.skipped.items():
        note(f"{count} texts stay as they are: {why}.")
    if run.problem:
        note(run.problem)
    name = f"Run {run.id}" if run.id else "Plan" if run.dry_run else "Nothing to distil"
    note(f"{name}: {run.state}, {run.episodes} texts, ratio {run.ratio:.1f}, score {run.score:.3f}.")
