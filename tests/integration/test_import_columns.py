"""Large CSV files are read in columns: the graph must be the one that reading record by record makes."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Columns
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.statement import check_entities
from kgmem.domain.recall.question import Question, What
from kgmem.formats.kgmem import csv as rows
from kgmem.formats.kgmem.csv_columns import read_columns
from kgmem.formats.records import Located, ReadOptions
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions
from kgmem.store.graph.layout import VERTEX
from kgmem.store.load import deferred_indexes
from kgmem.store.load.deferred_indexes import LARGE, DeferredIndexes
from tests.integration.test_import_export import adds_up, everything
from tests.invariants import assert_index_matches_labels
from tests.memories import let_go, new_graph, stable_vector
from tests.sizes import examples, sized

CELLS = st.sampled_from(
    ["", "a", "b", " ", "7", "007", "-3", "1.5", "1.50", "1e5", "0.00001", "true", "False", 'say "hi"', "two\nlines",
     "x\\y", "a,b", "é", "'", "\t", "12345678901234567890", "1969", "x" * 950]
)  # fmt: skip
TIMES = st.sampled_from(["", "1969", "1969-07", "1969-07-20", "-0044-03-15", "1970", "1969-07-20T20:17:40Z", "soon"])
ENTITY = ["key", "label", "name", "valid_from", "valid_to", "lat", "lon", "size", "note:string", "text"]
DEGREES = st.sampled_from(["", "1", "1.5", "-33.25", "95", "x", "1e1"])


KEYS = st.sampled_from(["k1", "k2", "k3", "", "k 5", "k\x7f", "k\x85", "k\x9f", "k\xa0"])


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *lines])
    return text.getvalue().encode()


async def both(memory: Memory, graph: str, files: Sequence[bytes]) -> list[tuple[Any, set[str]]]:
    """What comes of files read in columns, and of the same read record by record, as options ask for."""
    found = []
    for number, options in enumerate(
        (ImportOptions(format="csv"), ImportOptions(format="csv", format_options={"delimiter": ","}))
    ):
        name = await new_graph(memory, f"{graph}-{number}-{uuid4().hex[:8]}")
        results = [await memory.imports.run(name, [io.BytesIO(data)], options) for data in files]
        told = [(r.read, r.created, r.updated, r.unchanged, r.rejected) for r in results]
        reasons = [sorted((each.line, each.reason) for each in r.rejections) for r in results]
        assert all(adds_up(r) for r in results)
        found.append(((told, reasons), await everything(memory, name)))
        await assert_index_matches_labels(memory, name)
        await let_go(memory, name)
    return found


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    entities=st.lists(
        st.tuples(
            KEYS, st.sampled_from(["", "Person", "Episode"]), CELLS, TIMES,
            TIMES, DEGREES, DEGREES, CELLS, CELLS, CELLS,
        ),
        max_size=8,
    ),
    edges=st.lists(
        st.tuples(KEYS, KEYS, st.sampled_from(["KNOWS", ""]),
                  st.sampled_from(["", "e1", "e2"]), TIMES, DEGREES, CELLS),
        max_size=6,
    ),
)  # fmt: skip
@example(entities=[("k1", "", " ", "", "", "", "", "", "", "")], edges=[])
async def test_columns_and_records_make_the_same_graph(memory: Memory, graph: str, entities: Any, edges: Any) -> None:
    files = [table(ENTITY, entities), table(["from", "to", "kind", "key", "valid_from", "strength", "since"], edges)]
    in_columns, one_by_one = await both(memory, graph, files)
    assert in_columns == one_by_one


VALUES = st.none() | st.booleans() | st.integers(-3, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
SHAPES = st.fixed_dictionaries(
    {"type": st.sampled_from(["entity", "entity", "relationship", "source", "nonsense"])},
    optional={
        "key": KEYS,
        "label": st.sampled_from(["Person", "Episode", None, 5]),
        "name": CELLS | st.none(),
        "text": CELLS,
        "place": st.just({"type": "Point", "coordinates": [1, 2.5]}),
        "valid_from": TIMES,
        "valid_to": TIMES,
        "kind": st.just("KNOWS"),
        "from": KEYS,
        "to": KEYS,
        "strength": st.sampled_from([0, 0.5, 1.0, 2.5, "x"]),
        "properties": st.dictionaries(
            st.sampled_from(["size", "note", "name", "aliases", "note_"]),
            VALUES | CELLS | st.lists(CELLS, max_size=2),
            max_size=3,
        ),
        "colour": st.just("red"),
    },
)  # fmt: skip


@sized
@settings(max_examples=examples(25), deadline=None, suppress_health_check=list(HealthCheck))
@given(shapes=st.lists(SHAPES, max_size=8), more=st.sampled_from([b"", b"\n", b"no json\n", b"[1]\n"]))
async def test_json_lines_in_columns_make_the_graph_that_records_make(
    memory: Memory, graph: str, shapes: Any, more: bytes
) -> None:
    first = {"type": "entity", "key": "k1", "name": "first"}
    data = b"".join(orjson.dumps(shape) + b"\n" for shape in [first, *shapes]) + more
    found = []
    for number, text in enumerate((data, b"\xef\xbb\xbf" + data)):  # A byte order mark is read record by record.
        name = await new_graph(memory, f"{graph}-{number}-{uuid4().hex[:8]}")
        result = await memory.imports.run(name, [io.BytesIO(text)], ImportOptions(format="jsonl"))
        assert adds_up(result)
        counts = (result.read, result.created, result.updated, result.unchanged, result.rejected)
        reasons = sorted((each.line, each.reason) for each in result.rejections)
        found.append((counts, reasons, await everything(memory, name)))
        await assert_index_matches_labels(memory, name)
        await let_go(memory, name)
    assert found[0] == found[1]


@pytest.mark.parametrize("character", ["\x01", "\x1f", "\x7f", "\x80", "\x85", "\x9f", "\xa0", "é"])
def test_columns_take_no_key_that_is_refused_in_a_record(character: str) -> None:
    key = f"k{character}"
    data = table(["key", "name"], [["a", f"Ann{character}"], [key, "Bob"]])
    held = [each for each in read_columns(io.BytesIO(data), ReadOptions()) if isinstance(each, Columns)]
    in_columns = [text for columns in held for text in columns.fields["key"].to_pylist()]
    try:
        check_entities([Entity(key)])
    except InvalidInput:
        assert key not in in_columns
    else:
        assert key in in_columns


async def test_what_an_entity_is_found_by_does_not_depend_on_the_order_of_its_properties(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity("k1", properties={"size": "large", "note": "blue"})])
    await memory.entities.put(graph, [Entity("k2", properties={"size": "large"})])
    await memory.entities.put(graph, [Entity("k2", properties={"note": "blue"})])
    await assert_index_matches_labels(memory, graph)


def test_plain_rows_come_in_columns_and_others_one_by_one() -> None:
    data = table(["key", "name", "age"], [["a", "Ann", "7"], ["b", "Bob", "x"], ["", "nobody", "1"], ["c", "", "9"]])
    found = list(read_columns(io.BytesIO(data), ReadOptions()))
    columns = [each for each in found if isinstance(each, Columns)]
    assert [each.lines.to_pylist() for each in columns] == [[2, 3, 5]]
    assert [each.line for each in found if not isinstance(each, Columns)] == [4]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_counted_alike_whatever_ends_them(end: str) -> None:
    data = f"key,name{end}a,Ann{end}b,B{end}{end}c,C{end}".encode()
    lines = [each.line for each in rows.read(io.BytesIO(data), ReadOptions()) if isinstance(each, Located)]
    found = []
    for each in read_columns(io.BytesIO(data), ReadOptions()):
        found += each.lines.to_pylist() if isinstance(each, Columns) else [each.line]
    assert sorted(found) == lines


@pytest.mark.slow
async def test_a_large_file_sets_indexes_aside_and_has_them_at_its_end(
    memory: Memory, graph: str, tmp_path: Path
) -> None:
    count = 25_000
    people, knows = tmp_path / "people.csv", tmp_path / "knows.csv"
    people.write_bytes(table(["key", "name"], [[f"p{n}", f"person {n}"] for n in range(count)]))
    knows.write_bytes(table(["from", "to", "kind"], [[f"p{n}", f"p{n // 2}", "KNOWS"] for n in range(count)]))
    before = await indexes(memory, graph)
    result = await memory.imports.run(graph, [people, knows])
    assert (result.created, result.rejected) == (2 * count, 0)
    assert {name.rpartition(".")[2] for name in await indexes(memory, graph)} >= {n.rpartition(".")[2] for n in before}
    again = await memory.imports.run(graph, [people, knows])
    assert (again.unchanged, again.created, again.updated) == (2 * count, 0, 0)


async def indexes(memory: Memory, graph: str) -> set[str]:
    store: Any = memory.ports.store
    layout = await store.catalog.layout(graph)
    async with store.database.connection() as connection:
        rows_ = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = $1", layout.index_name)
    return {row["indexdef"] for row in rows_}


async def test_a_recall_that_meets_a_text_index_set_aside_answers_and_says_so(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", name=f"apple {n}") for n in range(1200)])
    question = Question(What(text="apple 7"))
    assert any("words" in hit.retrievers for hit in (await memory.recall(graph, question)).hits)
    store: Any = memory.ports.store
    layout = await store.catalog.layout(graph)
    aside = DeferredIndexes(store.catalog)
    await aside.consider(layout, VERTEX, ["Thing"], LARGE)
    answer = await memory.recall(graph, question)
    assert not any("words" in hit.retrievers for hit in answer.hits)
    assert any("words" in reason for reason in answer.suppressed)
    assert await memory.tasks.build_deferred_indexes() == 1  # No import runs that would build it.
    assert await memory.tasks.build_deferred_indexes() == 0
    store.catalog.forget(graph)
    assert any("words" in hit.retrievers for hit in (await memory.recall(graph, question)).hits)


async def test_the_index_of_vectors_is_set_aside_by_a_load_of_many_short_batches(memory: Memory) -> None:
    graph = await new_vectors(memory, 300)
    store: Any = memory.ports.store
    layout = await store.catalog.layout(graph)
    aside = DeferredIndexes(store.catalog)
    (index,) = [each for each in await indexes(memory, graph) if "hnsw" in each]
    await aside.consider(layout, VERTEX, ["Thing"], 999, vectors=999)
    assert index in await indexes(memory, graph)
    await aside.consider(layout, VERTEX, ["Thing"], 1, vectors=1)
    assert index not in await indexes(memory, graph)
    assert any("bm25" in each for each in await indexes(memory, graph))  # Of texts there were too few.
    question = Question(What(vector=stable_vector("v7")))
    assert (await memory.recall(graph, question)).hits[0].key == "v7"
    assert await aside.build(graph) == 1
    assert index in await indexes(memory, graph)


async def test_the_index_of_many_vectors_is_kept_for_a_load_of_few(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deferred_indexes, "_LARGE_OF_VECTORS", 10)
    graph = await new_vectors(memory, 51)
    store: Any = memory.ports.store
    layout = await store.catalog.layout(graph)
    aside = DeferredIndexes(store.catalog)
    before = await indexes(memory, graph)
    await aside.consider(layout, VERTEX, ["Thing"], 10, vectors=10)
    assert await indexes(memory, graph) == before


async def new_vectors(memory: Memory, count: int) -> str:
    graph = await new_graph(memory, f"vectors_{count}")
    await memory.entities.put(graph, [Entity(f"v{n}", embedding=stable_vector(f"v{n}")) for n in range(count)])
    return graph
