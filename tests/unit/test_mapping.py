"""Mapping files: tables of any shape as records."""

import io
import tomllib
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import csv
from kgmem.formats.records import Located, ReadOptions, Rejected


def read(mapping: str, text: str, name: str = "t.csv", **options: str) -> list[Any]:
    told = ReadOptions(name=name, mapping=tomllib.loads(mapping), options=options)
    return list(csv.read(io.BytesIO(text.encode()), told))


def records(mapping: str, text: str, name: str = "t.csv", **options: str) -> list[Any]:
    found = read(mapping, text, name, **options)
    assert all(isinstance(item, Located) for item in found), found
    return [item.record for item in found]


def error(mapping: str, text: str = "a,b\n1,2\n", name: str = "t.csv") -> str:
    with pytest.raises(InvalidInput) as raised:
        read(mapping, text, name)
    return str(raised.value)


ENTITY = '[[table]]\n[[table.entity]]\nkey = "Person:{id}"\n'


def test_a_row_makes_an_entity_and_what_its_columns_link_to() -> None:
    mapping = """
        [[table]]
        files = "people*.csv"
        types = { born = "date" }
        [[table.entity]]
        key = "Person:{id}"
        label = "Person"
        labels = ["{role}"]
        name = "{first} {last}"
        text = "{first} was born in {town}."
        valid_from = "{born}"
        source = "register"
        properties = ["*", "id"]
        [[table.relationship]]
        kind = "BORN_IN"
        from = "Person:{id}"
        to = "Town:{town}"
        valid_from = "{born}"
        confidence = 0.9
    """
    text = "id,first,last,role,town,born,height\n7,Ann,Lee,Pilot,Bern,1930-08-05,1.75\n8,Bo,,,,,\n"
    found = records(mapping, text, "people-1.csv.gz")
    assert found[0] == Entity(
        "Person:7", "Person", "Ann Lee", {"height": 1.75, "id": 7}, labels=["Pilot"],
        text="Ann was born in Bern.", valid_from="1930-08-05", source="register",
    )  # fmt: skip
    assert (found[1].kind, found[1].start, found[1].end) == ("BORN_IN", "Person:7", "Town:Bern")
    assert (found[1].valid_from, found[1].confidence, found[1].properties) == ("1930-08-05", 0.9, {})
    assert (found[2].name, found[2].labels, len(found)) == ("Bo", None, 3)


def test_columns_are_named_by_position_where_names_are_not_alone_or_not_there() -> None:
    mapping = """
        [[table]]
        delimiter = "|"
        [[table.relationship]]
        kind = "KNOWS"
        from = "{#1}"
        to = "{#2}"
    """
    (found,) = records(mapping, "P.id|P.id|since\n1|2|1999\n")
    assert (found.start, found.end, found.properties) == ("1", "2", {"since": 1999})
    (found,) = records(mapping.replace('"|"', '"|"\nheader = false\ncolumns = ["a", "b", "since"]'), "1|2|1999\n")
    assert (found.start, found.end, found.properties) == ("1", "2", {"since": 1999})
    assert "Name them by position: #1 and #2" in error(mapping.replace("{#1}", "{P.id}"), "P.id|P.id\n1|2\n")


