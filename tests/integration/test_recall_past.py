"""What is over: what merely ended is an answer, marked with its dates; what a later statement replaced is held back."""

import secrets
from collections.abc import Sequence
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer, Hit
from kgmem.domain.recall.question import Question, State, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.formats.kgmem.sample import read_sample
from kgmem.memory import Memory
from kgmem.resources import resource
from tests.memories import new_graph

PLACES = ("berlin", "paris", "rome")
_SCHEMA = {"kinds": {"RESIDES_AT": {"functional": True}, "VISITED": {}}}


async def people(memory: Memory) -> str:
    graph = await new_graph(memory, f"past_{secrets.token_hex(6)}", schema=_SCHEMA)
    named = [Entity(key, "Place", key.title()) for key in PLACES]
    await memory.entities.put(graph, [Entity("ada", "Person", "Ada"), *named])
    return graph


def resides(place: str, start: str | None = None, end: str | None = None, **more: Any) -> Relationship:
    text = f"Ada resides at {place.title()}."
    return Relationship("RESIDES_AT", "ada", place, f"home-{place}", {}, text, start, end, **more)


async def ask(
    memory: Memory, graph: str, text: str, *, states: Sequence[State] = (), scope: str = "", **when: Any
) -> Answer:
    question = Question(What(text=text, kinds=("fact",)), When(**when), states=states, scope=scope)
    return await memory.recall(graph, question)


def told(answer: Answer) -> dict[str, str | None]:
    return {hit.key: hit.state for hit in answer.hits}


async def test_what_merely_ended_is_an_answer_with_its_dates(memory: Memory) -> None:
    graph = await people(memory)
    await memory.relationships.put(graph, [resides("berlin", "2015", "2020")])

    (hit,) = (await ask(memory, graph, "where does Ada reside")).hits

    assert (hit.key, hit.state, hit.valid_from, hit.valid_to) == ("home-berlin", "past", "2015", "2020")


async def test_what_a_later_statement_of_a_one_valued_kind_replaced_is_held_back(memory: Memory) -> None:
    graph = await people(memory)
    stays = [resides("berlin", "2010", "2015"), resides("paris", "2015", "2020"), resides("rome", "2020")]
    await memory.relationships.put(graph, stays)

    answer = await ask(memory, graph, "where does Ada reside")

    assert told(answer) == {"home-rome": "current"}
    assert answer.suppressed == {"superseded": 2}
    replaced = {"home-berlin": "superseded", "home-paris": "superseded"}
    assert told(await ask(memory, graph, "reside", states=["superseded"])) == replaced
    assert told(await ask(memory, graph, "reside", any_time=True)) == {**replaced, "home-rome": "current"}
    assert told(await ask(memory, graph, "reside", valid_at="2012")) == {"home-berlin": "superseded"}


async def test_the_last_of_a_line_that_ended_is_past(memory: Memory) -> None:
    graph = await people(memory)
    await memory.relationships.put(graph, [resides("berlin", "2010", "2015"), resides("paris", "2015", "2020")])

    assert told(await ask(memory, graph, "reside")) == {"home-paris": "past"}


async def test_only_kinds_of_one_value_are_replaced(memory: Memory) -> None:
    graph = await people(memory)
    visits = [
        Relationship("VISITED", "ada", place, text=f"Ada visited {place}.", valid_from=start, valid_to=end)
        for place, start, end in (("berlin", "2010", "2011"), ("paris", "2012", "2013"))
    ]
    await memory.relationships.put(graph, visits)

    answer = await ask(memory, graph, "visited")

    assert [hit.state for hit in answer.hits] == ["past", "past"]


async def test_what_returns_or_is_yet_to_come_replaces_nothing(memory: Memory) -> None:
    graph = await people(memory)
    again = Relationship("RESIDES_AT", "ada", "berlin", "again", {}, "Ada resides at Berlin again.", "2018")
    await memory.relationships.put(graph, [resides("berlin", "2010", "2015"), again, resides("paris", "2999")])

    answer = await ask(memory, graph, "reside")

    assert told(answer) == {"home-berlin": "past", "again": "current"}
    assert answer.suppressed == {"not_yet_valid": 1}


