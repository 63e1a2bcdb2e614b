"""Graphs between a memory and networkx, and through the files of graph tools, against a real Postgres."""

from pathlib import Path
from typing import Any

import networkx as nx
import pytest

import kgmem
from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.graph_files import said
from tests.memories import new_graph

ODD = {"f": 1e308, "z": -0.0, "n": 2**63 - 1, "s": "\x01 _x0001_ \n\t🚀", "l": [1, "a"], "m": {"a": [True]}, "b": False}
ENTITIES = [
    Entity("ada", "Person", "Ada", ODD, labels=["Writer"], text="A mathematician.", valid_from="1815-12-10"),
    Entity("bern", "City", place=parse_place([7.44, 46.95]), source="atlas"),
    Entity("ada", "Person", "Ada of 42", scope="user/42"),
]
RELATIONSHIPS = [
    Relationship("VISITED", "ada", "bern", properties={"days": 3}, valid_from="1843", confidence=0.9),
    Relationship("VISITED", "ada", "bern", properties={"days": 4}, valid_from="1844"),
    Relationship("LIKES", "ada", "bern", key="like", scope="user/42"),
]


async def held(memory: Memory, graph: str) -> Any:
    return said([record async for record in memory.exports.items(graph)])


@pytest.fixture
async def full(memory: Memory, graph: str) -> str:
    """A graph with something of every kind."""
    await memory.sources.put(graph, [Source("atlas", "An atlas", trust=0.9)])
    await memory.entities.put(graph, ENTITIES)
    await memory.relationships.put(graph, RELATIONSHIPS)
    await memory.episodes.put(graph, [Episode("It was cold.", mentions=["bern"], speaker="Ada", properties={"x": 1})])
    return graph


async def test_what_went_to_networkx_comes_back_the_same(memory: Memory, full: str) -> None:
    there = await kgmem.to_networkx(memory, full)
    assert isinstance(there, nx.MultiDiGraph)
    assert there.nodes["ada"]["labels"] == ["Person", "Writer"]
    assert there.nodes["ada"]["m"] == {"a": [True]}
    assert [data["days"] for _, _, data in there.out_edges("ada", data=True)] == [3, 4]
    assert there.nodes["user/42#ada"]["name"] == "Ada of 42"
    copy = await new_graph(memory, f"{full}-copy")
    result = await kgmem.from_networkx(memory, copy, there)
    assert (result.created, result.rejected) == (8, 0)
    assert await held(memory, copy) == await held(memory, full)
    again = await kgmem.from_networkx(memory, copy, there)
    assert (again.created, again.updated, again.unchanged) == (0, 0, 8)


async def test_one_scope_becomes_a_graph_of_its_own(memory: Memory, full: str) -> None:
    graph = await kgmem.to_networkx(memory, full, scope="user/42")
    assert graph.nodes["ada"]["name"] == "Ada of 42"
    with pytest.raises(NotFound):
        await kgmem.to_networkx(memory, "no-such-graph")


async def test_any_graph_of_networkx_goes_in(memory: Memory, graph: str) -> None:
    club = nx.karate_club_graph()
    club.add_node("odd", value={1, 2})
    club.add_edge("odd", 0)
    options = ImportOptions(format_options={"label_property": "club", "default_kind": "MEETS"})
    result = await kgmem.from_networkx(memory, graph, club, options)
    assert result.kinds == {"entity": 34, "relationship": 78}
    assert (result.read, result.created, result.rejected) == (35 + 79, 112, 2)
    assert "JSON" in result.rejections[0].reason
    assert (await memory.entities.get(graph, "0")).label == "Mr. Hi"
    back = await kgmem.to_networkx(memory, graph)
    assert {frozenset(edge[:2]) for edge in back.edges} == {
        frozenset(map(str, e)) for e in club.edges if "odd" not in e
    }
    with pytest.raises(InvalidInput, match="networkx, line 35"):
        await kgmem.from_networkx(memory, graph, club, ImportOptions(on_error="stop"))


@pytest.mark.parametrize("name", ["all.graphml", "all.gexf.gz"])
async def test_what_was_exported_for_a_graph_tool_makes_the_same_graph(
    memory: Memory, full: str, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    assert (await memory.exports.write(full, path)).records == {
        "source": 1,
        "entity": 3,
        "relationship": 3,
        "episode": 1,
    }
    copy = await new_graph(memory, f"{full}-copy")
    result = await memory.imports.run(copy, [path])
    assert (result.created, result.rejected) == (8, 0)
    assert await held(memory, copy) == await held(memory, full)
