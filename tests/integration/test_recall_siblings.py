"""Recall of names with a number: the vectors of siblings are nearly one, and what the question names comes first."""

import math

import pytest

from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Fusion, HitKind, Question, What, When
from kgmem.memory import Memory
from tests.memories import DIMENSION

pytestmark = pytest.mark.server


def _near(share: float) -> Vector:
    """A unit vector that is as near to the question's."""
    return [share, math.sqrt(1 - share * share), *[0.0] * (DIMENSION - 2)]


# By how near their vectors are: all of them name another Apollo, or none, but for those of `RIGHT`.
TEXTS = {
    "landing-14": ("Landing of Apollo 14", 0.99),
    "landing-12": ("Apollo-12 landed beside a probe", 0.98),
    "both": ("What Apollo 14 did, and APOLLO 13 did not", 0.97),
    "list": ("Apollo 12, 13 and 15", 0.96),
    "none": ("A tank burst", 0.95),
    "saturn": ("Saturn 5, or Saturn V", 0.94),
    "burst": ("Apollo 13's tank burst", 0.93),
    "far": ("Something else", 0.1),
}
SIBLINGS = ["landing-14", "landing-12"]
RIGHT = [key for key in TEXTS if key not in (*SIBLINGS, "far")]


@pytest.fixture
async def missions(memory: Memory, graph: str) -> str:
    """A graph whose vectors put the siblings first."""
    entities = [Entity(key, "Event", text=text, embedding=_near(share)) for key, (text, share) in TEXTS.items()]
    await memory.entities.put(graph, entities)
    return graph


async def _keys(memory: Memory, graph: str, text: str, **parts: object) -> list[str]:
    what = What(text=text, vector=_near(1.0), kinds=["entity"])
    answer = await memory.recall(graph, Question(what, weights={"words": 0}, **parts))  # type: ignore[arg-type]
    return [hit.key for hit in answer.hits]


@pytest.mark.parametrize("fusion", ["convex", "rrf"])
async def test_what_names_only_a_sibling_comes_last(memory: Memory, missions: str, fusion: Fusion) -> None:
    assert await _keys(memory, missions, "Why did the ship not land?", fusion=fusion) == list(TEXTS)
    found = await _keys(memory, missions, "why did apollo 13 not land?", fusion=fusion)
    assert found[: len(RIGHT)] == RIGHT
    assert set(found) == set(TEXTS)


async def test_who_asks_for_two_finds_both_and_who_asks_for_a_roman_number_only_loses_others_of_it(
    memory: Memory, missions: str
) -> None:
    asked = await _keys(memory, missions, "Which was first, Apollo 13 or Apollo 14?")
    assert asked[:2] == ["landing-14", "both"]
    assert set(asked[-2:]) == {"landing-12", "far"}
    assert await _keys(memory, missions, "What was the Saturn V?") == list(TEXTS)
    await memory.entities.put(missions, [Entity("ib", "Event", text="Saturn IB", embedding=_near(1.0))])
    of_the_five = await _keys(memory, missions, "What was the Saturn V?")
    assert [key for key in of_the_five if key != "ib"] == list(TEXTS)
    assert "ib" in of_the_five[-2:]


async def test_filters_and_earlier_times_leave_the_order_right(memory: Memory, missions: str) -> None:
    question = "Why did Apollo 13 not land?"
    before = (await memory.entities.get(missions, "burst")).known_from
    assert before is not None
    for key in SIBLINGS:  # From now on they name what the question names.
        await memory.entities.put(
            missions, [Entity(key, text=f"{TEXTS[key][0]}, unlike Apollo 13", embedding=_near(0.99))]
        )
    assert (await _keys(memory, missions, question))[0] in SIBLINGS
    then = await _keys(memory, missions, question, when=When(known_at=before))
    assert then[: len(RIGHT)] == RIGHT
    narrow = What(text=question, vector=_near(1.0), labels=["Event"], kinds=["entity"])
    answer = await memory.recall(missions, Question(narrow, weights={"words": 0}, k=2))
    assert len(answer.hits) == 2


@pytest.mark.parametrize("kind", ["fact", "episode"])
async def test_facts_and_episodes_are_read_for_it_too_and_long_texts_are_not(
    memory: Memory, graph: str, kind: HitKind
) -> None:
    said = {"long": "Apollo 14 landed. " * 2000, "thirteen": "Apollo 13 came home.", "fourteen": "Apollo 14 landed."}
    await memory.entities.put(graph, [Entity("a", "Event"), Entity("b", "Event")])
    facts = [Relationship("RELATED_TO", "a", "b", key, text=text) for key, text in said.items() if key != "long"]
    await memory.relationships.put(graph, facts)
    await memory.episodes.put(graph, [Episode(text, key=key) for key, text in said.items()])
    await memory.embeddings.run(graph)
    answer = await memory.recall(graph, Question(What(text="Apollo 13 landed", kinds=[kind]), weights={"words": 0}))
    found = [hit.key for hit in answer.hits]
    assert found.index("thirteen") < found.index("fourteen")
    assert kind == "fact" or found.index("long") < found.index("fourteen")


@pytest.mark.parametrize("text", ["Apollo 13' OR 1=1 --", "Apollo 1.*", "x 1" * 700, "İ 1 ſ 2 ß 3", "Apollo 99999999"])
async def test_odd_names_are_only_text(memory: Memory, missions: str, text: str) -> None:
    assert set(await _keys(memory, missions, text)) == set(TEXTS)
