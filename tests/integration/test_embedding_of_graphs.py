"""Vectors that follow: a provider that is away, and moving to another space while recall goes on."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from kgmem.domain.errors import Conflict, EmbedderUnavailable
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import SwitchableEmbedder, hashing, opened_memory, stable_vector

pytestmark = pytest.mark.server

MOVED = 48  # Another dimension, so that the two spaces cannot be taken for each other.


def with_embedder(memory: Memory, embedder: SwitchableEmbedder, old: SwitchableEmbedder | None = None) -> Memory:
    """The same memory with another embedder, which still knows that of the former space."""
    known = {each.space.id: each for each in (embedder, old) if each}
    return Memory(replace(memory.ports, embedder=embedder, embedder_of=lambda space: known.get(space.id)))


async def retrievers(memory: Memory, graph: str, text: str) -> dict[str, set[str]]:
    """Which retrievers found what."""
    answer = await memory.recall(graph, Question(What(text=text), k=1000))
    return {hit.key: set(hit.retrievers) for hit in answer.hits}


@pytest.fixture
async def second(shared_database_url: str) -> AsyncIterator[Memory]:
    """Another process, with what it knew of the graph a moment ago."""
    async with opened_memory(shared_database_url, embedder=hashing()) as memory:
        yield memory


async def test_a_provider_that_is_away_loses_no_write_and_vectors_follow_later(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    embedder.away = True
    await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {n}") for n in range(70)])
    await memory.episodes.put(graph, [Episode("apple river", "e")])
    answer = await memory.recall(graph, Question(What(text="apple"), k=100))
    assert len(answer.hits) == 71
    assert answer.suppressed == {"meaning_retriever_off_embedder_unavailable": 1}
    with pytest.raises(EmbedderUnavailable):
        await memory.embeddings.run(graph)
    assert (await memory.graphs.stats(graph)).waiting_for_vectors == 71
    assert ("embed", graph) in memory.ports.jobs.asked  # type: ignore[attr-defined]
    embedder.away = False
    told: list[int] = []
    assert await memory.embeddings.run(graph, progress=told.append) == 71
    assert told == [64, 71]
    answer = await memory.recall(graph, Question(What(text="apple"), k=100))
    assert answer.suppressed == {}
    assert all(hit.retrievers.keys() == {"meaning", "words"} for hit in answer.hits)
    await assert_index_matches_labels(memory, graph)


async def test_a_text_that_the_provider_refuses_holds_up_no_other(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    embedder.refuses = "poison"
    texts = {f"k{n}": "poison" if n in {5, 70} else f"apple {n}" for n in range(100)}
    await memory.entities.put(graph, [Entity(key, text=text) for key, text in texts.items()])
    await memory.episodes.put(graph, [Episode("a poisoned well", "e", scope="user/1")])
    assert await memory.embeddings.run(graph) == 98
    stats = await memory.graphs.stats(graph)
    assert (stats.vectors, stats.waiting_for_vectors, stats.refused_by_embedder) == (98, 0, 3)
    told = [(each.kind, each.key, each.scope, each.reason) for each in await memory.embeddings.refused(graph)]
    assert told == [
        ("entity", "k5", "", "It refuses poison."),
        ("entity", "k70", "", "It refuses poison."),
        ("episode", "e", "user/1", "It refuses poison."),
    ]
    assert (await retrievers(memory, graph, "poison"))["k5"] == {"words"}
    await memory.entities.put(graph, [Entity("k5", text="antidote")])
    assert await memory.embeddings.run(graph) == 1
    embedder.refuses = ""
    assert await memory.embeddings.run(graph) == 0
    assert await memory.embeddings.retry_refused(graph) == 2
    assert await memory.embeddings.run(graph) == 2
    assert (await memory.graphs.stats(graph)).refused_by_embedder == 0
    await assert_index_matches_labels(memory, graph)


async def test_nothing_is_taken_for_refused_while_the_provider_is_away(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity("a", text="apple")])
    embedder.away = True
    with pytest.raises(EmbedderUnavailable):
        await memory.embeddings.run(graph)
    stats = await memory.graphs.stats(graph)
    assert (stats.waiting_for_vectors, stats.refused_by_embedder) == (1, 0)


async def test_a_text_that_the_new_provider_refuses_does_not_keep_a_graph_from_moving(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity("a", text="apple"), Entity("b", text="poison")])
    await memory.embeddings.run(graph)
    new = hashing(MOVED)
    new.refuses = "poison"
    moving = with_embedder(memory, new, embedder)
    assert await moving.embeddings.reembed(graph) == 1
    assert ((await moving.graphs.get(graph)).space or embedder.space).id == new.space.id
    assert (await moving.graphs.stats(graph)).refused_by_embedder == 1
    new.refuses = ""
    assert await moving.embeddings.retry_refused(graph) == 1
    assert await moving.embeddings.run(graph) == 1
    await assert_index_matches_labels(moving, graph)


async def test_a_graph_of_another_space_is_recalled_by_words_and_says_so(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("a", text="apple")])
    await memory.embeddings.run(graph)
    other = with_embedder(memory, hashing(MOVED))
    answer = await other.recall(graph, Question(What(text="apple")))
    assert [hit.retrievers.keys() for hit in answer.hits] == [{"words"}]
    assert answer.suppressed == {"meaning_retriever_off_no_embedder_of_the_graph": 1}
    assert await other.embeddings.run(graph) == 0


@pytest.mark.long
async def test_a_text_that_changes_while_it_is_embedded_gets_the_vector_of_what_it_says_now(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity("a", text="apple"), Entity("gone", text="river"), Entity("b", text="old")])
    embedder.pause = 0.3
    embedding = asyncio.create_task(memory.embeddings.run(graph))
    await asyncio.sleep(0.1)
    await memory.entities.put(graph, [Entity("a", text="stone"), Entity("b", embedding=stable_vector("b"))])
    await memory.entities.delete(graph, ["gone"])
    await embedding
    embedder.pause = 0.0
    await memory.embeddings.run(graph)
    await assert_index_matches_labels(memory, graph)
    (wanted,) = await embedder.embed(["a\nstone"])
    for vector, key in ((wanted, "a"), (stable_vector("b"), "b")):
        best = (await memory.recall(graph, Question(What(vector=vector)))).hits[0]
        assert (best.key, round(best.retrievers["meaning"].value, 2)) == (key, 1.0)


@pytest.mark.long
async def test_re_embedding_answers_from_the_old_space_until_the_new_one_is_whole(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {n}") for n in range(200)])
    await memory.embeddings.run(graph)
    new = hashing(MOVED)
    new.pause = 0.02
    moving = with_embedder(memory, new, embedder)
    done, answered, wrote = asyncio.Event(), 0, 0

    async def ask() -> None:
        nonlocal answered
        while not done.is_set():
            answer = await moving.recall(graph, Question(What(text="apple 7"), k=10))
            assert answer.suppressed == {}
            assert len(answer.hits) == 10
            assert any("meaning" in hit.retrievers for hit in answer.hits)
            answered += 1
            await asyncio.sleep(0)

    async def write() -> None:
        nonlocal wrote
        while not done.is_set():
            await moving.entities.put(
                graph, [Entity(f"new {wrote}", text=f"apple {wrote}"), Entity(f"k{wrote % 200}", text=f"river {wrote}")]
            )
            wrote += 1
            await asyncio.sleep(0.01)

    async def move() -> None:
        try:
            await moving.embeddings.reembed(graph)
        finally:
            done.set()

    async with asyncio.timeout(60):
        await asyncio.gather(ask(), write(), move())
    assert answered > 5
    assert wrote > 2
    held = await moving.graphs.get(graph)
    assert held.space is not None
    assert held.space.id == new.space.id
    await moving.embeddings.run(graph)
    await assert_index_matches_labels(moving, graph)
    found = await retrievers(moving, graph, "apple")
    assert len(found) == 200 + wrote
    assert all("meaning" in each for each in found.values())


async def test_texts_that_all_change_during_a_re_embedding_are_found_by_meaning_in_the_old_space(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {n}") for n in range(100)])
    await memory.embeddings.run(graph)
    new = hashing(MOVED)
    moving = with_embedder(memory, new, embedder)
    found: list[dict[str, set[str]]] = []

    async def change() -> None:
        if len(new.seen) == 0:
            await moving.entities.put(graph, [Entity(f"k{n}", text=f"river {n}") for n in range(100)])
        else:
            found.append(await retrievers(moving, graph, "river"))

    new.before = change
    await moving.embeddings.reembed(graph)
    assert found
    assert all(any("meaning" in each for each in at_once.values()) for at_once in found)
    assert all("meaning" in each for each in found[-1].values())
    await assert_index_matches_labels(moving, graph)


async def test_a_writer_who_is_as_fast_as_the_embedder_does_not_hold_up_a_re_embedding(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity("first", text="apple")])
    await memory.embeddings.run(graph)
    new = hashing(MOVED)
    moving = with_embedder(memory, new, embedder)

    async def write() -> None:
        await moving.entities.put(graph, [Entity(f"k{len(new.seen)}", text=f"apple {len(new.seen)}")])

    new.before = write
    async with asyncio.timeout(60):
        await moving.embeddings.reembed(graph)
    assert ((await moving.graphs.get(graph)).space or embedder.space).id == new.space.id
    new.before = None
    await moving.embeddings.run(graph)
    await assert_index_matches_labels(moving, graph)


@pytest.mark.long
async def test_a_graph_that_has_not_moved_yet_is_embedded_in_the_space_it_is_in(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    moving = with_embedder(memory, hashing(MOVED), embedder)
    await moving.entities.put(graph, [Entity("a", text="apple")])
    asked: list[Any] = moving.ports.jobs.asked  # type: ignore[attr-defined]
    asked.clear()
    await moving.tasks.queue_missing_vectors()
    assert ("embed", graph) in asked
    assert await moving.embeddings.run(graph) == 1
    asked.clear()
    await moving.tasks.queue_missing_vectors()
    assert ("embed", graph) not in asked
    assert await retrievers(moving, graph, "apple") == {"a": {"meaning", "words"}}


async def test_what_another_process_writes_while_a_graph_is_re_embedded_is_in_the_new_space_after_it(
    memory: Memory, graph: str, embedder: SwitchableEmbedder, second: Memory
) -> None:
    await memory.entities.put(graph, [Entity("before", text="apple")])
    await memory.embeddings.run(graph)
    await second.entities.get(graph, "before")  # It knows the graph as it is now, for a second.
    new = hashing(MOVED)
    moving = with_embedder(memory, new, embedder)
    index: Any = memory.ports.index
    await index.begin_space(graph, new.space)
    await second.entities.put(graph, [Entity("during", text="apple river")])
    await moving.embeddings.reembed(graph)
    await second.entities.put(graph, [Entity("after", text="apple stone"), Entity("before", text="apple cloud")])
    answer = await second.recall(graph, Question(What(text="apple")))
    assert {hit.key for hit in answer.hits} == {"before", "during", "after"}
    await moving.embeddings.run(graph)
    await assert_index_matches_labels(moving, graph)
    assert await retrievers(moving, graph, "apple") == {
        when: {"meaning", "words"} for when in ("before", "during", "after")
    }


@pytest.mark.long
async def test_a_re_embedding_that_was_broken_off_is_taken_up_again(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    await memory.entities.put(graph, [Entity(f"k{n}", text=f"apple {n}") for n in range(10)])
    await memory.embeddings.run(graph)
    new, third = hashing(MOVED), hashing(MOVED, "third")
    new.away = True
    moving = with_embedder(memory, new, embedder)
    with pytest.raises(EmbedderUnavailable):
        await moving.embeddings.reembed(graph)
    assert (await retrievers(moving, graph, "apple"))["k1"] == {"meaning", "words"}
    index: Any = memory.ports.index
    with pytest.raises(Conflict):
        await index.switch_space(graph, new.space.id)
    with pytest.raises(Conflict):
        await index.switch_space(graph, third.space.id)
    await with_embedder(memory, third, embedder).embeddings.reembed(graph)
    assert ((await memory.graphs.get(graph)).space or embedder.space).id == third.space.id
    new.away = False
    await with_embedder(memory, new, third).embeddings.reembed(graph)
    assert ((await memory.graphs.get(graph)).space or embedder.space).id == new.space.id
    await assert_index_matches_labels(memory, graph)


async def test_a_graph_without_a_space_can_be_given_one(
    memory: Memory, graph: str, embedder: SwitchableEmbedder
) -> None:
    bare = f"{graph}_bare"
    await memory.graphs.create(bare, space=None)
    await memory.entities.put(bare, [Entity("a", text="apple")])
    assert await memory.embeddings.reembed(bare) == 1
    assert await retrievers(memory, bare, "apple") == {"a": {"meaning", "words"}}
    await assert_index_matches_labels(memory, bare)
