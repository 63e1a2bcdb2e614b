"""Parquet read in columns says what reading it row by row says."""

import io
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.graph.batch import Columns
from kgmem.formats.kgmem import parquet
from kgmem.formats.kgmem.parquet_columns import read_columns
from kgmem.formats.records import Kind, Located, ReadOptions
from tests.records import entities, relationships
from tests.sizes import drawn
from tests.tables import told
from tests.unit.test_parquet import packed, write

_ODD = st.sampled_from([None, float("nan"), float("inf"), 0.1, 1e300, 5.0, -0.0])


def both(raw: bytes) -> tuple[list[Any], list[Any]]:
    options = ReadOptions()
    return list(read_columns(io.BytesIO(raw), options)), list(parquet.read(io.BytesIO(raw), options))


@pytest.mark.parametrize(("kind", "items"), [("entity", entities()), ("relationship", relationships())])
@drawn()
@given(data=st.data())
def test_any_records_are_the_same_in_columns_and_row_by_row(kind: Kind, items: Any, data: st.DataObject) -> None:
    (raw,) = write(data.draw(st.lists(items, min_size=1, max_size=5)), kind=kind).values()
    columns, rows = both(raw)
    assert told(columns) == told(rows)


@given(st.lists(st.tuples(_ODD, _ODD, _ODD, st.none() | st.booleans()), min_size=1, max_size=5))
def test_odd_numbers_are_the_same_in_columns_and_row_by_row(rows: list[Any]) -> None:
    lat, lon, number, flag = (list(column) for column in zip(*rows, strict=True))
    table = {
        "key": [f"k{n}" for n in range(len(rows))],
        "lat": pa.array(lat, pa.float64()),
        "lon": pa.array(lon, pa.float64()),
        "number": pa.array(number, pa.float64()),
        "flag": pa.array(flag, pa.bool_()),
        "small": pa.array([n if flag else None for n in range(len(rows))], pa.int8()),
    }
    columns, single = both(packed(table))
    assert told(columns) == told(single)


def test_plain_records_come_in_columns() -> None:
    table = {
        "key": ["a", "b"],
        "label": ["L", "L"],
        "n": [1, 2],
        "deep": [None, [1]],
        "lat": [1.0, None],
        "lon": [2.0, None],
    }
    found, _ = both(packed(table))
    assert [type(item) for item in found] == [Columns, Located]
    assert len(found[0]) == 1


def test_a_latitude_without_its_longitude_is_rejected_either_way() -> None:
    columns, single = both(packed({"key": ["a", "b"], "lat": [1.0, None]}))
    assert told(columns) == told(single)
    assert "belong together" in told(columns)[1]


_ID = st.sampled_from(["a", "b", "A B", "", None])
_ANY_TEXT = st.sampled_from([None, "", "x", " y ", "A;B", "1969", "soon", "~e", 'q"\\'])
_NAMES = st.sampled_from(
    ["name", "text", "n", "valid_from", "valid_to", "lat", "lon", "longitude", "x_", "label_", "kgmem_source",
     "kgmem_scope", "kgmem_key", "kgmem_keyless", "kgmem_from", "kgmem_strength", "kgmem_other", "place", "key"]
)  # fmt: skip
_COLUMNS: dict[str, Any] = {
    "string": (_ANY_TEXT, pa.string()),
    "float": (_ODD, pa.float64()),
    "integer": (st.sampled_from([None, 0, 7, 1969, -(2**63)]), pa.int64()),
    "boolean": (st.none() | st.booleans(), pa.bool_()),
    "list": (st.sampled_from([None, [], ["x"]]), pa.list_(pa.string())),
}


@st.composite
def graph_tables(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, str]]:
    """A table of nodes or edges as other systems write them, and options for it."""
    count = draw(st.integers(1, 5))
    edges = draw(st.booleans())
    gremlin = draw(st.booleans())
    names = ["~id", "~from", "~to", "~label"] if gremlin else [":START_ID(P)", ":END_ID", ":TYPE"]
    if not edges:
        names = ["~id", "~label"] if gremlin else [":ID(P)", ":LABEL"]
    table = {name: pa.array([draw(_ID) for _ in range(count)], pa.string()) for name in names}
    for name in draw(st.lists(_NAMES, unique=True, max_size=4)):
        values, type_ = _COLUMNS[draw(st.sampled_from(sorted(_COLUMNS)))]
        table[name] = pa.array([draw(values) for _ in range(count)], type_)
    options = {
        "parallel": ("keep", "merge"),
        "edge_ids": ("between", "key", "ignore"),
        "id_space": ("prefix", "leave_out"),
        "type": ("", "R"),
    }
    return table, {name: draw(st.sampled_from(values)) for name, values in options.items()}


@drawn()
@given(graph_tables())
def test_tables_of_other_systems_are_the_same_in_columns_and_row_by_row(drawn: Any) -> None:
    table, told_options = drawn
    options = ReadOptions(options=told_options)
    raw = packed(table)
    columns = list(read_columns(io.BytesIO(raw), options))
    assert told(columns) == told(list(parquet.read(io.BytesIO(raw), options)))


def test_plain_nodes_and_edges_of_other_systems_come_in_columns() -> None:
    nodes = {"id": [1, 2], "label": ["A", "B"], "name": ["x", "y"], "lat": [1.5, None], "lon": [2.5, None], "n": [1, 2]}
    found, rows = both(packed(nodes))
    assert [type(item) for item in found] == [Columns]
    assert told(found) == told(rows)
    found, rows = both(packed({"source": ["a", "a"], "target": ["b", "b"], "type": ["R", "R"], "w": [0.5, 1e300]}))
    assert [type(item) for item in found] == [Columns]
    assert told(found) == told(rows)