@pytest.mark.parametrize(
    ("type_", "cell", "value"),
    [
        ("string", "007", "007"),
        ("integer", "7", 7),
        ("float", "7", 7.0),
        ("boolean", "0", False),
        ("list[string]", "a;b", ["a", "b"]),
        ("list[integer]", "[1, 2]", [1, 2]),
        ("any", '{"a": [1]}', {"a": [1]}),
        ("date", "1969-07", "1969-07"),
        ("epoch_s", "0", "1970-01-01T00:00:00Z"),
        ("epoch_ms", "1284620040602", "2010-09-16T06:54:00.602Z"),
        ("epoch_us", "-1", "1969-12-31T23:59:59.999999Z"),
        ("masked", "1969-07-##", "1969-07"),
        ("masked", "-0044-##-##", "-0044"),
        ("masked", "19##", "1900"),
        ("masked", "####-##-##", None),
        ("%d/%m/%Y", "20/07/1969", "1969-07-20"),
        ("%m/%Y", "07/1969", "1969-07"),
        ("%Y", "1969", "1969"),
        ("%d.%m.%Y %H:%M", "20.07.1969 20:17", "1969-07-20T20:17:00"),
    ],
)
def test_cells_are_read_by_the_types_that_the_mapping_gives(type_: str, cell: str, value: Any) -> None:
    mapping = f'[[table]]\ntypes = {{ p = "{type_}" }}\n[[table.entity]]\nkey = "{{k}}"\n'
    (found,) = records(mapping, f'k;p\na;"{cell.replace(chr(34), chr(34) * 2)}"\n')
    assert found.properties.get("p") == value
    assert type(found.properties.get("p")) is type(value)


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("integer", "x"),
        ("epoch_ms", "1e3"),
        ("masked", "soon"),
        ("masked", "307-13047-09"),
        ("%Y", "69"),
        ("date", "x"),
    ],
)
def test_a_cell_that_is_not_of_its_type_rejects_its_row(type_: str, cell: str) -> None:
    mapping = f'[[table]]\ntypes = {{ p = "{type_}" }}\n[[table.entity]]\nkey = "{{k}}"\n'
    bad, good = read(mapping, f"k,p\na,{cell}\nb,\n")
    assert (bad.line, "p is" in bad.reason, good.record.key) == (2, True, "b")


def test_json_that_is_nested_beyond_reason_rejects_its_row() -> None:
    mapping = '[[table]]\ntypes = { p = "any" }\n[[table.entity]]\nkey = "{k}"\n'
    for depth in (500, 100_000):
        (bad,) = read(mapping, f"k;p\na;{'[' * depth + ']' * depth}\n")
        assert isinstance(bad, Rejected)


def test_an_unknown_year_ends_an_interval_at_its_last() -> None:
    mapping = """
        [[table]]
        types = { a = "masked", b = "masked" }
        [[table.entity]]
        key = "{k}"
        valid_from = "{a}"
        valid_to = "{b}"
    """
    (found,) = records(mapping, "k,a,b\nx,19##-##-##,195#-##-##\n")
    assert (found.valid_from, found.valid_to) == ("1900", "1959")
    (bad,) = read(mapping, "k,a,b\nx,2000-##-##,1999-##-##\n")
    assert (bad.line, "not after" in bad.reason) == (2, True)


@pytest.mark.parametrize(
    ("place", "row"),
    [
        ('{ lat = "{a}", lon = "{b}" }', "46.5,7.5"),
        ('{ wkt = "{a}" }', "POINT (7.5 46.5),"),
        ('"{a}"', '"{""type"": ""Point"", ""coordinates"": [7.5, 46.5]}",'),
    ],
)
def test_places_are_degrees_or_geometries(place: str, row: str) -> None:
    (found,) = records(f"{ENTITY}place = {place}\nproperties = []", f"id,a,b\n1,{row}\n2,,\n")[:1]
    assert found.place == parse_place([7.5, 46.5])


@pytest.mark.parametrize(
    ("place", "row", "says"),
    [
        ('{ lat = "{a}", lon = "{b}" }', "46.5,", "belong together"),
        ('{ lat = "{a}", lon = "{b}" }', "north,1", "no number"),
        ('{ wkt = "{a}" }', "somewhere,", "neither GeoJSON"),
        ('{ wkt = "{a}" }', "POINT (7.5 x),", "neither GeoJSON"),
        ('"{a}"', "POINT (200 100),", "not on the earth"),
        ('"{a}"', "[" * 100_000 + ",", "neither GeoJSON"),
    ],
)
def test_a_place_that_cannot_be_read_rejects_its_row(place: str, row: str, says: str) -> None:
    (bad,) = read(f"{ENTITY}place = {place}\nproperties = []", f"id,a,b\n1,{row}\n")
    assert says in bad.reason


