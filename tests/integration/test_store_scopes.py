"""Scopes: who sees what, what a key means where, and what deletion reaches."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgmem.domain.errors import InvalidInput, NotFound, UnknownEntities
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.graph import layout
from tests.invariants import assert_index_matches_labels
from tests.sizes import examples, sized

pytestmark = pytest.mark.server

TREE = ["", "team/7", "team/7/agent/3", "team/7/agent/31", "team/77", "user/4", "user/42"]


async def test_a_scope_sees_itself_those_above_it_and_what_is_shared(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity(f"of {scope}", scope=scope) for scope in TREE])
    await memory.episodes.put(graph, [Episode(f"told in {scope}", f"of {scope}", scope=scope) for scope in TREE])
    for scope in [*TREE, "team", "nowhere", "team/7/agent/3/deeper"]:
        seen = {f"of {other}" for other in TREE if other in visible_from(scope)}
        assert {e.key for e in (await memory.entities.list(graph, scope=scope)).items} == seen
        assert {e.key for e in (await memory.episodes.list(graph, scope=scope)).items} == seen
        for other in TREE:
            if f"of {other}" in seen:
                assert (await memory.entities.get(graph, f"of {other}", scope=scope)).scope == other
                assert (await memory.episodes.get(graph, f"of {other}", scope=scope)).scope == other
            else:
                with pytest.raises(NotFound):
                    await memory.entities.get(graph, f"of {other}", scope=scope)
                with pytest.raises(NotFound):
                    await memory.episodes.get(graph, f"of {other}", scope=scope)
    await assert_index_matches_labels(memory, graph)


async def test_the_same_key_is_another_entity_in_every_scope_and_the_nearest_is_meant(
    memory: Memory, graph: str
) -> None:
    written = await memory.entities.put(graph, [Entity("me", name=scope or "shared", scope=scope) for scope in TREE])
    assert written.created == len(TREE)
    for scope in TREE:
        assert (await memory.entities.get(graph, "me", scope=scope)).name == (scope or "shared")
    assert (await memory.entities.get(graph, "me", scope="team/7/agent/9")).name == "team/7"
    await memory.entities.put(graph, [Entity("me", text="changed", scope="team/7")])
    assert [(await memory.entities.get(graph, "me", scope=scope)).text for scope in TREE].count("changed") == 1


async def test_the_ends_of_a_relationship_are_resolved_from_its_scope(memory: Memory, graph: str) -> None:
    for scope in ("", "team/7", "team/7/agent/3"):
        await memory.entities.put(graph, [Entity("me", scope=scope)])
    await memory.entities.put(graph, [Entity("moon"), Entity("secret", scope="user/4")])
    scopes = ["", "team/7", "team/7/agent/3", "team/7/agent/4", "user/4"]
    written = await memory.relationships.put(
        graph, [Relationship("SEES", "me", "moon", scope=scope) for scope in scopes]
    )
    assert written.created == 5
    leaves = {}
    for scope, id_ in zip(scopes, written.ids, strict=True):
        of_nearest = await memory.relationships.list(graph, scope=scope, entity="me")
        leaves[scope] = id_ in {r.id for r in of_nearest.items}
        seen = {r.id for r in (await memory.relationships.list(graph, scope=scope)).items}
        assert seen == {other for path, other in zip(scopes, written.ids, strict=True) if path in visible_from(scope)}
    assert all(leaves.values())
    for outside, scope in ((written.ids[4], ""), (written.ids[2], "team/7"), (written.ids[1], "user/4")):
        with pytest.raises(NotFound):
            await memory.relationships.get(graph, outside, scope=scope)
    for scope in ("", "user/42", "team/7"):
        with pytest.raises(UnknownEntities):
            await memory.relationships.put(graph, [Relationship("SEES", "me", "secret", scope=scope)])
    await assert_index_matches_labels(memory, graph)


async def test_batches_may_mix_scopes_however_large(memory: Memory, graph: str) -> None:
    scopes = [f"user/{n % 7}" for n in range(400)]
    await memory.entities.put(graph, [Entity(f"e{n}", scope=scope) for n, scope in enumerate(scopes)])
    batch = [Relationship("NEXT", f"e{n}", f"e{(n + 7) % 392}", scope=scopes[n]) for n in range(392)]
    assert (await memory.relationships.put(graph, batch)).created == 392
    with pytest.raises(UnknownEntities):
        await memory.relationships.put(graph, [*batch, Relationship("NEXT", "e0", "e1", scope="user/0")])
    assert (await memory.graphs.stats(graph)).scopes == 8
    await assert_index_matches_labels(memory, graph)


async def test_deletion_reaches_exactly_one_scope(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("me", scope=scope) for scope in TREE])
    await memory.episodes.put(graph, [Episode("hello", "hi", scope=scope) for scope in TREE])
    edges = await memory.relationships.put(graph, [Relationship("IS", "me", "me", scope=scope) for scope in TREE])
    gone = await memory.entities.delete(graph, ["me"], scope="team/7")
    assert (gone.entities, gone.relationships) == (1, 1)
    assert (await memory.entities.delete(graph, ["me"], scope="team/7")).missing == ["me"]
    assert (await memory.entities.delete(graph, ["me"], scope="team")).missing == ["me"]
    assert (await memory.episodes.delete(graph, ["hi"], scope="team/7/agent/3")).episodes == 1
    assert (await memory.relationships.delete(graph, list(edges.ids), scope="user/4")).relationships == 1
    assert (await memory.relationships.delete(graph, list(edges.ids), scope="user")).relationships == 0
    stats = await memory.graphs.stats(graph)
    assert (stats.entities, stats.episodes, stats.relationships) == (6, 6, 5)
    # What lies below still is there, and what was hidden by the deleted one is seen again.
    assert (await memory.entities.get(graph, "me", scope="team/7")).scope == ""
    assert (await memory.entities.get(graph, "me", scope="team/7/agent/3")).scope == "team/7/agent/3"
    await assert_index_matches_labels(memory, graph)


async def test_deleting_what_is_shared_takes_the_relationships_of_all_scopes_to_it(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("moon"), Entity("me", scope="user/4"), Entity("me", scope="user/42")])
    await memory.relationships.put(
        graph, [Relationship("SEES", "me", "moon", scope="user/4"), Relationship("SEES", "me", "moon", scope="user/42")]
    )
    gone = await memory.entities.delete(graph, ["moon"])
    assert (gone.entities, gone.relationships) == (1, 2)
    await assert_index_matches_labels(memory, graph)


async def test_scopes_that_are_none_are_refused_wherever_one_is_taken(memory: Memory, graph: str) -> None:
    for scope in ("a b", "/", "a//b", "a\x00"):
        for attempt in (
            memory.entities.get(graph, "x", scope=scope),
            memory.relationships.list(graph, scope=scope),
            memory.episodes.delete(graph, ["x"], scope=scope),
            memory.recall(graph, Question(What(text="x"), scope=scope)),
        ):
            with pytest.raises(InvalidInput):
                await attempt


async def test_more_scopes_than_a_process_keeps_in_memory_are_no_matter(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "_MOST_SCOPES_KEPT", 3)
    await memory.entities.put(graph, [Entity("moon")])

    async def write(n: int) -> None:
        scopes = [f"user/{n}/{m}" for m in range(5)]
        await memory.entities.put(graph, [Entity("me", scope=scope) for scope in scopes])
        await memory.relationships.put(graph, [Relationship("SEES", "me", "moon", scope=scope) for scope in scopes])
        await memory.episodes.put(graph, [Episode("hello", mentions=["me"], scope=scope) for scope in scopes])
        await memory.entities.delete(graph, ["me"], scope=scopes[0])

    await asyncio.gather(*(write(n) for n in range(8)))
    assert (await memory.graphs.stats(graph)).entities == 33
    await assert_index_matches_labels(memory, graph)


WORDS = ["apple", "river", "stone", "cloud", "lamp"]
ITEMS = st.lists(
    st.tuples(st.sampled_from(TREE), st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=25,
)


@sized
@settings(max_examples=examples(20), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=ITEMS, scope=st.sampled_from([*TREE, "nowhere"]), words=st.lists(st.sampled_from(WORDS), min_size=1))
async def test_recall_gives_what_its_scope_sees_and_all_of_it(
    memory: Memory, graph: str, items: list[tuple[str, list[str], bool]], scope: str, words: list[str]
) -> None:
    entities = [Entity(f"k{n}", text=" ".join(w), scope=of) for n, (of, w, is_entity) in enumerate(items) if is_entity]
    episodes = [Episode(" ".join(w), f"k{n}", scope=of) for n, (of, w, is_entity) in enumerate(items) if not is_entity]
    await memory.entities.put(graph, entities)
    await memory.episodes.put(graph, episodes)
    try:
        await memory.embeddings.run(graph)
        answer = await memory.recall(graph, Question(What(text=" ".join(words)), scope=scope, k=100))
        visible = [f"k{n}" for n, (of, _, _) in enumerate(items) if of in visible_from(scope)]
        assert sorted(hit.key for hit in answer.hits) == sorted(visible)
        by_words = {hit.key for hit in answer.hits if "words" in hit.retrievers}
        assert by_words == {key for key in visible if set(items[int(key[1:])][1]) & set(words)}
    finally:
        for of in TREE:
            await memory.entities.delete(graph, [e.key for e in entities], scope=of)
            await memory.episodes.delete(graph, [e.key or "" for e in episodes], scope=of)
