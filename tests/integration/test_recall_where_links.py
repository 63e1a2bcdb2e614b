"""Where: what has no point of its own stands where its links lead, under both clocks, scopes and ended links."""

from collections.abc import Sequence
from typing import Any

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, Spot, What, When, Where
from kgmem.domain.space.place import parse_place
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.integration.test_recall_causes_in_text import sample_graph

pytestmark = pytest.mark.server

PAD, TOWN = (-80.561, 28.522), (2.35, 48.86)


def keys(answer: Answer) -> set[str]:
    """The keys of the entities found."""
    return {hit.key for hit in answer.hits if hit.kind == "entity"}


async def fill(memory: Memory, graph: str, links: Sequence[Relationship], *more: Entity) -> None:
    """A pad, a town, a part of the pad, a mission, and events without a point."""
    await memory.entities.put(
        graph,
        [
            Entity("pad", "Place", "The pad", place=parse_place(list(PAD))),
            Entity("town", "Place", "The town", place=parse_place(list(TOWN))),
            Entity("tower", "Structure", "The tower"),
            Entity("mission", "Mission", "The mission"),
            Entity("fire", "Event", "The fire", valid_from="1967-01-27", valid_to="1967-01-27"),
            Entity("alarm", "Event", "The alarm"),
            *more,
        ],
    )
    await memory.relationships.put(graph, links)


LINKS = [
    Relationship("OCCURRED_AT", "fire", "pad", valid_from="1967-01-27", valid_to="1967-01-27"),
    Relationship("LOCATED_IN", "tower", "pad"),
    Relationship("PART_OF", "alarm", "fire"),
    Relationship("LEADS", "mission", "pad"),
]


@pytest.mark.parametrize("text", [None, "The pad, the fire, the alarm, the tower, the mission and the town"])
async def test_what_links_to_a_place_in_two_steps_lies_there(memory: Memory, graph: str, text: str | None) -> None:
    await fill(memory, graph, LINKS)
    near = Where(near=Spot(PAD), km=5)
    answer = await memory.recall(graph, Question(What(text=text, kinds=["entity"]), where=near, explain=True))
    assert keys(answer) == {"pad", "tower", "fire", "alarm"}
    ways = {hit.key: list(hit.placed_by) for hit in answer.hits}
    assert ways == {
        "pad": [],
        "tower": ["LOCATED_IN -> pad"],
        "fire": ["OCCURRED_AT -> pad"],
        "alarm": ["PART_OF -> fire, OCCURRED_AT -> pad"],
    }
    assert keys(await memory.recall(graph, Question(What(text=text), where=Where(near=Spot(TOWN), km=5)))) == {"town"}


async def test_a_box_a_polygon_and_the_nearest_find_what_links_there(memory: Memory, graph: str) -> None:
    await fill(memory, graph, LINKS)
    ring = [[-81, 28], [-80, 28], [-80, 29], [-81, 29], [-81, 28]]
    regions = (Where(box=(-81, 28, -80, 29)), Where(within={"type": "Polygon", "coordinates": [ring]}))
    for where in regions:
        assert keys(await memory.recall(graph, Question(where=where))) == {"pad", "tower", "fire", "alarm"}
    nearest = Question(What(labels=["Event"]), where=Where(near=Spot(PAD), nearest=1))
    assert keys(await memory.recall(graph, nearest)) <= {"fire", "alarm"}
    outside = Question(
        What(text="The fire and the mission"), where=Where(box=(0, 40, 10, 50)), modes={"where": "should"}
    )
    values = {hit.key: hit.retrievers.get("where") for hit in (await memory.recall(graph, outside)).hits}
    fire, mission = values["fire"], values["mission"]
    assert fire is not None
    assert fire.value == 0
    assert mission is None


