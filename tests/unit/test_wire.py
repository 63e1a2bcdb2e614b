"""The wire: what comes in becomes what the domain knows, and goes out as it came."""

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from kgmem.domain.access import Key
from kgmem.domain.errors import Forbidden
from kgmem.domain.fields import fields_of
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Hops, Links, Question, Relation, Spot, What, When, Where, Why
from kgmem_api.parsing import BodyParser
from kgmem_api.problems import InvalidBody
from kgmem_api.routes.sources import SourceBatch, source_out
from kgmem_api.wire.recall import RecallRequest
from kgmem_api.wire.records import (
    EntityBatch,
    EntityShape,
    EntityStatement,
    EpisodeBatch,
    EpisodeShape,
    EpisodeStatement,
    RelationshipBatch,
    RelationshipShape,
    RelationshipStatement,
    entity_out,
    episode_out,
    relationship_out,
)

FREE = Key("k", "free", "writer")
BOUND = Key("k", "bound", "writer", scope="user/1")

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
times = st.sampled_from(["1969", "1969-07", "1969-07-20", "1969-07-20T20:17:40Z", "-0044-03-15"])
scopes = st.sampled_from(["user/1", "user/1/agent/2"])
properties = st.dictionaries(texts, values, min_size=1, max_size=3)
common = {"source": texts, "scope": scopes}
entities = st.fixed_dictionaries(
    {"key": texts, "properties": properties},
    optional={
        **common,
        "label": texts,
        "labels": st.lists(texts, min_size=1, max_size=3),
        "name": texts,
        "text": texts,
        "valid_from": times,
        "valid_to": times,
        "embedding": st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=4),
        "place": st.just({"type": "Point", "coordinates": [9.5, 47.1]}),
        "version": st.integers(1, 9),
    },
)
relationships = st.fixed_dictionaries(
    {"kind": texts, "from": texts, "to": texts, "properties": properties},
    optional={
        **common,
        "key": texts,
        "text": texts,
        "valid_from": times,
        "valid_to": times,
        "strength": st.floats(0, 1),
        "confidence": st.floats(0, 1),
    },
)
episodes = st.fixed_dictionaries(
    {
        "text": texts,
        "properties": properties,
        "mentions": st.lists(texts, max_size=3),
        "derived_from": st.lists(texts, max_size=3),
    },
    optional={**common, "key": texts, "occurred_at": times, "session": texts, "speaker": texts, "title": texts},
)
sources = st.fixed_dictionaries({"key": texts, "trust": st.floats(0, 1)}, optional={"name": texts, "note": texts})


def parse(model: Any, body: Any, key: Key = FREE) -> Any:
    """Return what a body becomes."""
    return TypeAdapter(model).validate_json(json.dumps(body), context=key)


def errors(model: Any, body: str) -> list[dict[str, str]]:
    """Return what is said to be wrong with a body."""
    with pytest.raises(InvalidBody) as caught:
        BodyParser(model).parse(body.encode(), FREE, 1000)
    return caught.value.facts["errors"]


@given(entities)
def test_an_entity_goes_out_as_it_came_in(entity: dict[str, Any]) -> None:
    assert entity_out(parse(EntityBatch, {"entities": [entity]}).entities[0]) == entity


@given(relationships)
def test_a_relationship_goes_out_as_it_came_in(relationship: dict[str, Any]) -> None:
    parsed = parse(RelationshipBatch, {"relationships": [relationship]}).relationships[0]
    assert (parsed.start, parsed.end) == (relationship["from"], relationship["to"])
    assert relationship_out(parsed) == relationship


@given(episodes)
def test_an_episode_goes_out_as_it_came_in(episode: dict[str, Any]) -> None:
    assert episode_out(parse(EpisodeBatch, {"episodes": [episode]}).episodes[0]) == episode


@given(sources)
def test_a_source_goes_out_as_it_came_in(source: dict[str, Any]) -> None:
    assert source_out(parse(SourceBatch, {"sources": [source]}).sources[0]) == source


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_a_vector_in_base64_is_the_vector_in_numbers(numbers: list[float]) -> None:
    packed = base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()
    both = {"entities": [{"key": "a", "embedding": packed}, {"key": "b", "embedding": numbers}]}
    first, second = parse(EntityBatch, both).entities
    assert list(first.embedding) == list(second.embedding) == numbers


