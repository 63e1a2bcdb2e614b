"""The JSON of Neo4j's APOC, in each of its forms."""

import io
import json
from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, TooLarge
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.property_graph import apoc
from kgmem.formats.property_graph import apoc as apoc_writer
from kgmem.formats.records import Located, Rejected
from tests.graph_files import read, said, taken, write

ADAM = {
    "type": "node", "id": "0", "labels": ["User", "Admin"],
    "properties": {"name": "Adam", "age": 42, "male": True, "kids": ["Sam", "Anna"], "born": "2015-07-04T19:32:24",
                   "place": {"crs": "wgs-84", "latitude": 33.46789, "longitude": 13.1, "height": None}},
}  # fmt: skip
JIM = {"type": "node", "id": "1", "labels": ["User"], "properties": {"name": "Jim"}}
KNOWS = {
    "id": "5", "type": "relationship", "label": "KNOWS", "properties": {"since": 1993, "bffSince": "P5M1DT12H"},
    "start": {"id": "0", "labels": ["User"], "properties": {"name": "Adam"}}, "end": {"id": "1", "labels": ["User"]},
}  # fmt: skip
ALL = [ADAM, JIM, KNOWS]


def lines(*shapes: Any) -> str:
    return "".join(json.dumps(shape) + "\n" for shape in shapes)


def first_rejected(text: str) -> str:
    found = read("apoc", text)[0]
    assert isinstance(found, Rejected)
    return found.reason


@pytest.mark.parametrize("name", ["apoc", "jsonl"])
def test_json_lines_are_read_by_their_own_name_and_recognised_among_others(name: str) -> None:
    found = read(name, "\n" + lines(*ALL))
    assert [item.line for item in found] == [2, 3, 4]
    adam, jim, knows = taken(found)
    assert adam == Entity(
        "0", "User", "Adam", {"age": 42, "male": True, "kids": ["Sam", "Anna"], "born": "2015-07-04T19:32:24"},
        labels=["Admin"], place=parse_place([13.1, 33.46789]),
    )  # fmt: skip
    assert jim == Entity("1", "User", "Jim")
    assert (knows.kind, knows.start, knows.end) == ("KNOWS", "0", "1")
    assert knows.properties == {"since": 1993, "bffSince": "P5M1DT12H"}
    assert taken(read(name, lines(KNOWS, ADAM)))[0] == knows


def test_a_relationship_keeps_its_key_when_it_changes_and_others_number_alike() -> None:
    (knows,) = taken(read("apoc", lines(KNOWS)))
    (changed,) = taken(read("apoc", lines({**KNOWS, "properties": {}})))
    (other,) = taken(read("apoc", lines({**KNOWS, "end": {"id": "9"}})))
    assert knows.key == changed.key != other.key
    assert taken(read("jsonl", lines(KNOWS), edge_ids="key"))[0].key == "5"
    assert taken(read("apoc", lines({name: value for name, value in KNOWS.items() if name != "id"})))[0].key is not None


def test_a_property_may_be_the_key_of_nodes_and_of_ends() -> None:
    jim = {"id": "1", "properties": {"name": "Jim"}}
    other = {"id": "2", "labels": ["City"], "properties": {"title": "Bern"}}
    found = taken(read("jsonl", lines(ADAM, JIM, {**other, "type": "node"}, {**KNOWS, "end": jim}), key="name"))
    assert [item.key for item in found[:3]] == ["Adam", "Jim", "2"]
    assert (found[3].start, found[3].end) == ("Adam", "Jim")
    assert taken(read("apoc", lines({**KNOWS, "end": other}), key="name"))[0].end == "2"
    (refused,) = read("apoc", lines(KNOWS), key="name")
    assert isinstance(refused, Rejected)
    assert "end does not tell" in refused.reason


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ALL),
        json.dumps(ALL, indent=2),
        "[" + ",\n".join(map(json.dumps, ALL)) + "]",
        json.dumps({"nodes": [ADAM, JIM], "rels": [KNOWS]}),
        json.dumps({"nodes": [ADAM, JIM], "rels": [KNOWS]}, indent=1),
        json.dumps({"nodes": {"0": ADAM, "1": JIM}, "rels": {"5": KNOWS}}),
    ],
    ids=["array", "indented array", "array of lines", "object", "indented object", "ids as keys"],
)
def test_every_form_says_the_same(text: str) -> None:
    found = read("apoc", text)
    assert taken(found) == taken(read("apoc", lines(*ALL)))
    assert [item.line for item in found] == [1, 2, 3]


def test_a_document_is_pointed_to_its_own_format() -> None:
    with pytest.raises(InvalidInput, match="name its format: apoc"):
        read("jsonl", json.dumps(ALL))


def test_a_point_of_another_name_is_the_place_if_it_is_the_only_one() -> None:
    home = {"crs": "wgs-84-3d", "latitude": 1.5, "longitude": 2, "height": 10.5}
    (found,) = taken(read("apoc", lines({**JIM, "properties": {"home": home}})))
    assert found == Entity("1", "User", properties={"home": home}, place=parse_place([2, 1.5, 10.5]))
    assert said(taken(read("apoc", write("apoc", [found])))) == said([found])
    (found,) = taken(read("apoc", lines({**JIM, "properties": {"home": home, "work": home}})))
    assert found.place is None


