"""Parquet, read and written."""

import datetime as dt
import io
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet as pq

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import parquet
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.kgmem.parquet_writer import FILES, ParquetWriter
from kgmem.formats.property_graph import elements
from kgmem.formats.records import Located, ReadOptions, Record, Rejected, WriteOptions
from tests.files import Parts, by_kind
from tests.records import of_kind, records
from tests.sizes import drawn


def write(items: Iterable[Record], **options: Any) -> dict[str, bytes]:
    parts = Parts()
    writer = ParquetWriter(parts.open, WriteOptions(**options))
    writer.write(items)
    writer.close()
    assert writer.lost == {}
    return parts.files


def packed(table: Any, **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(table), stream, **options)
    return stream.getvalue()


def read(raw: bytes, **told: Any) -> list[Any]:
    return list(parquet.read(io.BytesIO(raw), ReadOptions(**told)))


def made(raw: bytes, **told: Any) -> list[Any]:
    found = read(raw, **told)
    assert all(isinstance(item, Located) for item in found), found
    return [item.record for item in found]


@drawn()
@given(st.lists(records, max_size=6).map(by_kind))
def test_what_was_written_is_read_back_as_the_same(items: list[Any]) -> None:
    files = write(items)
    assert list(files) == ["sources.parquet", "nodes.parquet", "relationships.parquet", "episodes.parquet"]
    assert [dump(item) for raw in files.values() for item in made(raw)] == list(map(dump, items))


@pytest.mark.long
@given(st.data())
def test_records_of_one_kind_make_one_file(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FILES)))
    items = data.draw(st.lists(of_kind[kind], max_size=3))
    files = write(items, kind=kind)
    assert list(files) == [FILES[kind]]
    assert list(map(dump, made(files[FILES[kind]]))) == list(map(dump, items))


def test_fields_and_properties_are_typed_columns() -> None:
    items = [Entity("a", "City", place=parse_place([7.5, 46.5]), properties={"n": 5, "tags": ["x"], "name": "own"})]
    table = pq.read_table(io.BytesIO(write(items)["nodes.parquet"]))
    types = {field.name: str(field.type) for field in table.schema}
    assert (types["n"], types["tags"], types["lat"]) == ("int64", "list<element: string>", "double")
    assert table.to_pylist()[0]["properties.name"] == "own"
    assert (table.to_pylist()[0]["lon"], table.to_pylist()[0]["lat"]) == (7.5, 46.5)


def test_nodes_and_edges_are_told_by_the_usual_names_of_columns() -> None:
    nodes = packed({"id": [1, 2], "labels": [["A", "B"], ["C"]], "name": ["Ann", None], "age": [5, None]})
    assert made(nodes) == [Entity("1", "A", "Ann", {"age": 5}, labels=["B"]), Entity("2", "C")]
    for start, end, type_ in (("source", "target", "type"), ("Start", "End", "Label"), ("src", "dst", "relationship")):
        edges = packed({start: [1], end: [2], type_: ["KNOWS"], "since": [1999]})
        assert made(edges) == [elements.relationship("KNOWS", ("1", "2"), {"since": 1999})]
    assert made(packed({"src": [1], "dst": [2]}), options={"type": "R"})[0].kind == "R"
    assert made(packed({"id": ["x"]}), options={"label": "L"}) == [Entity("x", "L")]


def test_neo4js_and_gremlins_names_and_kgmems_own_are_understood() -> None:
    assert made(packed({":ID(P)": ["1"], ":LABEL": ["A;B"], "n:int": [5]})) == [
        Entity("P:1", "A", labels=["B"], properties={"n": 5})
    ]
    (edge,) = made(packed({"~id": ["e"], "~from": ["a"], "~to": ["b"], "~label": ["R"]}), options={"edge_ids": "key"})
    assert edge == Relationship("R", "a", "b", key="e")
    assert made(packed({"key": ["a"], "label": ["L"], "x:integer": ["y"]})) == [
        Entity("a", "L", properties={"x:integer": "y"})
    ]
    assert made(packed({"from": ["a"], "to": ["b"], "kind": ["R"]})) == [Relationship("R", "a", "b")]


