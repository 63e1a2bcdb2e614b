"""`kgmem decision`: what agents decided, what it rests on, and what came about."""

import json
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Limit, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.domain.agents.decision import (
    STATES,
    Amount,
    Caused,
    Considered,
    DecisionFilter,
    DecisionRecord,
    DecisionStatement,
    Evidence,
    NewOutcome,
)
from kgmem.domain.errors import InvalidInput
from kgmem.memory import DEFAULT_GRAPH

app = typer.Typer(help="Record, list, resolve, review and follow the decisions of agents.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(help="The decision's key.")]
_LISTS: dict[str, Any] = {"options": Considered, "evidence": Evidence, "caused": Caused, "cost": Amount}
_GIVEN = {field.name for field in fields(Evidence)} - {"type", "key", "id", "note"}


@app.command()
def record(
    file: Annotated[Path, typer.Argument(help="A JSON file as REST takes it, or - for standard input.")],
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Record a decision; the same one under the same key again changes nothing."""
    try:
        told = json.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}.", hint="Name a file.") from error
    except ValueError as error:
        raise InvalidInput(f"{file} is no JSON: {error}.", hint="Write one object with decision and agent.") from error
    stated = _statement(told, scope)
    made = with_memory(lambda memory: memory.decisions.record(graph, stated))
    if as_json:
        print_json(shape(made))
        return
    OUT.print(f"{made.key} is recorded." if made.created else f"{made.key} was recorded before.")


@app.command()
def show(key: Key, graph: GraphName = DEFAULT_GRAPH, scope: ScopeName = "", as_json: AsJSON = False) -> None:
    """Show a decision with the state of its evidence."""
    _show(with_memory(lambda memory: memory.decisions.get(graph, key, scope=scope)), as_json)


@app.command("list")
def list_(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    agent: Annotated[str | None, typer.Option("--agent", help="Only those of this agent.")] = None,
    session: Annotated[str | None, typer.Option("--session", help="Only those of this session.")] = None,
    rests_on: Annotated[
        str | None, typer.Option("--rests-on", help="Only those that rest on this key, or this id of a fact or claim.")
    ] = None,
    evidence: Annotated[
        list[str] | None, typer.Option("--evidence", help=f"Only those with such evidence: {', '.join(STATES)}.")
    ] = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only those that wait for review.")] = False,
    limit: Limit = 50,
    as_json: AsJSON = False,
) -> None:
    """List decisions, with what became of their evidence."""
    chosen: Any = evidence or ()
    asked = DecisionFilter(scope, agent, session, rests_on, chosen, waiting, None, limit)
    page = with_memory(lambda memory: memory.decisions.list(graph, asked))
    if as_json:
        print_json([shape(each) for each in page.items])
        return
    OUT.print(listed(page.items) if page.items else "No decisions.")


@app.command()
def outcome(
    key: Key,
    what: Annotated[str, typer.Argument(metavar="OUTCOME", help="yes, no, or the name of an option.")],
    by: By,
    at: Annotated[str | None, typer.Option("--at", help="When it was known; by default now.")] = None,
    note: Annotated[str | None, typer.Option("--note", help="What happened.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Record what came about; a changed outcome keeps the earlier ones."""
    new = NewOutcome(what, by, at, note)
    _show(with_memory(lambda memory: memory.decisions.resolve(graph, key, new, scope=scope)), as_json)


@app.command()
def review(
    key: Key,
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Note that you looked at a decision whose evidence changed."""
    _show(with_memory(lambda m: m.decisions.review(graph, key, by=by, reason=reason, scope=scope)), as_json)


@app.command()
def consequences(
    key: Key,
    depth: Annotated[int, typer.Option("--depth", help="Most steps from the decision, 1 to 20.")] = 5,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Limit = 50,
    as_json: AsJSON = False,
) -> None:
    """List what followed from a decision, nearest first."""
    found = with_memory(lambda m: m.decisions.consequences(graph, key, scope=scope, depth=depth, limit=limit))
    if as_json:
        print_json(asdict(found))
        return
    table = Table("steps", "key", "label", "name", "by", "after", "outcome")
    for each in found.items:
        table.add_row(str(each.depth), each.key, each.label, each.name, each.kind, each.after, each.outcome or "")
    OUT.print(table if found.items else "Nothing followed.")
    if found.cut:
        OUT.print("There is more: raise --depth or --limit.")


@app.command()
def calibration(
    agent: Annotated[str, typer.Argument(help="The agent.")],
    bins: Annotated[int, typer.Option("--bins", help="Bins of the reliability table, 1 to 100.")] = 10,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Show how well an agent's probabilities fit what came about."""
    found = with_memory(lambda memory: memory.decisions.calibration(graph, agent, scope=scope, bins=bins))
    if as_json:
        print_json(asdict(found))
        return
    OUT.print(f"{found.resolved} of {found.decisions} decisions have a probability and an outcome.")
    if found.brier is None:
        return
    interval = f" ({found.brier_low:.3f} to {found.brier_high:.3f})" if found.brier_low is not None else ""
    OUT.print(f"Brier score {found.brier:.3f}{interval}; 0 is best, 0.25 that of always one half.")
    table = Table("probability", "count", "mean", "came about", "95 %")
    for each in found.bins:
        if each.mean_probability is not None:
            table.add_row(
                f"{each.low:.2f} to {each.high:.2f}", str(each.count), f"{each.mean_probability:.2f}",
                f"{each.share:.2f}", f"{each.share_low:.2f} to {each.share_high:.2f}",
            )  # fmt: skip
    OUT.print(table)


def shape(record_: DecisionRecord) -> dict[str, Any]:
    """Return a decision as REST shows it."""
    told = asdict(record_)
    stated = told.pop("statement")
    stated.pop("ttl")
    return {**stated, **told}


def listed(records: Any) -> Table:
    """Return decisions as a table."""
    table = Table("key", "decision", "agent", "at", "outcome", "evidence")
    for each in records:
        states = ", ".join(f"{one.type} {one.state}" for one in each.statement.evidence)
        came = each.outcome.outcome if each.outcome else ""
        table.add_row(each.key, each.statement.decision, each.statement.agent, each.decided_at, came, states)
    return table


def _show(record_: DecisionRecord, as_json: bool) -> None:
    if as_json:
        print_json(shape(record_))
        return
    OUT.print(listed([record_]))


def _statement(told: Any, scope: str) -> DecisionStatement:
    """Return the decision that JSON states. Raises InvalidInput with the name of the field."""
    if not isinstance(told, dict):
        raise InvalidInput("The decision is no JSON object.", hint="Write one object with decision and agent.")
    told = dict(told)
    try:
        for name, kind in _LISTS.items():
            if name in told:
                told[name] = [kind(**each) for each in told[name]]
        if any(getattr(each, name) is not None for each in told.get("evidence", ()) for name in _GIVEN):
            raise InvalidInput("evidence has more than type, key, id and note.", hint="kgmem fills in the rest.")
        return DecisionStatement(**{"scope": scope, **told})
    except TypeError as error:
        known = ", ".join(field.name for field in fields(DecisionStatement))
        raise InvalidInput(f"The decision is not valid: {error}.", hint=f"Its fields are {known}.") from error