def test_properties_are_chosen_renamed_and_fixed() -> None:
    text = "id,a,b,c\n1,x,2,y\n"
    assert records(ENTITY, text)[0].properties == {"a": "x", "b": 2, "c": "y"}
    assert records(ENTITY + "properties = []", text)[0].properties == {}
    assert records(ENTITY + 'properties = ["b"]', text)[0].properties == {"b": 2}
    renamed = '[table.entity.properties]\nalpha = "{a}"\nboth = "{a}-{b}"\nnumber = 5\n"*" = true\n'
    assert records(ENTITY + renamed, text)[0].properties == {"alpha": "x", "both": "x-2", "number": 5, "c": "y"}
    left = ENTITY.replace("[[table]]", '[[table]]\nleave_out = ["a", "#4"]')
    assert records(left, text)[0].properties == {"b": 2}


def test_cells_may_stand_for_nothing_or_for_other_values() -> None:
    mapping = '[[table]]\nnull = ["NULL", "-"]\nvalues = { x = { "1" = "one" } }\n[[table.entity]]\nkey = "{id}"\n'
    found = records(mapping, "id,x,n\na,1,NULL\nb,-,5\n")
    assert [item.properties for item in found] == [{"x": "one"}, {"n": 5}]


def test_a_list_makes_a_relationship_for_each_of_its_items() -> None:
    mapping = ENTITY + '[[table.relationship]]\nkind = "LIKES"\nfrom = "Person:{id}"\nto = "{likes}"\neach = "likes"\n'
    found = records(mapping, "id,likes\n1,tea; milk\n2,\n")
    assert [item.end for item in found if isinstance(item, Relationship)] == ["tea", "milk"]
    assert len(found) == 4


def test_episodes_and_sources_are_made_too() -> None:
    mapping = """
        [[table]]
        [[table.source]]
        key = "{paper}"
        trust = "{trust}"
        [[table.episode]]
        text = "{body}"
        occurred_at = "{day}"
        mentions = "{who}"
        source = "{paper}"
    """
    found = records(mapping, "paper,trust,body,day,who\nTimes,0.8,Rain.,1999-05-01,a;b\n")
    episode = Episode("Rain.", occurred_at="1999-05-01", mentions=["a", "b"], source="Times")
    assert found == [Source("Times", trust=0.8), episode]


def test_an_empty_end_makes_no_relationship_beside_an_entity_and_rejects_a_row_without_one() -> None:
    link = '[[table.relationship]]\nkind = "REPORTS_TO"\nfrom = "{id}"\nto = "{boss}"\n'
    assert len(records(f'[[table]]\n[[table.entity]]\nkey = "{{id}}"\n{link}', "id,boss\n1,\n")) == 1
    (bad,) = read(f"[[table]]\n{link}", "id,boss\n1,\n")
    assert "to is empty" in bad.reason
    (bad,) = read(f"[[table]]\n{link}optional = true\n", "id,boss\n1,\n")
    assert "makes no record" in bad.reason


def test_a_row_of_which_one_record_is_wrong_is_rejected_whole() -> None:
    mapping = ENTITY + '[[table.relationship]]\nkind = "K"\nfrom = "a"\nto = "b"\nvalid_from = "{t}"\n'
    assert [type(item) for item in read(mapping, "id,t\n1,soon\n2,1999\n")] == [Rejected, Located, Located]


def test_parallel_relationships_stay_apart_unless_they_shall_be_one_or_have_keys() -> None:
    mapping = '[[table]]\n[[table.relationship]]\nkind = "K"\nfrom = "{a}"\nto = "{b}"\n'
    text = "a,b,n\nx,y,1\nx,y,2\n"
    assert len({item.key for item in records(mapping, text)}) == 2
    assert {item.key for item in records(mapping, text, parallel="merge")} == {None}
    assert [item.key for item in records(mapping + 'key = "{n}"', text)] == ["1", "2"]


