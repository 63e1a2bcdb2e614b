"""Sweeps: enqueue a job for every graph in which something waits."""

from collections.abc import Awaitable, Callable

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.graph import Graph
from kgmem.services.ports import Ports


async def defer_where(ports: Ports, task: str, waits: Callable[[Graph], Awaitable[object]]) -> int:
    """Enqueue a job for each graph where `waits` returns something; returns for how many."""
    asked = 0
    for graph in await ports.graphs.list():
        try:
            found = await waits(graph)
        except NotFound:  # Dropped meanwhile.
            continue
        if found:
            await ports.jobs.defer(task, graph=graph.name)
            asked += 1
    return asked
