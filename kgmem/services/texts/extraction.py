"""Extraction of entities, claims, relationships and causes from episodes."""

from collections.abc import Callable, Sequence

from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.text.queue import EpisodePreview, ExtractionReport, Waits
from kgmem.services.ports import Ports
from kgmem.services.texts import extract as reading


class Extraction:
    """Extraction of entities, claims, relationships and causes from episodes."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def run(self, graph: str, *, progress: Callable[[ExtractionReport], None] | None = None) -> ExtractionReport:
        """Extract from the episodes that wait, now: entities, claims, relationships, causes. Raises Unavailable."""
        return await reading.read_waiting(self._ports, graph, progress=progress)

    async def preview(self, graph: str, episodes: Sequence[Episode]) -> Sequence[EpisodePreview]:
        """Return what extraction from episodes would store; nothing is stored."""
        for scope in {episode.scope for episode in episodes}:
            check_scope(scope)
        return await reading.would_bring(self._ports, graph, episodes)

    async def pending(self, graph: str) -> Waits:
        """Return how many episodes wait for extraction, and how many have failed."""
        await self._ports.graphs.get(graph)
        return await self._ports.extractions.waits(graph)

    async def repeat(self, graph: str, keys: Sequence[str], *, scope: str = SHARED) -> int:
        """Queue episodes for extraction again, for example by another extractor; returns how many."""
        asked = await self._ports.extractions.ask_again(graph, keys, check_scope(scope))
        if asked:
            await self._ports.jobs.defer("extract", graph=graph)
        return asked
