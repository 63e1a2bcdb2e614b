"""Explanations of facts: claims, sources, copies; and the reliability of a source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from kgmem.domain.claims.claim import ClaimStatement, HeldFact, SourceStanding
from kgmem.domain.errors import NotFound
from kgmem.services.ports import Ports


@dataclass(frozen=True, slots=True)
class Explanation:
    """A fact with the claims for and against it, the reliability of their sources, and detected copies."""

    fact: HeldFact
    supporting: Sequence[ClaimStatement]
    opposing: Sequence[ClaimStatement]
    sources: Sequence[SourceStanding]
    copies: Sequence[Mapping[str, Any]]


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
    )


async def source(ports: Ports, graph: str, key: str) -> SourceStanding:
    """Return the reliability of a source, its history, and detected copies. Raises NotFound."""
    found = await ports.claims.standings(graph, [key])
    if not found:
        raise NotFound(f"There is no source {key!r}.", hint="List the sources.")
    copies = [each for each in await ports.claims.copies(graph, "", None) if key in {each["one"], each["other"]}]
    return replace(found[0], copies=copies, history=await ports.claims.standing_history(graph, key))
