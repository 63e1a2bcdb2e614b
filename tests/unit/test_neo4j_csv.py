"""The files that neo4j-admin imports, written and read back."""

import csv as tables
import io
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.kgmem import csv
from kgmem.formats.kgmem.jsonl import dump
from kgmem.formats.property_graph.neo4j_csv import FILES, Neo4jCSVWriter
from kgmem.formats.records import Located, ReadOptions, Record, WriteOptions
from tests.files import Parts, by_kind
from tests.records import of_kind, records


def write(items: Iterable[Record], **options: Any) -> dict[str, bytes]:
    parts = Parts()
    writer = Neo4jCSVWriter(parts.open, WriteOptions(**options))
    writer.write(items)
    writer.close()
    assert writer.lost == {}
    return parts.files


def read(files: dict[str, bytes]) -> list[Any]:
    found = [item for raw in files.values() for item in csv.read(io.BytesIO(raw), ReadOptions())]
    assert all(isinstance(item, Located) for item in found), found
    return [item.record for item in found if isinstance(item, Located)]


def cells(raw: bytes) -> list[list[str]]:
    return list(tables.reader(io.StringIO(raw.decode(), newline="")))


@pytest.mark.long
@given(st.lists(records, max_size=6).map(by_kind))
def test_what_was_written_is_read_back_as_the_same(items: list[Any]) -> None:
    assert sorted(map(dump, read(write(items)))) == sorted(map(dump, items))


@given(st.data())
def test_records_of_one_kind_are_read_back_as_the_same(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(FILES)))
    items = data.draw(st.lists(of_kind[kind], max_size=4))
    files = write(items, kind=kind)
    assert list(files) == [FILES[kind]]
    assert list(map(dump, read(files))) == list(map(dump, items))


def test_the_files_are_what_neo4j_admin_takes() -> None:
    place = parse_place([7.5, 46.5])
    files = write(
        [
            Source("nasa", "NASA", trust=0.9),
            Entity("a", "Person", "Ann", {"age": 5, "tags": ["x", "y"], "h": 1.5, "ok": True}, labels=["Pilot"]),
            Entity("b", "City", place=place, valid_from="1191", properties={"deep": {"x": 1}}),
            Relationship("BORN_IN", "a", "b", confidence=0.5, key="r1"),
            Episode("Hello", key="e", mentions=["a", "b"]),
        ]
    )
    assert list(files) == ["nodes.csv", "episodes.csv", "sources.csv", "relationships.csv"]
    header, ann, bern = cells(files["nodes.csv"])
    assert header == [
        ":ID", ":LABEL", "age:long", "h:double", "kgmem_key:string", "name:string", "ok:boolean",
        "place:point{crs:WGS-84}", "tags:string[]", "valid_from:string", "kgmem_record:string",
    ]  # fmt: skip
    assert ann == ["a", "Person;Pilot", "5", "1.5", "a", "Ann", "true", "", "x;y", "", ""]
    assert bern[:8] == ["b", "City", "", "", "b", "", "", "{latitude: 46.5, longitude: 7.5}"]
    assert '"deep":{"x":1}' in bern[-1]
    assert cells(files["relationships.csv"])[1][:4] == ["a", "b", "BORN_IN", "0.5"]
    assert cells(files["episodes.csv"])[0][0] == ":ID(kgmem_episode)"
    assert cells(files["sources.csv"])[0][0] == ":ID(kgmem_source)"


def test_one_key_in_several_scopes_has_several_ids_that_edges_find() -> None:
    items = [
        Entity("k", "A"),
        Entity("k", "A", scope="user/1"),
        Entity("k", "A", scope="user/2"),
        Relationship("R", "k", "k", key="1"),
        Relationship("R", "k", "k", key="2", scope="user/1"),
        Relationship("R", "k", "k", key="3", scope="user/2/deep"),
    ]
    files = write(items)
    ids = [row[0] for row in cells(files["nodes.csv"])[1:]]
    ends = [tuple(row[:2]) for row in cells(files["relationships.csv"])[1:]]
    assert len(set(ids)) == 3
    assert ends == [(id_, id_) for id_ in ids]
    assert read(files) == items


def test_a_property_has_the_type_that_most_of_its_values_have_and_the_others_are_kept_beside() -> None:
    items = [Entity(f"e{n}", "A", properties={"x": value}) for n, value in enumerate([1, 2, "three", 4.0, [5]])]
    files = write(items)
    rows = cells(files["nodes.csv"])
    assert rows[0][3:] == ["x:long", "kgmem_record:string"]
    assert [row[3] for row in rows[1:]] == ["1", "2", "", "", ""]
    assert list(map(dump, read(files))) == list(map(dump, items))


def test_a_graph_of_countless_properties_makes_no_countless_columns() -> None:
    items = [Entity(f"e{n}", "A", properties={f"p{n}": n}) for n in range(1200)]
    files = write(items)
    assert len(cells(files["nodes.csv"])[0]) < 1010
    assert read(files) == items


def test_formulas_are_escaped_when_asked() -> None:
    items = [Entity("=a", "A", "=1+1", {"n": -5})]
    assert b"=a,A,=a,-5,=1+1" in write(items)["nodes.csv"]
    assert b"'=a,A,'=a,-5,'=1+1" in write(items, escape_formulas=True)["nodes.csv"]


def test_an_export_has_no_options() -> None:
    with pytest.raises(InvalidInput, match="no option 'delimiter'"):
        write([], options={"delimiter": ";"})


def test_headers_are_of_the_form_that_neo4j_documents() -> None:
    form = re.compile(
        r"(.+:(long|double|boolean|string|point)(\[\])?(\{crs:WGS-84\})?|:(ID|LABEL|START_ID|END_ID|TYPE)(\(\w+\))?)"
    )
    files = write([Entity("a", "L", properties={"x:y": [1], "with space": "z"}), Relationship("R", "a", "a")])
    assert all(form.fullmatch(name) for raw in files.values() for name in cells(raw)[0])
