"""One thing that a batch states again and again: merged in memory, and what is held afterwards is the same."""

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.folding import ENTITIES, MOST, RELATIONSHIPS, fold
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from kgmem.store.graph.records import merge_entity, merge_relationship
from tests.heartbeat import steadily
from tests.invariants import assert_index_matches_labels
from tests.memories import stable_vector

MANY = 3_000
NAMES = st.sampled_from(["a", "b", "name", "text", "source_"])
VALUES = st.sampled_from([None, 1, "x", "y"])
FIELDS: dict[str, Any] = {
    "properties": st.dictionaries(NAMES, VALUES, max_size=3),
    "text": st.sampled_from([None, "one", "two"]),
    "source": st.sampled_from([None, "s", "t"]),
    "valid_from": st.sampled_from([None, "1990", "2000"]),
}


@settings(max_examples=200)
@given(st.lists(st.builds(Entity, key=st.just("k"), name=st.sampled_from([None, "n", "m"]), **FIELDS), min_size=1))
def test_folded_entities_come_to_what_they_come_to_one_by_one(stated: list[Entity]) -> None:
    folded = fold(stated, lambda each: each.key, ENTITIES)
    assert len(folded.items) <= MOST
    assert _after(merge_entity, folded.items) == _after(merge_entity, stated)
    assert len(folded.places) == len(stated)


@settings(max_examples=200)
@given(st.lists(st.builds(Relationship, kind=st.just("K"), start=st.just("a"), end=st.just("b"), **FIELDS), min_size=1))
def test_folded_relationships_come_to_what_they_come_to_one_by_one(stated: list[Relationship]) -> None:
    folded = fold(stated, lambda each: each.kind, RELATIONSHIPS)
    assert _after(merge_relationship, folded.items) == _after(merge_relationship, stated)


def _after(merge: Any, stated: Any) -> dict[str, Any]:
    held: dict[str, Any] = {}
    for each in stated:
        held = merge(held, each)
    return held


async def test_a_key_that_a_batch_repeats_thousands_of_times_is_written_at_once(memory: Memory, graph: str) -> None:
    def batch(key: str) -> list[Entity]:
        return [Entity(key, "Person", f"N {n}", {"n": n, f"p{n % 50}": n}) for n in range(MANY)]

    tries = itertools.count()

    async def write() -> tuple[str, Any]:
        key = f"x{next(tries)}"
        return key, await memory.entities.put(graph, [*batch(key), Entity(f"{key} y")])

    key, written = await steadily(write)
    assert (written.created, written.updated + written.unchanged) == (2, MANY - 1)
    assert written.ids[0] == written.ids[MANY - 1] != written.ids[MANY]
    held = await memory.entities.get(graph, key)
    assert held.name == f"N {MANY - 1}"
    assert held.properties == {"n": MANY - 1, **{f"p{n % 50}": n for n in range(MANY)}}
    assert held.version == written.versions[MANY - 1] == MOST
    again = await memory.entities.put(graph, [batch(key)[-1]])
    assert (again.updated, again.unchanged) == (0, 1)
    await assert_index_matches_labels(memory, graph)


async def test_a_relationship_and_an_episode_that_a_batch_repeats_are_written_at_once(
    memory: Memory, graph: str
) -> None:
    await memory.entities.put(graph, [Entity(key) for key in "abc"])
    batch = [Relationship("KNOWS", "a", "b", properties={"n": n}, source=f"s{n % 3}") for n in range(MANY)]
    written = await memory.relationships.put(graph, batch)
    assert (await memory.relationships.get(graph, written.ids[-1])).properties == {"n": MANY - 1}
    texts = [Episode(f"text {n}", key="e", mentions=["abc"[n % 3]], properties={f"p{n % 5}": n}) for n in range(500)]
    await memory.episodes.put(graph, texts)
    held = await memory.episodes.get(graph, "e")
    assert (held.text, sorted(held.mentions)) == ("text 499", ["a", "b", "c"])
    assert held.properties == {f"p{n % 5}": n for n in range(500)}
    await assert_index_matches_labels(memory, graph)


def test_a_vector_stays_only_with_the_text_that_it_was_given_for() -> None:
    vector = stable_vector("T")
    before = [Entity("x", text="T", properties={"n": n}) for n in range(MOST)]

    def folded(*more: Entity) -> Any:
        return fold([*before, *more], lambda each: each.key, ENTITIES).items[-1].embedding

    assert folded(Entity("x", text="T", embedding=vector), Entity("x", text="T", source="s")) == vector
    assert folded(Entity("x", text="T", embedding=vector), Entity("x", text="Other")) is None
    assert folded(Entity("x", text="T"), Entity("x", embedding=vector)) == vector


async def test_versions_within_a_batch_are_checked_one_after_the_other(memory: Memory, graph: str) -> None:
    batch = [Entity("x", properties={"n": n}, version=n) for n in range(MOST + 2)]
    assert list((await memory.entities.put(graph, batch)).versions) == list(range(1, MOST + 3))
    with pytest.raises(VersionConflict):
        await memory.entities.put(graph, [Entity("x", properties={"n": -n}) for n in range(30)] + [batch[-1]])
    with pytest.raises(InvalidInput, match="more than"):
        await memory.entities.put(graph, [Entity("x", properties={"n": n}, version=n) for n in range(1000)])
    assert (await memory.entities.get(graph, "x")).version == MOST + 2
