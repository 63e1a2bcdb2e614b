"""The part of the façade about what is derived of entities: which are alike, communities, summaries."""

from collections.abc import Callable

from kgmem.domain.derived.communities import Community, Grouped
from kgmem.domain.derived.similarity import ALIKE, Connected
from kgmem.domain.derived.summaries import Summary
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports
from kgmem.services.upkeep import detect_communities as grouping
from kgmem.services.upkeep import link_similar as joining
from kgmem.services.upkeep import summarise as summarizing


class Connecting:
    """What jobs derive of the entities of a graph, and keep up."""

    parts: Ports

    async def connect(
        self, graph: str, *, least: float = ALIKE, progress: Callable[[Connected], None] | None = None
    ) -> Connected:
        """Join entities of one scope whose vectors are at least so alike, now; from then on a job keeps that up.

        The relationships are of the kind SIMILAR_TO, with the likeness as their strength; they are no facts. Raises
        NotFound, InvalidInput.
        """
        return await joining.connect(self.parts, graph, least, progress=progress)

    async def defer_connect(self, graph: str, *, least: float = ALIKE) -> int | None:
        """Let a job do what `connect` does; None when it waits already. Raises NotFound, InvalidInput."""
        return await joining.defer(self.parts, graph, least)

    async def disconnect(self, graph: str) -> int:
        """Part what was joined since it is alike, and join no more; gives how many relationships went."""
        return await joining.disconnect(self.parts, graph)

    async def keep_connected(self, graph: str) -> Connected:
        """Bring the likenesses of a graph in line with its entities, where somebody asked for them once."""
        return await joining.keep(self.parts, graph)

    async def defer_connecting(self) -> int:
        """Ask for the likenesses of every graph that was written to since; gives in how many."""
        return await joining.defer_missing(self.parts)

    async def group(self, graph: str, *, scope: str = SHARED) -> Grouped:
        """Find the communities of the entities of exactly this scope, now; from then on a job keeps that up.

        Raises NotFound, and TooLarge for a scope with more links than are taken into memory.
        """
        return await grouping.group(self.parts, graph, check_scope(scope))

    async def defer_group(self, graph: str, *, scope: str = SHARED) -> int | None:
        """Let a job do what `group` does; None when it waits already. Raises NotFound."""
        return await grouping.defer(self.parts, graph, check_scope(scope))

    async def ungroup(self, graph: str, *, scope: str = SHARED) -> int:
        """Keep the communities of a scope no more; gives how many went."""
        return await grouping.ungroup(self.parts, graph, check_scope(scope))

    async def communities(
        self, graph: str, *, scope: str = SHARED, level: int | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[Community]:
        """Give a page of the communities of exactly this scope, the finest level and the largest first."""
        return await self.parts.communities.list(graph, check_scope(scope), level=level, cursor=cursor, limit=limit)

    async def community(self, graph: str, id_: int, *, scope: str = SHARED, limit: int = 1000) -> Community:
        """Give a community of exactly this scope with its most central members. Raises NotFound."""
        return await self.parts.communities.get(graph, id_, check_scope(scope), limit)

    async def keep_communities(self, graph: str) -> Grouped:
        """Find communities anew in the scopes where they are kept and something was written since."""
        return await grouping.keep(self.parts, graph)

    async def defer_grouping(self) -> int:
        """Ask for the communities of every graph that was written to since, but not too often; gives in how many."""
        return await grouping.defer_missing(self.parts)

    async def summarize(self, graph: str, key: str, *, scope: str = SHARED) -> Summary:
        """Say in short what is so of an entity of exactly this scope; from then on a job keeps that up.

        Raises NotFound.
        """
        return await summarizing.summarize(self.parts, graph, key, check_scope(scope))

    async def summary(self, graph: str, key: str, *, scope: str = SHARED, known_at: str | None = None) -> Summary:
        """Give the summary of an entity of exactly this scope, as it is or as it was known at a time.

        One of which something has changed is stale, and says only what is so still. Raises NotFound.
        """
        return await summarizing.of_entity(self.parts, graph, key, check_scope(scope), known_at)

    async def community_summary(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> Summary | None:
        """Give the summary of a community, as it is or as it was known; None where none was made yet.

        Raises NotFound.
        """
        return await summarizing.of_community(self.parts, graph, id_, check_scope(scope), known_at)

    async def keep_summaries(self, graph: str) -> int:
        """Sum up anew what changed: communities, and entities that were summed up once; gives how many."""
        return await summarizing.keep(self.parts, graph)

    async def defer_summaries(self) -> int:
        """Ask for the summaries of every graph where entities that were summed up have changed; gives in how many."""
        return await summarizing.defer_missing(self.parts)
