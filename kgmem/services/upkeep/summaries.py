"""Summaries of entities and communities."""

from kgmem.domain.derived.summaries import Summary
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports
from kgmem.services.upkeep import summarise as summarizing


class EntitySummaries:
    """Summaries of entities and communities."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(self, graph: str, key: str, *, scope: str = SHARED) -> Summary:
        """Say in short what is so of an entity of exactly this scope; from then on a job keeps that up.

        Raises NotFound.
        """
        return await summarizing.summarize(self._ports, graph, key, check_scope(scope))

    async def get(self, graph: str, key: str, *, scope: str = SHARED, known_at: str | None = None) -> Summary:
        """Return the summary of an entity of exactly this scope, as it is or as it was known at a time.

        One of which something has changed is stale, and says only what is so still. Raises NotFound.
        """
        return await summarizing.of_entity(self._ports, graph, key, check_scope(scope), known_at)

    async def of_community(
        self, graph: str, id_: int, *, scope: str = SHARED, known_at: str | None = None
    ) -> Summary | None:
        """Return the summary of a community, as it is or as it was known; None where none was made yet.

        Raises NotFound.
        """
        return await summarizing.of_community(self._ports, graph, id_, check_scope(scope), known_at)
