"""A full run through the façade: by evidence, without making what stood before it worse."""

import random

import pytest

from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from tests.memories import new_graph

pytestmark = pytest.mark.server

TRUE = "true"


def camps() -> list[ClaimStatement]:
    """Plant eight good sources of little coverage, and a bad one that four others repeat nearly everywhere."""
    chance = random.Random(3)
    claims = []
    for thing in range(60):
        wrong = TRUE if thing % 2 else f"copied {thing}"
        for source in range(13):
            good = TRUE if chance.random() < 0.96 else f"slip {source} {thing}"
            if chance.random() < (0.4 if source < 8 else 0.9):
                claims.append(ClaimStatement(f"s{source}", f"e{thing}", "p", value=good if source < 8 else wrong))
    return claims


async def right(memory: Memory, graph: str) -> int:
    facts = (await memory.facts.list(graph, FactFilter(predicate="p", limit=200))).items
    return sum(fact.value == TRUE for fact in facts)


async def test_a_full_run_finds_the_copies_and_not_the_good_sources(memory: Memory) -> None:
    graph = await new_graph(memory, "evidence")
    await memory.entities.put(graph, [Entity(f"e{thing}") for thing in range(60)])
    await memory.claims.put(graph, camps())
    before = await right(memory, graph)
    await memory.claims.compute_consensus(graph)
    after = await right(memory, graph)
    assert after >= before
    assert after >= 54


async def test_a_ring_of_new_names_verifies_nothing_and_units_are_one(memory: Memory) -> None:
    graph = await new_graph(memory, "ring_of_names")
    await memory.entities.put(graph, [Entity(f"e{thing}") for thing in range(60)])
    await memory.entities.put(graph, [Entity(f"lie{thing}") for thing in range(20)])
    await memory.claims.put(graph, camps())
    lies = [ClaimStatement(f"new{n}", f"lie{thing}", "q", value="lie") for n in range(8) for thing in range(20)]
    await memory.claims.put(graph, lies)
    await memory.claims.put(
        graph,
        [
            ClaimStatement("s0", "e0", "length", value="1.8 km"),
            ClaimStatement("s1", "e0", "length", value="1800 m"),
            ClaimStatement("s2", "e0", "length", value="2 km"),
        ],
    )
    await memory.claims.compute_consensus(graph)
    told = (await memory.facts.list(graph, FactFilter(predicate="q", limit=100))).items
    assert {fact.state for fact in told} == {"unverified"}
    (length,) = (await memory.facts.list(graph, FactFilter(predicate="length"))).items
    assert length.supporting == 2
    assert len(length.options) == 2
    # The next claim on such a fact is weighed by what the run learned.
    await memory.claims.put(graph, [ClaimStatement("new9", "lie0", "q", value="lie")])
    (fact,) = (await memory.facts.list(graph, FactFilter(predicate="q", subject="lie0"))).items
    assert fact.probability < 0.9
