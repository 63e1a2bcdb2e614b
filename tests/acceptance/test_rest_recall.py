"""Recall over REST."""

import base64
import struct
from typing import Any

import pytest

from kgmem_api.wire.recall import RecallResult
from tests.rest import GRAPH, Door, done, refused

RECALL = f"{GRAPH}/recall"
EPISODES = [
    {"key": "e/1", "text": "The Eagle landed in the Sea of Tranquility.", "occurred_at": "1969-07-20"},
    {"key": "e/2", "text": "The cook baked bread in the kitchen.", "occurred_at": "1971-01-02"},
]


async def _ask(door: Door, **question: Any) -> RecallResult:
    return RecallResult.model_validate(done(await door.client.post(RECALL, json=question)))


async def test_the_best_hit_is_what_the_words_name(door: Door) -> None:
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": EPISODES}))
    answer = await _ask(door, what={"text": "Where did the Eagle land?"}, explain=True, k=1)
    assert [hit.key for hit in answer.hits] == ["e/1"]
    assert sum(retriever.share for retriever in answer.hits[0].retrievers.values()) == pytest.approx(1)
    assert answer.profile


async def test_a_key_of_a_scope_asks_in_its_scope(door: Door) -> None:
    mine = {"episodes": [{"key": "m", "text": "My eagle sleeps.", "scope": "user/1"}]}
    done(await door.client.post(f"{GRAPH}/episodes", json=mine))
    body = {"what": {"text": "eagle"}, "when": {"any_time": True}}
    own = done(await door.client.post(RECALL, json=body, headers=await door.key("reader", scope="user/1")))
    assert [hit["key"] for hit in own["hits"]] == ["m"]
    other = done(await door.client.post(RECALL, json=body, headers=await door.key("reader", scope="user/2")))
    assert other["hits"] == []


async def test_a_vector_may_be_numbers_or_base64(door: Door) -> None:
    done(await door.client.put("/v1/graphs/v", json={"embedding": {"model": "m", "dimension": 3}}), 201)
    packed = base64.b64encode(struct.pack("<3f", 1.0, 0.0, 0.0)).decode()
    entities = [
        {"key": "x", "text": "x", "embedding": packed},
        {"key": "y", "text": "y", "embedding": [0.0, 1.0, 0.0]},
    ]
    done(await door.client.put("/v1/graphs/v/entities", json={"entities": entities}))
    if type(door.memory.ports.index).__name__ == "FakeIndex":
        pytest.skip("the fake finds by words alone")
    for vector in (packed, [1.0, 0.0, 0.0]):
        answer = done(await door.client.post("/v1/graphs/v/recall", json={"what": {"vector": vector}, "k": 1}))
        assert [hit["key"] for hit in answer["hits"]] == ["x"]
    wrong = await door.client.post("/v1/graphs/v/recall", json={"what": {"vector": [1.0]}})
    refused(wrong, 422, "1 dimensions", "3")


async def test_a_question_that_asks_nothing_is_refused(door: Door) -> None:
    refused(await door.client.post(RECALL, json={}), 422, "question is empty")


async def test_a_misspelt_part_is_refused_with_the_right_name(door: Door) -> None:
    problem = refused(await door.client.post(RECALL, json={"waht": {"text": "moon"}}), 422, "waht")
    assert problem["hint"] == "Did you mean what?"
    inner = refused(await door.client.post(RECALL, json={"what": {"txet": "moon"}}), 422)
    assert inner["errors"] == [
        {"pointer": "/what/txet", "detail": "txet is not known here.", "hint": "Did you mean text?"}
    ]


