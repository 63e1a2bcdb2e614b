"""Statements with a graph's names in them are kept within bounds, and go with the graph."""

from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.store.db import statements
from tests.memories import index_schema


async def test_statements_of_a_graph_go_with_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", name="Ann")])
    index = await index_schema(memory, graph)
    assert statements.kept_statements()[index] > 0

    await memory.graphs.delete(graph)

    assert not [each for each in statements.kept_statements() if each.startswith(index)]


def test_statements_of_many_graphs_and_labels_stay_within_bounds() -> None:
    for number in range(1000):
        assert f'"kgm_many_{number}"' in statements.statement("write", "read_passages", index=f"kgm_many_{number}")
    assert len(statements.kept_statements()) <= 200

    for number in range(12_000):
        sql = statements.statement("write", "read_vertices", index="kgm_many", graph="g", label=f"L{number}")
        assert f'"L{number}"' in sql
    assert statements.kept_statements()["kgm_many"] <= 5_000
    statements.forget_statements("kgm_many")
    assert "kgm_many" not in statements.kept_statements()
