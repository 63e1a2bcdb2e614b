"""The registry of sources, and how reliable each one is."""

from collections.abc import Sequence

from kgmem.domain.claims.claim import Source, SourceStanding
from kgmem.domain.graph.entity import WriteResult
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import why as explaining
from kgmem.services.ports import Ports


class Sources:
    """The registry of sources, and how reliable each one is."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Write entries of a graph's registry of sources."""
        return await claiming.put_sources(self._ports, graph, sources)

    async def list(self, graph: str) -> Sequence[Source]:
        """Return a graph's registered sources, by key."""
        return await self._ports.store.list_sources(graph)

    async def get(self, graph: str, key: str) -> SourceStanding:
        """Return one source's trust with its history and the copies found. Raises NotFound."""
        return await explaining.source(self._ports, graph, key)

    async def reliability(self, graph: str, keys: Sequence[str] | None = None) -> Sequence[SourceStanding]:
        """Return how far sources are trusted, and why, from the claims that all scopes share."""
        return await self._ports.claims.standings(graph, keys)
