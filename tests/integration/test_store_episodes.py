"""Episodes in the store: texts, their passages, mentions, repetition."""

from typing import Any

import pytest

from kgmem.domain.errors import InvalidInput, NotFound, UnknownEntities, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import PASSAGE_CHARACTERS, Episode
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from tests.integration.test_store_entities import ODD_PROPERTY_NAMES, VALUES, same
from tests.integration.test_store_relationships import counts
from tests.invariants import assert_index_matches_labels
from tests.memories import index_schema, query

pytestmark = pytest.mark.server


def told(episode: Episode) -> tuple[Any, ...]:
    """What an episode says, without what the store adds."""
    own = (episode.text, episode.occurred_at, episode.source, episode.session, episode.speaker, episode.title)
    return (*own, sorted(episode.mentions), dict(episode.properties), episode.scope)


async def bodies(memory: Memory, graph: str) -> list[str]:
    """The passages of a graph."""
    schema = await index_schema(memory, graph)
    return [row[0] for row in await query(memory, f"SELECT body FROM {schema}.passage ORDER BY item, ordinal")]


async def test_a_new_episode_is_stored_and_read_back_whole(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("moon"), Entity("armstrong")])
    stated = Episode(
        "That's one small step.", "e1", "1969-07-21T02:56:15Z", "nasa", "eva", "Armstrong", "First words",
        ["moon", "armstrong"], {"channel": 2, "title": "other", "text_": "x"},
    )  # fmt: skip
    written = await memory.episodes.put(graph, [stated])
    assert written.created == 1
    held = await memory.episodes.get(graph, "e1")
    assert told(held) == told(stated)
    assert (held.id, held.version, held.key) == (written.ids[0], 1, "e1")
    stats = await memory.graphs.stats(graph)
    assert (stats.entities, stats.episodes, stats.relationships) == (2, 1, 2)
    await assert_index_matches_labels(memory, graph)


async def test_a_text_that_is_told_again_is_the_same_episode(memory: Memory, graph: str) -> None:
    first = await memory.episodes.put(graph, [Episode("Hello.", speaker="A"), Episode("Hello.", speaker="B")])
    again = await memory.episodes.put(graph, [Episode("Hello.", speaker="A")])
    elsewhere = await memory.episodes.put(graph, [Episode("Hello.", speaker="A", scope="u/1")])
    assert (first.created, again.unchanged, elsewhere.created) == (2, 1, 1)
    assert again.ids[0] == first.ids[0]
    assert len({*first.ids, *elsewhere.ids}) == 3


async def test_the_same_key_again_replaces_the_text_and_its_passages(memory: Memory, graph: str) -> None:
    long = " ".join(f"Sentence number {n}." for n in range(300))
    await memory.episodes.put(graph, [Episode(long, "e", session="s", title="T", properties={"a": 1})])
    assert len(await bodies(memory, graph)) > 5
    await memory.embeddings.run(graph)
    written = await memory.episodes.put(graph, [Episode("Short now.", "e")])
    assert (written.updated, written.versions) == (1, [2])
    assert await bodies(memory, graph) == ["T\nShort now."]
    held = await memory.episodes.get(graph, "e")
    assert (held.text, held.session, held.title, held.properties) == ("Short now.", "s", "T", {"a": 1})
    await assert_index_matches_labels(memory, graph)
    assert (await memory.graphs.stats(graph)).waiting_for_vectors == 1


async def test_a_change_beside_the_text_keeps_the_vectors(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode("word " * 1000, "e")])
    await memory.embeddings.run(graph)
    await memory.episodes.put(graph, [Episode("word " * 1000, "e", session="later", properties={"a": 1})])
    stats = await memory.graphs.stats(graph)
    assert (stats.waiting_for_vectors, stats.vectors) == (0, stats.passages)
    await assert_index_matches_labels(memory, graph)


async def test_passages_hold_all_of_a_long_text_headed_by_who_said_it(memory: Memory, graph: str) -> None:
    words = [f"w{n}" for n in range(2000)]
    await memory.episodes.put(graph, [Episode(" ".join(words), "e", speaker="Ada")])
    cut = await bodies(memory, graph)
    assert all(body.startswith("Ada: ") for body in cut)
    assert all(len(body) <= PASSAGE_CHARACTERS + len("Ada: ") for body in cut)
    assert [word for body in cut for word in body.removeprefix("Ada: ").split()] == words


