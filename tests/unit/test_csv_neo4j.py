"""CSV under neo4j-admin's and Gremlin's headers."""

import io
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import csv
from kgmem.formats.property_graph import elements
from kgmem.formats.records import Located, ReadOptions, Rejected
from tests.data import plain


def read(text: str | bytes, **options: str) -> list[Any]:
    raw = text.encode() if isinstance(text, str) else text
    return list(csv.read(io.BytesIO(raw), ReadOptions(options=options)))


def records(text: str | bytes, **options: str) -> list[Any]:
    found = read(text, **options)
    assert all(isinstance(item, Located) for item in found), found
    return [item.record for item in found]


def test_nodes_have_keys_labels_and_typed_properties() -> None:
    text = (
        "movieId:ID,title,year:int,rating:double,seen:boolean,tags:string[],secret:IGNORE,:LABEL\n"
        "tt1,The Matrix,1999,8.7,true,sf;action,x,Movie\n"
        'tt2,"The Matrix, Reloaded",2003,,FALSE,,x,Movie;Sequel\n'
    )
    assert records(text) == [
        Entity(
            "tt1",
            "Movie",
            properties={
                "movieId": "tt1", "title": "The Matrix", "year": 1999, "rating": 8.7, "seen": True,
                "tags": ["sf", "action"],
            },
        ),
        Entity(
            "tt2",
            "Movie",
            labels=["Sequel"],
            properties={"movieId": "tt2", "title": "The Matrix, Reloaded", "year": 2003, "seen": False},
        ),
    ]  # fmt: skip


def test_relationships_have_types_ends_and_properties() -> None:
    (found,) = records(":START_ID,role,:END_ID,:TYPE\nkeanu,Neo,tt1,ACTED_IN\n")
    assert found == elements.relationship("ACTED_IN", ("keanu", "tt1"), {"role": "Neo"})


def test_an_id_space_stands_before_the_ids_that_are_unique_in_it() -> None:
    assert [item.key for item in records(":ID(Person),name\n1,Ann\n")] == ["Person:1"]
    (found,) = records(":START_ID(Person),:END_ID(Movie),:TYPE\n1,1,SAW\n")
    assert (found.start, found.end) == ("Person:1", "Movie:1")
    assert [item.key for item in records(":ID(Person)\n1\n", id_space="leave_out")] == ["1"]


@pytest.mark.parametrize(
    ("type_", "cell", "value"),
    [
        ("int", "-7", -7),
        ("long", "9223372036854775807", 2**63 - 1),
        ("byte", " 1 ", 1),
        ("short", "+3", 3),
        ("float", "1e3", 1000.0),
        ("double", ".5", 0.5),
        ("boolean", "True", True),
        ("char", "x", "x"),
        ("string", "007", "007"),
        ("date", "2018-05-10", "2018-05-10"),
        ("localtime", "12:50:35.556", "12:50:35.556"),
        ("time", "12:50+01:00", "12:50+01:00"),
        ("localdatetime", "2018-05-10T10:30", "2018-05-10T10:30"),
        ("datetime", "2018-05-10T10:30Z", "2018-05-10T10:30Z"),
        ("datetime{timezone:+02:00}", "2018-05-10T10:30", "2018-05-10T10:30+02:00"),
        ("datetime{timezone:Europe/Oslo}", "2018-01-10T10:30", "2018-01-10T10:30+01:00"),
        ("duration", "P14DT16H12M", "P14DT16H12M"),
        ("point{crs:WGS-84}", '"{latitude: 55.5, longitude: 12}"', {"type": "Point", "coordinates": [12, 55.5]}),
        ("point{crs:WGS-84-3D}", '"{x:1.5,y:2,z:3}"', {"type": "Point", "coordinates": [1.5, 2, 3]}),
        ("point", '"{x: 1, y: 2.5}"', {"x": 1, "y": 2.5, "crs": "cartesian"}),
        ("int[]", "1;2", [1, 2]),
        ("point[]{crs:WGS-84}", '"{x:1,y:2};{x:3,y:4}"',
         [{"type": "Point", "coordinates": [1, 2]}, {"type": "Point", "coordinates": [3, 4]}]),
    ],
)  # fmt: skip
def test_cells_are_of_the_types_that_the_header_names(type_: str, cell: str, value: Any) -> None:
    (found,) = records(f":ID,p:{type_}\na,{cell}\n")
    assert found.properties == {"p": value}
    assert type(found.properties["p"]) is type(value)


@pytest.mark.parametrize(
    ("type_", "cell"),
    [
        ("int", "1.5"), ("long", "9223372036854775808"), ("double", "NaN"), ("boolean", "yes"), ("char", "xy"),
        ("date", "tomorrow"), ("duration", "3 days"), ("point", "1 2"), ("point", "{x:1}"), ("int[]", "1;x"),
        ("point", "{" + "x:1 " * 1000 + "}"), ("double", "1" * 500_000 + "x"),
    ],
)  # fmt: skip
def test_a_cell_of_another_type_rejects_its_line_alone(type_: str, cell: str) -> None:
    found = read(f':ID,p:{type_}\na,"{cell}"\nb,\n')
    assert isinstance(found[0], Rejected)
    assert found[0].line == 2
    assert "not of type" in found[0].reason
    assert found[1].record.key == "b"


