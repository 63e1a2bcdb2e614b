"""What is imported record by record makes the graph that the same records make when they are put one by one."""

import asyncio
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.formats.wire import from_wire
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from tests.integration.test_import_export import adds_up, everything
from tests.invariants import assert_index_matches_labels
from tests.memories import DIMENSION, let_go, new_graph, stable_vector
from tests.sizes import examples, sized

LONG = "A sentence of a long text. " * 60
TEXTS = st.sampled_from(
    ["Ann", "", " ", "\n", "\x1c", "\u3000", 'say "hi"', "x\\y", "two\nlines", "é\U0001f600", "\x7f", LONG, "y" * 201]
)
LEAVES = st.none() | st.booleans() | st.sampled_from([0, -1, 2**63 - 1, -(2**63), 1.5, -0.0, 1e-7, 1e300]) | TEXTS
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "é b", ""]), inner),
    max_leaves=5,
)
NAMES = ["size", "note", "name", "text", "name_", "key", "key__", "aliases", "place", "labels", "source", "kind", "é b"]
TIMES = st.none() | st.sampled_from(["1969", "-0044-03-15", "1969-07-20T20:17:40.5Z", "9999-12-31", "-4000"])
SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [2, 0.5], [2, 2], [0, 2], [0, 0]]]}
PLACES = st.sampled_from(
    [None, {"type": "Point", "coordinates": [1e-7, -33.25]}, {"type": "Point", "coordinates": [1, 2, 3]}, SQUARE]
)
FRACTIONS = st.sampled_from([None, 0, 0.25, 1])


def without_nothing(shape: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shape.items() if value is not None}


ENTITIES = st.fixed_dictionaries(
    {"type": st.just("entity"), "key": st.sampled_from(["k1", "k2", " ", "k\u3000"])},
    optional={
        "label": st.sampled_from(["Person", "Place of work"]),
        "name": TEXTS,
        "text": TEXTS,
        "labels": st.lists(st.sampled_from(["Worker", "Chief", 'Quo"ted']), max_size=3, unique=True),
        "place": PLACES,
        "valid_from": TIMES,
        "source": st.sampled_from(["s", 's"2']),
        "scope": st.sampled_from(["", "user/1"]),
        "properties": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    },
).map(without_nothing)
RELATIONSHIPS = st.fixed_dictionaries(
    {
        "type": st.just("relationship"),
        "from": st.just("e1"),
        "to": st.sampled_from(["e1", "e2"]),
        "kind": st.just("KNOWS"),
    },
    optional={
        "key": st.sampled_from(["r1", "r2"]),
        "text": TEXTS,
        "valid_from": TIMES,
        "strength": FRACTIONS,
        "confidence": FRACTIONS,
        "source": st.sampled_from(["s", "t"]),
        "scope": st.sampled_from(["", "user/1"]),
        "properties": st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=4),
    },
).map(without_nothing)  # fmt: skip
ENDS = [{"type": "entity", "key": key} for key in ("e1", "e2")]


