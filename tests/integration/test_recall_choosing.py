"""Which candidates become hits: pages, diversity, budgets and recipes over a real index."""

import secrets
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.claims.claim import Source
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, State, What, When
from kgmem.memory import Memory
from tests.memories import new_graph

TEXTS = [f"The eagle number {n} flies over the {'sea' if n % 2 else 'moon'} {'again ' * (n % 7)}" for n in range(60)]


async def put(memory: Memory, graph: str, texts: list[str], start: int = 0) -> None:
    await memory.entities.put(graph, [Entity(f"e{start + n:03}", "Bird", text=text) for n, text in enumerate(texts)])
    await memory.embeddings.run(graph)


async def test_pages_give_every_hit_once_and_go_on_beside_writes(memory: Memory, graph: str) -> None:
    await put(memory, graph, TEXTS)
    question = Question(What(text="eagle moon", labels=["Bird"]), k=7)
    whole = {hit.key for hit in (await memory.recall(graph, replace(question, k=100))).hits}
    seen: list[str] = []
    cursor, pages = None, 0
    while pages == 0 or cursor:
        answer = await memory.recall(graph, replace(question, cursor=cursor))
        seen += [hit.key for hit in answer.hits]
        cursor, pages = answer.cursor, pages + 1
        if pages == 2:
            await put(memory, graph, ["An eagle of the moon that came late."], start=900)
    assert len(seen) == len(set(seen))
    assert whole <= set(seen) <= whole | {"e900"}


async def test_the_first_page_is_the_answer_itself(memory: Memory, graph: str) -> None:
    await put(memory, graph, TEXTS)
    question = Question(What(text="eagle moon"), k=10)
    paged = await memory.recall(graph, question)
    assert paged.cursor is not None
    assert (await memory.recall(graph, question)).hits == paged.hits
    assert (await memory.recall(graph, replace(question, k=60))).cursor is None


async def test_diverse_hits_leave_repetitions_behind(memory: Memory, graph: str) -> None:
    same = [f"The heat shield failed in test {n}" for n in range(6)]
    await put(memory, graph, [*same, "The heat shield cost a million dollars", "Apollo had a parachute"])
    question = Question(What(text="heat shield failed in test"), k=3)
    by_score = [hit.text for hit in (await memory.recall(graph, question)).hits]
    assert all(text in same for text in by_score)
    diverse = [hit.text for hit in (await memory.recall(graph, replace(question, diversity=0.7))).hits]
    assert diverse[0] == by_score[0]
    assert not all(text in same for text in diverse)
    assert (await memory.recall(graph, replace(question, recipe="overview"))).hits


async def test_a_budget_leaves_out_what_does_not_fit_and_says_so(memory: Memory, graph: str) -> None:
    await put(memory, graph, ["eagle " * 400, "eagle moon", "eagle sea"])
    answer = await memory.recall(graph, Question(What(text="eagle"), budget=20))
    assert {hit.text for hit in answer.hits} == {"eagle moon", "eagle sea"}
    assert answer.suppressed["over_budget"] == 1


async def test_states_say_which_side_of_now_is_asked_for(memory: Memory, graph: str) -> None:
    await memory.entities.put(
        graph,
        [
            Entity("was", "Office", text="mayor", valid_to="1990"),
            Entity("is", "Office", text="mayor"),
            Entity("will", "Office", text="mayor", valid_from="2999"),
        ],
    )

    async def asked(*states: State) -> tuple[set[str], dict[str, int]]:
        answer = await memory.recall(graph, Question(What(text="mayor"), states=states))
        return {hit.key for hit in answer.hits}, dict(answer.suppressed)

    assert await asked() == ({"was", "is"}, {"not_yet_valid": 1})
    assert await asked("past") == ({"was"}, {"current": 1, "not_yet_valid": 1})
    assert await asked("superseded") == (set(), {"past": 1, "current": 1, "not_yet_valid": 1})
    assert await asked("current", "not_yet_valid") == ({"is", "will"}, {"past": 1})
    assert await asked("current", "past", "not_yet_valid") == ({"was", "is", "will"}, {})
    with pytest.raises(InvalidInput, match="cannot be combined"):
        await memory.recall(graph, Question(What(text="mayor"), When(valid_at="1980"), states=("current",)))


