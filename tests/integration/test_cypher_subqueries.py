"""Queries inside of queries whose patterns have parts without names, as those around them have."""

import pytest

from kgmem.memory import Memory
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    text = "CREATE (m:M)<-[:CREW {role: 'pilot'}]-(:P {name: 'Ann'}), (m)<-[:CREW {role: 'guest'}]-(:P {name: 'Bob'})"
    await asked(memory, text)
    return memory


@pytest.mark.parametrize(
    "inside",
    [
        "EXISTS { MATCH (m)<-[:CREW {role: 'guest'}]-() }",
        "EXISTS { (m)<-[:CREW {role: 'guest'}]-({name: 'Bob'}) }",
        "(m)<-[:CREW {role: 'guest'}]-()",
        "COUNT { (m)<-[:CREW* {role: 'guest'}]-() } = 1",
        "[(m)<-[:CREW {role: 'guest'}]-(x) | x.name] = ['Bob']",
        "EXISTS { (m)<-[:CREW {role: 'guest'}]-() WHERE EXISTS { (m)<-[:CREW {role: 'pilot'}]-({name: 'Ann'}) } }",
    ],
)
async def test_parts_without_names_are_none_of_those_around(memory: Memory, inside: str) -> None:
    text = f"MATCH (a:P)-[:CREW {{role: 'pilot'}}]->(m) WHERE {inside} RETURN a.name"
    assert await rows(memory, text) == ["Ann"]
    other = text.replace("'guest'", "'captain'").replace("-[:CREW {role: 'captain'}]->(m)", "-[:CREW]->(m)")
    assert await rows(memory, other) == []