@pytest.mark.parametrize(
    "point",
    [
        {"crs": "cartesian", "x": 1, "y": 2, "z": None},
        {"crs": "wgs-84", "latitude": 91, "longitude": 0, "height": None},
        {"crs": "wgs-84", "latitude": "1", "longitude": 0},
        {"crs": "wgs-84", "latitude": True, "longitude": 0},
        {"crs": "wgs-84", "longitude": 0, "height": 1},
        {"crs": None},
    ],
)
def test_points_that_are_not_on_the_earth_stay_properties(point: Any) -> None:
    (found,) = taken(read("apoc", lines({**JIM, "properties": {"place": point}})))
    assert found == Entity("1", "User", properties={"place": point})


def test_the_name_of_the_zone_is_taken_off_valid_times() -> None:
    told = {"valid_from": "2020-01-01T00:00:00+01:00[Europe/Paris]", "valid_to": "x[y]"}
    (found,) = taken(read("apoc", lines({**JIM, "properties": told})))
    assert (found.valid_from, found.properties) == ("2020-01-01T00:00:00+01:00", {"valid_to": "x[y]"})


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ({"type": "row"}, "neither a node"),
        ([1], "neither a node"),
        ({**JIM, "id": None}, "id of a node"),
        ({**JIM, "id": True}, "id of a node"),
        ({**JIM, "labels": "User"}, "labels"),
        ({**JIM, "labels": [1]}, "labels"),
        ({**JIM, "properties": []}, None),
        ({**JIM, "properties": [1]}, "properties"),
        ({**JIM, "props": {}}, "no field 'props'"),
        ({**KNOWS, "start": "0"}, "start or end"),
        ({**KNOWS, "start": {}}, "id of start"),
        ({**KNOWS, "label": 5}, "label is no text"),
        ({**JIM, "properties": {"n": 2**64}}, "64 bits"),
    ],
)
def test_a_bad_line_is_rejected_and_the_rest_is_read(shape: Any, says: str | None) -> None:
    found = read("apoc", lines(ADAM, shape, JIM))
    assert isinstance(found[2], Located)
    if says is None:
        assert isinstance(found[1], Located)
    else:
        assert isinstance(found[1], Rejected)
        assert found[1].line == 2
        assert says in found[1].reason


@pytest.mark.parametrize("text", ["not json", '{"type": "node", "id": "a"', "[" * 2000, '{"a":' * 2000 + "1" * 40])
def test_what_is_no_json_is_told_so(text: str) -> None:
    try:
        assert "not JSON" in first_rejected(text)
    except InvalidInput as error:
        assert "not JSON" in error.message


def test_deep_nesting_with_long_numbers_is_no_recursion_error() -> None:
    value = "[" * 1000 + "1" * 25 + "]" * 1000
    for name in ("apoc", "jsonl"):
        found = read(name, '{"type": "node", "id": "a", "properties": {"n": ' + value + "}}")[0]
        assert isinstance(found, Rejected)


def test_a_document_that_is_too_large_is_refused_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apoc, "LARGEST_DOCUMENT", 1000)
    for text in (json.dumps(ALL * 10), json.dumps(ALL * 10, indent=1), "x" * 2000):
        with pytest.raises(TooLarge, match="JSON_LINES"):
            read("apoc", text)
    with pytest.raises(InvalidInput, match="none of APOC's"):
        read("apoc", '{"nodes": [], "edges": []}')
    with pytest.raises(InvalidInput, match="not JSON"):
        read("apoc", '[{"type": "node"}')


def test_relationships_are_written_with_the_labels_by_which_neo4j_finds_their_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apoc_writer, "REMEMBERED", 1)
    items: list[Any] = [Entity("a", "A", labels=["B"]), Entity("b", "B"), Relationship("R", "a", "b", key="k")]
    shapes = list(map(json.loads, write("apoc", items).splitlines()))
    assert shapes[2] == {
        "type": "relationship", "id": "k", "label": "R", "properties": {"kgmem_key": "k"},
        "start": {"id": "a", "labels": ["A", "B"]}, "end": {"id": "b"},
    }  # fmt: skip


def test_places_are_written_as_points_and_other_geometries_as_texts() -> None:
    line = {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}
    items = [Entity("a", "A", place=parse_place([1, 2.5])), Entity("b", "A", place=parse_place(line))]
    first, second = map(json.loads, write("apoc", items).splitlines())
    assert first["properties"] == {"place": {"crs": "wgs-84", "latitude": 2.5, "longitude": 1, "height": None}}
    assert json.loads(second["properties"]["place"]) == line
    assert said(taken(read("apoc", write("apoc", items)))) == said(items)


def test_an_empty_file_holds_nothing() -> None:
    assert read("apoc", "\n\n") == []
    assert read("apoc", "[]") == []
    assert list(apoc.read(io.BytesIO(b""), apoc.ReadOptions())) == []
