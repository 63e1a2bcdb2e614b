"""Absorb: what other AGE clients wrote into the index, and what their relationships state weighed."""

from kgmem.services.claim import weigh_new
from kgmem.services.parts import Parts


async def absorb(parts: Parts, graph: str | None = None) -> int:
    """Index what other AGE clients wrote into a graph, or into all; gives how many items changed."""
    names = [graph] if graph is not None else [each.name for each in await parts.graphs.list()]
    changed = await parts.index.absorb_foreign_writes(graph)
    if changed:
        for name in names:
            await weigh_new(parts, name)
    return changed
