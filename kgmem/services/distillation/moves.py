"""Moves of originals: to cold when a text stands for them, and back to the tier that they had."""

from collections import defaultdict

from kgmem.domain.distillation.run import OpenGroup
from kgmem.domain.graph.tier import NAMES, Tier
from kgmem.services.ports import Ports


async def to_cold(ports: Ports, graph: str, group: OpenGroup) -> None:
    """Move the originals of a group to cold; pinned ones stay."""
    await ports.tiers.move(graph, list(group.members), "cold", None)


async def restore(ports: Ports, graph: str, group: OpenGroup) -> list[str]:
    """Move the originals of a group to the tiers that they had; returns the ids of those that are gone, as texts."""
    by_tier: dict[Tier, list[int]] = defaultdict(list)
    for id_, tier in group.tiers.items():
        by_tier[NAMES[tier]].append(id_)
    for name, ids in by_tier.items():
        await ports.tiers.move(graph, ids, name, None)
    there = {each.id for each in await ports.distillation.originals(graph, list(group.members))}
    return [str(id_) for id_ in group.members if id_ not in there]
