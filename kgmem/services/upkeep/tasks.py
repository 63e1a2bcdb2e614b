"""Background tasks: the handler of each task that a worker runs."""

from collections.abc import Mapping
from typing import Any

from kgmem.domain.derived.communities import CommunityChanges
from kgmem.domain.derived.similarity import LinkChanges
from kgmem.domain.graph.tier import TierChanges
from kgmem.services import deliver_webhooks as delivering
from kgmem.services import follow_answers as following
from kgmem.services.agents import states as agent_states
from kgmem.services.claims import claim as claiming
from kgmem.services.distillation import triggers as distilling
from kgmem.services.erasure.in_redis import finish_postponed
from kgmem.services.imports import import_uploads as uploading
from kgmem.services.imports import imports as undoing
from kgmem.services.ledger import ledger as ledgers
from kgmem.services.ports import Ports
from kgmem.services.retention import apply as retaining
from kgmem.services.streams import sweep_streams
from kgmem.services.texts import extract as reading
from kgmem.services.upkeep import communities as grouping
from kgmem.services.upkeep import embed as embedding
from kgmem.services.upkeep import expire as expiring
from kgmem.services.upkeep import index, tiers
from kgmem.services.upkeep import link_similar as joining
from kgmem.services.upkeep import summarise as summarizing
from kgmem.services.upkeep.sweeps import defer_where