async def test_the_time_of_the_question_decides_which_links_place_what(memory: Memory, graph: str) -> None:
    moved = [
        *LINKS,
        Relationship("LOCATED_IN", "statue", "town", valid_from="1950", valid_to="1960"),
        Relationship("LOCATED_IN", "statue", "pad", valid_from="1961"),
    ]
    await fill(memory, graph, moved, Entity("statue", "Structure", "The statue"))

    async def there(at: tuple[float, float], **when: Any) -> bool:
        asked = Question(What(kinds=["entity"]), where=Where(near=Spot(at), km=5), when=When(**when))
        return "statue" in keys(await memory.recall(graph, asked))

    assert await there(PAD)
    assert not await there(TOWN)
    assert await there(TOWN, valid_at="1955")
    assert not await there(PAD, valid_at="1955")
    january = Question(where=Where(near=Spot(PAD), km=5), when=When(between=("1967-01", "1967-01")))
    assert "fire" in keys(await memory.recall(graph, january))
    later = Question(where=Where(near=Spot(PAD), km=5), when=When(between=("1968-01", "1968-01")))
    assert "fire" not in keys(await memory.recall(graph, later))


async def test_a_link_that_was_not_known_then_places_nothing_then(memory: Memory, graph: str) -> None:
    await fill(memory, graph, [])
    before = iso(now())
    await memory.relationships.put(graph, LINKS)
    near = Where(near=Spot(PAD), km=5)
    assert "tower" in keys(await memory.recall(graph, Question(where=near)))
    assert keys(await memory.recall(graph, Question(where=near, when=When(known_at=before)))) <= {"pad"}


async def test_a_link_in_a_scope_that_is_not_seen_places_nothing(memory: Memory, graph: str) -> None:
    await fill(memory, graph, [])
    await memory.relationships.put(graph, [Relationship("LOCATED_IN", "tower", "pad", scope="team/a")])
    near = Where(near=Spot(PAD), km=5)
    assert keys(await memory.recall(graph, Question(where=near))) == {"pad"}
    assert keys(await memory.recall(graph, Question(where=near, scope="team/a"))) == {"pad", "tower"}


async def test_a_point_of_its_own_and_what_is_nearer_by_links_come_first(memory: Memory, graph: str) -> None:
    links = [
        Relationship("LOCATED_IN", "pad", "town"),  # The pad has a point.
        Relationship("PART_OF", "fire", "town"),  # It occurred elsewhere.
        *LINKS,
    ]
    await fill(memory, graph, links)
    found = keys(await memory.recall(graph, Question(where=Where(near=Spot(TOWN), km=5))))
    assert found == {"town"}


async def test_in_a_large_scope_links_are_followed_from_the_places(memory: Memory, graph: str) -> None:
    await fill(memory, graph, LINKS)
    many = [Entity(f"p{n}", "Place", place=parse_place([n % 50, n // 50])) for n in range(1100)]
    await memory.entities.put(graph, many)
    pad = {"pad", "tower", "fire", "alarm"}
    for where in (Where(near=Spot(PAD), km=5), Where(near=Spot(PAD), nearest=4), Where(box=(-81, 28, -80, 29))):
        assert keys(await memory.recall(graph, Question(where=where, k=4))) == pad
    with_text = Question(What(text="pad, tower, fire, alarm"), where=Where(near=Spot(PAD), km=5), k=4)
    assert keys(await memory.recall(graph, with_text)) == pad
    near = await memory.recall(graph, Question(where=Where(near=Spot(PAD)), k=4))
    assert keys(near) == pad


@pytest.mark.long
async def test_what_happened_near_the_pad_in_january_1967_finds_the_fire(memory: Memory) -> None:
    sample = await sample_graph(memory)
    when, where = When(between=("1967-01", "1967-01")), Where(near=Spot(entity="launch-complex-34"), km=5)
    hits = (await memory.recall(sample, Question(when=when, where=where, explain=True))).hits
    assert (hits[0].key, hits[0].placed_by) == ("apollo-1-fire", ["OCCURRED_AT -> launch-complex-34"])
    text = What(text="What fire happened near the pad?")
    assert "apollo-1-fire" in keys(await memory.recall(sample, Question(text, when=when, where=where)))
