"""Similarity links: SIMILAR_TO relationships between entities whose vectors are close."""

from collections.abc import Callable

from kgmem.domain.derived.similarity import ALIKE, Connected
from kgmem.services.ports import Ports
from kgmem.services.upkeep import link_similar as joining


class SimilarityLinks:
    """Similarity links: SIMILAR_TO relationships between entities whose vectors are close."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def link(
        self, graph: str, *, min_similarity: float = ALIKE, progress: Callable[[Connected], None] | None = None
    ) -> Connected:
        """Join entities of one scope whose vectors are at least so alike, now; from then on a job keeps that up.

        The relationships are of the kind SIMILAR_TO, with the similarity as their strength; they are no facts. Raises
        NotFound, InvalidInput.
        """
        return await joining.link(self._ports, graph, min_similarity, progress=progress)

    async def enqueue(self, graph: str, *, min_similarity: float = ALIKE) -> int | None:
        """Let a job do what `connect` does; None when it waits already. Raises NotFound, InvalidInput."""
        return await joining.defer(self._ports, graph, min_similarity)

    async def unlink(self, graph: str) -> int:
        """Part what was joined since it is alike, and join no more; gives how many relationships went."""
        return await joining.unlink(self._ports, graph)
