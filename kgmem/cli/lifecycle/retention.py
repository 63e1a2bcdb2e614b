"""`kgmem retention`: rules for how long what is kept, what they would remove, and what they removed."""

from dataclasses import asdict
from typing import Annotated, cast

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, Limit, note, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.graph.expiry import ttl_of
from kgmem.domain.retention.rule import OF_RUN, Action, Clock, RetentionRule, RetentionRun
from kgmem.memory import DEFAULT_GRAPH
from kgmem.services.retention.rules import seconds_of

app = typer.Typer(help="Keep what for how long, then forget, erase or distil it.", no_args_is_help=True)

RuleName = Annotated[str, typer.Argument(help="The name of the rule.")]
RunId = Annotated[int, typer.Argument(help="The id of the run.")]
Most = Annotated[int, typer.Option("--most", help="Most items of the run.")]
Who = Annotated[str, typer.Option("--by", help="Who does it.")]


@app.command()
def put(
    name: RuleName,
    keep: Annotated[str | None, typer.Option("--keep", help="For how long: 90d, or seconds.")] = None,
    forever: Annotated[bool, typer.Option("--forever", help="For ever: an exception of wider rules.")] = False,
    graph: GraphName = DEFAULT_GRAPH,
    scope: Annotated[str | None, typer.Option("--scope", help="Only what is in a scope and those below it.")] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Only what has this label, or facts of this kind.")
    ] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only what comes from a source.")] = None,
    clock: Annotated[str, typer.Option("--clock", help="Counted from: recorded, event or used.")] = "recorded",
    then: Annotated[str, typer.Option("--then", help="What becomes of it: forget, erase or distil.")] = "forget",
    originals: Annotated[
        str | None, typer.Option("--originals", help="Of distil: for how long the originals stay after that.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="The reason.")] = "",
    by: Who = "cli",
    as_json: AsJSON = False,
) -> None:
    """Store a rule for a graph, or for what the options name of it."""
    if (keep is None) != forever:
        raise typer.BadParameter("Give --keep or --forever.")
    rule = RetentionRule(
        name, _seconds(keep, "keep"), scope, label, source, cast("Clock", clock), cast("Action", then),
        _seconds(originals, "originals"), reason, by,
    )  # fmt: skip
    stored = with_memory(lambda m: m.retention.put(graph, rule))
    if as_json:
        print_json(stored)
    else:
        note(f"Stored the rule {name}; a job applies it within minutes. `kgmem retention run --dry-run` shows to what.")


@app.command("list")
def list_(graph: GraphName = DEFAULT_GRAPH, as_json: AsJSON = False) -> None:
    """List the rules in their order: of those that cover something the first one decides."""
    rules = with_memory(lambda m: m.retention.list(graph))
    if as_json:
        print_json(rules)
        return
    table = Table("rule", "covers", "keep", "from", "then", "reason", "by")
    for each in rules:
        named = [f"scope {each.scope or '(shared)'}"] if each.scope is not None else []
        named += [f"{kind} {value}" for kind, value in (("label", each.label), ("source", each.source)) if value]
        keep = "for ever" if each.keep is None else _time(each.keep)
        then = each.then if each.originals is None else f"{each.then}, originals {_time(each.originals)}"
        table.add_row(each.name, ", ".join(named) or "all", keep, each.clock, then, each.reason, each.by)
    OUT.print(table)


@app.command()
def delete(name: RuleName, graph: GraphName = DEFAULT_GRAPH) -> None:
    """Delete a rule. What it removed stays in the list of items."""
    with_memory(lambda m: m.retention.delete(graph, name))
    note(f"Deleted {name}.")


@app.command()
def run(
    graph: GraphName = DEFAULT_GRAPH,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    most: Most = OF_RUN,
    limit: Limit = 100,
    by: Who = "cli",
    as_json: AsJSON = False,
) -> None:
    """Apply the rules now, and show the report."""
    if dry_run:
        _show(with_memory(lambda m: m.retention.dry_run(graph, by=by, limit=most, listed=limit)), as_json=as_json)
        return
    with OUT.status("Planning") as status:
        report = with_memory(
            lambda m: m.retention.run(
                graph, by=by, limit=most, progress=lambda done, all_: status.update(f"{done} of {all_} items")
            )
        )
    _show(report, as_json=as_json)


@app.command()
def show(run: RunId, graph: GraphName = DEFAULT_GRAPH, as_json: AsJSON = False) -> None:
    """Show the report of a run, or how far it is."""
    _show(with_memory(lambda m: m.retention.get_run(graph, run)), as_json=as_json)


@app.command()
def runs(graph: GraphName = DEFAULT_GRAPH, limit: Limit = 100, as_json: AsJSON = False) -> None:
    """List runs, the newest first."""
    page = with_memory(lambda m: m.retention.runs(graph, limit=limit))
    if as_json:
        print_json({"runs": page.items, "cursor": page.cursor})
        return
    table = Table("run", "at", "started by", "state", "removed", "distilled", "kept", "on hold")
    for each in page.items:
        removed, distilled, kept = _sums(each)
        table.add_row(
            str(each.id), each.at, each.by or each.trigger, each.state, str(removed), str(distilled), str(kept),
            str(sum(each.on_hold.values())),
        )  # fmt: skip
    OUT.print(table)


@app.command()
def items(
    graph: GraphName = DEFAULT_GRAPH,
    of_run: Annotated[int | None, typer.Option("--run", help="Only those of a run.")] = None,
    rule: Annotated[str | None, typer.Option("--rule", help="Only those of a rule.")] = None,
    limit: Limit = 100,
    as_json: AsJSON = False,
) -> None:
    """List what was removed by which rule, the newest first."""
    page = with_memory(lambda m: m.retention.items(graph, run=of_run, rule=rule, limit=limit))
    if as_json:
        print_json({"items": page.items, "cursor": page.cursor})
        return
    table = Table("run", "rule", "kind", "item", "scope", "since", "became", "at")
    for each in page.items:
        became = each.state if each.why is None else f"{each.state}: {each.why}"
        table.add_row(
            str(each.run), each.rule, each.kind, each.key or str(each.item), each.scope, each.since or "", became,
            each.at or "",
        )  # fmt: skip
    OUT.print(table)
    if page.cursor:
        note("There are more: raise --limit.")


def _seconds(text: str | None, name: str) -> float | None:
    return None if text is None else seconds_of(ttl_of(text) or text, name)


def _time(seconds: float) -> str:
    return f"{seconds / 86_400:g} d" if seconds >= 3600 else f"{seconds:g} s"


def _sums(run: RetentionRun) -> tuple[int, int, int]:
    return (
        sum(each.removed for each in run.counts), sum(each.distilled for each in run.counts),
        sum(each.kept for each in run.counts),
    )  # fmt: skip


def _show(run: RetentionRun, *, as_json: bool) -> None:
    if as_json:
        print_json({**asdict(run), "planned": run.planned, "done": run.done})
        return
    for each in run.counts:
        what = f"{each.rule}: {each.then} {each.planned} of kind {each.kind}"
        became = f", {each.removed} removed, {each.distilled} distilled, {each.kept} kept"
        OUT.print(what if run.dry_run else what + became, highlight=False)
    for kind, number in run.effects.items():
        OUT.print(f"with texts: {number} of kind {kind}", highlight=False)
    for rule, number in run.on_hold.items():
        OUT.print(f"{rule}: {number} on hold", highlight=False)
    for item in run.items:
        mark = ", extracted from texts that go" if item.with_texts else ""
        scope = f" in {item.scope}" if item.scope else ""
        OUT.print(f"  {item.kind} {item.key or item.item}{scope} ({item.rule}{mark})", markup=False, highlight=False)
    if run.problem:
        note(run.problem)
    name = "Dry run" if run.dry_run else f"Run {run.id}"
    removed, distilled, kept = _sums(run)
    done = f"{run.planned} items" if run.dry_run else f"{removed} removed, {distilled} distilled, {kept} kept"
    note(f"{name}: {run.state}, {done}.{' More is due.' if run.more else ''}")
