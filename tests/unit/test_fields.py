"""The table of fields: what is declared there goes through files, the wire and the store, and comes back the same."""

import io
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, Final

import pytest
from pydantic import TypeAdapter

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.fields import Field, FieldType, fields_of, number_fields, stated_fields, stored_fields
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.statement import check_entities, check_relationships
from kgmem.domain.space.place import parse_place
from kgmem.formats.records import ReadOptions, WriteOptions, kind_of
from kgmem.formats.registry import format_of
from kgmem.formats.wire import from_wire, to_wire
from kgmem.store.graph.records import (
    entity_of,
    episode_of,
    merge_entity,
    merge_episode,
    merge_relationship,
    relationship_of,
)
from kgmem_api.wire.records import EntityItem, EpisodeItem, RelationshipItem, entity_out, episode_out, relationship_out
from kgmem_api.wire.shapes import shown
from tests.files import Parts

RECORDS: Final = (Entity, Relationship, Episode, Source)
VALUES: Final[Mapping[FieldType, Any]] = {
    "text": "some text",
    "texts": ["one", "two"],
    "time": "1969-07",
    "scope": "user/42",
    "boolean": True,
    "properties": {"a": 1, "b": ["c"]},
    "place": parse_place({"type": "Point", "coordinates": [8.5, 47.5]}),
    "vector": [0.5, 0.25],
}


def value_of(field: Field) -> Any:
    """A value that the field may have."""
    if field.is_number:
        highest = field.least + 1 if field.most is None else field.most
        return int(highest) if field.type == "integer" else (field.least + highest) / 2
    return VALUES[field.type]


def whole(record: type[Any]) -> Any:
    """A statement that has every field but those of which no file says anything."""
    return record(
        **{field.name: value_of(field) for field in stated_fields(record) if field.role in {"value", "identity"}}
    )


@pytest.mark.parametrize("record", RECORDS)
def test_every_attribute_declares_its_field(record: type[Any]) -> None:
    assert [field.name for field in fields_of(record)] == [attribute.name for attribute in fields(record)]
    assert len({field.wire for field in fields_of(record)}) == len(fields_of(record))


@pytest.mark.parametrize("record", RECORDS)
def test_a_whole_record_reads_back_from_its_shape(record: type[Any]) -> None:
    stated = whole(record)
    assert from_wire(kind_of(stated), to_wire(stated)) == stated


@pytest.mark.parametrize("name", ["jsonl", "csv", "parquet"])
@pytest.mark.parametrize("record", RECORDS)
def test_a_whole_record_reads_back_from_a_file(record: type[Any], name: str) -> None:
    assert read_back(whole(record), name) == [whole(record)]


@pytest.mark.parametrize("name", ["apoc", "graphml", "neo4j-csv", "nquads"])
def test_a_whole_entity_reads_back_from_a_graph_file(name: str) -> None:
    stated = replace(whole(Entity), embedding=None)  # Which RDF does not carry.
    assert read_back(stated, name) == [stated]


def read_back(stated: Any, name: str) -> list[Any]:
    """What is read out of the file of a format that holds one record."""
    format_, kind = format_of("-", name), kind_of(stated)
    parts, stream, options = Parts(), io.BytesIO(), WriteOptions(kind=kind)
    if format_.parts:
        writer = format_.parts(parts.open, options)
    else:
        assert format_.writer
        writer = format_.writer(stream, options)
    writer.write([stated])
    writer.close()
    files = [data for data in parts.files.values() if data] or [stream.getvalue()]
    assert format_.read
    options_of_reading = ReadOptions(kind=kind if name == "csv" else None)
    return [each.record for data in files for each in format_.read(io.BytesIO(data), options_of_reading)]


def test_a_whole_record_comes_back_from_what_is_stored() -> None:
    entity, relationship, episode = whole(Entity), whole(Relationship), whole(Episode)
    stored = merge_entity({}, entity)
    known = {"key": entity.key, "scope": entity.scope, "embedding": entity.embedding}
    assert entity_of(1, entity.label, stored, **known) == Entity(**{**_stated(entity), "id": 1})
    assert {field.stored for field in stored_fields(Entity)} <= stored.keys()
    stored = merge_relationship({}, relationship)
    ends = (relationship.start, relationship.end)
    held = relationship_of(1, relationship.kind, ends, stored, scope=relationship.scope)
    assert held == Relationship(**{**_stated(relationship), "id": 1})
    stored = merge_episode({}, episode, episode.key)
    held_episode = episode_of(1, stored, list(episode.mentions), scope=episode.scope, key=episode.key)
    assert held_episode == Episode(**{**_stated(episode), "derived_from": ("one", "two"), "id": 1})


@pytest.mark.parametrize(
    ("record", "item", "out"),
    [
        (Entity, EntityItem, entity_out),
        (Relationship, RelationshipItem, relationship_out),
        (Episode, EpisodeItem, episode_out),
    ],
)
def test_a_whole_record_goes_over_the_wire(record: type[Any], item: Any, out: Any) -> None:
    stated = whole(record)
    shape = shown(record)(stated)
    assert out(TypeAdapter(item).validate_python(shape)) == shape
    assert TypeAdapter(item).validate_python(shape) == stated


@pytest.mark.parametrize("record", [Entity, Relationship])
def test_a_number_beyond_its_limits_is_refused(record: type[Any]) -> None:
    check = check_entities if record is Entity else check_relationships
    for field in number_fields(record):
        shape = to_wire(whole(record))
        for wrong in (field.least - 1, *([field.most + 1] if field.most is not None else [])):
            with pytest.raises(InvalidInput, match=field.name):
                from_wire("entity" if record is Entity else "relationship", {**shape, field.wire: wrong})
            with pytest.raises(InvalidInput, match=field.name):
                check([record(**{**_stated(whole(record)), field.name: wrong})])
        for wrong in (True, "0.5", float("nan")):
            with pytest.raises(InvalidInput, match=field.name):
                check([record(**{**_stated(whole(record)), field.name: wrong})])


def _stated(record: Any) -> dict[str, Any]:
    return {field.name: getattr(record, field.name) for field in fields_of(type(record))}
