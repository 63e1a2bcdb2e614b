"""Group: find the communities of a scope, and keep them up as the graph changes."""

import asyncio
import importlib
from collections.abc import Sequence

from kgmem.domain.derived.communities import MOST_LINKS, Grouped, Members
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.upkeep.sweeps import defer_where

_LEAST_AGE = 600.0  # Seconds for which communities stay as they are, whatever is written.


async def group(parts: Ports, graph: str, scope: str) -> Grouped:
    """Find the communities of exactly this scope, now and from now on; gives what changed.

    Raises NotFound, TooLarge.
    """
    await parts.graphs.get(graph)
    await parts.communities.ask(graph, scope)
    return await _group(parts, graph, scope)


async def defer(parts: Ports, graph: str, scope: str) -> int | None:
    """Let a job find the communities of a scope, now and from now on; None when it waits already."""
    await parts.graphs.get(graph)
    await parts.communities.ask(graph, scope)
    return await parts.jobs.defer("detect_communities", graph=graph)


async def keep(parts: Ports, graph: str) -> Grouped:
    """Find the communities of a graph's scopes anew where something was written since; a job makes room in between."""
    done = Grouped()
    for scope in await parts.communities.behind(graph, 0.0):
        found = await _group(parts, graph, scope)
        done = Grouped(
            done.communities + found.communities, done.made + found.made, done.changed + found.changed,
            done.gone + found.gone,
        )  # fmt: skip
        if await slice_over():  # The scopes that are left are still behind.
            return done
    await parts.jobs.defer("summarize", graph=graph)
    return done


async def defer_missing(parts: Ports) -> int:
    """Ask for the communities of every graph that was written to since, but not too often; gives in how many."""
    return await defer_where(
        parts, "detect_communities", lambda graph: parts.communities.behind(graph.name, _LEAST_AGE)
    )


async def ungroup(parts: Ports, graph: str, scope: str) -> int:
    """Keep the communities of a scope no more; gives how many went."""
    await parts.graphs.get(graph)
    return await parts.communities.stop(graph, scope)


async def _group(parts: Ports, graph: str, scope: str) -> Grouped:
    mark, links = await parts.communities.links(graph, scope, MOST_LINKS)
    return await parts.communities.put(graph, scope, await _found(links), mark)


async def _found(links: Sequence[tuple[int, int, float]]) -> list[list[Members]]:
    """Return the communities of links, found in a thread; networkx comes in with the first."""
    module = await asyncio.to_thread(importlib.import_module, "kgmem.services.upkeep.community_levels")
    found: list[list[Members]] = await asyncio.to_thread(module.communities_of, links)
    return found
