"""Vectors of a graph's passages."""

from collections.abc import Callable, Sequence

from kgmem.domain.graph.embedding import RefusedPassage
from kgmem.services.ports import Ports
from kgmem.services.upkeep import embed as embedding


class Embeddings:
    """Vectors of a graph's passages."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def run(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Embed what waits for a vector, now; gives how many passages."""
        return await embedding.embed_waiting(self._ports, graph, progress=progress)

    async def reembed(self, graph: str, *, progress: Callable[[int], None] | None = None) -> int:
        """Move a graph to the present embedder's space; recall answers from the old one until all is there."""
        return await embedding.reembed(self._ports, graph, progress=progress)

    async def refused(self, graph: str, *, limit: int = 100) -> Sequence[RefusedPassage]:
        """Return passages for which the embedder gives no vector, with its reason; they are found by their words."""
        return await self._ports.index.refused(graph, limit)

    async def retry_refused(self, graph: str) -> int:
        """Let the passages that the embedder refused wait for a vector again; gives how many."""
        return await self._ports.index.retry_refused(graph)
