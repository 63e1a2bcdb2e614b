"""Ids last as long as the node: whatever labels it loses or gets, on each interface, and after a rebuild."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.cypher import GRAPH, asked, rows
from tests.memories import new_graph, opened_memory

_IDENTITY = "elementId(n), id(n), labels(n)"


@pytest.fixture
async def memory(database_url: str) -> AsyncIterator[Memory]:
    """A node with two labels between two others."""
    async with opened_memory(database_url) as opened:
        await new_graph(opened, GRAPH)
        node = "(n:First:Second {key: 'n', x: 1})"
        await asked(opened, f"CREATE (:Left {{key: 'l'}})-[:TO {{n: 1}}]->{node}-[:TO {{n: 2}}]->(:Right {{key: 'r'}})")
        yield opened


async def _one(memory: Memory, text: str, **parameters: Any) -> Any:
    (found,) = await rows(memory, text, parameters)
    return found


async def _labels_by(memory: Memory) -> dict[str, int]:
    """Return how many nodes are found by each label."""
    names = ("First", "Second", "Third", "Left")
    return {name: await _one(memory, f"MATCH (n:{name}) RETURN count(n)") for name in names}


async def test_a_node_that_loses_its_first_label_keeps_its_id(memory: Memory) -> None:
    before = await _one(memory, f"MATCH (n {{key: 'n'}}) RETURN {_IDENTITY}")
    edges = await rows(memory, "MATCH ()-[r]->() RETURN elementId(r), r.n, elementId(startNode(r)) ORDER BY r.n")
    changed = await _one(memory, f"MATCH (n:First) REMOVE n:First RETURN {_IDENTITY}")
    assert changed == (*before[:2], ["Second"])
    assert await _one(memory, f"MATCH (n {{key: 'n'}}) RETURN {_IDENTITY}") == changed
    assert await _one(memory, f"MATCH (n) WHERE elementId(n) = $id RETURN {_IDENTITY}", id=before[0]) == changed
    assert await _labels_by(memory) == {"First": 0, "Second": 1, "Third": 0, "Left": 1}
    after = await rows(memory, "MATCH ()-[r]->() RETURN elementId(r), r.n, elementId(startNode(r)) ORDER BY r.n")
    assert after == edges
    assert await rows(memory, "MATCH (:Left)-->(n)-->(:Right) RETURN labels(n)") == [["Second"]]
    assert await rows(memory, "MATCH (n) WHERE NOT n:First AND n.key = 'n' RETURN labels(n)") == [["Second"]]


async def test_each_change_of_labels_leaves_the_id(memory: Memory) -> None:
    before = (await _one(memory, f"MATCH (n:First) RETURN {_IDENTITY}"))[:2]
    changes = [
        ("REMOVE n:First SET n:Third", ["Second", "Third"]),
        ("REMOVE n:Second:Third", []),
        ("SET n:Third", ["Third"]),
        ("SET n:First REMOVE n:Third", ["First"]),
        ("SET n:Third REMOVE n:First", ["Third"]),
        ("REMOVE n:Third SET n.x = 2", []),
        ("SET n:Second", ["Second"]),
    ]
    for change, labels in changes:
        told = await _one(memory, f"MATCH (n {{key: 'n'}}) {change} RETURN {_IDENTITY}")
        assert told == (*before, labels), change
        assert await _one(memory, f"MATCH (n {{key: 'n'}}) RETURN {_IDENTITY}") == (*before, labels), change
        counts = await _labels_by(memory)
        assert counts == {name: int(name in [*labels, "Left"]) for name in counts}, change
        anything = "MATCH (n) WHERE n:% RETURN count(n)"
        assert await _one(memory, anything) == 2 + bool(labels), change
        told = await _one(memory, "MATCH (n:!%) RETURN count(n)")
        assert told == (not labels), change


async def test_other_interfaces_and_a_rebuild_show_the_same_label(memory: Memory) -> None:
    made = await memory.entities.get(GRAPH, "n")
    await asked(memory, "MATCH (n:First) SET n:Third REMOVE n:First")
    for _ in range(2):
        held = await memory.entities.get(GRAPH, "n")
        assert (held.id, held.label, held.labels) == (made.id, "Second", ["Third"])
        for label, keys in (("First", []), ("Second", ["n"]), ("Third", ["n"])):
            assert [each.key for each in (await memory.entities.list(GRAPH, label=label)).items] == keys
        assert (await memory.graphs.stats(GRAPH)).labels["Second"] == 1
        assert await _labels_by(memory) == {"First": 0, "Second": 1, "Third": 1, "Left": 1}
        await memory.index.rebuild(GRAPH)


async def test_an_entity_that_is_stated_under_another_label_keeps_its_id(memory: Memory) -> None:
    first = await memory.entities.get(GRAPH, "n")
    edge = (await memory.relationships.list(GRAPH)).items[0]
    await memory.entities.put(GRAPH, [Entity("n", "Third", "N")])
    held = await memory.entities.get(GRAPH, "n")
    assert (held.id, held.label, held.labels) == (first.id, "Third", ["Second"])
    assert held.version == first.version + 1
    assert await memory.relationships.get(GRAPH, edge.id or 0)
    await memory.entities.put(GRAPH, [Entity("n", "First", "N", labels=["Other"])])
    held = await memory.entities.get(GRAPH, "n")
    assert (held.id, held.label, held.labels) == (first.id, "First", ["Other"])
    written = await memory.relationships.put(GRAPH, [Relationship("TO", "l", "n", key="again")])
    assert written.created == 1
    assert await _one(memory, "MATCH (n:First) RETURN labels(n)") == ["First", "Other"]


async def test_an_import_leaves_ids_and_can_be_undone(memory: Memory, tmp_path: Any) -> None:
    first = await memory.entities.get(GRAPH, "n")
    file = tmp_path / "entities.jsonl"
    file.write_text('{"type": "entity", "key": "n", "label": "Third"}\n')
    result = await memory.imports.run(GRAPH, [file])
    held = await memory.entities.get(GRAPH, "n")
    assert (held.id, held.label, held.labels) == (first.id, "Third", ["Second"])
    await memory.imports.undo(GRAPH, result.id)
    held = await memory.entities.get(GRAPH, "n")
    assert (held.id, held.label, held.labels) == (first.id, "First", ["Second"])


async def test_another_client_of_age_reads_and_changes_it(memory: Memory, database_url: str) -> None:
    before = await _one(memory, f"MATCH (n:First) REMOVE n:First RETURN {_IDENTITY}")
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "ag_catalog,public"})
    try:
        await connection.execute("LOAD 'age'")
        sql = "SELECT * FROM cypher('world', $$ MATCH (n {key: 'n'}) SET n.x = 7 RETURN id(n)::int $$) AS (id bigint)"
        number = await connection.fetchval(sql.replace("id(n)::int", "id(n)").replace("id bigint", "id agtype"))
    finally:
        await connection.close()
    assert str(number) == before[0]
    await memory.index.sync(GRAPH)
    assert await _one(memory, f"MATCH (n {{x: 7}}) RETURN {_IDENTITY}") == before
