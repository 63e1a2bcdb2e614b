"""Which candidates become hits: pages, diversity, budgets and recipes over a real index."""

from dataclasses import replace

import pytest

from kgmem.domain.entity import Entity
from kgmem.domain.errors import InvalidInput
from kgmem.domain.question import Question, What
from kgmem.memory import Memory

TEXTS = [f"The eagle number {n} flies over the {'sea' if n % 2 else 'moon'} {'again ' * (n % 7)}" for n in range(60)]


async def put(memory: Memory, graph: str, texts: list[str], start: int = 0) -> None:
    await memory.put_entities(graph, [Entity(f"e{start + n:03}", "Bird", text=text) for n, text in enumerate(texts)])
    await memory.embed_waiting(graph)


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


async def test_a_cursor_of_another_question_is_refused(memory: Memory, graph: str) -> None:
    await put(memory, graph, TEXTS)
    cursor = (await memory.recall(graph, Question(What(text="eagle"), k=5))).cursor
    with pytest.raises(InvalidInput, match="another question"):
        await memory.recall(graph, Question(What(text="moon"), k=5, cursor=cursor))


async def test_an_unknown_recipe_is_refused(memory: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput, match="no recipe 'soup'"):
        await memory.recall(graph, Question(What(text="moon"), recipe="soup"))