def test_the_first_table_whose_pattern_fits_a_files_name_is_for_it() -> None:
    tables = "".join(f'[[table]]\nfiles = {p}\n[[table.entity]]\nkey = "{n}"\n' for n, p in
                     enumerate(('"a/*.csv"', '["b*.csv", "B.csv"]', '"*"')))  # fmt: skip
    names = {"x/a/t.csv": "0", "b1.csv.gz": "1", "B.csv": "1", "b1.tsv": "2", "": "2"}
    assert {name: records(tables, "k\nz\n", name)[0].key for name in names} == names


def test_a_header_apart_from_its_data_is_given_by_the_mapping() -> None:
    mapping = '[[table]]\nheader = false\ncolumns = ["personId:ID(P)", "name", ":LABEL"]\n'
    (found,) = records(mapping, "1,Ann,Person\n")
    assert found == Entity("P:1", "Person", "Ann", {"personId": "1"})


def test_braces_are_written_twice() -> None:
    assert records('[[table]]\n[[table.entity]]\nkey = "{{{id}}}"\n', "id\n1\n")[0].key == "{1}"


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ("table = []", "has no table"),
        ("tables = 1", "no part 'tables'. Did you mean 'table'"),
        ("[[table]]\nfile = 'x'", "table 1: there is no 'file'. Did you mean 'files'"),
        ("[[table]]\ndelimiter = 'xx'\n", "not one character"),
        ("[[table]]\ntypes = {a = 'int'}\n[[table.entity]]\nkey = '{a}'", "table 1, types, a: there is no type 'int'"),
        ("[[table]]\ntypes = {c = 'date'}\n[[table.entity]]\nkey = '{a}'", "types: there is no column 'c' of t.csv"),
        ("[[table]]\ntypes = {a = 'date'}\n", "no use for 'types'"),
        ("[[table]]\n[[table.entity]]\nlabel = 'x'", "table 1, entity: key is missing"),
        (
            "[[table]]\n[[table.entity]]\nkey = '{aa}'",
            "entity, key: there is no column 'aa' of t.csv. Did you mean 'a'",
        ),
        ("[[table]]\n[[table.entity]]\nkey = '{#3}'", "there is no column #3 of t.csv. It has 2 columns"),
        ("[[table]]\n[[table.entity]]\nkey = '{a'", "a brace without its like"),
        ("[[table]]\n[[table.entity]]\nkey = 5", "5 is no text"),
        ("[[table]]\n[[table.entity]]\nkey = '{a}'\nlable = 'X'", "no field 'lable'. Did you mean 'label'"),
        ("[[table]]\n[[table.entity]]\nkey = '{a}'\nplace = {lat = '{a}'}", "a place has not just lat"),
        ("[[table]]\n[[table.entity]]\nkey = '{a}'\nproperties = ['z']", "properties: there is no column 'z'"),
        ("[[table]]\n[[table.entity]]\nkey = '{a}'\neach = 'z'", "each: there is no column 'z'"),
        ("[[table]]\nleave_out = ['z']\n[[table.entity]]\nkey = '{a}'", "leave_out: there is no column 'z'"),
        ("[[table]]\nvalues = {z = {}}\n[[table.entity]]\nkey = '{a}'", "values: there is no column 'z'"),
        ("[[table]]\ncolumns = ['x']\n[[table.entity]]\nkey = '{x}'", "names 1 columns, and the first line has 2"),
        ("[[table]]\nheader = 1", "header is 1"),
        ("[[table]]\nfiles = 'x.csv'\n[[table.entity]]\nkey = '{a}'", "No table of the mapping is for t.csv"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said_with_its_place(mapping: str, says: str) -> None:
    assert says in error(mapping)


def test_columns_that_would_be_properties_need_names_of_their_own() -> None:
    assert "column 2 has a name like another, 'b'" in error(ENTITY.replace("{id}", "{#1}"), "a,b,b\n1,2,3\n")
    assert "column 2 has no name" in error(ENTITY.replace("{id}", "{#1}"), "a,\n1,2\n")
