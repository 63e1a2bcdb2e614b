"""The retrieval index of a graph: rebuild, writes of other AGE clients, facts, and integrity checks."""

from collections.abc import Sequence

from kgmem.domain.diagnostics import IntegrityReport
from kgmem.domain.errors import NotFound
from kgmem.domain.flows.trace import count
from kgmem.domain.graph.graph import GraphStats
from kgmem.domain.slices import broken_off
from kgmem.services.claims.claim import weigh_new
from kgmem.services.ports import Ports

EVERY = 24 * 3600.0  # Seconds between two checks of a graph by a job.
_EMBEDDED_AGAIN = frozenset({"vectors-missing", "passages-differ", "nodes-unindexed", "nodes-differ", "facts-differ"})
_WEIGHED_AGAIN = frozenset({"topics-unweighed", "states-lost", "facts-lost", "properties-differ"})


async def check_integrity(ports: Ports, graph: str | None, *, repair: bool) -> Sequence[IntegrityReport]:
    """Check one graph, or the database and all graphs; repair derived data on request. Raises NotFound."""
    if graph is not None:
        return [await _check(ports, graph, repair=repair)]
    reports = [await ports.integrity.inspect_database()]
    for each in await ports.graphs.list():
        try:
            reports.append(await _check(ports, each.name, repair=repair))
        except NotFound:  # Dropped meanwhile.
            continue
    return reports


async def _check(ports: Ports, graph: str, *, repair: bool) -> IntegrityReport:
    if not repair:
        return await ports.integrity.inspect(graph)
    report = await ports.integrity.repair(graph)
    repaired = {each.check for each in report.repaired}
    if repaired & _EMBEDDED_AGAIN:
        await ports.jobs.defer("embed", graph=graph)
    if repaired & _WEIGHED_AGAIN:
        await ports.jobs.defer("compute_consensus", graph=graph)
    return report


async def defer_due(ports: Ports) -> int:
    """Enqueue a check of every graph whose newest report is older than a day; returns how many."""
    due = await ports.integrity.due(EVERY)
    for graph in due:
        await ports.jobs.defer("check_integrity", graph=graph)
    if due:
        await ports.integrity.inspect_database()
    return len(due)


# Make facts: bring what recall finds of relationships in line with the settings of graphs.


async def make_facts(ports: Ports, graph: str) -> None:
    """Build the facts of a graph (by which recall finds relationships) as its setting says. Raises NotFound."""
    await ports.graphs.get(graph)
    if graph in await ports.index.without_facts():
        await ports.index.make_facts(graph)
        if ports.embedder:
            await ports.jobs.defer("embed", graph=graph)


async def defer_missing(ports: Ports) -> int:
    """Enqueue the building of facts for every graph that needs it; returns how many."""
    graphs = await ports.index.without_facts()
    for graph in graphs:
        await ports.jobs.defer("index_facts", graph=graph)
    return len(graphs)


async def absorb(ports: Ports, graph: str | None = None) -> int:
    """Index what other AGE clients wrote into a graph, or into all graphs; returns how many items changed."""
    names = [graph] if graph is not None else [each.name for each in await ports.graphs.list()]
    changed = await ports.index.absorb_foreign_writes(graph)
    if changed:
        for name in names:
            with ports.flows.run("reconcile", name):
                count(foreign_writes=changed)
                await weigh_new(ports, name)
    return changed


class Index:
    """The retrieval index of a graph: rebuild, synchronisation with other clients, and integrity."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def rebuild(self, graph: str) -> GraphStats:
        """Rebuild the retrieval index of a graph from its label tables; returns its new counts."""
        await self._ports.index.rebuild(graph)
        if not broken_off():
            await self._ports.imports.build_indexes(graph)  # Which an import that died may have left aside.
        return await self._ports.graphs.stats(graph)

    async def sync(self, graph: str | None = None) -> int:
        """Index what other AGE clients wrote; returns how many items changed."""
        return await absorb(self._ports, graph)

    async def check_integrity(self, graph: str | None = None, *, repair: bool = False) -> Sequence[IntegrityReport]:
        """Check label tables, index, passages, vectors, claims, history, change feed, indexes and pages.

        Returns one report for the graph; without a graph one for the database and one for each graph. Nothing changes
        unless `repair` is set: then derived data is built again, and `repaired` lists it. Reads the whole graph, while
        readers and writers continue. Raises NotFound.
        """
        return await check_integrity(self._ports, graph, repair=repair)

    async def integrity_reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest stored reports, oldest first; of one graph if given."""
        return await self._ports.integrity.reports(graph)
