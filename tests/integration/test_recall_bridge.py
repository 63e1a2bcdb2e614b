"""Questions that describe an entity and ask something of it: the fact that answers is added by a second step."""

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "bridges"
ASKED = "Where was the captain of the Aurora born?"
SHIPS = ("Aurora", "Borealis", "Comet", "Dolphin", "Eagle")
CAPTAINS = ("Ada Moor", "Ben Noor", "Cleo Oort", "Dov Pohl", "Eva Quint")
TOWNS = ("Riga", "Split", "Turku", "Ulm", "Vigo")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


def key(name: str) -> str:
    return name.lower().replace(" ", "-")


async def fleet(memory: Memory, *, births: str = "", owner: str = "") -> None:
    """Write ships with captains, and where these were born in a scope of its own."""
    labels = [("Ship", SHIPS), ("Person", CAPTAINS), ("Place", TOWNS)]
    await memory.entities.put(
        GRAPH, [Entity(key(name), label, name, scope=owner) for label, names in labels for name in names]
    )
    told = []
    for ship, captain, town in zip(SHIPS, CAPTAINS, TOWNS, strict=True):
        crew = f"{captain} was captain of the {ship}."
        told.append(Relationship("CAPTAIN_OF", key(captain), key(ship), text=crew, scope=owner))
        told.append(Relationship("SAILED_TO", key(ship), key(town), text=f"The {ship} sailed to {town}.", scope=owner))
        born = f"{captain} was born in {town}."
        told.append(Relationship("BORN_IN", key(captain), key(town), text=born, scope=births))
    await memory.relationships.put(GRAPH, told)


def texts(answer: Answer) -> list[str | None]:
    return [hit.text for hit in answer.hits]


async def test_what_is_asked_of_a_described_entity_is_found(memory: Memory) -> None:
    await fleet(memory)
    answer = await memory.recall(GRAPH, Question(What(text=ASKED), k=5, explain=True))
    assert texts(answer)[:2] == ["Ada Moor was captain of the Aurora.", "Ada Moor was born in Riga."]
    assert answer.gates["bridge"] == "on: born sought in facts about ada-moor."
    assert len(answer.hits) == 5
    assert len({hit.id for hit in answer.hits}) == 5
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)


async def test_a_direct_question_is_answered_as_before(memory: Memory) -> None:
    await fleet(memory)
    for asked in ("Who was captain of the Comet?", "Where was Dov Pohl born?", "Where did the Eagle sail to?"):
        answer = await memory.recall(GRAPH, Question(What(text=asked), k=5, explain=True))
        assert "bridge" not in answer.gates, asked


async def test_pages_go_on_behind_what_was_added_and_lose_nothing(memory: Memory) -> None:
    await fleet(memory)
    whole = await memory.recall(GRAPH, Question(What(text=ASKED), k=1000))
    seen: list[int] = []
    cursor = None
    while True:
        page = await memory.recall(GRAPH, Question(What(text=ASKED), k=3, cursor=cursor))
        seen += [hit.id for hit in page.hits]
        cursor = page.cursor
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert set(seen) == {hit.id for hit in whole.hits}


async def test_what_is_added_keeps_to_the_scope_and_to_what_was_known(memory: Memory) -> None:
    await fleet(memory, births="user/1")
    mine = await memory.recall(GRAPH, Question(What(text=ASKED), scope="user/1", k=5))
    assert "Ada Moor was born in Riga." in texts(mine)
    for question in (
        Question(What(text=ASKED), k=50),
        Question(What(text=ASKED), scope="user/2", k=50),
        Question(What(text=ASKED), scope="user/1", when=When(known_at="2000-01-01"), k=50),
    ):
        assert "Ada Moor was born in Riga." not in texts(await memory.recall(GRAPH, question))


async def test_what_is_added_is_as_relevant_as_is_asked_for(memory: Memory) -> None:
    await fleet(memory)
    for least in (0.01, 0.2, 0.5, 0.9):
        answer = await memory.recall(GRAPH, Question(What(text=ASKED), k=10, min_score=least))
        assert all((hit.relevance or 0.0) >= least for hit in answer.hits), least


async def test_what_is_added_counts_towards_the_budget(memory: Memory) -> None:
    await fleet(memory)
    answer = await memory.recall(GRAPH, Question(What(text=ASKED), k=10, budget=40))
    assert "Ada Moor was born in Riga." in texts(answer)
    from_all = await memory.recall(GRAPH, Question(What(text=ASKED), k=10))
    assert 0 < len(answer.hits) < len(from_all.hits)
    assert answer.suppressed["over_budget"] > 0
    assert answer.cursor is not None
