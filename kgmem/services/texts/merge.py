"""Merge: entities that are one become one, on a person's word; a merge can be undone."""

from dataclasses import replace

from kgmem.domain.errors import InvalidInput
from kgmem.domain.flows.trace import step
from kgmem.domain.text.resolution import Candidate, Merge, NewMerge, pair
from kgmem.services.ports import Ports


async def merge(ports: Ports, graph: str, asked: NewMerge) -> Merge:
    """Merge one entity into another, and weigh what is claimed of both. Raises NotFound, InvalidInput."""
    if asked.keep == asked.gone:
        raise InvalidInput(f"{asked.keep!r} is one entity already.", hint="Name two entities.")
    _check_said(asked.by, asked.reason)
    with ports.flows.run("reconcile", graph, scope=asked.scope), step("merge") as merging:
        merged = await ports.merges.merge(graph, asked)
        merging.count(merges=not asked.dry_run)
    if not asked.dry_run:
        await _follow(ports, graph)
    return merged


async def undo(ports: Ports, graph: str, id_: int, said: tuple[str, str], scope: str) -> Merge:
    """Undo a merge, as somebody says for a reason. Raises NotFound, Conflict."""
    _check_said(*said)
    undone = await ports.merges.undo(graph, id_, *said, scope)
    await _follow(ports, graph)
    return undone


async def propose(ports: Ports, graph: str, candidates: list[Candidate], scope: str) -> int:
    """Put pairs of entities of one scope on the review list; gives how many wait for a decision."""
    ordered = []
    for each in candidates:
        one, other = pair(each.one, each.other)
        if one == other:
            raise InvalidInput(f"{one!r} is one entity.", hint="Name two entities.")
        ordered.append(replace(each, one=one, other=other))
    return await ports.merges.put_candidates(graph, ordered, scope)


async def tell_apart(ports: Ports, graph: str, id_: int, said: tuple[str, str], scope: str) -> Candidate:
    """Mark a pair on the review list as distinct; it does not come back. Raises NotFound."""
    _check_said(*said)
    return await ports.merges.settle(graph, id_, *said, scope)


def _check_said(by: str, reason: str) -> None:
    if not by.strip() or not reason.strip():
        raise InvalidInput("A decision says by whom it is, and why.", hint="Give by and reason.")


async def _follow(ports: Ports, graph: str) -> None:
    """Weigh what a merge moved, and let vectors follow; what does not come to that is caught up later."""
    await ports.claims.weigh_stale(graph)
    held = await ports.graphs.get(graph)
    if ports.embedder and held.space:
        await ports.jobs.defer("embed", graph=graph)
