"""memory.remember: one call stores a text, extracts what it states, and embeds it."""

import asyncio

import pytest

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.document import Document, Section
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.memories import with_ports


async def test_a_text_is_stored_extracted_and_embedded_when_it_returns(memory: Memory, graph: str) -> None:
    reading = with_ports(memory, extractor=OfflineExtractor())
    done = await reading.remember(graph, "Ada Lovelace works at Globex.", source="hr")
    assert done.stored.created == 1
    assert done.extracted.entities >= 2
    assert done.extracted.claims >= 1
    assert await reading.embeddings.run(graph) == 0
    names = [entity.name for entity in (await reading.entities.list(graph)).items]
    assert {"Ada Lovelace", "Globex"} <= set(names)
    answer = await reading.recall(graph, "Who works at Globex?")
    assert "Ada Lovelace" in str(answer.hits[0])


async def test_texts_of_a_scope_stay_in_it(memory: Memory, graph: str) -> None:
    await memory.remember(graph, "Ada prefers tea.", scope="user/ada")
    assert not (await memory.recall(graph, "tea")).hits
    asked = Question(What(text="tea"), scope="user/ada")
    assert [hit.text for hit in (await memory.recall(graph, asked)).hits] == ["Ada prefers tea."]


async def test_episodes_and_documents_go_together_and_again_are_known(memory: Memory, graph: str) -> None:
    texts = [Episode("Bob prefers coffee.", key="bob"), Document("report", [Section((), "Globex makes turbines.")])]
    first = await memory.remember(graph, texts)
    assert (first.stored.created, first.extracted.episodes) == (2, 0)  # This memory has no extractor.
    assert (await memory.remember(graph, texts)).stored.unchanged == 2


async def test_what_is_wrong_is_refused_and_changes_nothing(memory: Memory, graph: str) -> None:
    with pytest.raises(InvalidInput):
        await memory.remember(graph, [Episode("Fine."), Episode("Wrong.", scope="//")])
    with pytest.raises(NotFound):
        await memory.remember("nowhere", "A text.")
    assert not (await memory.episodes.list(graph)).items


@pytest.mark.long
async def test_texts_that_a_worker_takes_first_are_extracted_when_it_returns(memory: Memory, graph: str) -> None:
    reading = with_ports(memory, extractor=OfflineExtractor())
    done = asyncio.Event()

    async def worker() -> None:
        while not done.is_set():
            await reading.extraction.run(graph)
            await asyncio.sleep(0)

    async def stated(number: int) -> bool:
        await reading.remember(graph, f"Ada Lovelace works at Globex{number}.", scope=f"team/{number}")
        found = await reading.entities.list(graph, scope=f"team/{number}")
        return f"Globex{number}" in {entity.name for entity in found.items}

    beside = asyncio.create_task(worker())
    try:
        one_by_one = [await stated(number) for number in range(10)]
        together = await asyncio.gather(*(stated(number) for number in range(10, 22)))
    finally:
        done.set()
        await beside
    assert all(one_by_one)
    assert all(together)


async def test_what_waited_before_is_left_to_a_worker(memory: Memory, graph: str) -> None:
    reading = with_ports(memory, extractor=OfflineExtractor())
    await reading.episodes.put(graph, [Episode("Bob Miller works at Initech.", extract=True)])
    done = await reading.remember(graph, "Ada Lovelace works at Globex.")
    assert done.extracted.episodes == 1
    names = {entity.name for entity in (await reading.entities.list(graph)).items}
    assert "Globex" in names
    assert "Initech" not in names
    assert (await reading.extraction.run(graph)).episodes == 1
