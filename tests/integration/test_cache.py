"""The cache of answers: what is served from it is what would be computed now."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kgmem.cache.layered import LayeredCache
from kgmem.domain.cache.policy import DEFAULTS
from kgmem.domain.cache.ports import Seen
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate
from tests.graph_pool import GraphPool
from tests.integration.test_migrations import catalog_of
from tests.memories import cypher, hashing, index_schema, opened_memory, other_client, query

pytestmark = pytest.mark.server
BEFORE = "0054"  # The revision before that of epochs.
GRANITE = Question(What(text="granite"))


@pytest.fixture(scope="module")
async def cached_memory(shared_database_url: str) -> AsyncIterator[Memory]:
    """A memory with a cache, of this module."""
    store = LayeredCache(DEFAULTS, 8 * 1024 * 1024)
    async with opened_memory(shared_database_url, embedder=hashing(), cache=store) as memory:
        yield memory


@pytest.fixture
async def cached(cached_memory: Memory, memory: Memory, graph_pool: GraphPool) -> AsyncIterator[Memory]:
    graph_pool.serve(cached_memory)
    yield cached_memory
    cached_memory.ports.cache._store.close()


@pytest.fixture
async def graph(cached: Memory, graph_pool: GraphPool) -> AsyncIterator[str]:
    """A graph with stones, whose epoch is known."""
    async with graph_pool.lent() as name:
        cached.ports.graphs.forget(name)
        await cached.entities.put(name, [Entity("g", "Stone", "Granite"), Entity("b", "Stone", "Basalt")])
        await ready(cached, name)
        yield name


async def ready(memory: Memory, graph: str) -> None:
    """Return when the graph has an epoch."""
    epochs = memory.ports.cache._epochs
    for _ in range(100):
        if await epochs.read(Seen(graph, "")) is not None:
            return
        await epochs.settle()
    raise AssertionError


def hits(memory: Memory) -> int:
    return memory.ports.cache.stats().kinds[0].hits


async def asked(memory: Memory, graph: str, question: Question = GRANITE) -> tuple[Answer, bool]:
    """The answer, and whether it came from the cache."""
    before = hits(memory)
    answer = await memory.recall(graph, question)
    await memory.ports.cache.settle()
    return answer, hits(memory) > before


async def test_a_question_that_is_asked_again_is_answered_from_the_cache(cached: Memory, graph: str) -> None:
    first, was_cached = await asked(cached, graph)
    assert not was_cached
    second, was_cached = await asked(cached, graph)

    assert was_cached
    assert [hit.key for hit in second.hits] == ["g"] or second.hits
    assert second == first


async def test_a_write_is_seen_by_the_next_question(cached: Memory, graph: str) -> None:
    await asked(cached, graph)
    await cached.entities.put(graph, [Entity("h", "Stone", "Granite of the north")])

    answer, was_cached = await asked(cached, graph)

    assert not was_cached
    assert {hit.key for hit in answer.hits} >= {"g", "h"}
    assert (await asked(cached, graph))[1]


async def test_another_server_sees_the_write_at_once_and_its_cache_too(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        for number in range(5):
            await asked(cached, graph)
            assert (await asked(cached, graph))[1]
            await other.entities.put(graph, [Entity(f"h{number}", "Stone", f"Granite {number}")])
            answer, was_cached = await asked(cached, graph)
            assert not was_cached
            assert f"h{number}" in {hit.key for hit in answer.hits}


async def test_a_write_into_another_scope_leaves_what_does_not_see_it(cached: Memory, graph: str) -> None:
    here = Question(What(text="granite"), scope="team/a")
    await cached.entities.put(graph, [Entity("a", "Stone", "Granite of a", scope="team/a")])
    await asked(cached, graph, here)
    await asked(cached, graph)

    await cached.entities.put(graph, [Entity("x", "Stone", "Granite of b", scope="team/b")])

    assert (await asked(cached, graph, here))[1]
    assert (await asked(cached, graph))[1]
    await cached.entities.put(graph, [Entity("y", "Stone", "Granite of a again", scope="team/a")])
    assert not (await asked(cached, graph, here))[1]
    assert (await asked(cached, graph))[1]


async def test_what_another_client_writes_is_never_hidden_by_the_cache(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    await asked(cached, graph)
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (s:Stone {key: 'g'}) SET s.name = 'Granite, grey' RETURN s")
        answer, was_cached = await asked(cached, graph)
        assert (not was_cached, answer.hits[0].name) == (True, "Granite, grey")
        assert not (await asked(cached, graph))[1]
        await cached.ports.index.absorb_foreign_writes(graph)
        await asked(cached, graph)
        assert (await asked(cached, graph))[1]

        await cypher(client, graph, "MATCH (s:Stone {key: 'g'}) DETACH DELETE s RETURN 1")
        answer, was_cached = await asked(cached, graph)
    assert not was_cached
    assert "g" not in {hit.key for hit in answer.hits}


async def test_an_answer_ends_where_a_valid_time_begins_or_ends(cached: Memory, graph: str) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    await cached.entities.put(graph, [Entity("n", "Stone", "Granite of tomorrow", valid_from=soon)])
    answer, _ = await asked(cached, graph)
    assert "n" not in {hit.key for hit in answer.hits}
    again, was_cached = await asked(cached, graph)
    assert was_cached or "n" in {hit.key for hit in again.hits}
    deadline = asyncio.get_running_loop().time() + 20
    while "n" not in {hit.key for hit in (await asked(cached, graph))[0].hits}:
        assert datetime.now(UTC).isoformat() < soon or asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)


async def test_feedback_a_change_of_settings_and_a_deleted_graph_end_what_is_cached(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        answer, _ = await asked(cached, graph)
        assert (await asked(cached, graph))[1]
        await other.feedback.give(graph, Feedback(answer.hits[0].id, "wrong"))
        assert not (await asked(cached, graph))[1]

        await asked(cached, graph)
        await other.graphs.update(graph, fusion="rrf")
        assert not (await asked(cached, graph))[1]


async def test_many_tokens_are_summed_up_and_what_is_cached_stays(cached: Memory, graph: str) -> None:
    schema = (await cached.ports.graphs.layout(graph)).index_name
    await query(cached, f"INSERT INTO {schema}.epoch SELECT 0, 0, hashint8(g) FROM generate_series(1, 2000) g")
    await asked(cached, graph)
    await cached.ports.cache._epochs.settle()

    ((tokens,),) = await query(cached, f"SELECT count(*) FROM {schema}.epoch")
    assert tokens < 10
    assert (await asked(cached, graph))[1]


async def test_the_past_is_cached_until_something_is_learned(cached: Memory, graph: str) -> None:
    then = datetime.now(UTC).isoformat()
    question = Question(What(text="granite"), when=When(known_at=then))
    await asked(cached, graph, question)
    assert (await asked(cached, graph, question))[1]

    await cached.relationships.put(graph, [Relationship("LIES_ON", "g", "b")])

    answer, was_cached = await asked(cached, graph, question)
    assert (was_cached, [hit.key for hit in answer.hits]) == (False, ["g"])


async def test_a_graph_with_an_epoch_goes_back_and_forth_between_revisions(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create("stones")
        await memory.entities.put("stones", [Entity("g", "Stone", "Granite")])
        before = await catalog_of(database_url, await index_schema(memory, "stones"))
        layout = await memory.ports.graphs.layout("stones")  # type: ignore[attr-defined]
        await layout.ensure("cache")
        schema = layout.index_name
    assert any("epoch_insert" in part for part in await catalog_of(database_url, schema))

    await downgrade(database_url, BEFORE)
    assert not any("epoch" in part or "boundary" in part for part in await catalog_of(database_url, schema))
    await migrate(database_url)

    assert await catalog_of(database_url, schema) == before
