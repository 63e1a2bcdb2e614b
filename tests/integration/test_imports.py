"""Imports beside whatever else happens: order, repetition, scopes, other writers, readers and other clients."""

from pathlib import Path
from typing import Any

from kgmem.memory import Memory
from kgmem.services.importing import ImportOptions
from tests.imports import adds_up, lines
from tests.invariants import assert_index_matches_labels


def edge(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"type": "relationship", "kind": "K", "from": start, "to": end, **more}


def node(key: str, **more: Any) -> dict[str, Any]:
    return {"type": "entity", "key": key, **more}


async def test_what_waits_for_an_end_is_merged_before_what_is_said_later_of_the_same(
    memory: Memory, graph: str
) -> None:
    file = lines(
        edge("a", "b", properties={"n": 1, "first": True}),
        edge("a", "z", key="e", properties={"n": 1}),
        node("a"),
        node("b"),
        edge("a", "b", properties={"n": 2}),
        edge("a", "b", key="e", properties={"n": 2}),
        node("z"),
    )
    result = await memory.import_files(graph, [file], ImportOptions(batch=1))
    assert (result.created, result.updated, adds_up(result)) == (5, 2, True)
    held = {r.key: r for r in (await memory.list_relationships(graph)).items}
    assert held[None].properties == {"n": 2, "first": True}
    assert (held["e"].end, held["e"].properties) == ("b", {"n": 2})
    await assert_index_matches_labels(memory, graph)


async def test_what_waits_in_a_batch_is_merged_before_what_is_said_later_under_its_key(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    file = lines(node("a"), edge("a", "z", key="e", properties={"n": 1}), edge("a", "a", key="e"), node("z"))
    await memory.import_files(graph, [file], ImportOptions(batch=3))
    (held,) = (await memory.list_relationships(graph)).items
    assert (held.end, held.properties) == ("a", {"n": 1})
    await assert_index_matches_labels(memory, graph)
