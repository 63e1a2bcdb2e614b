"""The wire's shapes are read strictly, and written so that they are read back as the same."""

import math
from typing import Any, get_type_hints

import pytest
from hypothesis import given

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.formats.records import kind_of
from kgmem.formats.wire import FIELDS, REQUIRED, from_wire, tell_kind, to_wire
from kgmem_api.routes.sources import SourceEntry
from kgmem_api.wire.records import EntityStatement, EpisodeStatement, RelationshipStatement
from tests.records import records


@given(records)
def test_a_record_survives_the_way_out_and_in_again(record: Any) -> None:
    assert from_wire(kind_of(record), to_wire(record)) == record


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        ("entity", EntityStatement),
        ("relationship", RelationshipStatement),
        ("episode", EpisodeStatement),
        ("source", SourceEntry),
    ],
)
def test_files_and_rest_know_the_same_fields(kind: Any, shape: Any) -> None:
    names = {attribute: wire for wire, (attribute, _) in FIELDS[kind].items()}
    assert set(get_type_hints(shape)) == set(names)
    assert {names[attribute] for attribute in shape.__required_keys__} == set(REQUIRED[kind])


def test_a_misspelt_field_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InvalidInput, match=r"no field 'lable'.*'label'"):
        from_wire("entity", {"key": "a", "lable": "City"})


def test_an_own_field_is_refused_with_where_it_belongs() -> None:
    with pytest.raises(InvalidInput, match=r"population.*properties"):
        from_wire("entity", {"key": "a", "population": 3})


@pytest.mark.parametrize(
    ("kind", "shape", "says"),
    [
        ("entity", {}, "needs key"),
        ("entity", {"key": None}, "needs key"),
        ("entity", {"key": ""}, "key is empty"),
        ("entity", {"key": 7}, "key is a number and not a text"),
        ("entity", {"key": "k" * 501}, "501 characters"),
        ("entity", {"key": "a\x00b"}, "NUL"),
        ("entity", {"key": "a", "properties": []}, "properties is a list"),
        ("entity", {"key": "a", "properties": {"": 1}}, "name of 0 characters"),
        ("entity", {"key": "a", "properties": {"x": math.inf}}, "not finite"),
        ("entity", {"key": "a", "properties": {"x": {"y": ["\x00"]}}}, "NUL"),
        ("entity", {"key": "a", "properties": {"x": 2**70}}, "JSON"),
        ("entity", {"key": "a", "properties": {"x": "y" * 70_000}}, "bytes of JSON"),
        ("entity", {"key": "a", "labels": "City"}, "labels is a text"),
        ("entity", {"key": "a", "labels": ["City", 1]}, r"labels\[1\]"),
        ("entity", {"key": "a", "place": [200, 0]}, "not on the earth"),
        ("entity", {"key": "a", "embedding": [1, "x"]}, "no finite number"),
        ("entity", {"key": "a", "embedding": "?"}, "base64"),
        ("entity", {"key": "a", "valid_from": "soon"}, "not a valid time"),
        ("entity", {"key": "a", "valid_from": "1970", "valid_to": "1960"}, "not after"),
        ("entity", {"key": "a", "scope": "a//b"}, "not a scope"),
        ("entity", {"key": "a", "version": True}, "version is true or false"),
        ("relationship", {"kind": "knows", "from": "a"}, "needs to"),
        ("relationship", {"kind": "knows", "from": "a", "to": "b", "strength": 2}, "strength is 2"),
        ("episode", {"text": ""}, "text is empty"),
        ("episode", {"text": "x", "occurred_at": "1969-13"}, "no month"),
        ("episode", {"text": "x", "extract": True}, "Imports read no texts"),
        ("source", {"key": "a", "trust": "high"}, "trust is a text"),
    ],
)
def test_what_is_wrong_is_refused_with_its_name(kind: Any, shape: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        from_wire(kind, shape)


def test_a_vector_may_be_packed() -> None:
    read = from_wire("entity", {"key": "a", "embedding": "AACAPwAAAMA="})
    assert isinstance(read, Entity)
    assert list(read.embedding or ()) == [1.0, -2.0]


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ({"from": "a", "to": "b", "kind": "x", "text": "t"}, "relationship"),
        ({"text": "t", "speaker": "x"}, "episode"),
        ({"key": "a", "text": "t"}, "entity"),
        ({"key": "a", "name": "A", "trust": 0.5}, "source"),
        ({"text": "t"}, "episode"),
    ],
)
def test_the_fields_tell_the_kind(shape: dict[str, Any], kind: str) -> None:
    assert tell_kind(shape) == kind
