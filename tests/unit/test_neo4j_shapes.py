"""Records as nodes and relationships of Neo4j, and back, without a server."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from neo4j.spatial import WGS84Point
from neo4j.time import Date

from kgmem.bridges.neo4j.shapes import Shaping, Unshaping
from kgmem.domain.claims.claim import Source
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.space.place import parse_place
from kgmem.formats.records import Record
from tests.graph_files import graph_records

_SINGLE = (bool, int, float, str, WGS84Point)


def there_and_back(record: Record, shaping: Shaping, unshaping: Unshaping) -> Record:
    """What a server would give back: it forgets the order of labels."""
    if isinstance(record, Relationship):
        link = shaping.link(record)
        fits(link.properties)
        return unshaping.link("5:db:1", link.kind, (link.start, link.end), link.properties)
    node = shaping.node(record)
    fits(node.properties)
    return unshaping.node("4:db:1", sorted(node.labels), node.properties)


def fits(properties: Any) -> None:
    """A property of Neo4j is a value, or a list of values of one type."""
    for value in properties.values():
        items = value if isinstance(value, list) else [value]
        assert len({type(item) for item in items}) <= 1
        assert all(isinstance(item, _SINGLE) for item in items)


@pytest.mark.long
@settings(max_examples=400)
@given(graph_records())
def test_every_record_comes_back_as_it_was(record: Record) -> None:
    assert repr(there_and_back(record, Shaping(), Unshaping())) == repr(record)


@given(graph_records())
def test_every_record_comes_back_under_a_label_of_ones_own(record: Record) -> None:
    assert repr(there_and_back(record, Shaping(label="Memory"), Unshaping(label="Memory"))) == repr(record)


@given(graph_records())
def test_the_same_record_always_has_the_same_id(record: Record) -> None:
    shaping, again = Shaping(), Shaping()
    again.node(Entity("other", scope="other"))
    if isinstance(record, Relationship):
        assert shaping.link(record).id == again.link(record).id
    else:
        assert shaping.node(record).id == again.node(record).id


def test_things_of_one_key_in_different_scopes_and_of_different_kinds_have_different_ids() -> None:
    shaping = Shaping()
    records: list[Any] = [Entity("a"), Entity("a", scope="user/1"), Source("a"), Episode("", "a"), Episode("", "b")]
    records += [Episode("x"), Episode("y"), Episode("x", scope="user/1")]
    assert len({shaping.node(record).id for record in records}) == len(records)


def test_an_entity_has_its_labels_beside_the_common_one() -> None:
    node = Shaping().node(Entity("a", "Person", labels=["Pilot"], place=parse_place([8.5, 47.25])))
    assert node.labels == ("Kgmem", "Person", "Pilot")
    assert node.properties == {
        "kgmem_id": "a",
        "kgmem_labels": ["Person", "Pilot"],
        "place": WGS84Point((8.5, 47.25)),
    }


def test_labels_that_were_changed_in_the_database_count() -> None:
    node = Shaping().node(Entity("a", "Person", labels=["Pilot"]))
    found = Unshaping().node("1", ["Astronaut", "Kgmem", "Person"], node.properties)
    assert found == Entity("a", "Astronaut", labels=["Person"])


def test_a_text_that_was_written_over_json_is_a_text() -> None:
    node = Shaping().node(Entity("a", properties={"m": {"x": 1}, "n": {"y": 2}}))
    found = Unshaping().node("1", node.labels, {**node.properties, "m": "plain", "n": 5})
    assert isinstance(found, Entity)
    assert found.properties == {"m": "plain", "n": 5}


def test_a_key_property_of_ones_own_is_written_beside_kgmems() -> None:
    shaping = Shaping(key="email")
    node = shaping.node(Entity("a@b.c", "Person", properties={"email": "a@b.c"}))
    assert node.properties == {"email": "a@b.c", "kgmem_id": "a@b.c"}
    other = shaping.node(Entity("k", "Person", properties={"email": "a@b.c"}))
    assert other.properties == {"email": "k", "email_": "a@b.c", "kgmem_id": "k"}


def test_foreign_nodes_and_relationships_keep_all_that_they_say() -> None:
    held = {"name": "Oslo", "founded": Date(1040, 1, 1), "at": WGS84Point((10.75, 59.91)), "kgmem_json": ["name"]}
    found = Unshaping().node("4:db:7", ["City"], held)
    assert found == Entity(
        "4:db:7",
        "City",
        "Oslo",
        {"founded": "1040-01-01", "at": {"type": "Point", "coordinates": [10.75, 59.91]}, "kgmem_json": ["name"]},
        place=parse_place([10.75, 59.91]),
    )
    link = Unshaping(edge_ids="key").link("5:db:1", "IN", ("4:db:7", "4:db:8"), {"valid_from": Date(1814, 5, 17)})
    assert link == Relationship("IN", "4:db:7", "4:db:8", "5:db:1", valid_from="1814-05-17")


def test_of_two_points_none_is_the_place() -> None:
    held = {"a": WGS84Point((1.0, 2.0)), "b": WGS84Point((3.0, 4.0))}
    found = Unshaping().node("1", [], held)
    assert isinstance(found, Entity)
    assert found.place is None
    assert replace(found, properties={}) == Entity("1")


def test_a_natural_key_is_a_text_or_a_number() -> None:
    unshaping = Unshaping(key="code")
    keys = {}
    for value in ("OSL", 7, 1.5, Date(2000, 1, 1), True, [1], None, ""):
        record = unshaping.node("4:db:1", [], {"x": 1}, value)
        keys[str(value)] = record.key
    assert keys == {
        "OSL": "OSL", "7": "7", "1.5": "1.5", "2000-01-01": "2000-01-01",
        "True": "4:db:1", "[1]": "4:db:1", "None": "4:db:1", "": "4:db:1",
    }  # fmt: skip
