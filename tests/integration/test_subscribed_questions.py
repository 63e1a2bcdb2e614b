"""Subscriptions by question: items that become relevant, stay so or cease to be."""

from dataclasses import replace

import pytest

from kgmem.domain.errors import EmbedderUnavailable, InvalidInput
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.domain.subscriptions.subscription import (
    EventFilter,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.memory import Memory
from tests.memories import SwitchableEmbedder, events_settled, hashing, new_graph, opened_memory

GRAPH = "asked"
TEA = SubscriptionAddress("tea", "user/1")
ASKED = SubscriptionRequest("question", EventFilter(question="Who drinks tea?", min_relevance=0.5))


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.subscriptions.put(GRAPH, TEA, ASKED)
    return memory


async def seen(memory: Memory) -> list[tuple[str, str | None, bool | None, bool | None]]:
    """Return kind and key of each event, and whether the text now, and the one before, is relevant enough."""

    def enough(relevance: float | None) -> bool | None:
        return None if relevance is None else relevance >= ASKED.filter.min_relevance

    await events_settled(memory, GRAPH)
    events = (await memory.subscriptions.events(GRAPH, TEA)).events
    return [(event.kind, event.key, enough(event.relevance), enough(event.previous_relevance)) for event in events]


async def test_items_that_become_or_cease_to_be_relevant_are_reported(memory: Memory) -> None:
    async def put(key: str, text: str) -> None:
        await memory.episodes.put(GRAPH, [Episode(text, key, scope="user/1")])

    await put("n1", "Grace drinks tea every morning.")
    await put("n2", "The ship sails north.")
    assert await seen(memory) == [("episode.created", "n1", True, None)]

    await put("n1", "Grace sleeps.")
    await put("n2", "The captain drinks tea.")
    assert {each[1:] for each in await seen(memory)} == {("n1", False, True), ("n2", True, False)}

    await memory.episodes.delete(GRAPH, ["n2"], scope="user/1")
    assert (await seen(memory))[-1] == ("episode.deleted", "n2", None, True)


async def test_entities_and_relationships_count_by_their_texts_and_scopes(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("ann", "Person", text="Ann drinks tea."), Entity("bob", "Person")])
    await memory.entities.put(GRAPH, [Entity("eve", "Person", text="Eve drinks tea.", scope="user/2")])
    told = Relationship("LIKES", "bob", "ann", text="Bob drinks tea with Ann.", scope="user/1")
    await memory.relationships.put(GRAPH, [told])
    assert [each[:3] for each in await seen(memory)] == [
        ("entity.created", "ann", True),
        ("relationship.created", None, True),
    ]


async def test_the_relevance_is_that_of_recall(memory: Memory) -> None:
    await memory.remember(GRAPH, Episode("Grace drinks tea.", "n1", scope="user/1"), extract=False)
    (event,) = (await memory.subscriptions.read(GRAPH, TEA, GroupRead("g"), wait=10.0)).events
    answer = await memory.recall(GRAPH, Question(What(text="Who drinks tea?"), scope="user/1"))
    assert answer.hits[0].relevance == pytest.approx(event.relevance, abs=0.01)


class CalibratedEmbedder(SwitchableEmbedder):
    """Vectors of hashed words under a name by which cosines count."""

    @property
    def space(self) -> EmbeddingSpace:
        return replace(self.inner.space, model="a minilm")


@pytest.mark.long
async def test_stored_vectors_count_and_a_text_without_one_is_embedded(shared_database_url: str) -> None:
    embedder = CalibratedEmbedder(hashing().inner)
    async with opened_memory(shared_database_url, embedder=embedder) as memory:
        await memory.graphs.create(GRAPH)
        try:
            await memory.subscriptions.put(GRAPH, TEA, ASKED)
            await memory.episodes.put(GRAPH, [Episode("Who drinks tea? Grace drinks tea.", "n1", scope="user/1")])
            embedder.away = True
            with pytest.raises(EmbedderUnavailable):
                await memory.subscriptions.read(GRAPH, TEA, GroupRead("g", seconds=1.0))
            embedder.away = False
            (before,) = (await memory.subscriptions.events(GRAPH, TEA, wait=10.0)).events
            await memory.embeddings.run(GRAPH)
            embedder.seen.clear()
            (after,) = (await memory.subscriptions.read(GRAPH, TEA, GroupRead("g"), wait=5.0)).events
            assert embedder.seen == ["Who drinks tea?"]
            assert after.relevance == pytest.approx(before.relevance, abs=0.01)
        finally:
            await memory.graphs.delete(GRAPH)


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (EventFilter(), "filter.question"),
        (EventFilter(question=" "), "filter.question"),
        (EventFilter(question="a\0"), "filter.question"),
        (EventFilter(question="x" * 2001), "filter.question"),
        (EventFilter(question="tea", min_relevance=0.0), "filter.min_relevance"),
        (EventFilter(question="tea", min_relevance=float("nan")), "filter.min_relevance"),
    ],
)
async def test_a_question_that_asks_nothing_is_refused(memory: Memory, asked: EventFilter, field: str) -> None:
    with pytest.raises(InvalidInput, match=field):
        await memory.subscriptions.put(GRAPH, SubscriptionAddress("bad"), SubscriptionRequest("question", asked))