@pytest.mark.parametrize("vector", ["not base64!", "AAA=", base64.b64encode(b"12345").decode(), [1, "2"], [True], {}])
def test_what_is_no_vector_is_refused(vector: Any) -> None:
    body = json.dumps({"entities": [{"key": "a", "embedding": vector}]})
    assert errors(EntityBatch, body)[0]["pointer"].startswith("/entities/0/embedding")


def test_null_is_the_same_as_left_out() -> None:
    names = [name for name in EntityStatement.__annotations__ if name not in {"key", "properties", "expires_at"}]
    body = {"entities": [{"key": "a", **dict.fromkeys(names)}, {"key": "a"}]}
    first, second = parse(EntityBatch, body).entities
    assert first == second


def test_null_as_expires_at_removes_the_stored_time() -> None:
    first, second = parse(EntityBatch, {"entities": [{"key": "a", "expires_at": None}, {"key": "a"}]}).entities
    assert (first.expires_at, second.expires_at) == ("never", None)


def test_an_item_without_a_scope_gets_the_keys() -> None:
    items = parse(EntityBatch, {"entities": [{"key": "a"}, {"key": "b", "scope": "user/1/x"}]}, BOUND).entities
    assert [item.scope for item in items] == ["user/1", "user/1/x"]
    assert parse(EntityBatch, {"entities": [{"key": "a"}]}).entities[0].scope == ""
    for scope in ("user/2", "user", "user/11"):
        with pytest.raises(Forbidden):
            parse(EntityBatch, {"entities": [{"key": "a", "scope": scope}]}, BOUND)


@pytest.mark.parametrize("scope", ["/a", "a/", "a//b", "a b", "a/\t", "a\n"])
def test_what_is_no_scope_is_refused(scope: str) -> None:
    body = json.dumps({"entities": [{"key": "a", "scope": scope}]})
    assert errors(EntityBatch, body)[0]["pointer"] == "/entities/0/scope"


@pytest.mark.parametrize("time", ["", "now", "20th July", "1969-7", "1969-07-20T20", "1969/07"])
def test_what_is_no_time_is_refused(time: str) -> None:
    body = json.dumps({"entities": [{"key": "a", "valid_from": time}]})
    assert errors(EntityBatch, body)[0]["pointer"] == "/entities/0/valid_from"


@pytest.mark.parametrize("wrong", ["1", True, "a"])
def test_nothing_is_guessed(wrong: Any) -> None:
    body = json.dumps({"relationships": [{"kind": "K", "from": "a", "to": "b", "strength": wrong}]})
    assert errors(RelationshipBatch, body)[0]["pointer"] == "/relationships/0/strength"


def test_pointers_escape_slashes_and_tildes() -> None:
    body = json.dumps({"entities": [{"key": "a", "a/b~c": 1}]})
    assert errors(EntityBatch, body)[0]["pointer"] == "/entities/0/a~1b~0c"


def test_a_name_that_resembles_none_brings_the_list_of_names() -> None:
    told = errors(SourceBatch, '{"sources": [{"key": "a", "qqq": 1}]}')[0]
    assert told["hint"] == "Known here: domain, key, kind, name, note, parent, trust."


