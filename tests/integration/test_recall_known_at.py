"""As we knew it then: nothing that was learned later plays any part, and what was answered is answered again."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, Relation, Spot, What, When, Where, Why
from kgmem.domain.space.place import parse_place
from kgmem.domain.time.interval import iso, now, valid_interval
from kgmem.memory import Memory
from tests.histories import KEYS, SCOPES, YEARS, Replay, Step, do, steps
from tests.imports import lines
from tests.memories import (
    DIMENSION,
    cypher,
    hashing,
    index_schema,
    new_graph,
    opened_memory,
    other_client,
    query,
    stable_vector,
)
from tests.sizes import examples

pytestmark = pytest.mark.server

QUESTIONS = (
    Question(What(text="apple river stone")),
    Question(What(text="apple river stone"), When(any_time=True), scope="team/1"),
    Question(What(text="garden lamp"), When(valid_at="1969"), k=3, diversity=0.5),
    Question(What(vector=stable_vector("x", DIMENSION)), When(any_time=True), fusion="rrf"),
    Question(What(labels=["Thing"]), scope="team/1"),
    Question(What(properties={"crew": {"gte": 2}}), When(any_time=True), scope="team/1"),
    Question(What(text="apple river stone", properties={"crew": 1})),
    Question(What(labels=["Thing", "Place"], sources=["nasa"]), When(any_time=True)),
    Question(What(), When(relation=Relation("overlaps", of=("1961", "1972"))), scope="team/1"),
    Question(What(), When(between=("1960", "1965"))),
)
# Not made smaller when they fail: that asks many times, and a history says itself what happened.
HISTORIES = settings(
    max_examples=examples(12),
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def asked_of_then(question: Question, moment: str) -> Question:
    """The same question, as of then."""
    return replace(question, when=replace(question.when, known_at=moment))


def told(answer: Answer) -> tuple[Any, ...]:
    """All that an answer says but until when a version was known, which nobody knew while it was."""
    hits = []
    for hit in answer.hits:
        provenance = [{n: v for n, v in each.items() if n != "known_to"} for each in hit.provenance]
        hits.append(replace(hit, provenance=provenance))
    return hits, dict(answer.suppressed)


async def answers(memory: Memory, graph: str, questions: Sequence[Question] = QUESTIONS) -> list[tuple[Any, ...]]:
    """What is answered to the questions."""
    return [told(await memory.recall(graph, question)) for question in questions]


@pytest.mark.long
@HISTORIES
@given(history=steps(4, 12))
async def test_recall_as_of_then_gives_what_recall_gave_then(memory: Memory, history: Sequence[Step]) -> None:
    graph, replay = await new_graph(memory, f"facts_{secrets.token_hex(6)}"), Replay()
    recorded = []
    for step in history:
        await do(memory, graph, step)
        given_then = await answers(memory, graph)
        recorded.append((await replay.look(memory, graph), given_then))
    for moment, given_then in recorded:
        again = await answers(memory, graph, [asked_of_then(question, moment) for question in QUESTIONS])
        assert again == given_then


@pytest.mark.long
@HISTORIES
@given(history=steps(4, 14))
async def test_both_clocks_together_give_what_a_naive_replay_gives(memory: Memory, history: Sequence[Step]) -> None:
    graph, replay = await new_graph(memory, f"facts_{secrets.token_hex(6)}"), Replay()
    moments = [iso(now())]
    for step in history:
        await do(memory, graph, step)
        moments.append(await replay.look(memory, graph))
    for moment in moments:
        for year in YEARS:
            when = When(valid_at=year, known_at=moment)
            for scope in SCOPES:
                answer = await memory.recall(graph, Question(What(), when, scope=scope, k=100))
                seen = {(hit.scope, hit.key, hit.text, hit.valid_from, hit.valid_to) for hit in answer.hits}
                assert seen == _expected(replay, moment, year, scope)


def _expected(replay: Replay, moment: str, year: str, scope: str) -> set[tuple[Any, ...]]:
    """What was held, seen from the scope, and true in the year: by reading all of it."""
    instant = valid_interval(moment, None).start
    assert instant is not None
    window = valid_interval(year, year)
    return {
        (each.scope, each.key, each.text, each.valid_from, each.valid_to)
        for each in replay.known_at(instant).values()
        if each.scope in {"", scope} and valid_interval(each.valid_from, each.valid_to).overlaps(window)
    }


async def test_before_anything_was_known_there_is_nothing_and_the_future_is_now(memory: Memory, graph: str) -> None:
    before = iso(now())
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple")])
    await memory.embeddings.run(graph)
    question = Question(What(text="apple"))

    for moment in (before, "1500", "-0044"):
        answer = await memory.recall(graph, asked_of_then(question, moment))
        assert (list(answer.hits), dict(answer.suppressed)) == ([], {})
    for moment in ("2999", "9999-12-31"):
        assert told(await memory.recall(graph, asked_of_then(question, moment))) == told(
            await memory.recall(graph, question)
        )
    with pytest.raises(InvalidInput, match="soon"):
        await memory.recall(graph, asked_of_then(question, "soon"))


async def test_an_earlier_version_tells_what_it_said_and_from_when_to_when_it_was_known(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity("a", "Thing", name="A", text="apple", properties={"n": 1})])
    moment = iso(now())
    await memory.entities.put(graph, [Entity("a", "Place", text="pear", properties={"n": 2}, valid_from="1960")])

    (hit,) = (await memory.recall(graph, asked_of_then(Question(What(text="apple")), moment))).hits
    assert (hit.label, hit.name, hit.text, hit.properties, hit.valid_from) == ("Thing", "A", "apple", {"n": 1}, None)
    assert hit.provenance[0]["known_from"] < moment < hit.provenance[0]["known_to"]
    assert not (await memory.recall(graph, asked_of_then(Question(What(text="pear")), moment))).hits


async def test_trust_is_that_of_then(memory: Memory, graph: str) -> None:
    await memory.sources.put(graph, [Source("nasa", name="NASA", trust=0.9)])
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple", source="nasa")])
    moment = iso(now())
    await memory.sources.put(graph, [Source("nasa", name="Nobody", trust=0.1)])

    (then,) = (await memory.recall(graph, asked_of_then(Question(What(text="apple")), moment))).hits
    (present,) = (await memory.recall(graph, Question(What(text="apple")))).hits
    assert (then.provenance[0]["trust"], then.provenance[0]["name"]) == (0.9, "NASA")
    assert present.provenance[0]["trust"] == 0.1
    assert then.confidence is not None
    assert present.confidence is not None
    assert then.confidence > present.confidence


async def test_a_key_that_was_deleted_and_came_again_is_two_things(memory: Memory, graph: str) -> None:
    moments = []
    for text in ("apple", "pear", "plum"):
        await memory.entities.put(graph, [Entity("a", "Thing", text=text)])
        moments.append((iso(now()), [text]))
        await memory.entities.delete(graph, ["a"])
        moments.append((iso(now()), []))
    for moment, texts in moments:
        answer = await memory.recall(graph, asked_of_then(Question(What(labels=["Thing"])), moment))
        assert [hit.text for hit in answer.hits] == texts


async def test_what_came_later_weighs_no_words(memory: Memory, graph: str) -> None:
    texts = ["apple river", "apple stone", "river stone cloud", "winter"]
    await memory.episodes.put(graph, [Episode(text, f"e{n}") for n, text in enumerate(texts)])
    question = Question(What(text="apple river"), weights={"meaning": 0})
    given_then, moment = told(await memory.recall(graph, question)), iso(now())
    await memory.episodes.put(graph, [Episode(f"apple apple no{n}", f"late{n}") for n in range(50)])

    assert told(await memory.recall(graph, asked_of_then(question, moment))) == given_then
    assert told(await memory.recall(graph, question)) != given_then


async def test_what_other_clients_overwrite_is_found_by_what_the_index_knew(
    shared_database_url: str, memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple", valid_from="1960"), Entity("b", "Thing")])
    await memory.embeddings.run(graph)
    moment = iso(now())
    question = asked_of_then(Question(What(text="apple")), moment)
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (n:Thing {key: 'a'}) SET n.text = 'secret pear', n.valid_from = '1999'")
        for absorbed in (False, True):
            if absorbed:
                await memory.index.sync(graph)
            (hit,) = [hit for hit in (await memory.recall(graph, question)).hits if hit.key == "a"]
            assert (hit.text, hit.valid_from) == ("a\napple", "1960-01-01T00:00:00Z")
            assert hit.provenance[0]["properties"] == "lost"
        await cypher(client, graph, "MATCH (n:Thing {key: 'a'}) DELETE n")
    assert [hit.key for hit in (await memory.recall(graph, question)).hits if hit.text == "a\napple"] == ["a"]


async def test_a_write_over_what_another_client_wrote_tells_nothing_of_it_as_of_before(
    shared_database_url: str, memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple")])
    moment = iso(now())
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (n:Thing {key: 'a'}) SET n.secret = 'pear'")
    await memory.entities.put(graph, [Entity("a", "Thing", text="plum")])
    await memory.index.sync(graph)

    (hit,) = (await memory.recall(graph, asked_of_then(Question(What(text="apple")), moment))).hits
    assert "secret" not in hit.properties
    assert hit.provenance[0]["properties"] == "lost"


async def test_a_given_vector_that_changed_ranks_as_it_did(memory: Memory, graph: str) -> None:
    one, other = stable_vector("one"), stable_vector("other")
    put = [Entity("a", "Thing", text="apple", embedding=one), Entity("b", "Thing", text="apple", embedding=other)]
    await memory.entities.put(graph, put)
    question = Question(What(vector=one))
    given_then, moment = told(await memory.recall(graph, question)), iso(now())
    await memory.entities.put(graph, [Entity("a", embedding=other), Entity("b", embedding=one)])

    assert told(await memory.recall(graph, asked_of_then(question, moment))) == given_then
    assert (await memory.recall(graph, question)).hits[0].key == "b"


async def test_a_version_whose_vector_came_too_late_is_found_by_words(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple")])
    moment = iso(now())
    await memory.entities.put(graph, [Entity("a", "Thing", text="pear")])
    await memory.embeddings.run(graph)

    (hit,) = (await memory.recall(graph, asked_of_then(Question(What(text="apple")), moment))).hits
    assert (hit.text, set(hit.retrievers)) == ("apple", {"words"})


async def test_after_another_embedding_space_words_find_earlier_texts(shared_database_url: str, graph: str) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as memory:
        await memory.entities.put(graph, [Entity("a", "Thing", text="apple"), Entity("b", "Thing", text="apple pie")])
        await memory.embeddings.run(graph)
        moment = iso(now())
        await memory.entities.put(graph, [Entity("a", "Thing", text="pear")])
        await memory.embeddings.run(graph)
    async with opened_memory(shared_database_url, embedder=hashing(name="other")) as memory:
        await memory.embeddings.reembed(graph)
        answer = await memory.recall(graph, asked_of_then(Question(What(text="apple")), moment))
    assert {hit.key: set(hit.retrievers) for hit in answer.hits} == {"a": {"words"}, "b": {"meaning", "words"}}


async def test_edges_and_their_ends_are_seen_as_they_were(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Thing") for key in "abc"])
    await memory.relationships.put(graph, [Relationship("knows", "a", "b", key="r", strength=0.5)])
    moments = [iso(now())]
    await memory.relationships.put(graph, [Relationship("knows", "a", "c", key="r", strength=0.9)])
    moments.append(iso(now()))
    await memory.entities.put(graph, [Entity("c", "Place")])
    moments.append(iso(now()))
    await memory.entities.delete(graph, ["a"])
    moments.append(iso(now()))

    then = f"{await index_schema(memory, graph)}_asof"
    # The setting holds for the session, since the pool of this test lends the same connection again.
    sql = f"""
        SELECT a.key AS start, b.key AS end_, e.strength, CASE b.labels[1] WHEN '' THEN b.labels[2] ELSE l.name END
        FROM {then}.edge e JOIN {then}.item a ON a.id = e.source JOIN {then}.item b ON b.id = e.target
        JOIN {then}.label l ON l.id = b.id >> 48
    """
    seen = []
    for moment in moments:
        await query(memory, "SELECT set_config('kgmem.known_at', $1, false)", moment)
        seen.append([tuple(row) for row in await query(memory, sql)])
    first = ("a", "b", 0.5, "Thing")
    second, third = ("a", "c", pytest.approx(0.9), "Thing"), ("a", "c", pytest.approx(0.9), "Place")
    assert seen == [[first], [second], [third], []]


async def test_no_scope_is_seen_as_of_then_that_is_not_seen_now(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(key, "Thing", text="apple", scope="user/1") for key in KEYS])
    await memory.embeddings.run(graph)
    moment = iso(now())
    await memory.entities.delete(graph, list(KEYS), scope="user/1")
    for scope, count in (("", 0), ("user/2", 0), ("user/1", 4), ("user/1/agent", 4)):
        question = asked_of_then(Question(What(text="apple"), scope=scope), moment)
        answer = await memory.recall(graph, question)
        assert (len(answer.hits), sum(answer.suppressed.values())) == (count, 0)


@pytest.mark.parametrize("words", [None, False], ids=["bm25 where there is one", "Postgres full text"])
async def test_a_large_scope_is_answered_exactly_as_of_then(database_url: str, words: bool | None) -> None:
    async with opened_memory(database_url, words=words) as memory:
        graph = await new_graph(memory, "facts")
        texts = [f"{'apple ' * (n % 4)}river no{n}" for n in range(1200)]
        await memory.entities.put(graph, [Entity(f"k{n}", "Thing", text=text) for n, text in enumerate(texts)])
        moment = iso(now())
        question = Question(What(text="apple no7"), k=50)
        first = await memory.recall(graph, asked_of_then(question, moment))
        await memory.entities.put(graph, [Entity(f"k{n}", text="apple no7") for n in range(0, 600, 2)])
        await memory.entities.put(graph, [Entity(f"late{n}", "Thing", text="apple apple") for n in range(300)])
        await memory.entities.delete(graph, [f"k{n}" for n in range(1, 600, 2)])
        again = await memory.recall(graph, asked_of_then(question, moment))

        assert len(first.hits) == 50
        assert first.hits[0].key == "k7"
        assert told(again) == told(first)


async def test_causes_places_and_links_are_those_of_then(memory: Memory, graph: str) -> None:
    near, far = parse_place([0.0, 0.0]), parse_place([90.0, 0.0])
    put = [Entity("a", "Thing", place=near), Entity("b", "Thing", place=far), Entity("c", "Thing", place=far)]
    await memory.entities.put(graph, put)
    await memory.relationships.put(graph, [Relationship("CAUSES", "a", "b", key="r", strength=0.9)])
    moment = iso(now())
    await memory.relationships.put(graph, [Relationship("CAUSES", "a", "c", key="r", strength=0.5)])
    await memory.relationships.put(graph, [Relationship("CAUSES", "c", "b", strength=0.5)])
    await memory.entities.put(graph, [Entity("a", place=far), Entity("c", place=near)])

    for question, then, present in (
        (Question(why=Why(effects_of=["a"])), {"b"}, {"b", "c"}),
        (Question(why=Why(causes_of=["b"])), {"a"}, {"a", "c"}),
        (Question(where=Where(near=Spot(point=(0.0, 0.0)), km=100)), {"a"}, {"c"}),
    ):
        assert {hit.key for hit in (await memory.recall(graph, question)).hits} == present
        answer = await memory.recall(graph, asked_of_then(question, moment))
        assert {hit.key for hit in answer.hits} == then


async def test_an_import_that_was_taken_back_out_is_still_known_as_of_between(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", "Thing", text="apple")])
    told = [
        {"type": "entity", "key": key, "label": "Thing", "text": text} for key, text in (("a", "pear"), ("b", "plum"))
    ]
    moments = [iso(now())]
    done = await memory.imports.run(graph, [lines(*told)])
    moments.append(iso(now()))
    assert done.id is not None
    await memory.imports.undo(graph, done.id)
    moments.append(iso(now()))
    seen = []
    for moment in moments:
        answer = await memory.recall(graph, asked_of_then(Question(What(labels=["Thing"])), moment))
        seen.append({hit.key: hit.text for hit in answer.hits})
    assert seen == [{"a": "apple"}, {"a": "pear", "b": "plum"}, {"a": "apple"}]