def test_names_times_and_places_are_what_they_are_called() -> None:
    text = ":ID,name,valid_from:int,place:point{crs:WGS-84},lat:double,lon:double\n"
    (found,) = records(text + 'a,Ann,1999,"{latitude:1, longitude:2}",,\n')
    assert (found.name, found.valid_from, found.place) == ("Ann", "1999", parse_place([2, 1]))
    (found,) = records(text + "b,,,,46.5,7.5\n")
    assert found.place == parse_place([7.5, 46.5])


def test_labels_and_types_may_be_given_where_the_file_names_none() -> None:
    assert records(":ID\na\n", label="Person;Actor") == [Entity("a", "Person", labels=["Actor"])]
    assert records(":ID,:LABEL\na,X\n", label="Y") == [Entity("a", "X", labels=["Y"])]
    (found,) = records(":START_ID,:END_ID\na,b\n", type="KNOWS")
    assert found.kind == "KNOWS"
    assert "no column :TYPE" in str(_error(":START_ID,:END_ID\na,b\n"))


def test_parallel_edges_stay_apart_unless_they_shall_be_one() -> None:
    text = ":START_ID,:END_ID,:TYPE,n:int\na,b,T,1\na,b,T,2\n"
    assert len({item.key for item in records(text)}) == 2
    assert [item.key for item in records(text, parallel="merge")] == [None, None]


def test_array_delimiters_and_quotes_are_options() -> None:
    text = ":ID;tags:string[];:LABEL\n'a;1';x|y;A|B\n"
    (found,) = records(text, array_delimiter="|", quote="'")
    assert found == Entity("a;1", "A", labels=["B"], properties={"tags": ["x", "y"]})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (":ID,:ID\na,b\n", "Two columns are :ID"),
        (":START_ID,:TYPE\na,T\n", "no column :END_ID"),
        (":ID,:START_ID,:END_ID\na,b,c\n", ":ID and :START_ID"),
        (":ID,age:itn\na,1\n", "no type 'itn'. Did you mean int"),
        (":ID,x,x\na,1,2\n", "Two columns are named 'x'"),
        (":ID,\na,1\n", "Column 2 has no name"),
        (":ID,:int\na,1\n", "a type and no name"),
        (":ID,t:datetime{timezone:Mars}\na,1\n", "no time zone 'Mars'"),
        ("~id,~lable\na,b\n", "'~lable' is none of"),
        ("~from,~id\na,b\n", "no column ~to"),
    ],
)
def test_a_header_that_is_wrong_is_refused(text: str, says: str) -> None:
    assert says in str(_error(text))


@pytest.mark.parametrize("row", [",b,T", "a,,T", "a,b,"])
def test_an_edge_without_an_end_or_a_type_is_rejected(row: str) -> None:
    (bad,) = read(f":START_ID,:END_ID,:TYPE\n{row}\n")
    assert isinstance(bad, Rejected)
    assert bad.line == 2


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("[" * 100_000, "not JSON"),
        ('{"type":"entity","key":"a","properties":{"p":' + "[" * 900 + "]" * 900 + "}}", "JSON"),
        ('{"type":"ship","key":"a"}', "is no record"),
        ("[1]", "is no record"),
        ('{"type":"entity","key":"a","n":1}', "no field 'n'"),
    ],
)
def test_a_record_in_json_that_is_none_is_rejected(cell: str, says: str) -> None:
    bad, good = read(f':ID,kgmem_record\na,"{cell.replace(chr(34), chr(34) * 2)}"\nb,\n')
    assert says in bad.reason
    assert good.record.key == "b"


def test_gremlin_headers_are_read_with_their_names_types_and_sets() -> None:
    header = "~id,~label,name:String(single),scores:Int[],a\\:b:Double,when:Date\n"
    text = header + "v1,person;user,Ann,1;2,1.5,2020-01-01T10:00:00Z\n"
    properties = {"scores": [1, 2], "a:b": 1.5, "when": "2020-01-01T10:00:00Z"}
    assert records(text) == [Entity("v1", "person", "Ann", properties, labels=["user"])]
    (found,) = records("~id,~from,~to,~label,w:float\ne1,v1,v2,knows,0.5\n", edge_ids="key")
    assert found == Relationship("knows", "v1", "v2", key="e1", properties={"w": 0.5})


@pytest.mark.long
def test_the_air_routes_go_in_whole() -> None:
    nodes = records(plain("spatial_airroutes/air-routes-latest-nodes.csv.xz"))
    edges = records(plain("spatial_airroutes/air-routes-latest-edges.csv.xz"))
    assert (len(nodes), len(edges)) == (3749, 57645)
    atlanta = next(node for node in nodes if node.properties.get("code") == "ATL")
    assert (atlanta.key, atlanta.label, atlanta.properties["runways"]) == ("1", "airport", 5)
    assert atlanta.place == parse_place([-84.4281005859375, 33.6366996765137])
    assert nodes[0].properties["code"] == "1.0"
    assert [(edge.start, edge.kind, edge.end, edge.properties) for edge in edges[:1]] == [
        ("1", "route", "3", {"dist": 809})
    ]
    assert len({(edge.kind, edge.start, edge.end, edge.key) for edge in edges}) == 57645


def _error(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        read(text)
    return raised.value
