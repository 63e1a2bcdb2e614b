"""The retrieval index of a graph, and its agreement with the graph."""

from collections.abc import Sequence

from kgmem.domain.graph.graph import GraphStats
from kgmem.domain.integrity import IntegrityReport
from kgmem.domain.slices import broken_off
from kgmem.services.ports import Ports
from kgmem.services.upkeep import check_integrity as checking
from kgmem.services.upkeep import index_sync as absorbing


class Index:
    """The retrieval index of a graph, and its agreement with the graph."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def rebuild(self, graph: str) -> GraphStats:
        """Make the retrieval index of a graph anew from its label tables."""
        await self._ports.index.rebuild(graph)
        if not broken_off():
            await self._ports.imports.build_indexes(graph)  # Which an import that died may have left aside.
        return await self._ports.graphs.stats(graph)

    async def sync(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote; gives how many items changed."""
        return await absorbing.absorb(self._ports, graph)

    async def check_integrity(self, graph: str | None = None, *, repair: bool = False) -> Sequence[IntegrityReport]:
        """Compare label tables, index, passages, vectors, claims, history, feed, indexes and pages of a graph.

        Return one report for the graph; without a graph one for the database, then one for each graph. Nothing is
        changed unless `repair` is set: then what can be derived is made again, and `repaired` lists it. It reads all
        of the graph beside readers and writers. Raises NotFound.
        """
        return await checking.check_integrity(self._ports, graph, repair=repair)

    async def integrity_reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest stored reports, those of the nightly job too, oldest first; of one graph if given."""
        return await self._ports.integrity.reports(graph)
