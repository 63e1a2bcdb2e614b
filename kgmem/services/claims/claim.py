"""Claim: store what sources claim, weigh it at once, and let a full run follow when enough is new."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from kgmem.domain.claims.claim import ClaimProvenance, ClaimResult, ClaimStatement, Source, Withdrawn
from kgmem.domain.flows.trace import count, step
from kgmem.domain.graph.entity import Entity, WriteResult
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.slices import progress, slice_over
from kgmem.services import merged_keys
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced
from kgmem.tasks import caller

MOST_AT_ONCE = 1000  # Facts that a writer weighs before it returns; a job weighs the rest.
_LOGGED = 100  # Sources that the audit trail names.
_PAGE = 1000  # Claims of one source that are withdrawn in one transaction.


def asker() -> tuple[str, str]:
    """Return who asks or writes: the key of the request, or the process itself where there is none."""
    acting = caller()
    return ("key", acting.key if acting is not None else "")


async def put_claims(
    ports: Ports, graph: str, claims: Sequence[ClaimStatement], *, provenance: Sequence[ClaimProvenance] | None = None
) -> ClaimResult:
    """Store claims, each once; their facts are weighed before this returns."""
    claims = await merged_keys.of_claims(ports, graph, claims)
    with step("store_claims") as storing:
        claimed = await ports.claims.put(graph, claims, provenance=provenance)
        storing.count(created=claimed.created)
    if claimed.created:
        await follow(ports, graph)
    return claimed


async def replace(ports: Ports, graph: str, claims: Sequence[ClaimStatement], former: Sequence[int]) -> ClaimResult:
    """Replace claims (ids, in their order) by others, in one transaction."""
    claimed = await ports.claims.replace(graph, claims, former)
    await follow(ports, graph)
    return claimed


async def withdraw(ports: Ports, graph: str, ids: Sequence[int], scope: str, *, dry_run: bool = False) -> Withdrawn:
    """Withdraw claims; a dry run only counts."""
    if not dry_run:
        await ports.holds.refuse_claims(graph, ids)
    told = await ports.claims.withdraw(graph, ids, scope, dry_run=dry_run)
    if told.withdrawn and not dry_run:
        await follow(ports, graph)
    return told


async def withdraw_all(
    ports: Ports,
    graph: str,
    scope: str,
    *,
    source: str | None = None,
    episode: str | None = None,
    dry_run: bool = False,
) -> Withdrawn:
    """Withdraw all that a source, or a text, states in this scope only, a part at a time; a dry run only counts."""
    withdrawn, relationships, after = 0, list[int](), 0
    if not dry_run:  # Before the first part goes.
        while ids := await ports.claims.claims_by(
            graph, scope, source=source, episode=episode, after=after, limit=_PAGE
        ):
            await ports.holds.refuse_claims(graph, ids)
            after = ids[-1]
        after = 0
    while ids := await ports.claims.claims_by(graph, scope, source=source, episode=episode, after=after, limit=_PAGE):
        done = await ports.claims.withdraw(graph, ids, scope, dry_run=dry_run)
        withdrawn += done.withdrawn
        relationships += done.relationships
        after = ids[-1]
    if withdrawn and not dry_run:
        await follow(ports, graph)
    return Withdrawn(withdrawn, (), relationships, dry_run)


async def weigh_written(ports: Ports, graph: str, stated: Sequence[Relationship], ids: Sequence[int]) -> None:
    """Weigh what relationships that were just written state for their sources."""
    wanted = [id_ for each, id_ in zip(stated, ids, strict=True) if each.source]
    if wanted and await ports.claims.weigh_edges(graph, sorted(set(wanted))):
        await follow(ports, graph)


async def weigh_stated(
    ports: Ports, graph: str, stated: Sequence[Entity], written: WriteResult, names: Collection[str]
) -> WriteResult:
    """Weigh the properties of these names that entities which were just written state for their sources.

    Gives what was written with the versions that hold then.
    """
    told = (each for each in stated if each.source and not each.properties.keys().isdisjoint(names))
    subjects = sorted({(each.scope, each.key) for each in told})
    if not subjects:
        return written
    versions = await ports.claims.weigh_subjects(graph, subjects, written.ids)
    if not versions:
        return written
    await follow(ports, graph)
    newest = [versions.get(id_, version) for id_, version in zip(written.ids, written.versions, strict=True)]
    return dataclasses.replace(written, versions=newest)


async def weigh_new(ports: Ports, graph: str, most: int = MOST_AT_ONCE) -> None:
    """Weigh what was stated and not weighed since: some of it now, the rest by a job."""
    if await ports.claims.weigh_stale(graph, most):
        await follow(ports, graph)


async def weigh_changed(ports: Ports, graph: str, topics: Sequence[int]) -> None:
    """Resolve facts again (by topic) of which a value began or ended by time alone."""
    if await ports.claims.weigh_changed(graph, topics):
        await follow(ports, graph)


@traced("reconcile")
async def weigh(ports: Ports, graph: str) -> Mapping[str, Any]:
    """Weigh all claims of a graph together; gives counts.

    As a job it makes room between its steps (`domain.slices`), goes on there, and gives what it did since.
    """
    if not await _weigh_stale(ports, graph):
        return {}
    return await _weigh_all(ports, graph)


@traced("reconcile")
async def weigh_due(ports: Ports, graph: str) -> Mapping[str, Any]:
    """Weigh what was not weighed since it was stated, and all claims together if enough is new; gives counts."""
    if not await _weigh_stale(ports, graph):
        return {}
    # What was begun is ended, however little is new by now.
    return await _weigh_all(ports, graph) if progress() or await ports.claims.due(graph) else {}


async def _weigh_all(ports: Ports, graph: str) -> Mapping[str, Any]:
    with step("learn_reliability"):
        counts = await ports.claims.weigh_all(graph)
        count(**{name: number for name, number in counts.items() if type(number) is int})
    return counts


async def _weigh_stale(ports: Ports, graph: str) -> bool:
    """Weigh what was not weighed since it was stated; gives whether that is done, or a job's slice was over before."""
    weighed = MOST_AT_ONCE
    while weighed == MOST_AT_ONCE:
        with step("resolve_facts"):
            weighed = await ports.claims.weigh_stale(graph, MOST_AT_ONCE)
            count(facts=weighed)
        if weighed == MOST_AT_ONCE and await slice_over():
            return False
    return True


async def put_sources(ports: Ports, graph: str, sources: Sequence[Source]) -> WriteResult:
    """Write the registry's entries of sources; facts with their claims are resolved again soon after."""
    written = await ports.store.put_sources(graph, sources)
    if written.created + written.updated:
        told = {each.key: each.trust for each in sources[:_LOGGED]}
        await ports.claims.log(graph, "source", "registry", f"{len(sources)} entries were written.", {"trust": told})
        if await ports.claims.any(graph):
            await ports.jobs.defer("compute_consensus", graph=graph, all=True)
    return written


async def follow(ports: Ports, graph: str) -> None:
    """Defer the jobs after new claims: their vectors, and a full run if enough is new."""
    held = await ports.graphs.get(graph)
    if ports.embedder and held.space:
        await ports.jobs.defer("embed", graph=graph)
    await ports.jobs.defer("compute_consensus", graph=graph)
