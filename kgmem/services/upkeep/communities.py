"""Communities of the entities of a scope: detect, update as the graph changes, list, delete."""

import asyncio
import importlib
from collections.abc import Sequence

from kgmem.domain.derived.communities import MOST_LINKS, Community, CommunityChanges, Members
from kgmem.domain.flows.trace import step
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.slices import slice_over
from kgmem.services.ports import Ports
from kgmem.services.tracing import traced
from kgmem.services.upkeep.sweeps import defer_where

_LEAST_AGE = 600.0  # Seconds for which communities stay as they are, whatever is written.


@traced("consolidate")
async def group(ports: Ports, graph: str, scope: str) -> CommunityChanges:
    """Detect the communities in this scope only, and keep them up to date; returns what changed.

    Raises NotFound, TooLarge.
    """
    await ports.graphs.get(graph)
    await ports.communities.ask(graph, scope)
    return await _group(ports, graph, scope)


async def defer(ports: Ports, graph: str, scope: str) -> int | None:
    """Enqueue the detection of the communities of a scope, and keep them up to date; None where it already waits."""
    await ports.graphs.get(graph)
    await ports.communities.ask(graph, scope)
    return await ports.jobs.defer("detect_communities", graph=graph)


@traced("consolidate")
async def keep(ports: Ports, graph: str) -> CommunityChanges:
    """Detect the communities again of scopes with changes; a job gives way to other jobs between scopes."""
    done = CommunityChanges()
    for scope in await ports.communities.behind(graph, 0.0):
        found = await _group(ports, graph, scope)
        done = CommunityChanges(
            done.communities + found.communities, done.made + found.made, done.changed + found.changed,
            done.gone + found.gone,
        )  # fmt: skip
        if await slice_over():  # The scopes that are left are still behind.
            return done
    await ports.jobs.defer("summarize", graph=graph)
    return done


async def defer_missing(ports: Ports) -> int:
    """Enqueue the detection for every graph with changes, but at most every ten minutes; returns for how many."""
    return await defer_where(
        ports, "detect_communities", lambda graph: ports.communities.behind(graph.name, _LEAST_AGE)
    )


async def ungroup(ports: Ports, graph: str, scope: str) -> int:
    """Delete the communities of a scope and stop updating them; returns how many were deleted."""
    await ports.graphs.get(graph)
    return await ports.communities.stop(graph, scope)


async def _group(ports: Ports, graph: str, scope: str) -> CommunityChanges:
    with step("detect_communities") as detecting:
        mark, links = await ports.communities.links(graph, scope, MOST_LINKS)
        found = await ports.communities.put(graph, scope, await _found(links), mark)
        detecting.count(links=len(links), communities=found.communities, changed=found.made + found.changed)
    return found


async def _found(links: Sequence[tuple[int, int, float]]) -> list[list[Members]]:
    """Return the communities of links, computed in a thread; networkx is imported at first use."""
    module = await asyncio.to_thread(importlib.import_module, "kgmem.services.upkeep.community_levels")
    found: list[list[Members]] = await asyncio.to_thread(module.communities_of, links)
    return found


class CommunityDetection:
    """Communities of the entities of a scope."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def detect(self, graph: str, *, scope: str = SHARED) -> CommunityChanges:
        """Detect the communities of the entities in this scope only; a job keeps them up to date from then on.

        Raises NotFound, and TooLarge for a scope with more links than fit into memory.
        """
        return await group(self._ports, graph, check_scope(scope))

    async def enqueue(self, graph: str, *, scope: str = SHARED) -> int | None:
        """Enqueue what `detect` does; returns the job, or None where it already waits. Raises NotFound."""
        return await defer(self._ports, graph, check_scope(scope))

    async def delete(self, graph: str, *, scope: str = SHARED) -> int:
        """Delete the communities of a scope and stop updating them; returns how many were deleted."""
        return await ungroup(self._ports, graph, check_scope(scope))

    async def list(
        self, graph: str, *, scope: str = SHARED, level: int | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Community]:
        """Return a page of the communities in this scope only, the finest level and the largest first."""
        return await self._ports.communities.list(graph, check_scope(scope), level=level, cursor=cursor, limit=limit)

    async def get(self, graph: str, id_: int, *, scope: str = SHARED, limit: int = 1000) -> Community:
        """Return a community in this scope only with its most central members. Raises NotFound."""
        return await self._ports.communities.get(graph, id_, check_scope(scope), limit)
