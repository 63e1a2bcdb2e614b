"""Cold episodes are searched where hot and warm memory gives too little, and not otherwise."""

from dataclasses import replace

import pytest

from kgmem.cache.layered import LayeredCache
from kgmem.domain.cache.policy import DEFAULTS
from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from tests.memories import hashing, new_graph, opened_memory

GRAPH = "archive-gate"
HOT = "The night train to Berlin leaves from platform seven."
COLD = "The night train to Berlin was late in the winter of 1999."
OTHER = "Bo likes green tea from Uji."


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.episodes.put(
        GRAPH,
        [
            Episode(HOT, "hot", occurred_at="2026-05-01"),
            Episode(COLD, "cold", occurred_at="1999-12-24"),
            Episode(OTHER, "tea", occurred_at="1999-12-25"),
        ],
    )
    await memory.embeddings.run(GRAPH)
    await memory.tiers.put(GRAPH, archive=True, enough=0.5)
    await memory.tiers.move(GRAPH, ["cold", "tea"], "cold")
    assert (await memory.tiers.sweep(GRAPH)).archived == 2
    return memory


async def asked(memory: Memory, text: str, **how: object) -> Answer:
    question = replace(Question(What(text), k=1, explain=True), **how)  # type: ignore[arg-type]
    return await memory.recall(GRAPH, question)


async def test_a_hit_that_answers_the_question_leaves_the_archive_unsearched(memory: Memory) -> None:
    answer = await asked(memory, HOT)
    assert [hit.key for hit in answer.hits] == ["hot"]
    assert answer.gates["archive"].startswith("off: ")
    shown = await memory.recall(GRAPH, Question(What(HOT), k=1))
    assert [hit.key for hit in shown.hits] == ["hot"]
    assert not shown.gates


async def test_a_best_hit_of_little_relevance_opens_the_archive(memory: Memory) -> None:
    answer = await asked(memory, "green tea from Uji")
    assert [hit.key for hit in answer.hits] == ["tea"]
    assert answer.gates["archive"].startswith("on: the best hit")


async def test_fewer_hits_than_are_asked_for_open_the_archive(memory: Memory) -> None:
    answer = await asked(memory, HOT, k=2)
    assert [hit.key for hit in answer.hits] == ["hot", "cold"]
    assert answer.gates["archive"] == "on: 1 of 2 hits without it."


async def test_tiers_of_the_question_decide_by_themselves(memory: Memory) -> None:
    cold = await asked(memory, HOT, tiers=("cold",))
    assert [hit.key for hit in cold.hits] == ["cold"]
    both = await asked(memory, COLD, tiers=("hot", "cold"))
    assert [hit.key for hit in both.hits] == ["cold"]
    hot = await asked(memory, COLD, tiers=("hot", "warm"), k=2)
    assert [hit.key for hit in hot.hits] == ["hot"]
    assert not {"archive"} & (cold.gates.keys() | both.gates.keys() | hot.gates.keys())


async def test_a_time_that_only_cold_memory_covers_opens_the_archive(memory: Memory) -> None:
    answer = await asked(memory, "night train to Berlin", when=When(between=("1999-12", "1999-12")))
    assert [hit.key for hit in answer.hits] == ["cold"]
    named = await asked(memory, "When was the night train to Berlin late in 1999?", when=When(in_text=True))
    assert [hit.key for hit in named.hits] == ["cold"]
    assert "archive" not in answer.gates  # It was searched at once.


async def test_a_time_that_hot_memory_covers_too_opens_nothing(memory: Memory) -> None:
    answer = await asked(memory, HOT, when=When(between=("1999", "2026-12")))
    assert [hit.key for hit in answer.hits] == ["hot"]
    assert answer.gates["archive"].startswith("off: ")


async def test_questions_about_what_was_known_search_all_tiers(memory: Memory) -> None:
    answer = await asked(memory, COLD, when=When(known_at="2100-01-01"))
    assert [hit.key for hit in answer.hits] == ["cold"]


async def test_a_vector_alone_searches_all_tiers(memory: Memory) -> None:
    (vector,) = await hashing().embed([COLD], "query")
    answer = await memory.recall(GRAPH, Question(What(vector=vector), k=1))
    assert [hit.key for hit in answer.hits] == ["cold"]


async def test_a_further_page_searches_all_tiers(memory: Memory) -> None:
    first = await asked(memory, HOT)
    assert first.cursor is not None
    second = await asked(memory, HOT, cursor=first.cursor)
    assert [hit.key for hit in (*first.hits, *second.hits)] == ["hot", "cold"]


async def test_enough_is_a_relevance(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="enough is"):
        await memory.tiers.put(GRAPH, enough=1.5)
    await memory.tiers.put(GRAPH, enough=1.0)
    answer = await asked(memory, HOT)
    assert answer.gates["archive"].startswith("on: ")


async def test_words_weigh_as_if_nothing_was_archived(database_url: str) -> None:
    """Scores of a small scope are those of all its passages, wherever they are."""
    texts = [
        f"Letter {n}: the {word} of the harbour, and rain." for n, word in enumerate(["ship", "crane", "gull"] * 9)
    ]
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        await memory.episodes.put(GRAPH, [Episode(text, f"e{at}") for at, text in enumerate(texts)])
        await memory.embeddings.run(GRAPH)
        what = What("gull and crane in the rain at letter 5")
        question = Question(what, weights={"meaning": 0.0}, k=30, tiers=("hot", "cold"))
        before = await memory.recall(GRAPH, question)
        await memory.tiers.put(GRAPH, archive=True)
        await memory.tiers.move(GRAPH, [f"e{at}" for at in range(0, 27, 2)], "cold")
        assert (await memory.tiers.sweep(GRAPH)).archived == 14
        after = await memory.recall(GRAPH, question)
    assert [(hit.key, round(hit.retrievers["words"].value, 6)) for hit in after.hits] == [
        (hit.key, round(hit.retrievers["words"].value, 6)) for hit in before.hits
    ]


async def test_a_cached_answer_ends_with_the_setting_that_it_followed(database_url: str) -> None:
    async with opened_memory(
        database_url, embedder=hashing(), cache=LayeredCache(DEFAULTS, 64 * 1024 * 1024)
    ) as memory:
        await memory.graphs.create(GRAPH)
        await memory.episodes.put(GRAPH, [Episode(HOT, "hot"), Episode(f"{HOT} Indeed.", "cold")])
        await memory.embeddings.run(GRAPH)
        await memory.tiers.put(GRAPH, archive=True, enough=0.2)
        await memory.tiers.move(GRAPH, ["cold"], "cold")
        assert (await memory.tiers.sweep(GRAPH)).archived == 1
        question = Question(What(f"{HOT} Indeed."), k=1)
        for _ in range(2):  # The second answer is a cached one.
            assert [hit.key for hit in (await memory.recall(GRAPH, question)).hits] == ["hot"]
        await memory.tiers.put(GRAPH, enough=1.0)
        assert [hit.key for hit in (await memory.recall(GRAPH, question)).hits] == ["cold"]
