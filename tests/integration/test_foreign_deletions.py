"""Another client deletes vertices by SQL and leaves their edges: kgmem never answers with half a relationship."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.store.sync import retrieval_index
from tests.imports import assert_changes_tell_all
from tests.invariants import assert_index_matches_labels
from tests.memories import other_client

pytestmark = pytest.mark.server


@pytest.fixture
async def client(shared_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """A plain AGE client on the database of `memory`."""
    async with other_client(shared_database_url) as connection:
        yield connection


async def fill(memory: Memory, graph: str) -> None:
    """Make a small graph: a -> b -> c, and an episode that mentions b."""
    await memory.entities.put(graph, [Entity(key, "Person", text="apple") for key in "abc"])
    await memory.relationships.put(graph, [Relationship("K", "a", "b"), Relationship("K", "b", "c")])
    await memory.episodes.put(graph, [Episode("apple", "e", mentions=["b"])])


async def delete_vertex(memory: Memory, graph: str, client: asyncpg.Connection, key: str) -> int:
    """Delete the row of a vertex and nothing else, as psql can; gives its id."""
    held = await memory.entities.get(graph, key)
    assert held.id is not None
    schema = (await layout_of(memory, graph)).age_name
    await client.execute(f'DELETE FROM "{schema}"."Person" WHERE id = $1::graphid', held.id)
    return held.id


async def layout_of(memory: Memory, graph: str) -> Any:
    """The layout of a graph."""
    catalog: Any = memory.ports.graphs
    return await catalog.layout(graph)


async def sweep(memory: Memory, graph: str) -> None:
    """Look for what was deleted, without the pause that is left between two looks."""
    index: Any = memory.ports.index
    await index.remove_orphans(await layout_of(memory, graph))


async def assert_only_whole_relationships(memory: Memory, graph: str, kinds: dict[str, int]) -> None:
    """See what is left after b went: a and c, which nothing joins."""
    assert (await memory.relationships.list(graph)).items == []
    assert (await memory.relationships.list(graph, entity="a")).items == []
    assert (await memory.episodes.get(graph, "e")).mentions == []
    with pytest.raises(NotFound):
        await memory.entities.get(graph, "b")
    exported = [item async for item in memory.exports.items(graph)]
    assert not any(isinstance(item, Relationship) for item in exported)
    assert {hit.key for hit in (await memory.recall(graph, Question(What(text="apple")))).hits} == {"a", "c", "e"}
    told = {
        each.what.partition(":")[0]: each.count
        for each in await memory.graphs.check_schema(graph)
        if "an end" in each.what
    }
    assert told == kinds
    await assert_index_matches_labels(memory, graph)


async def test_edges_of_a_vertex_that_was_deleted_without_them_are_told_and_never_answered(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await fill(memory, graph)
    ids = [each.id for each in (await memory.relationships.list(graph)).items]
    await delete_vertex(memory, graph, client, "b")
    # At once, and before the index has heard of it.
    assert (await memory.relationships.list(graph, entity="a")).items == []
    for id_ in ids:
        assert id_ is not None
        with pytest.raises(NotFound):
            await memory.relationships.get(graph, id_)
    await sweep(memory, graph)
    await assert_only_whole_relationships(memory, graph, {"K": 2, "MENTIONS": 1})
    await assert_changes_tell_all(memory, graph)


async def test_an_index_made_anew_agrees_with_the_absorbed_one(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await fill(memory, graph)
    await delete_vertex(memory, graph, client, "b")
    await memory.index.rebuild(graph)
    await assert_only_whole_relationships(memory, graph, {"K": 2, "MENTIONS": 1})
    await client.execute(f'UPDATE "{(await layout_of(memory, graph)).age_name}"."K" SET properties = properties')
    await memory.index.sync(graph)
    await assert_only_whole_relationships(memory, graph, {"K": 2, "MENTIONS": 1})


async def test_a_vertex_that_comes_back_has_its_edges_again(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await fill(memory, graph)
    before = [(r.kind, r.start, r.end) for r in (await memory.relationships.list(graph)).items]
    id_ = await delete_vertex(memory, graph, client, "b")
    await sweep(memory, graph)
    schema = (await layout_of(memory, graph)).age_name
    await client.execute(
        f'INSERT INTO "{schema}"."Person" (id, properties) VALUES ($1::graphid, $2::agtype)', id_, '{"key": "b"}'
    )
    await memory.index.sync(graph)
    assert [(r.kind, r.start, r.end) for r in (await memory.relationships.list(graph)).items] == before
    assert (await memory.episodes.get(graph, "e")).mentions == ["b"]
    assert not any("an end" in each.what for each in await memory.graphs.check_schema(graph))
    await assert_index_matches_labels(memory, graph)
    await assert_changes_tell_all(memory, graph)


async def test_edges_that_are_stored_before_their_vertices_are_indexed_with_these(
    memory: Memory, graph: str, client: asyncpg.Connection
) -> None:
    await fill(memory, graph)
    layout = await layout_of(memory, graph)
    (first,) = await client.fetch(f'SELECT max(id::text::bigint) AS id FROM "{layout.age_name}"."Person"')
    (edge,) = await client.fetch(f'SELECT max(id::text::bigint) AS id FROM "{layout.age_name}"."K"')
    x, y = first["id"] + 100, first["id"] + 101
    await client.execute(
        f'INSERT INTO "{layout.age_name}"."K" VALUES ($1::graphid, $2::graphid, $3::graphid, $4::agtype)',
        edge["id"] + 100, x, y, "{}",
    )  # fmt: skip
    await memory.index.sync(graph)
    assert len((await memory.relationships.list(graph, kind="K")).items) == 2
    for id_, key in ((x, "x"), (y, "y")):
        await client.execute(
            f'INSERT INTO "{layout.age_name}"."Person" VALUES ($1::graphid, $2::agtype)', id_, f'{{"key": "{key}"}}'
        )
        await memory.index.sync(graph)
    assert [(r.start, r.end) for r in (await memory.relationships.list(graph, entity="x")).items] == [("x", "y")]
    await assert_index_matches_labels(memory, graph)


async def test_the_first_of_a_new_label_and_kind_stays_while_somebody_looks_for_deletions(
    memory: Memory, graph: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await memory.entities.put(graph, [Entity("a"), Entity("b")])
    store: Any = memory.ports.index
    layout = await store.catalog.layout(graph)
    learn = retrieval_index.register_foreign_labels

    async def then_others_write(connection: Any, layout: Any) -> None:
        await learn(connection, layout)
        await memory.entities.put(graph, [Entity("c", "Ship")])
        await memory.relationships.put(graph, [Relationship("MET", "a", "b")])

    monkeypatch.setattr(retrieval_index, "register_foreign_labels", then_others_write)
    assert await store.remove_orphans(layout) == 0
    assert [each.kind for each in (await memory.relationships.list(graph)).items] == ["MET"]
    assert (await memory.entities.get(graph, "c")).label == "Ship"
    await assert_index_matches_labels(memory, graph)
