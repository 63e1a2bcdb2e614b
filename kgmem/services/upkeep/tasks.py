"""What a worker runs: the handler of each background task."""

from collections.abc import Mapping
from typing import Any

from kgmem.domain.derived.communities import Grouped
from kgmem.domain.derived.similarity import Connected
from kgmem.services.claims import claim as claiming
from kgmem.services.imports import import_uploads as uploading
from kgmem.services.imports import imports as undoing
from kgmem.services.ports import Ports
from kgmem.services.texts import extract as reading
from kgmem.services.upkeep import communities as grouping
from kgmem.services.upkeep import embed as embedding
from kgmem.services.upkeep import index
from kgmem.services.upkeep import link_similar as joining
from kgmem.services.upkeep import summarise as summarizing


class Tasks:
    """What a worker runs: the handler of each background task."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def queue_missing_vectors(self) -> int:
        """Ask for embedding in every graph where passages wait; gives in how many. A sweep against lost wake-ups."""
        return await embedding.defer_missing(self._ports)

    async def build_deferred_indexes(self) -> int:
        """Build the indexes that imports which died have left aside; gives in how many graphs."""
        graphs = await self._ports.imports.left_without_indexes()
        for graph in graphs:
            await self._ports.imports.build_indexes(graph)
        return len(graphs)

    async def index_facts(self, graph: str) -> None:
        """Bring the facts of a graph in line with its setting, unless they are; their vectors follow soon after."""
        await index.make_facts(self._ports, graph)

    async def queue_missing_facts(self) -> int:
        """Ask for the facts of every graph where they are not as its setting says; gives of how many graphs."""
        return await index.defer_missing(self._ports)

    async def compute_consensus(self, graph: str, *, all: bool = False) -> Mapping[str, Any]:  # noqa: A002 - a job's argument
        """Do what the job `weigh` asks for: weigh `all` claims, or only if enough is new; gives counts."""
        return await (claiming.weigh if all else claiming.weigh_due)(self._ports, graph)

    async def queue_extraction(self) -> int:
        """Ask for reading in every graph where episodes wait; gives in how many. A sweep against lost wake-ups."""
        return await reading.defer_missing(self._ports)

    async def update_similarity(self, graph: str) -> Connected:
        """Bring the similarity links of a graph in line with its entities, where somebody asked for them once."""
        return await joining.keep(self._ports, graph)

    async def queue_similarity(self) -> int:
        """Ask for the similarity links of every graph that was written to since; gives in how many."""
        return await joining.defer_missing(self._ports)

    async def update_communities(self, graph: str) -> Grouped:
        """Find communities anew in the scopes where they are kept and something was written since."""
        return await grouping.keep(self._ports, graph)

    async def queue_communities(self) -> int:
        """Ask for the communities of every graph that was written to since, but not too often; gives in how many."""
        return await grouping.defer_missing(self._ports)

    async def update_summaries(self, graph: str) -> int:
        """Sum up anew what changed: communities, and entities that were summed up once; gives how many."""
        return await summarizing.keep(self._ports, graph)

    async def queue_summaries(self) -> int:
        """Ask for the summaries of every graph where entities that were summed up have changed; gives in how many."""
        return await summarizing.defer_missing(self._ports)

    async def run_upload(self, graph: str, import_: int) -> None:
        """Import an upload, from where it was broken off; a worker's task."""
        await uploading.run_upload(self._ports, graph, import_)

    async def run_undo(self, graph: str, import_: int) -> None:
        """Take an import back out; a worker's task."""
        await undoing.undo_import(self._ports, graph, import_)

    async def tend_uploads(self) -> int:
        """Ask again for uploads that wait, and remove those that nobody needs; gives how many went."""
        return await uploading.tend_uploads(self._ports)

    async def check_integrity(self, graph: str) -> None:
        """Check a graph and store the report, as a job does. Raises NotFound."""
        await index.check_integrity(self._ports, graph, repair=False)

    async def queue_integrity_checks(self) -> int:
        """Ask for a check of every graph that has had none for a day; return of how many."""
        return await index.defer_due(self._ports)
