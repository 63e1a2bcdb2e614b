"""Graph expansion by itself, over passages that are linked by the entities that they mention."""

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "expansion"
ASKED = "In which country was the composer of the Heron Waltz buried?"
COMPOSERS = ("Imre Toth", "Lena Brandt", "Paul Okafor", "Rosa Lind", "Sven Dahl", "Tea Novak", "Udo Falk", "Vera Lux")
WALTZES = ("Heron", "Falcon", "Swan", "Crane", "Lark", "Robin", "Stork", "Wren")
GRAVES = ("Zadar", "Brno", "Lagos", "Visby", "Bergen", "Rijeka", "Kiel", "Namur")


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    return memory


async def library(memory: Memory, *, linked: bool = True, speaker: str | None = None) -> None:
    """Write a passage a waltz, which names its composer, and one a composer, which has none of the question's words."""
    names = [*COMPOSERS, *(f"{each} Waltz" for each in WALTZES)]
    await memory.entities.put(GRAPH, [Entity(name, "Thing", name) for name in names])
    texts = []
    for waltz, composer, grave in zip(WALTZES, COMPOSERS, GRAVES, strict=True):
        texts.append(
            (f"The {waltz} Waltz is a piece for strings. Its composer is {composer}.", [f"{waltz} Waltz", composer])
        )
        texts.append((f"{composer} rests at the cemetery of {grave}.", [composer]))
    texts += [(f"The country has {n} rivers, and a composer may be buried in any country.", []) for n in range(12)]
    await memory.episodes.put(
        GRAPH,
        [
            Episode(text, f"p{n}", speaker=speaker, mentions=mentioned if linked else [])
            for n, (text, mentioned) in enumerate(texts)
        ],
    )


async def asked(memory: Memory, links: Links = Links(), **more: int) -> tuple[list[str], str | None]:  # noqa: B008
    answer = await memory.recall(GRAPH, Question(What(text=ASKED), graph=links, explain=True, k=more.get("k", 5)))
    scores = [hit.score for hit in answer.hits]
    assert scores == sorted(scores, reverse=True)
    return [hit.text or "" for hit in answer.hits], answer.gates.get("expansion")


async def test_passage_that_is_linked_to_the_one_described_is_found(memory: Memory) -> None:
    await library(memory)
    texts, why = await asked(memory)
    direct, never = await asked(memory, Links(expand=False))
    assert "Imre Toth rests at the cemetery of Zadar." in texts
    assert "Imre Toth rests at the cemetery of Zadar." not in direct
    assert texts[0] == next(text for text in direct if text)
    assert why is not None
    assert why.startswith("on: one passage has ")
    assert never is None


async def test_conversations_and_unlinked_passages_are_answered_as_before(memory: Memory) -> None:
    await library(memory, speaker="Ada")
    texts, why = await asked(memory)
    assert why == "off: the best passages are turns of a conversation."
    assert texts == (await asked(memory, Links(expand=False)))[0]


async def test_graph_without_links_is_searched_once(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("The Heron Waltz is a piece for strings.", "p")])
    texts, why = await asked(memory)
    assert texts == ["The Heron Waltz is a piece for strings."]
    assert why == "off: nothing in the graph is linked."


async def test_direct_question_keeps_its_hits(memory: Memory) -> None:
    await library(memory)
    for waltz, composer in zip(WALTZES, COMPOSERS, strict=True):
        text = f"Who is the composer of the {waltz} Waltz, a piece for strings?"
        answer = await memory.recall(GRAPH, Question(What(text=text), k=5, explain=True))
        assert answer.gates["expansion"].startswith("off: one passage has ")
        assert any(composer in (hit.text or "") for hit in answer.hits[:2])
