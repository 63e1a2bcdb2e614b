"""CSV read in columns says what reading it row by row says."""

import csv as tables
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.batch import Columns
from kgmem.formats.kgmem import csv
from kgmem.formats.kgmem.csv_columns import read_columns
from kgmem.formats.records import Located, ReadOptions
from tests.data import plain
from tests.tables import told

_CELLS = st.sampled_from(
    ["", "a", "b", " y ", "A;B", "007", "7", "-0", "+3", "1.5", "1.50", ".5", "1e3", "1e300", "-33.6366996765137",
     "true", "True", "1969", "1969-07-20", "soon", "~e", "2020-01-01T10:00:00Z", "x y", 'say "hi"', "{x:1,y:2}", "é",
     "\\"]
)  # fmt: skip
_IDS = st.sampled_from(["a", "b", "A B", "7", "", "~x"])
_NAMES = st.sampled_from(
    ["name", "text", "n", "valid_from", "valid_to", "lat", "lon", "longitude", "x_", "label", "kgmem_source",
     "kgmem_scope", "kgmem_key", "kgmem_keyless", "kgmem_to", "kgmem_confidence", "kgmem_record", "place", "key", "a:b"]
)  # fmt: skip
_TYPES = st.sampled_from(["", ":string", ":int", ":double", ":boolean", ":string[]", ":date", ":point", ":IGNORE"])


@st.composite
def graph_tables(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """A table of nodes or edges under another system's header, and options for it."""
    gremlin, edges = draw(st.booleans()), draw(st.booleans())
    if edges:
        header = ["~id", "~from", "~to", "~label"] if gremlin else [":START_ID(P)", ":END_ID", ":TYPE"]
    else:
        header = (
            ["~id", "~label"]
            if gremlin
            else [draw(st.sampled_from(["id:ID(P)", ":ID", "id:ID{id-type:int}"])), ":LABEL"]
        )
    own = [name + draw(_TYPES) for name in draw(st.lists(_NAMES, unique=True, max_size=4))]
    text = io.StringIO()
    writer = tables.writer(text, lineterminator=draw(st.sampled_from(["\n", "\r\n"])))
    writer.writerow([*header, *own])
    for _ in range(draw(st.integers(1, 5))):
        writer.writerow([*(draw(_IDS) for _ in header), *(draw(_CELLS) for _ in own)])
    options = {
        "parallel": ("keep", "merge"),
        "edge_ids": ("between", "key", "ignore"),
        "id_space": ("prefix", "leave_out"),
        "type": ("", "R"),
    }
    return text.getvalue(), {name: draw(st.sampled_from(values)) for name, values in options.items()}


def both(text: str | bytes, **options: str) -> tuple[list[Any], list[Any]]:
    raw, told_options = text.encode() if isinstance(text, str) else text, ReadOptions(options=options)
    return list(read_columns(io.BytesIO(raw), told_options)), list(csv.read(io.BytesIO(raw), told_options))


def outcome(text: str, read: Any, options: dict[str, str]) -> Any:
    try:
        return told(read(io.BytesIO(text.encode()), ReadOptions(options=options)))
    except InvalidInput as error:
        return str(error)


@given(graph_tables())
def test_any_table_of_another_system_is_the_same_in_columns_and_row_by_row(drawn: Any) -> None:
    text, options = drawn
    assert outcome(text, read_columns, options) == outcome(text, csv.read, options)


def test_plain_nodes_and_edges_come_in_columns() -> None:
    columns, rows = both(":ID(P),:LABEL,name,n:int,w:double\n1,A,x,5,0.1\n2,B,y,,1e3\n")
    assert [type(item) for item in columns] == [Columns]
    assert told(columns) == told(rows)
    columns, rows = both("~id,~from,~to,~label,dist:int\n1,a,b,R,5\n2,a,b,R,\n3,a,,R,1\n")
    assert [type(item) for item in columns[:1]] == [Columns]
    assert told(columns) == told(rows)


def test_properties_beyond_their_bounds_are_rejected_either_way() -> None:
    for text in (
        f"from,to,kind,note\na,b,R,{'x' * 70_000}\na,b,R,y\n",
        f":START_ID,:END_ID,:TYPE,note\na,b,R,{'x' * 70_000}\na,b,R,y\n",
        ":ID," + ",".join(f"a-rather-long-name-{n}:int" for n in range(4000)) + "\na" + ",1" * 4000 + "\n",
    ):
        columns, rows = both(text)
        assert told(columns) == told(rows)
        assert "the most" in str(told(columns)[2])


@pytest.mark.long
def test_the_air_routes_are_the_same_in_columns_and_row_by_row() -> None:
    for part, plain_ones in (("nodes", 3748), ("edges", 57_645)):
        columns, rows = both(plain(f"spatial_airroutes/air-routes-latest-{part}.csv.xz"))
        assert told(columns) == told(rows)
        assert sum(len(item) for item in columns if isinstance(item, Columns)) >= plain_ones
        assert all(isinstance(item, Columns | Located) for item in columns)