def test_a_mapping_tells_what_rows_are() -> None:
    mapping = {
        "table": [
            {
                "types": {"t": "epoch_ms"},
                "entity": {"key": "P:{n}", "label": "P", "valid_from": "{t}", "place": {"lat": "{y}", "lon": "{x}"}},
                "relationship": {"kind": "IN", "from": "P:{n}", "to": "{tags}", "each": "tags"},
            }
        ]
    }
    table = {"n": [1], "t": [0], "x": [7.5], "y": [46.5], "tags": [["a", "b"]], "more": [{"deep": [1]}]}
    found = made(packed(table), mapping=mapping)
    assert found[0] == Entity(
        "P:1",
        "P",
        properties={"more": {"deep": [1]}},
        place=parse_place([7.5, 46.5]),
        valid_from="1970-01-01T00:00:00Z",
    )
    assert [(item.start, item.end) for item in found[1:]] == [("P:1", "a"), ("P:1", "b")]


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([1, None, 2**63], pa.uint64()), [1, None, str(2**63)]),
        (pa.array([1.5, float("nan"), None]), [1.5, None, None]),
        (pa.array([1.5], pa.float16()), [1.5]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"]),
        (pa.array([b"ab"]), ["YWI="]),
        (pa.array([0, 1500], pa.timestamp("ms")), ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01.5Z"]),
        (pa.array([1], pa.timestamp("ns", "Europe/Paris")), ["1970-01-01T00:00:00.000000001Z"]),
        (pa.array([-62_167_219_200 - 86_400], pa.timestamp("s")), ["-0001-12-31T00:00:00Z"]),
        (pa.array([dt.date(1969, 7, 20), None]), ["1969-07-20", None]),
        (pa.array([dt.time(20, 17, 40)]), ["20:17:40"]),
        (pa.array([dt.timedelta(seconds=90.5)]), ["PT90.5S"]),
        (pa.array([Decimal("12.50"), Decimal("123456789012345678.91")]), [12.5, "123456789012345678.91"]),
        (pa.array([Decimal(5)]), [5]),
        (pa.array([[{"a": 1, "b": None}], [], None]), [[{"a": 1}], [], None]),
        (pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int8())), [{"k": 1}, None]),
    ],
)
def test_values_of_arrows_types_become_json(array: Any, values: list[Any]) -> None:
    raw = packed({"id": [str(n) for n in range(len(array))], "x": array})
    found = [item.properties.get("x") for item in made(raw)]
    assert found == values
    assert list(map(type, found)) == list(map(type, values))


def test_a_row_that_makes_no_record_is_told_by_its_number() -> None:
    found = read(packed({"id": ["a", None, "c"], "x": [1.0, 2.0, float("inf")]}))
    assert [type(item) for item in found] == [Located, Rejected, Rejected]
    assert [item.line for item in found] == [1, 2, 3]
    assert "id is empty" in found[1].reason
    assert "not finite" in found[2].reason
    assert found[1].record == '{"x":2.0}'


def test_a_stream_that_cannot_be_read_anywhere_is_spooled() -> None:
    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    assert len(list(parquet.read(Pipe(packed({"id": ["a"]})), ReadOptions()))) == 1


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "not Parquet"),
        (b"key,label\na,b\n", "not Parquet"),
        (packed({"id": ["a"]})[:-20] + b"PAR1", "not Parquet"),
        (b"PAR1" + b"\x00" * 50 + (2**31 - 1).to_bytes(4, "little") + b"PAR1", "not Parquet"),
        (packed({"title": ["a"]}), "do not tell what the rows are"),
        (packed({"from": ["a"], "to": ["b"]}), "no column :TYPE"),
        (packed({"id": ["a"], "x": pa.array([1], pa.duration("s"))}, store_schema=False), None),
    ],
)
def test_a_file_that_is_something_else_is_refused(raw: bytes, says: str | None) -> None:
    if says is None:
        assert len(read(raw)) == 1
        return
    with pytest.raises(InvalidInput, match=says):
        read(raw)


def test_a_file_that_breaks_in_the_middle_keeps_what_stands_before() -> None:
    raw = packed({"id": [f"k{n:06}" for n in range(50_000)]}, row_group_size=1000, compression="none")
    broken = raw[:400_000] + bytes(100_000) + raw[500_000:]
    found: list[Any] = []
    with pytest.raises(InvalidInput, match="broken after row") as raised:
        found.extend(parquet.read(io.BytesIO(broken), ReadOptions()))
    assert raised.value.facts["line"] > 1000


@pytest.mark.long
def test_a_file_that_claims_more_than_it_can_hold_is_refused() -> None:
    zeros = pa.array(["a" * 1_000_000] * 200)
    with pytest.raises(TooLarge, match="claims"):
        read(packed({"id": zeros}, compression="zstd", compression_level=19, use_dictionary=False))
    nested: Any = pa.int64()
    for _ in range(30):
        nested = pa.list_(nested)
    with pytest.raises(InvalidInput, match="nested more than"):
        read(packed({"id": ["a"], "x": pa.array([None], nested)}))


def test_an_option_of_csv_is_none_of_parquet() -> None:
    with pytest.raises(InvalidInput, match="no option 'quote'"):
        read(packed({"id": ["a"]}), options={"quote": "'"})
