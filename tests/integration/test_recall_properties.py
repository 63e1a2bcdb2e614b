"""Properties: predicates of every kind on values of every type, with and without an index, and what is refused."""

from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.memories import cypher, other_client

pytestmark = pytest.mark.server

SCHEMA = {"labels": {"Town": {"properties": {"size": {"indexed": True}, "code": {"indexed": True}}}}}


async def found(memory: Memory, graph: str, properties: dict[str, Any], **what: Any) -> str:
    """The keys of what has such properties, in the order of the alphabet."""
    answer = await memory.recall(graph, Question(What(properties=properties, **what), k=1000))
    return "".join(sorted(hit.key for hit in answer.hits))


@pytest.fixture(params=[False, True], ids=["without indexes", "with indexes"])
async def towns(request: pytest.FixtureRequest, memory: Memory, graph: str) -> str:
    """A graph of things with properties of all types."""
    if request.param:
        await memory.graphs.update(graph, schema=SCHEMA)
    told: list[dict[str, Any]] = [
        {"size": 5, "code": "x1", "tags": ["red", 1], "open": True, "founded": "1969-07-20"},
        {"size": 7.5, "code": "x2", "tags": [], "open": False, "founded": "1970"},
        {"size": "9", "code": "y%_'\"\\", "at": {"street": "Main", "number": 5}, "a.b": 1},
        {"size": -1, "code": 5, "tags": "red herring", "a": {"b": 2}, "source": "own"},
        {"size": [5], "labels": 3},
    ]
    entities = [Entity(key, "Town", f"Name {key}", told[n]) for n, key in enumerate("abcde")]
    await memory.entities.put(graph, [*entities, Entity("f", "Rock", properties={"size": 5}, labels=["Town"])])
    await memory.episodes.put(graph, [Episode("said", "g", "1969", speaker="Neil", properties={"size": 5})])
    return graph


CASES: list[tuple[dict[str, Any], str]] = [
    ({"size": 5}, "afg"),
    ({"size": 5.0}, "afg"),
    ({"size": "9"}, "c"),
    ({"size": [5]}, "e"),
    ({"size": {"eq": 5}, "code": "x1"}, "a"),
    ({"size": {"ne": 5}}, "bcde"),
    ({"size": {"gt": 5}}, "b"),
    ({"size": {"gte": 5}}, "abfg"),
    ({"size": {"lt": 5}}, "d"),
    ({"size": {"lte": 5}}, "adfg"),
    ({"size": {"gt": -1, "lt": 7}}, "afg"),
    ({"size": {"gte": "5"}}, "c"),
    ({"size": {"lt": "99"}}, "c"),
    ({"size": {"in": [5, "9", 7.5]}}, "abcfg"),
    ({"size": {"exists": False}}, ""),
    ({"code": {"exists": True}}, "abcd"),
    ({"code": None, "size": {"exists": True}}, "efg"),
    ({"code": {"starts_with": "x"}}, "ab"),
    ({"code": {"contains": "%_'\"\\"}}, "c"),
    ({"code": {"contains": "%"}}, "c"),
    ({"code": "y%_'\"\\"}, "c"),
    ({"tags": {"contains": "red"}}, "ad"),
    ({"tags": {"contains": 1}}, "a"),
    ({"tags": {"contains": 1.0}}, "a"),
    ({"tags": []}, "b"),
    ({"open": True}, "a"),
    ({"open": {"ne": True}}, "b"),
    ({"founded": {"gte": "1969", "lt": "1970"}}, "a"),
    ({"at.street": "Main"}, "c"),
    ({"at.number": {"gt": 4}}, "c"),
    ({"at": {"eq": {"street": "Main", "number": 5}}}, "c"),
    ({"a.b": {"exists": True}}, "cd"),
    ({"a.b": 2}, "d"),
    ({"name": {"starts_with": "Name"}}, "abcde"),
    ({"key": {"in": ["a", "f", "g"]}}, "afg"),
    ({"source": "own"}, "d"),
    ({"labels": 3}, "e"),
    ({"speaker": "Neil"}, "g"),
    ({"text": "said"}, "g"),
    ({"nothing": 1}, ""),
]