async def test_mentions_lead_to_the_nearest_entity_of_that_key(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ada", name="shared"), Entity("ada", name="own", scope="u/1")])
    await memory.episodes.put(graph, [Episode("one", "e1", mentions=["ada", "ada"], scope="u/1")])
    await memory.episodes.put(graph, [Episode("two", "e2", mentions=["ada"])])
    assert (await memory.episodes.get(graph, "e1", scope="u/1")).mentions == ["ada"]
    gone = await memory.entities.delete(graph, ["ada"], scope="u/1")
    assert (gone.entities, gone.relationships) == (1, 1)
    assert (await memory.episodes.get(graph, "e1", scope="u/1")).mentions == []
    assert (await memory.episodes.get(graph, "e2")).mentions == ["ada"]
    await assert_index_matches_labels(memory, graph)


async def test_mentions_of_what_does_not_exist_leave_nothing(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ada"), Entity("hidden", scope="u/2")])
    await memory.episodes.put(graph, [Episode("held", "held")])
    before = await counts(memory, graph)
    for mentions in (["nobody"], ["ada", "hidden"]):
        with pytest.raises(UnknownEntities):
            await memory.episodes.put(
                graph, [Episode("fine", "f", mentions=["ada"]), Episode("changed", "held", mentions=mentions, scope="")]
            )
    assert await counts(memory, graph) == before
    assert (await memory.episodes.get(graph, "held")).text == "held"


async def test_a_mention_told_again_is_no_second_edge(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ada"), Entity("bob")])
    await memory.episodes.put(graph, [Episode("one", "e", mentions=["ada"])])
    await memory.episodes.put(graph, [Episode("one", "e", mentions=["ada", "bob"])])
    await memory.episodes.put(graph, [Episode("two", "e", mentions=["bob"])])
    assert sorted((await memory.episodes.get(graph, "e")).mentions) == ["ada", "bob"]
    assert (await memory.graphs.stats(graph)).relationships == 2
    await assert_index_matches_labels(memory, graph)


async def test_an_episode_and_an_entity_may_share_a_key(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("x", name="entity")])
    await memory.episodes.put(graph, [Episode("episode", "x", mentions=["x"])])
    assert (await memory.entities.get(graph, "x")).name == "entity"
    assert (await memory.episodes.get(graph, "x")).text == "episode"
    gone = await memory.episodes.delete(graph, ["x"])
    assert (gone.episodes, gone.entities, gone.relationships, gone.passages) == (1, 0, 1, 1)
    assert (await memory.entities.get(graph, "x")).name == "entity"
    with pytest.raises(NotFound):
        await memory.episodes.get(graph, "x")
    await assert_index_matches_labels(memory, graph)


async def test_properties_of_an_episode_may_bear_any_name_and_value(memory: Memory, graph: str) -> None:
    names = {name: f"value of {name}" for name in ODD_PROPERTY_NAMES}
    values = {f"p{n}": value for n, value in enumerate(VALUES)}
    await memory.episodes.put(graph, [Episode("T", "e", speaker="S", properties={**names, **values})])
    held = await memory.episodes.get(graph, "e")
    assert same(dict(held.properties), {**names, **values})
    assert (held.text, held.speaker) == ("T", "S")


async def test_episodes_that_say_nothing_or_cannot_be_stored_are_refused(memory: Memory, graph: str) -> None:
    before = await counts(memory, graph)
    for wrong in (
        Episode(""),
        Episode(" \n\t\u00a0"),
        Episode("T", key=""),
        Episode("T\x00"),
        Episode("T\ud800"),
        Episode("T", "e", title="\x00"),
        Episode("T", session="\ud800"),
        Episode("T", occurred_at="once upon a time"),
        Episode("T", scope="a b"),
        Episode("T", properties={"p": float("nan")}),
        Episode("T", properties={"p": 2**64}),
        Episode("T", properties={"p": object()}),
    ):
        with pytest.raises(InvalidInput):
            await memory.episodes.put(graph, [Episode("fine"), wrong])
    assert await counts(memory, graph) == before


async def test_versions_of_episodes_are_minded(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode("one", "e", version=0)])
    await memory.episodes.put(graph, [Episode("two", "e", version=1)])
    for version in (0, 1, 3):
        with pytest.raises(VersionConflict):
            await memory.episodes.put(graph, [Episode("three", "e", version=version)])
    assert (await memory.episodes.get(graph, "e")).text == "two"


async def test_episodes_are_listed_by_page_and_by_session(memory: Memory, graph: str) -> None:
    sessions = ["s", 's"1', "S", None]
    await memory.episodes.put(graph, [Episode(f"text {n}", f"e{n:02}", session=sessions[n % 4]) for n in range(24)])
    first = await memory.episodes.list(graph, limit=20)
    rest = await memory.episodes.list(graph, limit=20, cursor=first.cursor)
    assert sorted(e.key or "" for e in [*first.items, *rest.items]) == [f"e{n:02}" for n in range(24)]
    for session in sessions[:3]:
        assert session is not None
        pages = await memory.episodes.list(graph, session=session, limit=4)
        more = await memory.episodes.list(graph, session=session, limit=4, cursor=pages.cursor)
        assert {e.session for e in [*pages.items, *more.items]} == {session}
        assert len(pages.items) + len(more.items) == 6
    assert (await memory.episodes.list(graph, session="nothing")).items == []
    with pytest.raises(InvalidInput):
        await memory.episodes.list(graph, session="\x00")


async def test_an_episode_is_found_by_its_words_before_it_has_vectors(memory: Memory, graph: str) -> None:
    await memory.episodes.put(graph, [Episode("The eagle has landed.", "e"), Episode("Something else.", "f")])
    answer = await memory.recall(graph, Question(What(text="eagle")))
    assert [hit.key for hit in answer.hits] == ["e"]
    assert (answer.hits[0].kind, answer.hits[0].text) == ("episode", "The eagle has landed.")


async def test_a_very_long_episode_is_stored(memory: Memory, graph: str) -> None:
    text = "\n\n".join(f"Paragraph {n} about needle{n}." for n in range(5000))
    await memory.episodes.put(graph, [Episode(text, "e")])
    assert (await memory.episodes.get(graph, "e")).text == text
    answer = await memory.recall(graph, Question(What(text="needle4321")))
    assert [hit.key for hit in answer.hits] == ["e"]