class Tasks:
    """Background tasks: the handler of each task that a worker runs."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def queue_missing_vectors(self) -> int:
        """Enqueue embedding in every graph with passages that wait, against lost wake-ups; returns for how many."""
        return await embedding.defer_missing(self._ports)

    async def build_deferred_indexes(self) -> int:
        """Build the indexes that crashed imports have left deferred; returns in how many graphs."""
        graphs = await self._ports.imports.left_without_indexes()
        for graph in graphs:
            await self._ports.imports.build_indexes(graph)
        return len(graphs)

    async def index_facts(self, graph: str) -> None:
        """Build the facts of a graph as its setting says, if they differ; their vectors follow."""
        await index.make_facts(self._ports, graph)

    async def queue_missing_facts(self) -> int:
        """Enqueue the building of facts for every graph where they differ from its setting; returns for how many."""
        return await index.defer_missing(self._ports)

    async def compute_consensus(self, graph: str, *, all: bool = False) -> Mapping[str, Any]:  # noqa: A002 - a job's argument
        """Compute the consensus of `all` claims, or of changed facts, and of all if enough is new; returns counts."""
        return await (claiming.weigh if all else claiming.weigh_due)(self._ports, graph)

    async def queue_extraction(self) -> int:
        """Enqueue extraction in every graph with episodes that wait, against lost wake-ups; returns for how many."""
        return await reading.defer_missing(self._ports)

    async def update_similarity(self, graph: str) -> LinkChanges:
        """Update the similarity links of a graph where they are enabled."""
        return await joining.keep(self._ports, graph)

    async def queue_similarity(self) -> int:
        """Enqueue the update of similarity links for every graph with changes; returns for how many."""
        return await joining.defer_missing(self._ports)

    async def update_communities(self, graph: str) -> CommunityChanges:
        """Update communities in the scopes that have them and that have changed."""
        return await grouping.keep(self._ports, graph)

    async def queue_communities(self) -> int:
        """Enqueue the update of communities for every graph with changes, but not too often; returns for how many."""
        return await grouping.defer_missing(self._ports)

    async def update_summaries(self, graph: str) -> int:
        """Summarise again what has changed: communities, and entities that have a summary; returns how many."""
        return await summarizing.keep(self._ports, graph)

    async def queue_summaries(self) -> int:
        """Enqueue the update of summaries for every graph with changed entities; returns for how many."""
        return await summarizing.defer_missing(self._ports)

    async def distil(self, graph: str) -> int:
        """Distil what is due in a graph; returns how many runs were started."""
        return await distilling.work(self._ports, graph)

    async def queue_distillation(self) -> int:
        """Enqueue distillation for every graph that has something to do; returns for how many."""
        return await distilling.defer_due(self._ports)

    async def relieve_pressure(self) -> int:
        """Distil the least used scopes while disk, database or memory are nearly full; returns how many runs."""
        high = [each for each in await self._ports.gauges.read() if each.is_high]
        return await distilling.relieve(self._ports, high) if high else 0

    async def apply_retention(self, graph: str) -> int:
        """Apply the retention rules of a graph where that is due; returns how many items were treated."""
        return await retaining.apply_due(self._ports, graph)

    async def queue_retention(self) -> int:
        """Enqueue that for every graph with rules where it is due; returns for how many."""
        return await retaining.defer_due(self._ports)

    async def run_upload(self, graph: str, import_: int) -> None:
        """Import an upload, or continue an interrupted import."""
        await uploading.run_upload(self._ports, graph, import_)

    async def run_undo(self, graph: str, import_: int) -> None:
        """Undo an import."""
        await undoing.undo_import(self._ports, graph, import_)

    async def tend_uploads(self) -> int:
        """Enqueue uploads that wait without a job, and remove unused ones; returns how many were removed."""
        return await uploading.tend_uploads(self._ports)

    async def check_integrity(self, graph: str) -> None:
        """Check a graph and store the report, as a job does. Raises NotFound."""
        await index.check_integrity(self._ports, graph, repair=False)

    async def queue_integrity_checks(self) -> int:
        """Enqueue a check of every graph without one for a day; returns for how many."""
        return await index.defer_due(self._ports)

    async def prune_states(self, graph: str) -> int:
        """Apply the retention rules of a graph's agents; returns how many versions of states were deleted."""
        return await agent_states.prune_all(self._ports, graph)

    async def expire_holds(self, graph: str) -> int:
        """Close the holds of a graph's ledger whose time is over; returns how many."""
        return await self._ports.ledger.expire(graph)

    async def queue_hold_expiry(self) -> int:
        """Enqueue the closing of such holds for every graph that has some; returns for how many."""
        return await ledgers.defer_expiry(self._ports)

    async def expire_items(self, graph: str) -> int:
        """Delete the items of a graph whose time is over; returns how many."""
        return await expiring.expire_due(self._ports, graph)

    async def queue_expiry(self) -> int:
        """Enqueue the deletion of expired items for every graph that has some; returns for how many."""
        return await expiring.defer_expiry(self._ports)

    async def finish_erasures(self) -> int:
        """Erase in Redis what could not be erased while it was away; returns how many erasures were finished."""
        return await finish_postponed(self._ports)

    async def sweep_tiers(self, graph: str) -> TierChanges:
        """Lower the tiers of what nobody uses in a graph."""
        return await tiers.sweep(self._ports, graph)

    async def queue_tiers(self) -> int:
        """Enqueue a sweep of every graph where one may find something to do; returns for how many."""
        return await tiers.defer_sweeps(self._ports)

    async def queue_pruning(self) -> int:
        """Enqueue the pruning of every graph with retention rules; returns for how many."""
        return await agent_states.defer_pruning(self._ports)

    async def trim_streams(self, graph: str) -> int:
        """Trim the streams of a graph by their settings; returns how many messages were removed."""
        return await self._ports.streams.trim_all(graph)

    async def queue_trimming(self) -> int:
        """Enqueue the trimming of every graph with streams; returns for how many."""
        await sweep_streams(self._ports)
        return await defer_where(self._ports, "trim_streams", lambda graph: self._ports.streams.in_use(graph.name))

    async def deliver_webhook(self, graph: str, webhook: int) -> int:
        """Send what a webhook has to send; returns how many events its receiver took."""
        return await delivering.deliver(self._ports, graph, webhook)

    async def follow_answers(self, graph: str) -> int:
        """Evaluate the followed answers of a graph that may have changed; returns how many were stored."""
        return await following.follow(self._ports, graph)

    async def queue_answers(self) -> int:
        """Enqueue that for each graph with followed answers that may have changed; returns for how many."""
        return await following.queue_due(self._ports)

    async def queue_webhooks(self) -> int:
        """Enqueue the delivery of each webhook that has something to send; returns for how many."""
        return await delivering.queue_due(self._ports)
