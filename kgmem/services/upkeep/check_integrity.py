"""Integrity: check graphs for damage, repair what is derivable, and do so regularly."""

from collections.abc import Sequence

from kgmem.domain.errors import NotFound
from kgmem.domain.integrity import IntegrityReport
from kgmem.services.ports import Ports

EVERY = 24 * 3600.0  # Seconds between two checks of a graph by a job.
_EMBEDDED_AGAIN = frozenset({"vectors-missing", "passages-differ", "nodes-unindexed", "nodes-differ", "facts-differ"})
_WEIGHED_AGAIN = frozenset({"topics-unweighed", "states-lost", "facts-lost"})


async def check_integrity(parts: Ports, graph: str | None, *, repair: bool) -> Sequence[IntegrityReport]:
    """Check one graph, or the database and all its graphs; repair what is derivable if asked. Raises NotFound."""
    if graph is not None:
        return [await _check(parts, graph, repair=repair)]
    reports = [await parts.integrity.inspect_database()]
    for each in await parts.graphs.list():
        try:
            reports.append(await _check(parts, each.name, repair=repair))
        except NotFound:  # Dropped meanwhile.
            continue
    return reports


async def _check(parts: Ports, graph: str, *, repair: bool) -> IntegrityReport:
    if not repair:
        return await parts.integrity.inspect(graph)
    report = await parts.integrity.repair(graph)
    repaired = {each.check for each in report.repaired}
    if repaired & _EMBEDDED_AGAIN:
        await parts.jobs.defer("embed", graph=graph)
    if repaired & _WEIGHED_AGAIN:
        await parts.jobs.defer("compute_consensus", graph=graph)
    return report


async def defer_due(parts: Ports) -> int:
    """Ask for a check of every graph whose newest report is a day old; return of how many."""
    due = await parts.integrity.due(EVERY)
    for graph in due:
        await parts.jobs.defer("check_integrity", graph=graph)
    if due:
        await parts.integrity.inspect_database()
    return len(due)
