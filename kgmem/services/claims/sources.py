"""Registered sources, and their reliability."""

from collections.abc import Sequence

from kgmem.domain.claims.claim import Source, SourceStanding
from kgmem.domain.graph.entity import WriteResult
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import why as explaining
from kgmem.services.ports import Ports


class Sources:
    """Registered sources, and their reliability."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, sources: Sequence[Source]) -> WriteResult:
        """Insert or update registered sources of a graph; returns counts."""
        return await claiming.put_sources(self._ports, graph, sources)

    async def list(self, graph: str) -> Sequence[Source]:
        """Return the registered sources of a graph, by key."""
        return await self._ports.store.list_sources(graph)

    async def get(self, graph: str, key: str) -> SourceStanding:
        """Return the reliability of a source with its history and detected copies. Raises NotFound."""
        return await explaining.source(self._ports, graph, key)

    async def reliability(self, graph: str, keys: Sequence[str] | None = None) -> Sequence[SourceStanding]:
        """Return the reliability of sources with the reasons, from the shared claims of the graph."""
        return await self._ports.claims.standings(graph, keys)
