"""`kgmem correct`, `retract`, `expire` and `withdraw`: change or remove facts and claims."""

from typing import Annotated, Any

import typer

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.why import shown
from kgmem.domain.claims.claim import ClaimStatement, Correction, FactTarget
from kgmem.memory import DEFAULT_GRAPH

Fact = Annotated[str, typer.Argument(help="The id of a fact or relationship, or the key of the subject.")]
Predicate = Annotated[str | None, typer.Argument(help="With a key: the predicate (kind of relationship or property).")]
Value = Annotated[str | None, typer.Argument(help="With a key: the value; by default the current one.")]


def correct(
    fact: Fact,
    predicate: Predicate = None,
    current: Value = None,
    *,
    by: By,
    reason: Reason,
    object_: Annotated[str | None, typer.Option("--object", help="The key of the correct entity.")] = None,
    value: Annotated[str | None, typer.Option("--value", help="The correct value.")] = None,
    valid_from: Annotated[str | None, typer.Option("--valid-from", help="Valid from; by default as the fact.")] = None,
    valid_to: Annotated[str | None, typer.Option("--valid-to", help="Valid to; by default as the fact.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Replace the value of a fact at once; the old value stays in the history."""
    right = ClaimStatement("", "", "", object=object_, value=value, valid_from=valid_from, valid_to=valid_to)
    target, told = _target(fact, predicate, current), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.correct(graph, target, right, **told)), as_json)


def retract(
    fact: Fact,
    predicate: Predicate = None,
    current: Value = None,
    *,
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Retract a fact that was never true; it stays in the history."""
    target, told = _target(fact, predicate, current), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.retract(graph, target, **told)), as_json)


def expire(
    fact: Fact,
    predicate: Predicate = None,
    current: Value = None,
    *,
    by: By,
    reason: Reason,
    valid_to: Annotated[str | None, typer.Option("--valid-to", help="When it ended; by default now.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """End a fact: recall shows it as past."""
    target, told = _target(fact, predicate, current), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.expire(graph, target, valid_to=valid_to, **told)), as_json)


def withdraw(
    claims: Annotated[list[int] | None, typer.Argument(help="Ids of claims, as GET .../claims lists them.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Instead of ids: all claims of this source.")] = None,
    episode: Annotated[
        str | None, typer.Option("--episode", help="Instead of ids: all claims of this episode.")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be withdrawn; change nothing.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Withdraw claims of this scope only, and relationships that no other claim supports."""
    done = with_memory(
        lambda memory: memory.claims.withdraw(
            graph, claims or (), source=source, episode=episode, scope=scope, dry_run=dry_run
        )
    )
    if as_json:
        print_json(done)
        return
    would = "would be" if done.dry_run else "were"
    OUT.print(
        f"{done.withdrawn} claims {would} withdrawn, and {len(done.relationships)} relationships deleted with them."
    )
    if done.missing:
        OUT.print(f"Not found in this scope: {', '.join(map(str, done.missing))}.")


def _target(fact: str, predicate: str | None, current: str | None) -> FactTarget:
    if fact.isdecimal() and predicate is None:
        return FactTarget(int(fact))
    # A text that names an entity is compared as one, and else as a value: both are one text here.
    return FactTarget(None, fact, predicate, value=current)


def _tell(done: Correction, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    after: dict[str, Any] = dict(done.after)
    now = f"; now {shown(after['value'])}, {after['state']}" if after.get("value") is not None else ""
    number = f" (adjudication {done.adjudication})" if done.adjudication is not None else ""
    OUT.print(f"{done.action}: {shown(done.before['value'])}{now}{number}")
