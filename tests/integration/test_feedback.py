"""Feedback on hits moves them, in its scope and until it is taken back."""

import pytest

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from kgmem.tasks import act_for
from tests.memories import new_graph

GRAPH = "feedback"
ASKED = "When does the ferry to Turku leave?"


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    texts = ["The ferry to Turku leaves at nine.", "The ferry to Turku leaves at ten.", "Bo likes tea."]
    await memory.episodes.put(GRAPH, [Episode(text, f"e{n}") for n, text in enumerate(texts)])
    return memory


async def found(memory: Memory, scope: str = "", *, known_at: str | None = None) -> list[tuple[int, float]]:
    question = Question(What(ASKED), scope=scope, when=When(known_at=known_at))
    return [(hit.id, hit.score) for hit in (await memory.recall(GRAPH, question)).hits]


async def test_verdicts_move_hits_and_withdrawn_leave_no_trace(memory: Memory) -> None:
    before = await found(memory)
    moment = iso(now())
    first, second = before[0][0], before[1][0]
    for key in ("k1", "k2", "k3"):
        act_for(key)
        assert (await memory.feedback.give(GRAPH, Feedback(first, "wrong", ASKED))).created
        await memory.feedback.give(GRAPH, Feedback(second, "useful"))
    assert [id_ for id_, _ in await found(memory)][:2] == [second, first]
    assert await found(memory, known_at=moment) == before
    answer = await memory.recall(GRAPH, Question(What(ASKED), explain=True))
    assert "2 candidates have verdicts" in answer.gates["feedback"]

    again = await memory.feedback.give(GRAPH, Feedback(first, "useful", ASKED, "I had misread it."))
    assert not again.created
    assert len((await memory.feedback.list(GRAPH, item=first)).items) == 3
    for key in ("k1", "k2", "k3"):
        act_for(key)
        await memory.feedback.withdraw(GRAPH, first, question=ASKED)
        await memory.feedback.withdraw(GRAPH, second)
        with pytest.raises(NotFound):
            await memory.feedback.withdraw(GRAPH, second)
    assert await found(memory) == before
    assert (await memory.feedback.list(GRAPH)).items == []


async def test_a_scope_moves_hits_of_its_own_questions_only(memory: Memory) -> None:
    before = await found(memory)
    for key in ("k1", "k2", "k3"):
        act_for(key)
        await memory.feedback.give(GRAPH, Feedback(before[0][0], "wrong", scope="user/1"))
        await memory.feedback.give(GRAPH, Feedback(before[1][0], "useful", scope="user/1"))
    assert await found(memory) == before
    assert await found(memory, "user/2") == before
    assert [each[0] for each in await found(memory, "user/1")][:2] == [before[1][0], before[0][0]]


async def test_what_a_question_cannot_find_takes_no_feedback(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Mine.", "own", scope="user/2")])
    own = await memory.episodes.get(GRAPH, "own", scope="user/2")
    for item, scope in ((own.id, ""), (own.id, "user/1"), (12345, "")):
        assert item is not None
        with pytest.raises(NotFound):
            await memory.feedback.give(GRAPH, Feedback(item, "wrong", scope=scope))
    assert (await memory.feedback.list(GRAPH)).items == []


async def test_feedback_goes_with_its_item(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("ann", text="Ann sails."), Entity("bob")])
    (knows,) = (await memory.relationships.put(GRAPH, [Relationship("KNOWS", "ann", "bob", text="They sail.")])).ids
    ann = (await memory.entities.get(GRAPH, "ann")).id
    first = (await found(memory))[0][0]
    for item in (ann, knows, first):
        assert item is not None
        await memory.feedback.give(GRAPH, Feedback(item, "wrong", "Who sails?"))
    await memory.relationships.delete(GRAPH, [knows])
    assert {each.item for each in (await memory.feedback.list(GRAPH)).items} == {ann, first}
    await memory.entities.delete(GRAPH, ["ann"])
    await memory.episodes.forget(GRAPH, [f"e{n}" for n in range(3)], erase=True)
    assert (await memory.feedback.list(GRAPH)).items == []
