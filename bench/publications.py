"""What publications cost: recall in a graph that has some, and following an origin that changes.

Entities with words, and claims on a property of each by one agent, half of which is published to the team. The first
baseline is the p50 of the same recalls in a graph where the team states the same itself. Of a change, ours is a new
claim at an origin and the read of the published fact that follows, the baseline the same claim stated in both scopes,
and the same read. The rows are claims.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.rows import batches
from kgmem.domain.agents.publication import PublicationRequest
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

ROWS = 2_000
SHORT = 200
_WITHOUT = "unpublished"
_ASKED = 200
_SCOPE, _TEAM = "team/ada", "team"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of recalls, and of changes with the read that follows."""
    places = list(range(0, rows, max(1, rows // _ASKED)))
    async with fresh_database() as url, memory_on(url, embedder="none") as memory:
        for graph in (GRAPH, _WITHOUT):
            await memory.graphs.create(graph)
            facts = await _load(memory, graph, rows)
        await _state(memory, _WITHOUT, range(0, rows, 2), _TEAM)
        for fact in facts[::2]:
            request = PublicationRequest(_TEAM, "ada", "All need it.", item=fact, scope=_SCOPE)
            await memory.publications.publish(GRAPH, request)
        ours, base = await interleave(places * 3, _asking(memory, GRAPH), _asking(memory, _WITHOUT))
        told = f"recall in a graph with {rows // 2:,} publications, p50"
        yield compared(f"{told}, beside one without", ours.p50, base.p50, "ms", at_most=1.1)
        changes = [place for place in places if place % 2 == 0]
        ours, base = await interleave(
            changes, _changing(memory, GRAPH, [_SCOPE]), _changing(memory, _WITHOUT, [_SCOPE, _TEAM]), warm_up=10
        )
        told = "a claim at an origin and the read of the published fact, p50"
        yield compared(f"{told}, beside a claim in both", ours.p50, base.p50, "ms", at_most=3)


async def _load(memory: Memory, graph: str, rows: int) -> Sequence[int]:
    return await _state(memory, graph, range(rows), _SCOPE)


async def _state(memory: Memory, graph: str, places: Sequence[int], scope: str) -> Sequence[int]:
    facts: list[int] = []
    for some in batches(iter(places), 500):
        ships = [Entity(f"ship/{place}", "Ship", f"Aurora {place}", scope=scope) for place in some]
        await memory.entities.put(graph, ships)
        facts += (await memory.claims.put(graph, [_claim(place, "radio", "Kiel", scope) for place in some])).facts
    return facts


def _claim(place: int, source: str, value: str, scope: str) -> ClaimStatement:
    return ClaimStatement(source, f"ship/{place}", "port", value=value, scope=scope)


def _asking(memory: Memory, graph: str) -> Callable[[int], Awaitable[Any]]:
    return lambda place: memory.recall(graph, Question(What(text=f"Where is Aurora {place}?"), scope=_SCOPE))


def _changing(memory: Memory, graph: str, scopes: Sequence[str]) -> Callable[[int], Awaitable[Any]]:
    count = 0

    async def change(place: int) -> None:
        nonlocal count
        count += 1
        await memory.claims.put(graph, [_claim(place, f"web {count}", "Kiel", scope) for scope in scopes])
        page = await memory.facts.list(graph, FactFilter(_TEAM, subject=f"ship/{place}", predicate="port"))
        assert any(f"web {count}" in option.sources for fact in page.items for option in fact.options)

    return change
