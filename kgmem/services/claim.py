"""Claim: store what sources claim, weigh it at once, and let a full run follow when enough is new."""

from collections.abc import Mapping, Sequence
from typing import Any

from kgmem.domain.claim import BroughtBy, Claimed, ClaimStatement, Withdrawn
from kgmem.domain.entity import Written
from kgmem.domain.relationship import Relationship
from kgmem.domain.source import Source
from kgmem.services.parts import Parts

_LOGGED = 100  # Sources that the audit trail names.


async def put_claims(
    parts: Parts, graph: str, claims: Sequence[ClaimStatement], *, brought: Sequence[BroughtBy] | None = None
) -> Claimed:
    """Store claims, each once; their facts are weighed before this returns."""
    claimed = await parts.claims.put(graph, claims, brought=brought)
    if claimed.created:
        await _follow(parts, graph)
    return claimed


async def replace(parts: Parts, graph: str, claims: Sequence[ClaimStatement], former: Sequence[int]) -> Claimed:
    """Let claims take the place of others (ids, in their order), whatever breaks off: all of it or nothing."""
    claimed = await parts.claims.replace(graph, claims, former)
    await _follow(parts, graph)
    return claimed


async def withdraw(parts: Parts, graph: str, ids: Sequence[int], scope: str, *, dry_run: bool = False) -> Withdrawn:
    """Take claims back; if dry, only say what that would do."""
    told = await parts.claims.withdraw(graph, ids, scope, dry_run=dry_run)
    if told.withdrawn and not dry_run:
        await _follow(parts, graph)
    return told


async def adopt(parts: Parts, graph: str, stated: Sequence[Relationship], ids: Sequence[int]) -> int:
    """Let relationships that were just written count as claims of their sources; gives how many claims are new."""
    if parts.claim_store is None:
        return 0
    wanted = {id_: each.kind for each, id_ in zip(stated, ids, strict=True) if each.source}
    made = await parts.claims.adopt(graph, wanted) if wanted else 0
    if made:
        await _follow(parts, graph)
    return made


async def weigh(parts: Parts, graph: str) -> Mapping[str, Any]:
    """Weigh all claims of a graph together; gives counts."""
    return await parts.claims.weigh_all(graph)


async def weigh_due(parts: Parts, graph: str) -> Mapping[str, Any]:
    """Weigh all claims of a graph together if enough is new; gives counts."""
    return await parts.claims.weigh_all(graph) if await parts.claims.due(graph) else {}


async def put_sources(parts: Parts, graph: str, sources: Sequence[Source]) -> Written:
    """Write the registry's entries of sources; what their claims come to is weighed anew soon after."""
    written = await parts.store.put_sources(graph, sources)
    if parts.claim_store is not None and written.created + written.updated:
        told = {each.key: each.trust for each in sources[:_LOGGED]}
        await parts.claims.log(graph, "source", "registry", f"{len(sources)} entries were written.", {"trust": told})
        if await parts.claims.any(graph):
            await parts.jobs.defer("weigh", graph=graph, all=True)
    return written


async def _follow(parts: Parts, graph: str) -> None:
    held = await parts.graphs.get(graph)
    if parts.embedder and held.space:
        await parts.jobs.defer("embed", graph=graph)
    await parts.jobs.defer("weigh", graph=graph)
