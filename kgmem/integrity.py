"""The part of the facade about integrity: damage of graphs, found and repaired."""

from collections.abc import Sequence

from kgmem.domain.integrity import IntegrityReport
from kgmem.services.ports import Ports
from kgmem.services.upkeep import check_integrity as checking


class Integrity:
    """Checks of what a graph stores against what it is derived from."""

    parts: Ports

    async def check_integrity(self, graph: str | None = None, *, repair: bool = False) -> Sequence[IntegrityReport]:
        """Compare label tables, index, passages, vectors, claims, history, feed, indexes and pages of a graph.

        Return one report for the graph; without a graph one for the database, then one for each graph. Nothing is
        changed unless `repair` is set: then what can be derived is made again, and `repaired` lists it. It reads all
        of the graph beside readers and writers. Raises NotFound.
        """
        return await checking.check_integrity(self.parts, graph, repair=repair)

    async def integrity_reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest stored reports, those of the nightly job too, oldest first; of one graph if given."""
        return await self.parts.integrity.reports(graph)

    async def run_integrity_check(self, graph: str) -> None:
        """Check a graph and store the report, as a job does. Raises NotFound."""
        await checking.check_integrity(self.parts, graph, repair=False)

    async def defer_integrity_checks(self) -> int:
        """Ask for a check of every graph that has had none for a day; return of how many."""
        return await checking.defer_due(self.parts)
