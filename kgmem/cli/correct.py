"""`kgmem correct`, `retract`, `expire` and `withdraw`: facts, or claims, taken out of the answers."""

from typing import Annotated, Any

import typer

from kgmem.cli.console import OUT, AsJSON, By, GraphName, Reason, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.why import shown
from kgmem.domain.claims.claim import ClaimStatement, Correction, FactTarget
from kgmem.memory import DEFAULT_GRAPH

Fact = Annotated[str, typer.Argument(help="A fact's id, a relationship's, or the key of what it is about.")]
Predicate = Annotated[str | None, typer.Argument(help="With a key: the kind or the property.")]
Said = Annotated[str | None, typer.Argument(help="With a key: what it says; left out: what is held now.")]


def correct(
    fact: Fact,
    predicate: Predicate = None,
    said: Said = None,
    *,
    by: By,
    reason: Reason,
    object_: Annotated[str | None, typer.Option("--object", help="The key of the entity that it is instead.")] = None,
    value: Annotated[str | None, typer.Option("--value", help="The value that it is instead.")] = None,
    valid_from: Annotated[str | None, typer.Option("--valid-from", help="Since when; else as the fact.")] = None,
    valid_to: Annotated[str | None, typer.Option("--valid-to", help="Until when; else as the fact.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Put another value in a fact's place, in the answers at once; the old one stays in the history."""
    right = ClaimStatement("", "", "", object=object_, value=value, valid_from=valid_from, valid_to=valid_to)
    target, told = _target(fact, predicate, said), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.correct(graph, target, right, **told)), as_json)


def retract(
    fact: Fact,
    predicate: Predicate = None,
    said: Said = None,
    *,
    by: By,
    reason: Reason,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Take a fact out of the answers, since it never was so; it stays in the history."""
    target, told = _target(fact, predicate, said), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.retract(graph, target, **told)), as_json)


def expire(
    fact: Fact,
    predicate: Predicate = None,
    said: Said = None,
    *,
    by: By,
    reason: Reason,
    valid_to: Annotated[str | None, typer.Option("--valid-to", help="When it ended; left out: now.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    as_json: AsJSON = False,
) -> None:
    """Let a fact end: it held until then, and is no answer today."""
    target, told = _target(fact, predicate, said), {"by": by, "reason": reason, "scope": scope}
    _tell(with_memory(lambda memory: memory.facts.expire(graph, target, valid_to=valid_to, **told)), as_json)


def withdraw(
    claims: Annotated[list[int] | None, typer.Argument(help="Ids of claims, as GET .../claims lists them.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Instead: all that this source states.")] = None,
    episode: Annotated[str | None, typer.Option("--episode", help="Instead: all that this episode states.")] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what that would do.")] = False,
    as_json: AsJSON = False,
) -> None:
    """Take claims of exactly one scope back, with the relationships that only they state."""
    done = with_memory(
        lambda memory: memory.claims.withdraw(
            graph, claims or (), source=source, episode=episode, scope=scope, dry_run=dry_run
        )
    )
    if as_json:
        print_json(done)
        return
    would = "would be" if done.dry_run else "were"
    OUT.print(f"{done.withdrawn} claims {would} taken back, and {len(done.relationships)} relationships with them.")
    if done.missing:
        OUT.print(f"Not found in this scope: {', '.join(map(str, done.missing))}.")


def _target(fact: str, predicate: str | None, said: str | None) -> FactTarget:
    if fact.isdecimal() and predicate is None:
        return FactTarget(int(fact))
    # A text that names an entity is compared as one, and else as a value: both are one text here.
    return FactTarget(None, fact, predicate, value=said)


def _tell(done: Correction, as_json: bool) -> None:
    if as_json:
        print_json(done)
        return
    after: dict[str, Any] = dict(done.after)
    now = f"; now {shown(after['value'])}, {after['state']}" if after.get("value") is not None else ""
    number = f" (adjudication {done.adjudication})" if done.adjudication is not None else ""
    OUT.print(f"{done.action}: {shown(done.before['value'])}{now}{number}")
