"""`kgmem why` and `kgmem conflicts`: explain facts, and list those that sources disagree on."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
import typer
from rich.table import Table

from kgmem.cli.console import OUT, AsJSON, GraphName, ScopeName, print_json
from kgmem.cli.opening import with_memory
from kgmem.cli.shapes import fact_shape, why_shape
from kgmem.domain.claims.claim import FactFilter, StoredFact
from kgmem.domain.errors import NotFound
from kgmem.memory import DEFAULT_GRAPH, Memory
from kgmem.services.claims.why import Explanation

ValidAt = Annotated[str | None, typer.Option("--valid-at", help="The value that was valid then: 2015, 2015-06-30.")]
_DAY = 86_400  # Seconds.
KnownAt = Annotated[str | None, typer.Option("--known-at", help="As it was known then.")]


def why(
    fact: Annotated[str, typer.Argument(help="The id of a fact or relationship, or the key of the subject.")],
    predicate: Annotated[
        str | None, typer.Argument(help="With a key: the predicate (kind of relationship or property).")
    ] = None,
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    valid_at: ValidAt = None,
    known_at: KnownAt = None,
    as_json: AsJSON = False,
) -> None:
    """Explain why a fact is believed: its value, the claims for and against it, their sources, and the method."""
    found = with_memory(lambda memory: _found(memory, graph, (fact, predicate), scope, (valid_at, known_at)))
    if as_json:
        print_json([why_shape(each) for each in found])
        return
    for each in found:
        tell(each)


def conflicts(
    graph: GraphName = DEFAULT_GRAPH,
    scope: ScopeName = "",
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="The most to list.")] = 50,
    as_json: AsJSON = False,
) -> None:
    """List the facts that sources disagree on and that are contested."""
    page = with_memory(lambda memory: memory.facts.conflicts(graph, scope=scope, limit=limit))
    if as_json:
        print_json([fact_shape(each) for each in page.items])
        return
    OUT.print(listed(page.items) if page.items else "No conflicts.")


async def _found(
    memory: Memory, graph: str, asked: tuple[str, str | None], scope: str, when: tuple[str | None, str | None]
) -> list[Explanation]:
    (key, predicate), (valid_at, known_at) = asked, when
    if key.isdecimal() and predicate is None:
        return [await memory.facts.explain(graph, int(key), scope=scope, known_at=known_at)]
    wanted = FactFilter(scope, key, predicate, known_at=known_at, valid_at=valid_at, limit=20)
    page = await memory.facts.list(graph, wanted)
    if not page.items:
        raise NotFound(
            f"Not found: no fact of {' '.join(filter(None, asked))}.", hint="kgmem recall shows ids of facts."
        )
    return [await memory.facts.explain(graph, fact.id, scope=scope, known_at=known_at) for fact in page.items]


def tell(why: Explanation) -> None:
    """Print what a fact rests on."""
    fact = why.fact
    OUT.print(f"[bold]{_plain(titled(fact))}[/]: {_plain(shown(fact.value))}", soft_wrap=True)
    OUT.print(f"  {fact.state}, probability {fact.probability:.2f}; fact {fact.id}, method {fact.method}")
    OUT.print(f"  why: {_plain(fact.reason)}", soft_wrap=True)
    trust = {source.source: source.trust for source in why.sources}
    for option in fact.options:
        sign = "+" if option.chosen else "-"
        names = ", ".join(f"{name} ({trust[name]:.2f})" if name in trust else name for name in option.sources)
        OUT.print(f"  {sign} {option.probability:.2f} {_plain(shown(option.value))}: {_plain(names)}", soft_wrap=True)
    for claim in (*why.supporting, *why.opposing):
        if claim.episode:
            OUT.print(f"    claim {claim.id} of {_plain(claim.source)} is extracted from {_plain(claim.episode)}")
    for claim in why.echoes:
        origin = ", ".join(claim.derived_from)
        OUT.print(f"    claim {claim.id} of {_plain(claim.source)} is derived from {_plain(origin)}: no support")
    for source in why.sources:
        if source.reported_changes is not None:
            days = (source.reporting_delay or 0) / _DAY
            OUT.print(
                f"    {_plain(source.source)} reports {source.reported_changes:.0%} of the changes that others report, "
                f"which are known after {days:.1f} days in the mean",
                soft_wrap=True,
            )
        for key in source.keys:
            named = _plain(key["name"] or key["id"])
            OUT.print(
                f"    {_plain(source.source)} came by the key {named} from {key['first_seen']} on", soft_wrap=True
            )
    for publication in why.published:
        OUT.print(
            f"    published from {_plain(publication.scope)} by {_plain(publication.by)} on {publication.at[:10]}: "
            f"{_plain(publication.reason)} (publication {publication.id})",
            soft_wrap=True,
        )
    for pair in why.copies:
        OUT.print(f"  {_plain(pair['one'])} and {_plain(pair['other'])} copy: one voice ({pair['probability']:.2f})")
    if fact.adjudication:
        OUT.print(
            f"  adjudication {fact.adjudication.id}: {fact.adjudication.action} by {_plain(fact.adjudication.by)}"
        )


def listed(facts: Sequence[StoredFact]) -> Table:
    """Return facts as a table, each value with its probability and its sources."""
    table = Table("fact", "of", "state", "values")
    for fact in facts:
        values = "\n".join(
            f"{option.probability:.2f} {_plain(shown(option.value))}: {_plain(', '.join(option.sources))}"
            for option in fact.options
        )
        table.add_row(str(fact.id), _plain(titled(fact)), fact.state, values)
    return table


def titled(fact: StoredFact) -> str:
    """Return what a fact is about: subject, predicate, and the other end of which a value is claimed."""
    return " ".join(part for part in (fact.subject, fact.predicate, fact.about) if part)


def shown(value: Any) -> str:
    """Return a value as text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _plain(text: str) -> str:
    return text.replace("[", "\\[")
