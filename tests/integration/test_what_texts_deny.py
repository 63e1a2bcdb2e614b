"""Nothing false is stored of a text that denies, ends, corrects or lists something; and what it asserts is stored."""

from collections.abc import AsyncIterator, Sequence

import pytest

from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What
from kgmem.domain.text.queue import EpisodePreview
from kgmem.extraction.offline import OfflineExtractor
from kgmem.memory import Memory
from tests.memories import hashing, opened_memory
from tests.sentences import FIRST, SECOND, THIRD, Pair, Sentence

NOW = "2024-05-01T12:00:00.000000Z"


@pytest.fixture
async def memory(shared_database_url: str) -> AsyncIterator[Memory]:
    """A memory that reads texts by the offline rules."""
    async with opened_memory(shared_database_url, embedder=hashing(), extractor=OfflineExtractor()) as opened:
        yield opened


def joined(told: EpisodePreview, pair: Pair) -> bool:
    """Whether a text would bring a claim or relationship of two names: of a kind, only one that still holds."""
    names = {entity["key"]: entity["name"] for entity in told.entities}
    links = [(each["subject"], each["object"], each["predicate"], each["valid_to"]) for each in told.claims]
    links += [(each["from"], each["to"], each["kind"], None) for each in told.relationships]
    for start, end, kind, until in links:
        if {names.get(start), names.get(end)} == set(pair[:2]) and (len(pair) < 3 or (kind == pair[2] and not until)):
            return True
    return False


@pytest.mark.parametrize(
    "sentences", [FIRST, pytest.param([*SECOND, *THIRD], marks=pytest.mark.slow)], ids=["", "more"]
)
async def test_nothing_false_is_stored_and_what_is_asserted_is(
    memory: Memory, graph: str, sentences: Sequence[Sentence]
) -> None:
    assert sum(bool(wrong) for _, wrong, _ in sentences) >= 100
    assert sum(bool(right) for _, _, right in sentences) >= 30
    episodes = [Episode(text, f"e{n}", NOW, speaker="Ada") for n, (text, _, _) in enumerate(sentences)]

    told = await memory.extraction.preview(graph, episodes)

    pairs = list(zip(sentences, told, strict=True))
    false = [(text, pair) for (text, wrong, _), each in pairs for pair in wrong if joined(each, pair)]
    missed = [(text, pair) for (text, _, right), each in pairs for pair in right if not joined(each, pair)]
    assert false == []
    assert missed == []


async def test_what_is_stored_says_nothing_that_the_text_denies(memory: Memory, graph: str) -> None:
    texts = ["I no longer live in Berlin.", "I work at Globex now, not at Acme.", "I stopped working for Initech."]
    await memory.episodes.put(
        graph, [Episode(text, f"e{n}", NOW, speaker="Ada", extract=True) for n, text in enumerate(texts)]
    )
    await memory.extraction.run(graph)

    facts = await memory.relationships.list(graph, limit=100)

    told = {(each.kind, each.end) for each in facts.items if each.start == "Ada" and each.kind != "CO_MENTIONED"}
    assert ("WORKS_FOR", "Globex") in told
    assert not {end for kind, end in told if kind in {"LIVES_IN", "WORKS_FOR"}} - {"Globex"}
    answer = await memory.recall(graph, Question(What(text="Where does Ada live?", kinds=("fact",))))
    assert not any("lives in" in (hit.text or "").lower() and "Berlin" in (hit.text or "") for hit in answer.hits)
