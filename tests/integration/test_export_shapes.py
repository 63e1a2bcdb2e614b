"""What goes out without an object for any record is what goes out as records, line for line."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.records import KINDS
from kgmem.memory import Memory
from kgmem.services.imports.export_records import ExportOptions
from kgmem.store.export import table_shapes
from tests.graph_files import EXTREMES
from tests.memories import cypher, new_graph, other_client, until
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

NAMES = (
    "a",
    "name",
    "text",
    "key",
    "key_",
    "source__",
    "scope",
    "labels",
    "place",
    "strength",
    "aliases",
    "::numeric",
    "NaN",
)
VALUES = [value for value in EXTREMES if not isinstance(value, str) or value.isprintable()]
properties = st.dictionaries(
    st.sampled_from(NAMES), st.sampled_from([*VALUES, "1::numeric", '"key": "x"', 'x_": 1']), max_size=4
)
scopes = st.sampled_from(["", "user/42"])
times = st.sampled_from([(None, None), ("1969", None), ("-0044-03-15", "0476"), ("1969-07-16", "1969-07-24T12:00:00Z")])


@st.composite
def entities(draw: st.DrawFn) -> Entity:
    start, end = draw(times)
    place = draw(st.sampled_from([None, [7.4, 46.9], {"type": "LineString", "coordinates": [[0, 0], [1.5, 1]]}]))
    return Entity(
        draw(st.sampled_from(["ada", 'b"\\ob', "\u00fc", "::vertex", "k_"])),
        draw(st.sampled_from(["A", "Odd label", None])), draw(st.sampled_from([None, "", "a name"])),
        draw(properties), draw(st.sampled_from([None, [], ["B", "C"]])), draw(st.sampled_from([None, "a\ntext \x01"])),
        None, parse_place(place) if place else None, start, end, draw(st.sampled_from([None, "nasa"])), draw(scopes),
    )  # fmt: skip


@st.composite
def relationships(draw: st.DrawFn) -> Relationship:
    start, end = draw(times)
    return Relationship(
        draw(st.sampled_from(["KNOWS", "is of"])), "x", draw(st.sampled_from(["x", "y"])),
        key=draw(st.sampled_from([None, "r1", "r_"])), properties=draw(properties),
        text=draw(st.sampled_from([None, "t"])), valid_from=start, valid_to=end,
        strength=draw(st.sampled_from([None, 1, 0.25])), source="nasa", scope=draw(scopes),
    )  # fmt: skip


async def lines(memory: Memory, graph: str) -> tuple[list[bytes], Sequence[bytes]]:
    """The lines of an export as shapes, and those of its records."""
    stream = io.BytesIO()
    told = await memory.exports.write(graph, stream, ExportOptions(format="jsonl"))
    found = stream.getvalue().splitlines(keepends=True)
    assert sum(told.records.values()) == len(found)
    # What the graph believes stands behind what is stated, and is no shape.
    found = [line for line in found if orjson.loads(line)["type"] in KINDS]
    return sorted(found), sorted([dump(record) async for record in memory.exports.items(graph)])


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    things=st.lists(entities(), max_size=5, unique_by=lambda each: (each.scope, each.key)),
    edges=st.lists(relationships(), max_size=5),
)
async def test_every_value_scope_time_and_place_goes_out_the_same(
    memory: Memory, graph: str, things: list[Entity], edges: list[Relationship]
) -> None:
    graph = await new_graph(memory, f"{graph}-{uuid4().hex[:8]}")
    await memory.sources.put(graph, [Source("nasa", trust=0.9)])
    await memory.entities.put(graph, [Entity("x"), Entity("y", scope="user/42"), *things])
    edges = [replace(edge, scope="user/42") if edge.end == "y" else edge for edge in edges]
    keyed = {edge.key or (edge.kind, edge.end, edge.scope, edge.valid_from): edge for edge in edges}
    await memory.relationships.put(graph, list(keyed.values()))
    await memory.episodes.put(graph, [Episode("x is there", key="e", mentions=["x"])])
    found, expected = await lines(memory, graph)
    assert found == expected


@pytest.fixture
async def foreign(memory: Memory, graph: str, shared_database_url: str) -> str:
    """A graph into which another AGE client wrote what kgmem would not."""
    await memory.entities.put(graph, [Entity("x"), Entity("ada", "A", "Ada")])
    async with other_client(shared_database_url) as client:
        for text in (
            "CREATE (:A {key: 'ada', name: 'Another'})",
            "CREATE (:A {name: 5, size: 1.5::numeric, place: 'nowhere', labels: 'L', n: 1.0})",
            "CREATE (:New {key: 7, scope: '/ /', source: ['s']})",
            "MATCH (a:A), (b:Thing) CREATE (a)-[:SAW {key: 'k', strength: 'much', text: 3}]->(b)",
        ):
            await cypher(client, graph, text)
    await memory.index.sync(graph)
    return graph


async def test_what_another_client_wrote_goes_out_the_same(memory: Memory, foreign: str) -> None:
    found, expected = await lines(memory, foreign)
    assert found == expected
    assert len(found) == 8


async def test_a_key_with_a_line_feed_goes_out_the_same(memory: Memory, graph: str, shared_database_url: str) -> None:
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "CREATE (:A {key: 'two\\nlines'})")
    await memory.index.sync(graph)
    found, expected = await lines(memory, graph)
    assert found == expected
    assert len(found) == 1


async def test_a_graph_of_more_items_than_are_held_goes_out_as_records(
    memory: Memory, foreign: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_shapes, "MOST_ITEMS", 3)
    found, expected = await lines(memory, foreign)
    assert found == expected


async def none_is_lent(memory: Memory) -> bool:
    """Whether no connection is lent; the memory's own upkeep may hold one for a moment."""
    store: Any = memory.ports.store
    in_use: int = store.database.in_use
    return in_use == 0


@pytest.mark.parametrize("patience", [2.0, 0.0], ids=["read to its end", "ended with its connection"])
async def test_an_export_that_is_given_up_leaves_nothing_behind(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch, patience: float
) -> None:
    monkeypatch.setattr(table_shapes, "_BLOCK", 10_000)  # So that more is read than anybody takes.
    monkeypatch.setattr(table_shapes, "_LAST_WORDS", patience)
    await memory.entities.put(graph, [Entity(f"k{n}", properties={"p": "x" * 4000}) for n in range(500)])
    for _ in range(12):  # More often than there are connections.
        stream = memory.exports.stream(graph)
        assert await anext(stream)
        await stream.aclose()
    assert (await memory.graphs.stats(graph)).entities == 500
    await until(partial(none_is_lent, memory))


async def test_an_export_that_is_given_up_while_more_is_read_ends(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_shapes, "_BLOCK", 10_000)
    await memory.entities.put(graph, [Entity(f"k{n}", properties={"p": "x" * 4000}) for n in range(500)])
    store: Any = memory.ports.store
    given = store.export_shapes(graph, "none")
    async with asyncio.timeout(20):
        await anext(given)  # Sources go first.
        assert (await anext(given)).kind == "entity"
        await asyncio.sleep(0.5)  # So that as much waits as may.
        await given.aclose()
    await until(partial(none_is_lent, memory))


async def test_an_empty_graph_goes_out_empty(memory: Memory, graph: str) -> None:
    assert await lines(memory, await new_graph(memory, f"{graph}-empty")) == ([], [])
