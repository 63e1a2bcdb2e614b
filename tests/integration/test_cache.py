"""The cache of answers: what is served from it is what would be computed now."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from kgmem.cache.layered import LayeredCache
from kgmem.domain.agents.block import BlockAddress, BlockContent
from kgmem.domain.agents.context import SessionContext
from kgmem.domain.agents.message import Message
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.agents.state import StateAddress
from kgmem.domain.cache.policy import DEFAULTS, CacheKind, CachePolicy
from kgmem.domain.cache.ports import KindStats, Seen
from kgmem.domain.claims.claim import ClaimStatement, FactFilter
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.graph.scope import WidenedScope
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate
from tests.graph_pool import GraphPool
from tests.integration.test_migrations import catalog_of
from tests.memories import SwitchableEmbedder, cypher, hashing, index_schema, opened_memory, other_client, query

pytestmark = pytest.mark.server
BEFORE = "0054"  # The revision before that of epochs.
GRANITE = Question(What(text="granite"))


@pytest.fixture(scope="module")
def cached_embedder() -> SwitchableEmbedder:
    """The embedder of the memory with a cache."""
    return hashing()


@pytest.fixture(scope="module")
async def cached_memory(shared_database_url: str, cached_embedder: SwitchableEmbedder) -> AsyncIterator[Memory]:
    """A memory with a cache, of this module."""
    store = LayeredCache({**DEFAULTS, "entity": CachePolicy()}, 8 * 1024 * 1024)
    async with opened_memory(shared_database_url, embedder=cached_embedder, cache=store) as memory:
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


async def prime(memory: Memory, graph: str, question: Question = GRANITE) -> Answer:
    """Ask until the answer is cached: what changed before the first time is noticed by the second."""
    for _ in range(4):
        answer, was_cached = await asked(memory, graph, question)
        if was_cached:
            return answer
    raise AssertionError


async def test_a_question_that_is_asked_again_is_answered_from_the_cache(cached: Memory, graph: str) -> None:
    first, was_cached = await asked(cached, graph)
    assert not was_cached
    second = await prime(cached, graph)

    assert [hit.key for hit in second.hits] == ["g"]
    assert second == first


async def test_a_write_is_seen_by_the_next_question(cached: Memory, graph: str) -> None:
    await prime(cached, graph)
    await cached.entities.put(graph, [Entity("h", "Stone", "Granite of the north")])

    answer, was_cached = await asked(cached, graph)

    assert not was_cached
    assert {hit.key for hit in answer.hits} >= {"g", "h"}
    await prime(cached, graph)


async def test_another_server_sees_the_write_at_once_and_its_cache_too(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        for number in range(5):
            await prime(cached, graph)
            assert (await asked(cached, graph))[1]
            await other.entities.put(graph, [Entity(f"h{number}", "Stone", f"Granite {number}")])
            answer, was_cached = await asked(cached, graph)
            assert not was_cached
            assert f"h{number}" in {hit.key for hit in answer.hits}


async def test_a_write_into_another_scope_leaves_what_does_not_see_it(cached: Memory, graph: str) -> None:
    here = Question(What(text="granite"), scope="team/a")
    await cached.entities.put(graph, [Entity("a", "Stone", "Granite of a", scope="team/a")])
    await prime(cached, graph, here)
    await prime(cached, graph)

    await cached.entities.put(graph, [Entity("x", "Stone", "Granite of b", scope="team/b")])

    assert (await asked(cached, graph, here))[1]
    assert (await asked(cached, graph))[1]
    await cached.entities.put(graph, [Entity("y", "Stone", "Granite of a again", scope="team/a")])
    assert not (await asked(cached, graph, here))[1]
    assert (await asked(cached, graph))[1]


async def test_what_another_client_writes_is_never_hidden_by_the_cache(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    await prime(cached, graph)
    async with other_client(shared_database_url) as client:
        await cypher(client, graph, "MATCH (s:Stone {key: 'g'}) SET s.name = 'Granite, grey' RETURN s")
        answer, was_cached = await asked(cached, graph)
        assert (not was_cached, answer.hits[0].name) == (True, "Granite, grey")
        assert not (await asked(cached, graph))[1]
        await cached.ports.index.absorb_foreign_writes(graph)
        await prime(cached, graph)
        assert (await asked(cached, graph))[1]

        await cypher(client, graph, "MATCH (s:Stone {key: 'g'}) DETACH DELETE s RETURN 1")
        answer, was_cached = await asked(cached, graph)
    assert not was_cached
    assert "g" not in {hit.key for hit in answer.hits}


@pytest.mark.long
async def test_an_answer_ends_where_a_valid_time_begins_or_ends(cached: Memory, graph: str) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).isoformat()
    await cached.entities.put(graph, [Entity("n", "Stone", "Granite of tomorrow", valid_from=soon)])
    for _ in range(3):
        seen = datetime.now(UTC).isoformat()
        answer, _ = await asked(cached, graph)
        assert "n" not in {hit.key for hit in answer.hits} or seen > soon or datetime.now(UTC).isoformat() > soon
    deadline = asyncio.get_running_loop().time() + 20
    while "n" not in {hit.key for hit in (await asked(cached, graph))[0].hits}:
        assert datetime.now(UTC).isoformat() < soon or asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.2)


async def test_feedback_a_change_of_settings_and_a_deleted_graph_end_what_is_cached(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        answer = await prime(cached, graph)
        await other.feedback.give(graph, Feedback(answer.hits[0].id, "wrong"))
        assert not (await asked(cached, graph))[1]

        await prime(cached, graph)
        await other.graphs.update(graph, fusion="rrf")
        assert not (await asked(cached, graph))[1]


async def test_many_tokens_are_summed_up_and_what_is_cached_stays(cached: Memory, graph: str) -> None:
    schema = (await cached.ports.graphs.layout(graph)).index_name
    await query(cached, f"INSERT INTO {schema}.epoch SELECT 0, 0, hashint8(g) FROM generate_series(1, 2000) g")
    await prime(cached, graph)
    await cached.ports.cache._epochs.settle()

    ((tokens,),) = await query(cached, f"SELECT count(*) FROM {schema}.epoch")
    assert tokens < 10
    assert (await asked(cached, graph))[1]


async def test_the_past_is_cached_until_something_is_learned(cached: Memory, graph: str) -> None:
    then = datetime.now(UTC).isoformat()
    question = Question(What(text="granite"), when=When(known_at=then))
    await prime(cached, graph, question)
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


def of(memory: Memory, kind: CacheKind) -> KindStats:
    return next(each for each in memory.ports.cache.stats().kinds if each.kind == kind)


async def test_a_state_that_is_written_is_read_from_the_cache_and_never_an_earlier_one(
    cached: Memory, graph: str, shared_database_url: str
) -> None:
    plan = StateAddress("planner", "plan")
    before = of(cached, "state").hits
    await cached.states.put(graph, plan, {"step": 1})
    await cached.states.get(graph, plan)
    await cached.ports.cache.settle()
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        for step in range(2, 5):
            await cached.states.put(graph, plan, {"step": step})
            await cached.ports.cache.settle()
            assert (await cached.states.get(graph, plan)).value == {"step": step}
            await other.states.put(graph, plan, {"step": -step})
            assert (await cached.states.get(graph, plan)).value == {"step": -step}
    assert of(cached, "state").hits >= before + 3
    answers = hits(cached)
    await prime(cached, graph)
    await cached.states.put(graph, plan, b"\x00\xff" * 5000)
    await cached.ports.cache.settle()
    assert (await cached.states.get(graph, plan)).content == b"\x00\xff" * 5000
    assert (await asked(cached, graph))[1]  # States change no answer of recall.
    assert hits(cached) > answers


async def test_the_context_of_a_session_is_that_which_would_be_made_now(cached: Memory, graph: str) -> None:
    chat = SessionAddress("chat")
    await cached.sessions.open(graph, chat)
    await cached.sessions.append(graph, chat, [Message("user", "Tell me about granite.")])
    for _ in range(2):
        first = await cached.sessions.context(graph, chat)
        await cached.ports.cache.settle()
    before = of(cached, "context").hits
    assert await cached.sessions.context(graph, chat) == first
    assert of(cached, "context").hits == before + 1

    await cached.sessions.append(graph, chat, [Message("user", "And basalt?")])
    second = await cached.sessions.context(graph, chat)
    assert "And basalt?" in second.text
    await cached.ports.cache.settle()
    await cached.blocks.put(graph, BlockAddress("rules"), BlockContent("Answer in one line."))
    assert "Answer in one line." in (await cached.sessions.context(graph, chat)).text


async def test_entities_are_cached_where_the_settings_say_so(cached: Memory, graph: str) -> None:
    before = of(cached, "entity").hits
    for _ in range(2):
        first = await cached.entities.get(graph, "g")
        await cached.ports.cache.settle()
    assert await cached.entities.get(graph, "g") == first
    assert of(cached, "entity").hits > before
    await cached.entities.put(graph, [Entity("g", text="Coarse.")])
    assert (await cached.entities.get(graph, "g")).text == "Coarse."
    await cached.ports.cache.settle()
    await cached.entities.delete(graph, ["g"])
    with pytest.raises(NotFound):
        await cached.entities.get(graph, "g")


async def test_an_erased_scope_and_a_deleted_graph_leave_nothing_in_the_cache(cached: Memory, graph: str) -> None:
    question = Question(What(text="granite"), scope="team/a")
    await cached.entities.put(graph, [Entity("s", "Stone", "Secret granite", scope="team/a")])
    await prime(cached, graph, question)
    assert of(cached, "recall").entries
    await cached.scopes.delete(graph, "team/a", erase=True)
    assert not of(cached, "recall").entries
    assert "s" not in {hit.key for hit in (await asked(cached, graph, question))[0].hits}

    assert (await prime(cached, graph)).hits
    assert (await cached.cache.clear(graph)).dropped
    assert not (await asked(cached, graph))[1]


async def test_what_changes_with_each_moment_or_lacks_a_retriever_is_not_kept(
    cached: Memory, graph: str, cached_embedder: SwitchableEmbedder
) -> None:
    for question in (
        Question(What(text="granite"), explain=True),
        Question(What(text="granite"), profile=True),
        Question(What(text="granite"), when=When(half_life_days=1)),
    ):
        for _ in range(2):
            assert not (await asked(cached, graph, question))[1]
    cached_embedder.away = True
    away = Question(What(text="granite and basalt"))
    answer, _ = await asked(cached, graph, away)
    assert answer.suppressed
    cached_embedder.reset()
    answer, was_cached = await asked(cached, graph, away)
    assert (was_cached, answer.suppressed) == (False, {})


async def test_callers_with_other_grants_share_no_answer_and_a_revoked_grant_counts_at_once(
    cached: Memory, graph: str, graph_pool: GraphPool
) -> None:
    async with graph_pool.lent() as older:  # What is written before the graph has an epoch left no tokens.
        await cached.entities.put(older, [Entity("v", "Stone", "Granite of the vault", scope="team/b")])
        await cached.entities.put(older, [Entity("o", "Stone", "Granite of the office", scope="team/a")])
        await ready(cached, older)
        for _ in range(3):
            for scope, keys in (
                (WidenedScope("team/a", ["team/b"]), {"v", "o"}),
                ("team/a", {"o"}),
                (WidenedScope("team/a", ["team/c"]), {"o"}),
            ):
                answer, _ = await asked(cached, older, Question(What(text="granite"), scope=scope))
                assert {hit.key for hit in answer.hits} == keys
        assert (await asked(cached, older, Question(What(text="granite"), scope="team/a")))[1]


SALARY = ("ann", "salary")


def salaries(context: SessionContext) -> list[object]:
    return [each.told["value"] for each in context.sections["facts"] if each.told["kind"] == "salary"]


async def context_of(memory: Memory, graph: str) -> tuple[SessionContext, bool]:
    """The context of the session about Ann, and whether it came from the cache."""
    before = of(memory, "context").hits
    context = await memory.sessions.context(graph, SessionAddress("pay"))
    await memory.ports.cache.settle()
    return context, of(memory, "context").hits > before


async def cached_context(memory: Memory, graph: str) -> SessionContext:
    """The context, from the cache."""
    for _ in range(4):
        context, was_cached = await context_of(memory, graph)
        if was_cached:
            return context
    raise AssertionError


async def ask_for_ann(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("ann", "Person", "Ann")])
    await memory.sessions.open(graph, SessionAddress("pay"))
    await memory.sessions.append(graph, SessionAddress("pay"), [Message("user", "What is the salary of ann?", "m1")])


async def claim_salary(memory: Memory, graph: str, value: int, **times: str) -> None:
    await memory.claims.put(graph, [ClaimStatement("payroll", *SALARY, value=value, **times)])


def later(seconds: float) -> str:
    return iso(now() + int(seconds * 1_000_000))


async def boundaries(memory: Memory, graph: str) -> set[str]:
    schema = (await memory.ports.graphs.layout(graph)).index_name
    return {iso(at) for (at,) in await query(memory, f"SELECT at FROM {schema}.boundary")}


@pytest.mark.long
async def test_a_cached_context_shows_a_value_until_it_ends_and_the_next_from_then_on(
    cached: Memory, graph: str
) -> None:
    await ask_for_ann(cached, graph)
    change = later(2)
    await claim_salary(cached, graph, 1, valid_from="2020-01-01", valid_to=change)
    await claim_salary(cached, graph, 2, valid_from=change)
    served = 0
    while (before := iso(now())) < change:
        context, was_cached = await context_of(cached, graph)
        assert salaries(context) == [1] or iso(now()) >= change, before
        served += was_cached
        await asyncio.sleep(0.05)
    assert salaries((await context_of(cached, graph))[0]) == [2]
    assert salaries(await cached_context(cached, graph)) == [2]
    assert await boundaries(cached, graph) >= {change}


async def test_a_value_that_was_stored_before_the_graph_had_an_epoch_ends_in_the_cache_too(
    cached: Memory, memory: Memory, graph_pool: GraphPool
) -> None:
    async with graph_pool.lent() as older:
        cached.ports.graphs.forget(older)
        await ask_for_ann(cached, older)
        end = later(3600)
        await memory.claims.put(older, [ClaimStatement("payroll", *SALARY, value=1, valid_to=end)])
        await ready(cached, older)
        assert await boundaries(cached, older) >= {end}


async def test_the_end_of_a_value_is_noted_whoever_changes_it(cached: Memory, graph: str) -> None:
    await ask_for_ann(cached, graph)
    await claim_salary(cached, graph, 1)
    assert salaries(await cached_context(cached, graph)) == [1]
    (fact,) = (await cached.facts.list(graph, FactFilter(subject="ann"))).items
    end = later(3600)
    await cached.facts.expire(graph, fact.id, by="me", reason="She leaves.", valid_to=end)
    context, was_cached = await context_of(cached, graph)
    assert (salaries(context), was_cached) == ([1], False)
    assert await boundaries(cached, graph) >= {end}
    await cached.facts.retract(graph, fact.id, by="me", reason="She never did.")
    assert salaries((await context_of(cached, graph))[0]) == []


async def test_an_older_graph_gets_the_ends_of_its_facts_by_a_migration(database_url: str) -> None:
    end = later(3600)
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create("pay")
        await claim_salary(memory, "pay", 1, valid_to=end)
        layout = await memory.ports.graphs.layout("pay")  # type: ignore[attr-defined]
        await layout.ensure("cache")
        before = await catalog_of(database_url, layout.index_name)
        epoch = f"SELECT bit_xor(token) FROM {layout.index_name}.epoch WHERE part = 0"
        earlier = await query(memory, epoch)
        assert await boundaries(memory, "pay") == set()

    await downgrade(database_url, "0061")
    assert not any("epoch_fact" in part for part in await catalog_of(database_url, layout.index_name))
    assert any(
        "epoch_truncate" in part and ".fact " in part for part in await catalog_of(database_url, layout.index_name)
    )
    await migrate(database_url)

    assert await catalog_of(database_url, layout.index_name) == before
    async with opened_memory(database_url, embedder=hashing()) as memory:
        assert await boundaries(memory, "pay") == {end}
        assert await query(memory, epoch) != earlier


async def test_the_context_is_the_same_from_the_cache_without_one_and_in_another_process(
    cached: Memory, memory: Memory, graph: str
) -> None:
    await ask_for_ann(cached, graph)
    for source, value in (("a", 1), ("b", 2), ("c", 1), ("d", 2), ("e", 1)):
        await cached.claims.put(graph, [ClaimStatement(source, *SALARY, value=value)])
    from_cache = await cached_context(cached, graph)
    assert from_cache == await memory.sessions.context(graph, SessionAddress("pay"))
