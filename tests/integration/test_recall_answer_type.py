"""Questions that ask for a type of entity, over a graph in which more is known of what they name."""

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "plays"
ASKED = "Who acted in Hamlet?"
ROLES = {"Ada Moor": "the prince", "Ben Noor": "the king", "Cleo Oort": "the ghost"}
PLACES = [f"Town {n}" for n in range(8)]


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    labels = [("Person", ROLES), ("Place", PLACES), ("Event", ["Hamlet"]), ("Document", ["Script"])]
    await memory.entities.put(GRAPH, [Entity(name, label, name) for label, names in labels for name in names])
    told = [
        Relationship("STAGED_AT", "Hamlet", town, text=f"Hamlet was acted in {town}: acted in Hamlet.")
        for town in PLACES
    ]
    told += [
        Relationship(
            "CAST_OF", name, "Hamlet", valid_from="1990", valid_to="1991", text=f"{name} was {role} of Hamlet."
        )
        for name, role in ROLES.items()
    ]
    await memory.relationships.put(GRAPH, told)
    return memory


def names(answer: Answer) -> list[str | None]:
    return [hit.start.name for hit in answer.hits if hit.start is not None]


async def test_facts_that_lead_to_a_person_come_before_others_about_the_same_thing(memory: Memory) -> None:
    answer = await memory.recall(GRAPH, Question(What(text=ASKED), k=4, explain=True))
    assert answer.hits[0].key == "Hamlet"  # What the question names keeps its place.
    assert {str(name) for name in names(answer)} == set(ROLES)
    assert answer.gates["answer_type"] == 'on: "who" asks for Person.'
    assert [hit.state for hit in answer.hits[1:]] == ["past"] * 3
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    places = await memory.recall(GRAPH, Question(What(text="In which place did they act in Hamlet?"), k=4))
    assert {hit.label for hit in places.hits} <= {"Event", "STAGED_AT"}


async def test_pages_lose_nothing_and_repeat_nothing(memory: Memory) -> None:
    whole = await memory.recall(GRAPH, Question(What(text=ASKED), k=1000))
    seen: list[int] = []
    cursor = None
    while True:
        page = await memory.recall(GRAPH, Question(What(text=ASKED), k=4, cursor=cursor))
        seen += [hit.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == {hit.id for hit in whole.hits}


async def test_budget_counts_what_is_returned(memory: Memory) -> None:
    answer = await memory.recall(GRAPH, Question(What(text=ASKED), k=10, budget=30))
    assert 0 < len(answer.hits) < 10
    assert [hit.label for hit in answer.hits[:2]] == ["Event", "CAST_OF"]
    assert answer.suppressed["over_budget"] > 0
    assert answer.cursor is not None


async def test_questions_with_filters_and_those_of_other_words_keep_their_order(memory: Memory) -> None:
    for question in (
        Question(What(text=ASKED, labels=["CAST_OF"]), k=5, explain=True),
        Question(What(text="When was Hamlet acted?"), k=5, explain=True),
        Question(What(text=ASKED, kinds=["entity"]), k=5, explain=True),
    ):
        assert "answer_type" not in (await memory.recall(GRAPH, question)).gates