async def imported(memory: Memory, lines: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Import lines record by record; gives the graph, and how many lines are rejected."""
    graph = await new_graph(memory, f"imported_{uuid4().hex[:12]}")
    data = "".join(json.dumps(each) + "\n" for each in lines).encode()
    # What begins with a byte order mark is not read in columns.
    result = await memory.imports.run(graph, [io.BytesIO(b"\xef\xbb\xbf" + data)], ImportOptions(format="jsonl"))
    assert adds_up(result)
    return graph, result.rejected


async def put(memory: Memory, lines: Sequence[dict[str, Any]]) -> tuple[str, int]:
    """Put the same records one after the other; gives the graph, and how many are refused."""
    graph, refused = await new_graph(memory, f"put_{uuid4().hex[:12]}"), 0
    for each in lines:
        told = {name: value for name, value in each.items() if name != "type"}
        try:
            record: Any = from_wire(each["type"], told)
            await (memory.entities if each["type"] == "entity" else memory.relationships).put(graph, [record])
        except InvalidInput:
            refused += 1
    return graph, refused


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(lines=st.lists(ENTITIES | RELATIONSHIPS, max_size=8))
@example(lines=[{"type": "entity", "key": " ", "properties": {"note": "x", "name": "Ann", "text": LONG, "size": None}}])
@example(lines=[{"type": "entity", "key": "k1", "text": "", "properties": {"note": "x", "name_": "y", "aliases": "z"}}])
async def test_imported_records_make_the_graph_that_single_ones_make(memory: Memory, lines: Any) -> None:
    lines = [*ENDS, *sorted(lines, key=lambda each: each["type"])]  # Relationships are stored after entities.
    found = []
    for graph, refused in (await imported(memory, lines), await put(memory, lines)):
        found.append((refused, await everything(memory, graph)))
        await assert_index_matches_labels(memory, graph)
        await let_go(memory, graph)
    assert found[0] == found[1]


async def test_relationships_of_many_files_are_rejected_by_file_and_line(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    files = [tmp_path / f"{n}.jsonl" for n in range(3)]
    edge = {"type": "relationship", "kind": "KNOWS", "from": "e1"}
    for n, file in enumerate(files):
        lines = [
            *ENDS,
            {**edge, "to": "e2", "properties": {"n": [n]}},
            {**edge, "to": f"nobody {n}", "text": "A text."},
        ]
        file.write_bytes(b"\xef\xbb\xbf" + b"".join(orjson.dumps(each) + b"\n" for each in lines))
    result = await memory.imports.run(graph, files)
    assert [(each.file, each.line) for each in result.rejections] == [(f"{n}.jsonl", 4) for n in range(3)]
    (edge_,) = (await memory.relationships.list(graph)).items
    assert edge_.properties == {"n": [2]}  # What is said last holds.


async def test_vectors_of_records_are_those_that_are_put(memory: Memory) -> None:
    vectors = [stable_vector("one"), [3 * each for each in stable_vector("two")], [1e-6] * DIMENSION]
    lines = [{"type": "entity", "key": f"k{n}", "embedding": vector} for n, vector in enumerate(vectors)]
    nowhere = {"type": "entity", "key": "k4", "embedding": [0] * DIMENSION}
    stored = []
    for graph, refused in (await imported(memory, [*lines, nowhere]), await put(memory, [*lines, nowhere])):
        assert refused == 1
        records = memory.exports.items(graph)
        stored.append({record.key: list(record.embedding) async for record in records})
    assert stored[0] == stored[1]
    assert len(stored[0]) == len(lines)


async def test_what_a_later_file_states_holds_however_the_files_are_read(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    in_columns, by_itself = tmp_path / "first.csv", tmp_path / "second.jsonl"
    in_columns.write_text("key,name,rank\nk,First,1\n")
    by_itself.write_text('{"type": "entity", "key": "k", "name": "Second", "properties": {"rank": [2]}}\n')
    await memory.imports.run(graph, [in_columns, by_itself])
    stored = await memory.entities.get(graph, "k")
    assert (stored.name, stored.properties) == ("Second", {"rank": [2]})
    await memory.imports.run(graph, [by_itself, in_columns])
    stored = await memory.entities.get(graph, "k")
    assert (stored.name, stored.properties) == ("First", {"rank": 1})


async def test_properties_nested_too_deeply_cost_only_their_record(memory: Memory) -> None:
    lines = []
    for depth in range(248, 258):
        value: Any = 1
        for _ in range(depth):
            value = [value]
        lines.append({"type": "entity", "key": f"k{depth}", "properties": {"deep": value}})
    graph, rejected = await imported(memory, lines)
    assert 0 < rejected < len(lines)
    keys = [entity.key for entity in (await memory.entities.list(graph)).items]
    assert sorted(keys) == [each["key"] for each in lines[: len(lines) - rejected]]
    await let_go(memory, graph)


async def test_an_import_that_is_stopped_while_it_is_registered_is_noted_as_failed(
    memory: Memory, graph: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "one.jsonl"
    file.write_text('{"key": "a"}\n')
    register: Any = type(memory.ports.imports)
    begin, registered, answer = register.begin, asyncio.Event(), asyncio.Event()

    async def slow(*arguments: Any, **options: Any) -> int:
        id_: int = await begin(*arguments, **options)
        registered.set()
        await answer.wait()
        return id_

    monkeypatch.setattr(register, "begin", slow)
    running = asyncio.create_task(memory.imports.run(graph, [file]))
    await registered.wait()
    running.cancel()
    await asyncio.sleep(0)
    answer.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    (stopped,) = await memory.imports.list(graph)
    assert (stopped.state, stopped.error) == ("failed", "The import was stopped.")
