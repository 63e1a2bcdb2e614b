"""Absorb: what other AGE clients wrote into the index, and what their relationships state weighed."""

from kgmem.services.claims.claim import weigh_new
from kgmem.services.ports import Ports

# Make facts: bring what recall finds of relationships in line with the settings of graphs.


async def make_facts(parts: Ports, graph: str) -> None:
    """Make the facts of a graph where they are not as its setting says. Raises NotFound."""
    await parts.graphs.get(graph)
    if graph in await parts.index.without_facts():
        await parts.index.make_facts(graph)
        if parts.embedder:
            await parts.jobs.defer("embed", graph=graph)


async def defer_missing(parts: Ports) -> int:
    """Defer the making of facts for every graph that needs it; gives how many."""
    graphs = await parts.index.without_facts()
    for graph in graphs:
        await parts.jobs.defer("index_facts", graph=graph)
    return len(graphs)


async def absorb(parts: Ports, graph: str | None = None) -> int:
    """Index what other AGE clients wrote into a graph, or into all; gives how many items changed."""
    names = [graph] if graph is not None else [each.name for each in await parts.graphs.list()]
    changed = await parts.index.absorb_foreign_writes(graph)
    if changed:
        for name in names:
            await weigh_new(parts, name)
    return changed
