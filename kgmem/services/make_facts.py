"""Make facts: bring what recall finds of relationships in line with the settings of graphs."""

from kgmem.services.parts import Parts


async def make_facts(parts: Parts, graph: str) -> None:
    """Make the facts of a graph where they are not as its setting says. Raises NotFound."""
    await parts.graphs.get(graph)
    if graph in await parts.index.without_facts():
        await parts.index.make_facts(graph)
        if parts.embedder:
            await parts.jobs.defer("embed", graph=graph)


async def defer_missing(parts: Parts) -> int:
    """Defer the making of facts for every graph that needs it; gives how many."""
    graphs = await parts.index.without_facts()
    for graph in graphs:
        await parts.jobs.defer("make_facts", graph=graph)
    return len(graphs)
