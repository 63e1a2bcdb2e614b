"""Withdraw what a text stated and states no more, with the entities that only reading made."""

from collections.abc import Sequence
from typing import Final

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import DeleteResult
from kgmem.domain.text.extraction_result import FOUND_BY
from kgmem.domain.text.queue import ExtractedEpisode, SettleResult
from kgmem.services.claims import claim as claiming
from kgmem.services.claims import supersede as succeeding
from kgmem.services.ports import Ports

_OURS: Final = frozenset({"aliases", FOUND_BY, "geonames", "born", "died", "consensus"})
_MOST_TOLD: Final = 1_000_000


async def settle(ports: Ports, graph: str, episodes: Sequence[ExtractedEpisode]) -> None:
    """Store what was extracted from episodes; withdraw it for those that were forgotten meanwhile."""
    settled = await ports.extractions.settle(graph, episodes)
    for scope in sorted({scope for scope, _ in settled.left_claims}):
        gone = [id_ for each, id_ in settled.left_claims if each == scope]
        await succeeding.succeed(ports, graph, await withdraw(ports, graph, gone, scope))
    await take_back(ports, graph, settled)


async def withdraw_former(ports: Ports, graph: str, episodes: Sequence[ExtractedEpisode]) -> set[succeeding.Topic]:
    """Withdraw what episodes claimed when they were read before, and do not claim now; return its topics."""
    by_scope: dict[str, list[ExtractedEpisode]] = {}
    for each in episodes:
        by_scope.setdefault(each.unread.episode.scope, []).append(each)
    topics: set[succeeding.Topic] = set()
    for scope, mine in by_scope.items():
        keys = [each.unread.episode.key or "" for each in mine]
        now = {claim.id for each in mine for claim in each.claims}
        before = await ports.extractions.told(graph, keys, scope, _MOST_TOLD)
        gone = [int(each.key) for each in before if each.kind == "claim" and int(each.key) not in now]
        topics |= await withdraw(ports, graph, gone, scope)
    return topics


async def withdraw(ports: Ports, graph: str, claims: Sequence[int], scope: str) -> set[succeeding.Topic]:
    """Withdraw claims; return their topics, where other claims may last longer now."""
    if not claims:
        return set()
    topics = await ports.extractions.topics(graph, claims)
    await claiming.withdraw(ports, graph, claims, scope)
    return {(scope, subject, predicate) for subject, predicate in topics}


async def take_back(ports: Ports, graph: str, settled: SettleResult) -> tuple[DeleteResult, set[str]]:
    """Delete the entities that only reading made and that nothing says or is joined to any more.

    Returns what went, counted, and the keys of these entities. Relationships that go with them are similarities, which
    are derived of their vectors.
    """
    entities = similarities = 0
    went: set[str] = set()
    for scope in sorted({scope for scope, _ in settled.left_entities}):
        keys = [key for each, key in settled.left_entities if each == scope]
        ours = [
            key for key in await ports.extractions.lonely(graph, scope, keys) if await is_ours(ports, graph, key, scope)
        ]
        if ours:
            gone = await ports.store.delete_entities(graph, ours, scope, None)
            entities, similarities = entities + gone.entities, similarities + gone.relationships
            went.update(set(ours) - set(gone.missing))
    return DeleteResult(entities, relationships=similarities), went


async def is_ours(ports: Ports, graph: str, key: str, scope: str) -> bool:
    """Return whether an entity is what extraction made of it and nothing else."""
    try:
        held = await ports.store.get_entity(graph, key, scope)
    except NotFound:
        return False
    return held.text is None and FOUND_BY in held.properties and set(held.properties) <= _OURS
