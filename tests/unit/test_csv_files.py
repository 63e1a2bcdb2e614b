"""CSV, read and written."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import csv
from kgmem.formats.kgmem.csv_writer import CSVWriter
from kgmem.formats.records import Kind, Located, ReadOptions, Rejected, WriteOptions
from tests.records import of_kind
from tests.sizes import drawn


def read(data: bytes | str, kind: Kind | None = None) -> list[Any]:
    raw = data.encode() if isinstance(data, str) else data
    return list(csv.read(io.BytesIO(raw), ReadOptions(kind)))


def records(data: bytes | str) -> list[Any]:
    found = read(data)
    assert all(isinstance(item, Located) for item in found), found
    return [item.record for item in found]


def rejections(data: bytes | str) -> list[Rejected]:
    return [item for item in read(data) if isinstance(item, Rejected)]


def write(items: list[Any], kind: Kind, *, escape_formulas: bool = False) -> bytes:
    stream = io.BytesIO()
    writer = CSVWriter(stream, WriteOptions(kind, escape_formulas))
    writer.write(items)
    writer.close()
    return stream.getvalue()


class Endless(io.RawIOBase):
    """A stream that begins with some bytes and goes on with others for ever."""

    def __init__(self, begin: bytes) -> None:
        self._begin = begin

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self._begin = self._begin or b"x" * len(buffer), b""
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("kind", ["entity", "relationship", "episode", "source"])
@drawn()
@given(data=st.data())
def test_what_was_written_is_read_back_as_the_same(kind: Any, data: st.DataObject) -> None:
    items = data.draw(st.lists(of_kind[kind], min_size=1, max_size=4))
    assert records(write(items, kind)) == items


def test_fields_and_properties_are_told_apart_by_the_header() -> None:
    found = records("key,label,name,lat,lon,valid_from,population\nbern,City,Bern,46.95,7.45,1191,134000\n")
    place = parse_place([7.45, 46.95])
    assert found == [Entity("bern", "City", "Bern", {"population": 134000}, place=place, valid_from="1191")]


def test_a_place_is_geojson_or_well_known_text() -> None:
    found = records(
        'key,place\na,POINT (7.45 46.95)\nb,"{""type"":""Point"",""coordinates"":[7.45,46.95]}"\nc,"[7.45, 46.95]"\n'
    )
    assert [entity.place.geometry["coordinates"] for entity in found] == [[7.45, 46.95]] * 3
    (area,) = records('key,place\nd,"POLYGON ((0 0, 2 0, 2 1, 0 0))"\n')
    assert (area.place.geometry["type"], area.place.box) == ("Polygon", (0, 0, 2, 1))
    nowhere, outside = rejections("key,place\na,somewhere\nb,POINT (500 46)\n")
    assert "neither GeoJSON nor well-known text" in nowhere.reason
    assert "not on the earth" in outside.reason


def test_lines_that_end_with_a_carriage_return_alone_are_told_as_that() -> None:
    with pytest.raises(InvalidInput, match="carriage return stands alone"):
        read("key,label\ra,T\r")
    assert "carriage return" in rejections("key,label\na,T\rb,T\n")[0].reason


def test_a_value_of_another_type_is_told_in_words() -> None:
    (found,) = rejections("key,born:integer\na,many\n")
    assert "Give an integer, or nothing." in found.reason


def test_relationships_are_told_by_from_and_to() -> None:
    assert records("from,to,kind,since\na,b,KNOWS,1999\n") == [
        Relationship("KNOWS", "a", "b", properties={"since": 1999})
    ]


def test_episodes_and_sources_are_told_by_their_columns() -> None:
    assert records("text,speaker,mentions\nHello,Ann,a;b\n") == [Episode("Hello", speaker="Ann", mentions=["a", "b"])]
    assert records("key,name,trust\nnasa,NASA,0.9\n") == [Source("nasa", "NASA", trust=0.9)]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1", "2"], [1, 2]),
        (["1", "2.5"], [1.0, 2.5]),
        (["true", "false"], [True, False]),
        (["007", "12"], ["007", "12"]),
        (["1.10", "1.9"], ["1.10", "1.9"]),
        (["1", "n/a"], ["1", "n/a"]),
        (["nan", "inf"], ["nan", "inf"]),
        (["99999999999999999999", "1"], ["99999999999999999999", "1"]),
        (["=1+1", "x"], ["=1+1", "x"]),
        (["", "5"], [None, 5]),
        (["-0", "5"], ["-0", "5"]),
        (["١", "5"], ["١", "5"]),
    ],
)
def test_a_column_has_another_type_than_text_only_where_nothing_is_lost(cells: list[str], values: list[Any]) -> None:
    found = records("key,x\n" + "".join(f"k{n},{cell}\n" for n, cell in enumerate(cells)))
    got = [item.properties.get("x") for item in found]
    assert got == values
    assert list(map(type, got)) == list(map(type, values))


def test_the_type_of_a_column_can_be_given() -> None:
    text = "key,zip:string,n:integer,f:float,b:boolean,l:list[integer],j:any,dc:title\na,012,+7,1,1,1;2,[1],T\n"
    assert records(text)[0].properties == {
        "zip": "012",
        "n": 7,
        "f": 1.0,
        "b": True,
        "l": [1, 2],
        "j": [1],
        "dc:title": "T",
    }


def test_a_cell_that_is_not_of_the_given_type_is_rejected() -> None:
    (bad,) = rejections("key,n:integer\na,1\nb,many\n")
    assert bad.line == 3
    assert "n is 'many' and not of type integer" in bad.reason


def test_a_later_cell_that_is_otherwise_stays_text() -> None:
    rows = "".join(f"k{n},{n}\n" for n in range(1200))
    assert records(f"key,x\n{rows}last,many\n")[-1].properties == {"x": "many"}


def test_line_numbers_count_the_lines_inside_of_cells() -> None:
    (bad,) = rejections('key,text\na,"one\ntwo"\n,x\n')
    assert bad.line == 4
    assert "needs key" in bad.reason


@pytest.mark.parametrize(
    ("row", "says"),
    [("a,1,2", "has 3 cells"), ("a", "has 1 cells"), ('"a"b,1', "not CSV"), ("caf\udce9,1", "not UTF-8")],
)
def test_a_bad_row_is_rejected_and_the_rest_is_read(row: str, says: str) -> None:
    found = read(f"key,x\n{row}\nb,2\n".encode(errors="surrogateescape"))
    assert says in found[0].reason
    assert found[1].record.key == "b"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("title,year\nx,1\n", "does not tell"),
        ("key,key\na,b\n", "Two columns"),
        ("key,\na,b\n", "Column 2 has no name"),
        ("from,to\na,b\n", "no column 'kind'"),
        ("key,trust,colour\na,1,red\n", "no field 'colour'"),
        ('"key\n', "does not end"),
        ("\xff\xfek\x00".encode("latin-1"), "UTF-16"),
    ],
)
def test_a_file_that_cannot_be_understood_is_refused(data: Any, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(data)


def test_a_quote_that_does_not_close_rejects_what_follows_and_keeps_what_stands_before() -> None:
    found = read('key,x\na,1\nb,"open\nc,2\n')
    assert found[0].record.key == "a"
    assert (found[1].line, len(found)) == (3, 2)
    assert "begins in the row of line 3 and does not end" in found[1].reason
    found = read('key,x\na,1\nb,"open\nc,"2"\nd,3\n')
    assert [item.line for item in found] == [2, 3]
    assert "the lines after it are unclear and were not read" in found[1].reason


def test_a_quote_that_never_closes_does_not_fill_the_memory() -> None:
    (found,) = read('key,text\na,"' + "x\n" * 3_000_000)
    assert "row of line 2 and does not end" in found.reason


def test_a_line_beyond_all_bounds_is_rejected_without_being_held() -> None:
    endless = io.BufferedReader(Endless(b"key,text\na,1\nb,"))
    found = list(csv.read(endless, ReadOptions()))
    assert [item.line for item in found] == [2, 3]
    assert "longer than 16777216 bytes" in found[1].reason
    with pytest.raises(InvalidInput, match="first line is longer"):
        list(csv.read(io.BufferedReader(Endless(b"")), ReadOptions()))


def test_a_cell_of_many_digits_is_read_at_once() -> None:
    digits = "1" * 3_000_000 + "x"
    (found,) = read(f"key,n:float\na,{digits}\n")
    assert "not of type float" in found.reason
    assert records(f"key,n\na,1.5\nb,{digits[:50]}\n")[1].properties == {"n": digits[:50]}


def test_a_header_of_too_many_columns_is_refused() -> None:
    with pytest.raises(TooLarge, match="10000 is the most"):
        read("key" + ",c" * 100_000)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"delimiter": "|"}, "key|x\na|1;2\n"),
        ({"delimiter": "pipe"}, "key|x\na|1;2\n"),
        ({"quote": "'"}, "key,x\na,'1;2'\n"),
        ({"quote": "none", "delimiter": "tab"}, "key\tx\na\t1;2\n"),
    ],
)
def test_delimiter_and_quote_are_options(options: dict[str, str], text: str) -> None:
    (found,) = csv.read(io.BytesIO(text.encode()), ReadOptions(options=options))
    assert isinstance(found, Located)
    assert found.record.properties == {"x": "1;2"}


def test_lines_of_other_lengths_than_the_header_are_taken_when_asked() -> None:
    found = list(csv.read(io.BytesIO(b"key,x\na,1,2\nb\n"), ReadOptions(options={"ragged": "accept"})))
    assert [item.record.properties for item in found] == [{"x": 1}, {}]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"delimeter": ","}, "no option 'delimeter'. Did you mean 'delimiter'"),
        ({"delimiter": "::"}, "not one character"),
        ({"parallel": "maybe"}, "'maybe'. Give one of keep, merge"),
        ({"delimiter": ",", "quote": ","}, "the same character"),
    ],
)
def test_an_option_that_is_wrong_is_refused(options: dict[str, str], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        list(csv.read(io.BytesIO(b"key\na\n"), ReadOptions(options=options)))


def test_empty_files_and_empty_lines_hold_nothing() -> None:
    assert read("") == []
    assert read("key,x\n\n,\n") == []


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter: str) -> None:
    text = "key,label,n\na,B,1\n".replace(",", delimiter)
    assert records(text) == [Entity("a", "B", properties={"n": 1})]


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter() -> None:
    assert records(b"\xef\xbb\xbfkey,name\r\na,B\r\n") == [Entity("a", name="B")]


def test_half_a_coordinate_is_rejected() -> None:
    (bad,) = rejections("key,lat,lon\na,1,\n")
    assert "belong together" in bad.reason


def test_formulas_are_written_as_they_are_unless_asked_otherwise() -> None:
    item = Entity("a", "L", "=HYPERLINK(1)", {"n": -5})
    assert b",=HYPERLINK(1),-5" in write([item], "entity")
    assert b",'=HYPERLINK(1),-5" in write([item], "entity", escape_formulas=True)


def test_a_table_has_one_kind_of_row() -> None:
    with pytest.raises(InvalidInput, match="one kind"):
        CSVWriter(io.BytesIO(), WriteOptions())
    assert write([Source("s"), Entity("a", "L")], "entity") == b"key,label\r\na,L\r\n"
