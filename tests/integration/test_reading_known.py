"""Texts speak of entities that are known under other keys, and of such as were merged: nothing grows by that."""

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.text.resolution import NewMerge
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.memories import new_graph, with_ports


@pytest.fixture
def memory(memory: Memory) -> Memory:
    return with_ports(memory, extractor=OfflineExtractor())


async def read(memory: Memory, graph: str, text: str, key: str) -> None:
    await memory.episodes.put(graph, [Episode(text, key, "2024-01-05", source="news", extract=True)])
    await memory.extraction.run(graph)


async def keys(memory: Memory, graph: str) -> set[str]:
    return {entity.key for entity in (await memory.entities.list(graph, limit=1000)).items}


async def joined(memory: Memory, graph: str) -> set[str]:
    edges = (await memory.relationships.list(graph, limit=1000)).items
    return {end for edge in edges for end in (edge.start, edge.end)}


async def test_who_is_held_under_another_key_is_known_by_name(memory: Memory) -> None:
    graph = await new_graph(memory, "known")
    await memory.entities.put(
        graph,
        [
            Entity("person/armstrong", "Person", name="Neil Armstrong"),
            Entity("company/ibm", "Organization", name="Marie Curie"),  # Of that name, and of another type.
        ],
    )
    text = "Neil Armstrong worked for Boeing. Marie Curie worked for Siemens."
    (would,) = await memory.extraction.preview(graph, [Episode(text, "t0", extract=True)])
    told = {(str(each["key"]), each["new"]) for each in would.entities}
    assert ("person/armstrong", False) in told
    await read(memory, graph, text, "t1")
    held = await keys(memory, graph)
    assert "Neil Armstrong" not in held
    assert any(key.startswith("Marie Curie") for key in held)
    assert "person/armstrong" in await joined(memory, graph)


async def test_the_same_texts_after_a_merge_bring_nothing_new(memory: Memory) -> None:
    graph = await new_graph(memory, "again")
    text = "Maria Sklodowska worked for Siemens. Marie Curie worked for Boeing."
    await read(memory, graph, text, "t1")
    assert {"Maria Sklodowska", "Marie Curie"} <= await keys(memory, graph)
    merged = await memory.resolution.merge(graph, NewMerge("Marie Curie", "Maria Sklodowska", "ada", "One woman."))
    before = await keys(memory, graph)
    await read(memory, graph, text, "t2")
    assert await keys(memory, graph) == before
    await memory.resolution.undo_merge(graph, merged.id or 0, by="ada", reason="Two.")
    assert await keys(memory, graph) == before | {"Maria Sklodowska"}


async def test_what_was_merged_twice_is_known_as_what_it_is_now(memory: Memory) -> None:
    graph = await new_graph(memory, "twice")
    await memory.entities.put(graph, [Entity(key, "Person", name=key) for key in ("Ann Lee", "Ann B. Lee", "A. Lee")])
    await memory.resolution.merge(graph, NewMerge("Ann B. Lee", "Ann Lee", "ada", "One woman."))
    await memory.resolution.merge(graph, NewMerge("A. Lee", "Ann B. Lee", "ada", "One woman."))
    await read(memory, graph, "Ann Lee worked for Boeing.", "t1")
    assert "Ann Lee" not in await keys(memory, graph)
    assert "A. Lee" in await joined(memory, graph)