async def test_predicates_leave_what_meets_them(memory: Memory, towns: str) -> None:
    for properties, expected in CASES:
        assert await found(memory, towns, properties) == expected, properties
        of_towns = "".join(key for key in expected if key in "abcdef")
        assert await found(memory, towns, properties, labels=["Town"]) == of_towns, properties


async def test_predicates_hold_for_labels_that_another_process_made(
    memory: Memory, towns: str, shared_database_url: str
) -> None:
    async with other_client(shared_database_url) as client:
        await cypher(client, towns, "CREATE (:Hamlet {key: 'h', size: 5})")
    await memory.index.sync(towns)
    assert await found(memory, towns, {"size": 5}) == "afgh"


@pytest.mark.long
async def test_predicates_filter_what_words_and_vectors_find(memory: Memory, graph: str) -> None:
    entities = [Entity(f"k{n:04}", "Thing", text="apple", properties={"n": n}) for n in range(1200)]
    await memory.entities.put(graph, entities)
    await memory.embeddings.run(graph)
    for _ in range(2):  # The second time it is known that the scope is large.
        answer = await memory.recall(graph, Question(What("apple", properties={"n": {"gte": 1195}}), k=20))
        assert sorted(hit.key for hit in answer.hits) == [f"k{n}" for n in range(1195, 1200)]


@pytest.mark.parametrize(
    ("properties", "named"),
    [
        ({"size": {"above": 5}}, "above"),
        ({"size": {}}, "size"),
        ({"size": {"gt": True}}, "size.gt"),
        ({"size": {"gt": [1]}}, "size.gt"),
        ({"size": {"in": 5}}, "size.in"),
        ({"size": {"in": []}}, "size.in"),
        ({"size": {"exists": "yes"}}, "size.exists"),
        ({"size": {"starts_with": 5}}, "size.starts_with"),
        ({"size": {"contains": ["a"]}}, "size.contains"),
        ({"size": {"eq": None}}, "size.eq"),
        ({"size": float("nan")}, "size"),
        ({"size": 2**63}, "size"),
        ({"size": "a\0"}, "size"),
        ({"": 1}, "name"),
    ],
)
async def test_what_is_no_predicate_is_refused_by_name(
    memory: Memory, graph: str, properties: dict[str, Any], named: str
) -> None:
    with pytest.raises(InvalidInput, match=named) as raised:
        await found(memory, graph, properties)
    assert raised.value.hint


async def test_properties_count_as_they_were_known(memory: Memory, graph: str) -> None:
    await memory.graphs.update(graph, schema=SCHEMA)
    await memory.entities.put(graph, [Entity(key, "Town", properties={"size": 5, "n": 1}) for key in "abcd"])
    await memory.entities.put(graph, [Entity("old", "Town", properties={"size": 1})])
    facts = [Relationship("KNOWS", "a", end, text="a knows", properties={"since": 1960}) for end in "bc"]
    await memory.relationships.put(graph, facts)
    then = iso(now())
    await memory.entities.put(graph, [Entity("b", "Town", properties={"size": 7}), Entity("c", "Rock")])
    await memory.relationships.put(graph, [Relationship("KNOWS", "a", "b", properties={"since": 1970})])
    await memory.entities.delete(graph, ["d"])
    await memory.entities.put(graph, [Entity("e", "Town", properties={"size": 5})])

    async def of(properties: dict[str, Any], known_at: str | None, **what: Any) -> list[str]:
        asked = Question(What(properties=properties, **what), When(known_at=known_at), k=100)
        hits = (await memory.recall(graph, asked)).hits
        return sorted(hit.end.key if hit.end else hit.key for hit in hits)

    assert await of({"size": 5}, then) == ["a", "b", "c", "d"]
    assert await of({"size": 5}, None) == ["a", "c", "e"]
    assert await of({"size": {"gt": 5}}, then) == []
    assert await of({"size": {"gt": 5}}, None) == ["b"]
    assert await of({"size": 5}, then, labels=["Town"]) == ["a", "b", "c", "d"]
    assert await of({"n": {"exists": False}}, then, labels=["Town"]) == ["old"]
    assert await of({"since": 1960}, then, kinds=["fact"]) == ["b", "c"]
    assert await of({"since": 1960}, None, kinds=["fact"]) == ["c"]
