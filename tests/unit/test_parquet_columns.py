"""Parquet read in columns says what reading it row by row says."""

import io
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.batch import Columns
from kgmem.formats import parquet
from kgmem.formats.jsonl import dump
from kgmem.formats.parquet_columns import read_columns
from kgmem.formats.records import Kind, Located, ReadOptions, Rejected
from kgmem.formats.wire import from_wire
from tests.records import entities, relationships
from tests.unit.test_parquet import packed, write

_ODD = st.sampled_from([None, float("nan"), float("inf"), 0.1, 1e300, 5.0, -0.0])


def told(found: list[Any]) -> dict[int, Any]:
    """Give what each row says: its record, or why it is none."""
    rows: dict[int, Any] = {}
    for item in found:
        if isinstance(item, Columns):
            rows |= {line: dump(from_wire(item.kind, shape)) for line, shape in _shapes(item)}
        else:
            rows[item.line] = item.reason if isinstance(item, Rejected) else dump(item.record)
    return rows


def _shapes(columns: Columns) -> list[tuple[int, dict[str, Any]]]:
    found = []
    for n, line in enumerate(columns.lines.to_pylist()):
        shape: dict[str, Any] = {name: texts[n].as_py() for name, texts in columns.fields.items()}
        for name in ("lon", "lat", "strength", "confidence"):
            if shape.get(name) is not None:
                shape[name] = orjson.loads(shape[name])
        lon, lat = shape.pop("lon", None), shape.pop("lat", None)
        properties = {
            name: orjson.loads(texts[n].as_py()) if literal else texts[n].as_py()
            for name, literal, texts in columns.properties
            if texts[n].is_valid
        }
        place = {} if lon is None else {"place": [lon, lat]}
        found.append((line, {**shape, **place, **({"properties": properties} if properties else {})}))
    return found


def both(raw: bytes) -> tuple[list[Any], list[Any]]:
    options = ReadOptions()
    return list(read_columns(io.BytesIO(raw), options)), list(parquet.read(io.BytesIO(raw), options))


@pytest.mark.parametrize(("kind", "items"), [("entity", entities()), ("relationship", relationships())])
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


def test_tables_of_other_systems_are_read_row_by_row() -> None:
    found, rows = both(packed({"id": ["a"], "n": [1]}))
    assert found == rows