async def test_a_later_statement_counts_where_it_is_seen(memory: Memory) -> None:
    graph = await people(memory)
    own = resides("rome", "2020", scope="user/1")
    await memory.relationships.put(graph, [resides("berlin", "2010", "2015"), own])

    assert told(await ask(memory, graph, "reside")) == {"home-berlin": "past"}
    assert told(await ask(memory, graph, "reside", scope="user/2")) == {"home-berlin": "past"}
    assert told(await ask(memory, graph, "reside", scope="user/1")) == {"home-rome": "current"}


async def test_as_known_before_the_later_statement_nothing_was_replaced(memory: Memory) -> None:
    graph = await people(memory)
    await memory.relationships.put(graph, [resides("berlin", "2010")])
    open_ = iso(now())
    await memory.relationships.put(graph, [resides("berlin", "2010", "2015")])
    closed = iso(now())
    await memory.relationships.put(graph, [resides("rome", "2015")])

    assert told(await ask(memory, graph, "reside", known_at=open_)) == {"home-berlin": "current"}
    assert told(await ask(memory, graph, "reside", known_at=closed)) == {"home-berlin": "past"}
    after = await ask(memory, graph, "reside", known_at=iso(now()))
    assert (told(after), after.suppressed) == ({"home-rome": "current"}, {"superseded": 1})


async def test_entities_that_ended_are_past_and_texts_have_no_state(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("guild", "Organization", "Weavers", valid_to="1798"),
            Entity("fair", "Event", "Weavers", valid_to="1700"),
        ],
    )
    await memory.episodes.put(graph, [Episode("The weavers met.", "e", occurred_at="1650")])

    answer = await memory.recall(graph, Question(What(text="weavers")))

    assert told(answer) == {"guild": "past", "fair": "past", "e": None}
    now_only = await memory.recall(graph, Question(What(text="weavers"), states=["current"]))
    assert told(now_only) == {"e": None}


@pytest.mark.long
async def test_who_commanded_apollo_11_is_answered(memory: Memory) -> None:
    sample = read_sample(resource("sample") / "apollo", resource("graph_schema") / "apollo.toml")
    graph = await new_graph(memory, f"apollo_{secrets.token_hex(6)}", schema=sample.schema)
    await memory.sources.put(graph, sample.sources)
    await memory.entities.put(graph, sample.entities)
    await memory.relationships.put(graph, sample.relationships)

    answer = await memory.recall(graph, Question(What(text="Who commanded Apollo 11?"), k=5))

    hit: Hit = next(hit for hit in answer.hits if hit.label == "COMMANDED")
    assert (hit.start and hit.start.key, hit.end and hit.end.key, hit.state) == ("neil-armstrong", "apollo-11", "past")
    assert (hit.valid_from, hit.valid_to) == ("1969-07-16T13:32:00Z", "1969-07-24T16:50:35Z")


async def test_a_question_in_the_past_tense_keeps_what_is_over_in_its_place(memory: Memory) -> None:
    graph = await new_graph(memory, f"tense_{secrets.token_hex(6)}")
    people = ("ada", "bob", "eve")
    await memory.entities.put(graph, [Entity(key, "Person", key.title()) for key in people])
    await memory.entities.put(graph, [Entity("board", "Agency", "The board")])
    led = [
        Relationship("CHAIRS", "ada", "board", text="Ada chairs the board of safety.", valid_to="1990"),
        Relationship("CHAIRS", "bob", "board", text="Since Ada left, Bob chairs it, the board that we have."),
    ]
    await memory.relationships.put(graph, led)

    async def first(text: str) -> tuple[str, Answer]:
        answer = await memory.recall(graph, Question(What(text=text, kinds=("fact",)), explain=True))
        start = answer.hits[0].start
        assert start is not None
        return start.key, answer

    assert (await first("Who chairs the board of safety?"))[0] == "bob"
    key, answer = await first("Who chaired the board of safety?")
    assert key == "ada"
    assert answer.hits[0].state == "past"
    assert answer.gates["tense"].startswith("past")
