"""What was said around what is found ranks it, too."""

import pytest

from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ASKED = What(text="What did Ada think of the film about the lighthouse?")
AROUND = Links(context=True)
ALONE = Links(context=False)


def gates(answer: Answer) -> dict[str, str]:
    """Return what was decided on the turns beside a hit; other gates may stand beside it."""
    return {name: why for name, why in answer.gates.items() if name == "context"}


def keys(answer: Answer) -> list[str]:
    return [hit.key for hit in answer.hits]


async def tell(
    memory: Memory, graph: str, turns: list[tuple[str, str]], *, session: str = "s", scope: str = ""
) -> None:
    await memory.episodes.put(graph, [Episode(text, key, session=session, scope=scope) for key, text in turns])


async def test_an_answer_is_found_by_the_question_before_it(memory: Memory, graph: str) -> None:
    turns = [(f"x{n}", f"Number {n} is about the weather.") for n in range(60)]
    turns[30:30] = [("z", "Have you seen the film about the lighthouse, Ada?"), ("a", "I loved every minute!")]
    await tell(memory, graph, turns)
    plain = await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, graph=ALONE))
    assert keys(plain)[0] == "z"
    assert "a" not in keys(plain)
    answer = await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, graph=AROUND))
    assert keys(answer)[0] == "z"
    assert {"a", "x29"} <= set(keys(answer)[1:3])
    assert all(hit.retrievers.keys() == {"context"} for hit in answer.hits[1:3])
    assert (
        await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, recipe="conversation"))
    ).hits == answer.hits


async def test_context_keeps_to_session_scope_and_filters(memory: Memory, graph: str) -> None:
    await tell(memory, graph, [("before", "Something else.")], session="one")
    await tell(memory, graph, [("found", "The film about the lighthouse."), ("after", "Good.")], session="two")
    await tell(memory, graph, [("mine", "A secret.")], session="two", scope="u/1")
    question = Question(ASKED, weights={"meaning": 0}, graph=AROUND)
    assert keys(await memory.recall(graph, question)) == ["found", "after"]
    entities = Question(What(text=ASKED.text, kinds=["entity"]), weights={"meaning": 0}, graph=AROUND)
    assert keys(await memory.recall(graph, entities)) == []


async def test_turns_of_one_batch_stand_in_the_order_in_which_they_were_told(memory: Memory, graph: str) -> None:
    await tell(memory, graph, [(key, f"Turn {key}.") for key in ("c", "lighthouse", "b", "d", "a")])
    answer = await memory.recall(graph, Question(What(text="lighthouse"), weights={"meaning": 0}, graph=AROUND))
    values = {hit.key: hit.retrievers["context"].value for hit in answer.hits if "context" in hit.retrievers}
    assert values["c"] == values["b"] == pytest.approx(2 * values["d"])
    assert values["lighthouse"] == pytest.approx(values["d"])
    assert "a" not in values


async def test_turns_of_a_session_are_found_by_their_neighbours_without_asking(memory: Memory, graph: str) -> None:
    turns = [(f"x{n}", f"Number {n} is about the weather.") for n in range(60)]
    turns[30:30] = [("z", "Have you seen the film about the lighthouse, Ada?"), ("a", "I loved every minute!")]
    await tell(memory, graph, turns)
    answer = await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, explain=True))
    asked = await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, graph=AROUND))
    assert "a" in keys(answer)[1:3]
    assert answer.hits == asked.hits
    assert gates(answer) == {"context": "on: 1 of the 1 best hits belong to a session."}
    assert gates(await memory.recall(graph, Question(ASKED, weights={"meaning": 0}))) == {}
    off = await memory.recall(graph, Question(ASKED, weights={"meaning": 0}, graph=ALONE, explain=True))
    assert (keys(off), gates(off)) == (["z"], {})
    weightless = await memory.recall(graph, Question(ASKED, weights={"meaning": 0, "context": 0}, explain=True))
    assert keys(weightless) == ["z"]
    entities = Question(What(text=ASKED.text, kinds=["entity"]), weights={"meaning": 0}, explain=True)
    assert gates(await memory.recall(graph, entities)) == {}


async def test_neighbours_count_by_themselves_only_where_the_best_hits_belong_to_sessions(
    memory: Memory, graph: str
) -> None:
    documents = [Episode(f"The lighthouse and its film, part {n}.", f"d{n}") for n in range(6)]
    await memory.episodes.put(graph, documents)
    question = Question(What(text="lighthouse film"), weights={"meaning": 0}, explain=True)
    none = await memory.recall(graph, question)
    assert gates(none) == {"context": "off: no hit belongs to a session."}
    assert all(hit.retrievers.keys() == {"words"} for hit in none.hits)
    await tell(memory, graph, [("said", "The lighthouse, again?"), ("answered", "Yes.")])
    few = await memory.recall(graph, question)
    assert gates(few) == {"context": "off: 1 of the 7 best hits belong to a session."}
    assert "answered" not in keys(few)
