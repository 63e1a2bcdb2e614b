"""Explanations of facts: claims, sources, copies; and the reliability of a source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgmem.domain.agents.publication import Publication
from kgmem.domain.claims.claim import ClaimFilter, ClaimStatement, SourceStanding, StoredFact
from kgmem.domain.errors import NotFound
from kgmem.services.claims.verify import same_value
from kgmem.services.ports import Ports

_MOST_ECHOES = 100


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fact with the claims for and against it, the reliability of their sources, and detected copies.

    `echoes` are claims of one of its values that repeat what another states (the oldest hundred): no support.
    `published` are the publications that stored some of its claims here.
    """

    fact: StoredFact
    supporting: Sequence[ClaimStatement]
    opposing: Sequence[ClaimStatement]
    sources: Sequence[SourceStanding]
    copies: Sequence[Mapping[str, Any]]
    echoes: Sequence[ClaimStatement] = ()
    published: Sequence[Publication] = ()


async def why(ports: Ports, graph: str, id_: int, scope: str, known_at: str | None) -> Explanation:
    """Return the explanation of a fact. Raises NotFound."""
    fact = await ports.claims.fact(graph, id_, scope, known_at=known_at)
    ours = {claim for option in fact.options if option.chosen for claim in option.claims}
    theirs = {claim for option in fact.options for claim in option.claims} - ours
    claims = {each.id: each for each in await ports.claims.claims_by_id(graph, sorted(ours | theirs))}
    names = sorted({source for option in fact.options for source in option.sources})
    standings = await ports.claims.standings(graph, names) if names else []
    copies = await ports.claims.copies(graph, scope, names) if len(names) > 1 else []
    return Explanation(
        fact,
        [claims[id_] for id_ in sorted(ours) if id_ in claims],
        [claims[id_] for id_ in sorted(theirs) if id_ in claims],
        standings,
        copies,
        await _echoes(ports, graph, fact, ours | theirs, (scope, known_at)),
        await ports.publications.of_claims(graph, sorted(ours | theirs)),
    )


async def _echoes(
    ports: Ports, graph: str, fact: StoredFact, counted: set[int], seen_from: tuple[str, str | None]
) -> list[ClaimStatement]:
    """Return the derived claims of a fact's values that do not count; `seen_from` is a scope and a time."""
    scope, known_at = seen_from
    wanted = ClaimFilter(scope, fact.subject, fact.predicate, derived=True, known_at=known_at, limit=_MOST_ECHOES)
    page = await ports.claims.claims(graph, wanted)
    values = [value for option in fact.options for value in (option.value, [option.value])]
    values += [[option.value for option in fact.options if option.chosen]]
    return [
        each
        for each in page.items
        if each.id not in counted and any(same_value(_said(each), value) for value in values)
    ]


def _said(claim: ClaimStatement) -> Any:
    return claim.value if claim.value is not None else claim.object


async def source(ports: Ports, graph: str, key: str) -> SourceStanding:
    """Return the reliability of a source, its history, and detected copies. Raises NotFound."""
    found = await ports.claims.standings(graph, [key])
    if not found:
        raise NotFound(f"There is no source {key!r}.", hint="List the sources.")
    copies = [each for each in await ports.claims.copies(graph, "", None) if key in {each["one"], each["other"]}]
    return replace(found[0], copies=copies, history=await ports.claims.standing_history(graph, key))