def test_every_part_of_a_question_reaches_the_domain() -> None:
    body = {
        "what": {"text": "moon", "properties": {"mass": {"gte": 5}}, "start": ["ann"], "kinds": ["fact", "path"]},
        "where": {
            "near": {"entity": "bern", "km": 5},
            "nearest": {"entity": "bern", "n": 3},
            "box": [170, -10, -170, 10],
            "within": {"type": "Polygon", "coordinates": []},
            "place": "europe",
            "half_km": 2.5,
        },
        "when": {
            "relation": {"name": "during", "of": "1969"},
            "known_at": "2020-01-01",
            "half_life_days": 30,
            "in_text": True,
        },
        "why": {"causes_of": "x", "effects_of": ["y", "z"], "from": "a", "to": "b", "depth": 3, "min_strength": 0.1},
        "graph": {"expand": True, "hops": {"from": "ann", "kind": "KNOWS", "max": 2, "direction": "out"}},
        "modes": {"where": "should"},
        "states": ["superseded"],
        "tiers": ["cold"],
        "min_consensus": 0.5,
        "diversity": 0.3,
        "budget": 500,
        "cursor": "abc",
        "recipe": "causes",
        "profile": True,
    }
    asked: Question = parse(RecallRequest, body).question(FREE)
    assert asked == Question(
        what=What(
            text="moon", properties={"mass": {"gte": 5}}, start=["ann"], kinds=["fact", "path"], labels=[], sources=[]
        ),
        where=Where(
            near=Spot(entity="bern"),
            km=5,
            nearest=3,
            box=(170, -10, -170, 10),
            within={"type": "Polygon", "coordinates": []},
            place="europe",
            half_km=2.5,
        ),
        when=When(
            relation=Relation("during", ("1969", "1969")), known_at="2020-01-01", half_life_days=30, in_text=True
        ),
        why=Why(("x",), ("y", "z"), "a", "b", depth=3, min_strength=0.1),
        graph=Links(True, Hops(("ann",), 2, ("KNOWS",), "out")),
        modes={"where": "should"},
        states=["superseded"],
        tiers=["cold"],
        min_consensus=0.5,
        diversity=0.3,
        budget=500,
        cursor="abc",
        recipe="causes",
        profile=True,
    )


@pytest.mark.parametrize(
    ("part", "pointer"),
    [
        ({"where": {"near": {"km": 5}}}, "/where/near"),
        ({"where": {"near": {"point": [1, 2], "entity": "x"}}}, "/where/near"),
        ({"where": {"near": {"point": [1, 2]}, "nearest": {"point": [1, 3], "n": 2}}}, "/where"),
        ({"where": {"box": [1, 2, 3]}}, "/where/box"),
        ({"when": {"relation": {"name": "during"}}}, "/when/relation"),
        ({"when": {"relation": {"name": "whenever", "of": "1969"}}}, "/when/relation/name"),
        ({"why": {"depth": 0}}, "/why/depth"),
        ({"graph": {"hops": {"from": "a", "max": 11}}}, "/graph/hops/max"),
        ({"modes": {"where": "may"}}, "/modes/where"),
    ],
)
def test_a_part_of_a_question_that_is_wrong_is_pointed_at(part: dict[str, Any], pointer: str) -> None:
    (error,) = errors(RecallRequest, json.dumps(part))
    assert error["pointer"] == pointer


def test_a_question_becomes_the_domains() -> None:
    body = {
        "what": {"text": "moon", "labels": ["Place"], "kinds": ["entity"], "sources": ["nasa"]},
        "when": {"between": ["1969", None], "any_time": True},
        "k": 3,
        "weights": {"words": 2.0},
        "fusion": "rrf",
        "explain": True,
    }
    asked: Question = parse(RecallRequest, body).question(BOUND)
    assert (asked.what.text, list(asked.what.labels), asked.when.between) == ("moon", ["Place"], ("1969", None))
    assert (asked.scope, asked.k, asked.fusion, asked.weights, asked.explain) == (
        "user/1",
        3,
        "rrf",
        {"words": 2.0},
        True,
    )
    assert parse(RecallRequest, {}).question(FREE) == Question(
        What(labels=[], kinds=[], start=[], sources=[]), states=[], tiers=[]
    )


@pytest.mark.parametrize("k", [0, 1001, 1.5, "3"])
def test_k_is_1_to_1000(k: Any) -> None:
    with pytest.raises(ValidationError):
        parse(RecallRequest, {"k": k})


@pytest.mark.parametrize(
    ("statement", "held", "record"),
    [
        (EntityStatement, EntityShape, Entity),
        (RelationshipStatement, RelationshipShape, Relationship),
        (EpisodeStatement, EpisodeShape, Episode),
    ],
)
def test_an_answer_has_every_field_that_a_statement_has(statement: Any, held: Any, record: type[Any]) -> None:
    stated = set(TypeAdapter(statement).json_schema()["properties"]) - {"extract", "ttl"}
    told = set(held.model_json_schema()["properties"])
    of_claims = {field.wire for field in fields_of(record) if field.role == "claim"}
    assert stated - of_claims <= told
    assert told.isdisjoint(of_claims)
    assert told - stated <= {"id", "version", "known_from"}
