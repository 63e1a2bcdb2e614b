"""Communities of the entities of a scope."""

from kgmem.domain.derived.communities import Community, Grouped
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports
from kgmem.services.upkeep import detect_communities as grouping


class CommunityDetection:
    """Communities of the entities of a scope."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def detect(self, graph: str, *, scope: str = SHARED) -> Grouped:
        """Find the communities of the entities of exactly this scope, now; from then on a job keeps that up.

        Raises NotFound, and TooLarge for a scope with more links than are taken into memory.
        """
        return await grouping.group(self._ports, graph, check_scope(scope))

    async def enqueue(self, graph: str, *, scope: str = SHARED) -> int | None:
        """Let a job do what `group` does; None when it waits already. Raises NotFound."""
        return await grouping.defer(self._ports, graph, check_scope(scope))

    async def delete(self, graph: str, *, scope: str = SHARED) -> int:
        """Keep the communities of a scope no more; gives how many went."""
        return await grouping.ungroup(self._ports, graph, check_scope(scope))

    async def list(
        self, graph: str, *, scope: str = SHARED, level: int | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Community]:
        """Return a page of the communities of exactly this scope, the finest level and the largest first."""
        return await self._ports.communities.list(graph, check_scope(scope), level=level, cursor=cursor, limit=limit)

    async def get(self, graph: str, id_: int, *, scope: str = SHARED, limit: int = 1000) -> Community:
        """Return a community of exactly this scope with its most central members. Raises NotFound."""
        return await self._ports.communities.get(graph, id_, check_scope(scope), limit)
