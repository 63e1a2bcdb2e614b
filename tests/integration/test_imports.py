"""Imports beside whatever else happens: order, repetition, scopes, other writers, readers and other clients."""

from pathlib import Path
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.imports import adds_up, lines, write_lines
from tests.invariants import assert_index_matches_labels
from tests.memories import new_graph

pytestmark = pytest.mark.server


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
    result = await memory.imports.run(graph, [file], ImportOptions(batch=1))
    assert (result.created, result.updated, adds_up(result)) == (5, 2, True)
    held = {r.key: r for r in (await memory.relationships.list(graph)).items}
    assert held[None].properties == {"n": 2, "first": True}
    assert (held["e"].end, held["e"].properties) == ("b", {"n": 2})
    await assert_index_matches_labels(memory, graph)


async def test_what_waits_in_a_batch_is_merged_before_what_is_said_later_under_its_key(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    file = lines(node("a"), edge("a", "z", key="e", properties={"n": 1}), edge("a", "a", key="e"), node("z"))
    await memory.imports.run(graph, [file], ImportOptions(batch=3))
    (held,) = (await memory.relationships.list(graph)).items
    assert (held.end, held.properties) == ("a", {"n": 1})
    await assert_index_matches_labels(memory, graph)


SHOP: dict[str, Any] = {
    "labels": {
        "Book": {"properties": {"isbn": {"type": "string", "unique": True}, "title": {"required": True}}},
        "Shelf": {},
    },
    "kinds": {"ON": {"from": ["Book"], "to": ["Shelf"], "properties": {"ticket": {"unique": True}}}},
}


@pytest.mark.parametrize("batch", [2, 100])
async def test_a_value_that_shall_be_unique_costs_only_the_record_that_has_it_too(
    memory: Memory, graph: str, batch: int
) -> None:
    shop = await new_graph(memory, f"{graph}_shop", schema=SHOP)
    books = [node(f"b{n}", label="Book", properties={"isbn": str(n % 7), "title": "T"}) for n in range(10)]
    long = "".join(chr(200 + n * 7 % 5000) for n in range(6000))
    books.append(node("long", label="Book", properties={"isbn": long, "title": "T"}))
    edges = [
        {"type": "relationship", "kind": "ON", "from": f"b{n}", "to": "s", "properties": {"ticket": n // 2}}
        for n in range(4)
    ]
    result = await memory.imports.run(
        shop, [lines(*books, node("s", label="Shelf"), *edges)], ImportOptions(batch=batch)
    )
    assert {r.line for r in result.rejections} == {8, 9, 10, 11, 14, 16}
    assert (result.created, adds_up(result)) == (10, True)
    reasons = {r.line: r.reason for r in result.rejections}
    assert "isbn is unique among Book" in reasons[8]
    assert "indexed or unique" in reasons[11]
    assert "ticket is unique" in reasons[14]
    await assert_index_matches_labels(memory, shop)


@pytest.mark.parametrize("batch", [1, 100])
async def test_a_strict_graph_takes_only_relationships_between_labels_that_fit(
    memory: Memory, graph: str, batch: int
) -> None:
    shop = await new_graph(memory, f"{graph}_shop", schema=SHOP, strict=True)
    file = lines(
        {"type": "relationship", "kind": "ON", "from": "s", "to": "b", "key": "early"},
        node("b", label="Book", properties={"title": "T"}),
        node("s", label="Shelf"),
        {"type": "relationship", "kind": "ON", "from": "b", "to": "s"},
        {"type": "relationship", "kind": "ON", "from": "s", "to": "b"},
        {"type": "episode", "text": "Of b.", "mentions": ["b"]},
    )
    result = await memory.imports.run(shop, [file], ImportOptions(batch=batch))
    assert {r.line for r in result.rejections} == {1, 5}
    assert all("s -ON-> b: ON goes from Book, not from Shelf" in r.reason for r in result.rejections)
    assert (result.created, adds_up(result)) == (4, True)
    await assert_index_matches_labels(memory, shop)


async def test_what_merges_into_a_held_entity_need_not_say_again_what_is_required(memory: Memory, graph: str) -> None:
    shop = await new_graph(memory, f"{graph}_shop", schema=SHOP)
    await memory.entities.put(shop, [Entity("held", "Book", properties={"title": "T"})])
    file = lines(
        node("held", label="Book", properties={"pages": 3}),
        node("new", label="Book", properties={"title": "N"}),
        node("new", label="Book", properties={"pages": 4}),
        node("lacking", label="Book", properties={"pages": 5}),
    )
    result = await memory.imports.run(shop, [file], ImportOptions(batch=2))
    assert [r.line for r in result.rejections] == [4]
    assert (result.created, result.updated) == (1, 2)


async def test_what_is_not_plain_keeps_its_place_among_what_is(memory: Memory, graph: str) -> None:
    entities = [node("a", properties={"n": n, **({"list": [n]} if n % 3 == 1 else {})}) for n in range(40)]
    await memory.imports.run(graph, [lines(*entities)], ImportOptions(batch=1))
    held = await memory.entities.get(graph, "a")
    assert held.properties == {"n": 39, "list": [37]}
    assert held.version == 40


async def test_files_of_one_name_are_read_one_after_the_other_and_told_apart(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    paths = [tmp_path / name / "same.jsonl" for name in ("first", "second")]
    for n, path in enumerate(paths):
        path.parent.mkdir()
        write_lines(
            path, [{"type": "source", "colour": 1}, *([node("x")] * (5 - 5 * n)), node("a", properties={"n": n})]
        )
    result = await memory.imports.run(graph, paths)
    assert (await memory.entities.get(graph, "a")).properties == {"n": 1}
    assert {rejection.file for rejection in result.rejections} == set(map(str, paths))