async def test_the_least_consensus_and_the_tier_hold_back_the_rest(memory: Memory, graph: str) -> None:
    await memory.sources.put(graph, [Source("good", trust=0.9), Source("poor", trust=0.2)])
    stated = [Entity(key, "Note", text="weather", source=source) for key, source in [("g", "good"), ("p", "poor")]]
    await memory.entities.put(graph, [*stated, Entity("n", "Note", text="weather")])

    async def asked(**parts: Any) -> tuple[set[str], dict[str, int]]:
        answer = await memory.recall(graph, Question(What(text="weather"), **parts))
        return {hit.key for hit in answer.hits}, dict(answer.suppressed)

    assert await asked(min_consensus=0.5) == ({"g", "n"}, {"below_consensus": 1})
    assert await asked(min_consensus=0.6) == ({"g"}, {"below_consensus": 2})
    assert await asked(min_consensus=0.0) == ({"g", "p", "n"}, {})
    assert await asked(tiers=("hot",)) == ({"g", "p", "n"}, {})
    assert await asked(tiers=("cold", "distilled")) == (set(), {"other_tier": 3})


@pytest.mark.parametrize("parts", [{"min_consensus": 1.5}, {"diversity": -0.1}, {"budget": 0}, {"k": 0}])
async def test_numbers_out_of_their_range_are_refused(memory: Memory, graph: str, parts: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(parts))):
        await memory.recall(graph, Question(What(text="x"), **parts))


async def test_a_cursor_of_another_question_is_refused(memory: Memory, graph: str) -> None:
    await put(memory, graph, TEXTS)
    cursor = (await memory.recall(graph, Question(What(text="eagle"), k=5))).cursor
    with pytest.raises(InvalidInput, match="another question"):
        await memory.recall(graph, Question(What(text="moon"), k=5, cursor=cursor))


async def test_an_unknown_recipe_is_refused(memory: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput, match="no recipe 'soup'"):
        await memory.recall(graph, Question(What(text="moon"), recipe="soup"))


async def test_a_graph_has_a_recipe_for_questions_that_name_none(memory: Memory) -> None:
    graph = await new_graph(memory, "with_a_recipe", recipe="recent")
    born = {"old": "1900", "new": "2020"}
    await memory.entities.put(graph, [Entity(key, text="a bridge", valid_from=year) for key, year in born.items()])
    await memory.embeddings.run(graph)
    asked = Question(What(text="bridge"))

    assert "recency" in (await memory.recall(graph, asked)).hits[0].retrievers
    assert "recency" not in (await memory.recall(graph, replace(asked, recipe="balanced"))).hits[0].retrievers
    assert (await memory.graphs.update(graph, recipe="exact_words")).recipe == "exact_words"
    assert "recency" not in (await memory.recall(graph, asked)).hits[0].retrievers
    assert (await memory.graphs.get(graph)).recipe == "exact_words"
    with pytest.raises(InvalidInput, match="no recipe 'guess'"):
        await memory.graphs.update(graph, recipe="guess")


async def test_the_last_page_says_that_there_are_more_than_a_thousand_hits(memory: Memory) -> None:
    graph = await new_graph(memory, f"many_{secrets.token_hex(6)}", space=None)
    for count, cut in ((1000, {}), (1, {"hits_cut": 1})):
        offset = 0 if count == 1000 else 1000
        await memory.entities.put(graph, [Entity(f"e{offset + n}", "Thing") for n in range(count)])
        question = Question(What(labels=["Thing"]), k=1000)
        answer = await memory.recall(graph, question)
        assert (len(answer.hits), answer.cursor) == (1000, None)
        assert answer.suppressed == cut