async def test_an_answer_tells_that_nothing_relevant_is_known(door: Door) -> None:
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": EPISODES}))
    known = await _ask(door, what={"text": "Where did the Eagle land?"})
    assert known.nothing_relevant is False
    assert known.hits[0].key == "e/1"
    assert known.hits[0].relevance is not None
    assert known.hits[0].relevance > 0.5
    unknown = await _ask(door, what={"text": "Which tax applies to imported bicycles?"})
    assert unknown.nothing_relevant is True
    assert all(hit.relevance is not None and hit.relevance < 0.1 for hit in unknown.hits)
    listed = await _ask(door, what={"labels": ["Episode"]})
    assert listed.nothing_relevant is None
    assert all(hit.relevance is None for hit in listed.hits)


async def test_min_score_drops_what_is_less_relevant_and_counts_it(door: Door) -> None:
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": EPISODES}))
    everything = await _ask(door, what={"text": "Where did the Eagle land?"})
    some = await _ask(door, what={"text": "Where did the Eagle land?"}, min_score=0.2)
    assert [hit.key for hit in some.hits] == ["e/1"]
    assert some.suppressed.get("below_min_score", 0) == len(everything.hits) - 1
    none = await _ask(door, what={"text": "Which tax applies to imported bicycles?"}, min_score=0.2)
    assert none.hits == []
    assert none.nothing_relevant is True
    refused(await door.client.post(RECALL, json={"what": {"text": "x"}, "min_score": 2}), 422)
    refused(await door.client.post(RECALL, json={"what": {"labels": ["Episode"]}, "min_score": 0.5}), 422)


async def test_an_answer_without_hits_tells_how_many_pass_each_filter_alone(door: Door) -> None:
    pads = [
        {
            "key": f"pad-{n}",
            "label": "Pad",
            "place": [-80.6 + n, 28.6],
            "valid_from": f"196{n}",
            "valid_to": f"196{n + 1}",
        }
        for n in range(4)
    ]
    bakery = {"key": "bakery", "label": "Shop", "place": [13.4, 52.5], "properties": {"floor": 2}}
    done(await door.client.put(f"{GRAPH}/entities", json={"entities": [*pads, bakery]}))
    near = {"near": {"point": [13.4, 52.5], "km": 5}}
    none = await _ask(door, what={"labels": ["Pad"]}, where=near, when={"between": ["1980", "1981"]})
    assert none.hits == []
    # The shop has no time of its own, so that it passes any.
    assert none.filter_matches == {"labels": 4, "where": 1, "when": 1}
    alone = await _ask(door, what={"properties": {"floor": {"gt": 9}}}, min_consensus=0.99)
    assert alone.hits == []
    assert alone.filter_matches == {"properties": 0, "min_consensus": 0}
    only_ranks = await _ask(door, what={"labels": ["Nothing"]}, where=near, modes={"where": "should"})
    assert (only_ranks.hits, only_ranks.filter_matches) == ([], {"labels": 0})
    some = await _ask(door, what={"labels": ["Pad"]}, when={"between": ["1961", "1963"]})
    assert some.hits
    assert some.filter_matches == {}


async def test_no_filter_is_named_where_a_score_is_the_reason_or_the_answer_ends(door: Door) -> None:
    done(await door.client.post(f"{GRAPH}/episodes", json={"episodes": EPISODES}))
    none = await _ask(door, what={"text": "Which eagle is taxed where?", "labels": ["Episode"]}, min_score=0.99)
    assert (none.hits, none.filter_matches) == ([], {})
    assert none.suppressed["below_min_score"] == 1
    first = await _ask(door, what={"labels": ["Episode"]}, k=1)
    assert first.cursor is not None
    assert first.filter_matches == {}


async def test_a_text_that_finds_nothing_is_named_among_the_filters(door: Door) -> None:
    done(await door.client.put("/v1/graphs/plain"), 201)
    done(await door.client.post("/v1/graphs/plain/episodes", json={"episodes": EPISODES}))
    asked = {"what": {"text": "Which tax applies?", "labels": ["Episode"]}}
    answer = done(await door.client.post("/v1/graphs/plain/recall", json=asked))
    assert (answer["hits"], answer["filter_matches"]) == ([], {"text": 0, "labels": 2})
