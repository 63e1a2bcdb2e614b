"""Subsystems: a graph gets the tables of each at its first use, and reads nothing where they are not there."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.errors import NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.relationship import Relationship
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from kgmem.store.db.migrate import downgrade, migrate
from kgmem.store.db.statements import ABSENT_SCHEMA
from kgmem.store.graph.catalog import make_tables
from kgmem.store.graph.subsystems import SUBSYSTEMS, TABLES
from tests.integration.test_migrations import catalog_of, fetch
from tests.memories import cypher, hashing, index_schema, opened_memory, other_client, query

pytestmark = pytest.mark.server
GRAPH = "little"


@pytest.fixture
async def memory(memory: Memory) -> AsyncIterator[Memory]:
    """The memory, with a graph that is no graph of the pool: nothing was ever done in it."""
    await memory.graphs.create(GRAPH)
    yield memory
    await memory.graphs.delete(GRAPH)


# What revision 0027 renamed.
FORMERLY = {
    "embedding_queue": "unembedded",
    "extraction_queue": "unread",
    "provenance": "brought",
    "extraction_run": "reading",
    "entity_name": "named",
    "entity_name_position": "named_until",
    "merge_candidate": "likeness",
    "relationship_state": "stance",
    "source_reliability": "standing",
    "predicate_parameters": "setting",
    "source_dependence": "copying",
    "community_scope": "grouped",
    "similarity_settings": "connecting",
    "similarity_done": "compared",
    "consensus_run": "weighed",
    "source_origin": "kinship",
    "adjudication": "decision",
    "past_relationship_state": "past_stance",
    "past_source_reliability": "past_standing",
}

LATER = {
    "claim_origin",
    "answered",
    "source_key",
    *TABLES["agent_states"],
    *TABLES["sessions"],
    *TABLES["session_parts"],
    *TABLES["ledger"],
    *TABLES["feedback"],
    *TABLES["publications"],
    *TABLES["distillation"],
    *TABLES["retention"],
    *TABLES["blocks"],
    *TABLES["subscriptions"],
    *TABLES["answers"],
    *TABLES["expiry"],
    *TABLES["streams"],
    *TABLES["webhooks"],
    *TABLES["presence"],
    *TABLES["tiers"],
    *TABLES["cache"],
    *TABLES["archive"],
}  # Tables that revision 0023 did not know.


async def made(memory: Memory) -> set[str]:
    """The subsystems that have tables; a subsystem has all of its tables or none, and is registered or not."""
    schema = await index_schema(memory, GRAPH)
    there = {row[0] for row in await query(memory, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)}
    found = set()
    for subsystem, tables in TABLES.items():
        assert there.issuperset(tables) or there.isdisjoint(tables)
        if there.issuperset(tables):
            found.add(subsystem)
    ((registered,),) = await query(memory, "SELECT subsystems FROM kgmem.graph WHERE name = $1", GRAPH)
    assert sorted(registered) == sorted(found)
    return found


async def put_ring(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(key, "Thing", f"The {key}") for key in "abc"])
    await memory.relationships.put(GRAPH, [Relationship("KNOWS", *pair) for pair in ("ab", "bc", "ca")])


async def test_what_only_reads_makes_no_tables_and_finds_nothing(memory: Memory) -> None:
    await put_ring(memory)

    assert not (await memory.communities.list(GRAPH)).items
    with pytest.raises(NotFound):
        await memory.summaries.get(GRAPH, "a")
    with pytest.raises(NotFound):
        await memory.communities.get(GRAPH, 1)
    assert (await memory.tasks.update_similarity(GRAPH)).compared == 0
    assert await memory.tasks.update_summaries(GRAPH) == 0
    assert (await memory.tasks.update_communities(GRAPH)).communities == 0
    await memory.similarity.unlink(GRAPH)
    await memory.entities.delete(GRAPH, ["a"])
    await memory.index.rebuild(GRAPH)

    assert await made(memory) == {"history"}


async def test_the_first_use_makes_the_tables_of_one_subsystem(memory: Memory) -> None:
    await put_ring(memory)

    await memory.communities.detect(GRAPH)
    assert await made(memory) == {"history", "communities"}
    assert (await memory.communities.list(GRAPH, level=0)).items[0].size == 3
    await memory.summaries.create(GRAPH, "a")
    assert await made(memory) == {"history", "communities", "summaries"}
    await memory.embeddings.run(GRAPH)
    await memory.similarity.link(GRAPH)
    assert await made(memory) == {"history", "communities", "summaries", "similarity"}


async def test_two_first_users_at_once_make_the_tables_once(memory: Memory, shared_database_url: str) -> None:
    await put_ring(memory)
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        await other.graphs.get(GRAPH)

        await asyncio.gather(*(each.communities.detect(GRAPH) for each in (memory, other, memory, other)))

        assert await made(memory) == {"history", "communities"}
        assert (await memory.communities.list(GRAPH)).items == (await other.communities.list(GRAPH)).items != []


async def test_another_process_reads_at_once_what_the_first_use_stored(
    memory: Memory, shared_database_url: str
) -> None:
    await put_ring(memory)
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        assert not (await other.communities.list(GRAPH)).items

        await memory.communities.detect(GRAPH)
        assert (await other.communities.list(GRAPH)).items
        await memory.summaries.create(GRAPH, "a")
        await other.entities.delete(GRAPH, ["a"])

        assert [each.size for each in (await memory.communities.list(GRAPH, level=0)).items] == [2]
        schema = await index_schema(memory, GRAPH)
        assert not await query(memory, f"SELECT FROM {schema}.summary")


async def test_recall_knows_at_once_of_claims_that_another_process_stored_first(
    memory: Memory, shared_database_url: str
) -> None:
    await memory.entities.put(GRAPH, [Entity(key, "Place", key) for key in ("aldrin", "glen", "montclair")])
    question = Question(what=What(text="aldrin born in", kinds=("fact",)))
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        assert not (await memory.recall(GRAPH, question)).hits

        claims = [ClaimStatement(name, "aldrin", "BORN_IN", object="glen") for name in "abc"]
        await other.claims.put(GRAPH, [*claims, ClaimStatement("d", "aldrin", "BORN_IN", object="montclair")])
        answer = await memory.recall(GRAPH, question)

    assert [hit.properties["state"] for hit in answer.hits] == ["verified"]
    assert answer.suppressed["invalidated"] == 1


async def test_a_writer_that_made_no_tables_is_refused(memory: Memory) -> None:
    layout = await memory.ports.graphs.layout(GRAPH)  # type: ignore[attr-defined]

    with pytest.raises(asyncpg.CheckViolationError, match="is_not_made"):
        await query(memory, layout.sql("communities", "ask"), 0)


async def test_making_the_tables_of_a_graph_that_was_dropped_is_refused(
    memory: Memory, shared_database_url: str
) -> None:
    await memory.graphs.create("short_lived")
    layout = await memory.ports.graphs.layout("short_lived")  # type: ignore[attr-defined]
    async with opened_memory(shared_database_url, embedder=hashing()) as other:
        await other.graphs.delete("short_lived")

    with pytest.raises(NotFound, match="short_lived"):
        await layout.ensure("summaries")


@pytest.mark.long
async def test_a_migration_keeps_the_subsystems_that_are_used(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        await put_ring(memory)
        await memory.summaries.create(GRAPH, "a")
        await memory.communities.detect(GRAPH)
        schema = await index_schema(memory, GRAPH)
        before, found = await catalog_of(database_url, schema), await memory.communities.list(GRAPH)

    await downgrade(database_url, "0023")
    rows = await fetch(database_url, "SELECT tablename FROM pg_tables WHERE schemaname = $1", schema)
    assert {row[0] for row in rows}.issuperset(
        FORMERLY.get(name, name) for tables in TABLES.values() for name in tables if name not in LATER
    )
    await migrate(database_url)

    assert await catalog_of(database_url, schema) == before
    async with opened_memory(database_url, embedder=hashing()) as memory:
        assert await made(memory) == {"history", "communities", "summaries"}
        assert await memory.communities.list(GRAPH) == found
        assert await memory.summaries.get(GRAPH, "a") is not None


async def test_the_tables_that_stand_in_for_absent_ones_are_like_them(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        catalog = memory.ports.graphs
        async with catalog.database.connection() as connection:  # type: ignore[attr-defined]
            await make_tables(connection, "kgm_check", 0, None, SUBSYSTEMS)

    expected = await catalog_of(database_url, "kgm_check") - await catalog_of(database_url)
    there = await catalog_of(database_url, ABSENT_SCHEMA) - await catalog_of(database_url)
    # An index on tables without rows is there only where ON CONFLICT names it.
    assert {part.replace("kgm_check", "kgm_0") for part in expected if not part.startswith("CREATE INDEX")} == {
        part for part in there if "is_not_made" not in part and not part.startswith("CREATE INDEX")
    }
    assert any("is_not_made" in part for part in there)


async def test_an_empty_graph_answers_every_question_and_makes_no_tables(memory: Memory) -> None:
    for known_at in (None, "2030-01-01"):
        question = Question(What(text="anything at all"), when=When(known_at=known_at))
        assert not (await memory.recall(GRAPH, question)).hits
    assert not (await memory.entities.list(GRAPH)).items
    assert (await memory.graphs.stats(GRAPH)).entities == 0
    assert not [each async for page in memory.ports.store.export(GRAPH, None) for each in page]
    (report,) = await memory.index.check_integrity(GRAPH)
    assert report.sound, report
    assert await made(memory) == set()
    schema = await index_schema(memory, GRAPH)
    tables = await query(
        memory,
        "SELECT FROM pg_tables WHERE schemaname = $1 "
        "OR schemaname = (SELECT age_name FROM kgmem.graph WHERE index_name = $1)",
        schema,
    )
    assert len(tables) <= 16


async def test_what_another_client_writes_first_makes_the_history(memory: Memory, shared_database_url: str) -> None:
    async with other_client(shared_database_url) as client:
        await cypher(client, GRAPH, "CREATE (:Ship {key: 'a', name: 'Arcturus'})")

    await memory.ports.index.absorb_foreign_writes(GRAPH)

    assert (await memory.entities.get(GRAPH, "a")).name == "Arcturus"
    assert await made(memory) == {"history"}


async def test_what_is_rolled_back_leaves_tables_that_the_next_writer_uses(memory: Memory) -> None:
    catalog = memory.ports.graphs
    layout = await catalog.layout(GRAPH)  # type: ignore[attr-defined]

    async with catalog.database.connection() as connection:  # type: ignore[attr-defined]
        undone = connection.transaction()
        await undone.start()
        await layout.ensure("claims")
        await connection.execute(layout.sql("claims", "make_topics"), [0], ["a"], ["KNOWS"], [""])
        await undone.rollback()

    assert await made(memory) == {"history", "claims"}
    assert not await query(memory, f"SELECT FROM {layout.index_name}.topic")


async def test_a_recall_of_a_known_graph_takes_two_statements(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    await memory.entities.put(GRAPH, [Entity("g", "Stone", "Granite")])
    question = Question(what=What(text="granite"))
    await memory.recall(GRAPH, question)
    sent: list[str] = []

    def count(name: str) -> None:
        send = getattr(asyncpg.Connection, name)

        async def counted(connection: asyncpg.Connection, sql: str, *rest: object, **more: object) -> object:
            sent.append(sql)
            return await send(connection, sql, *rest, **more)

        monkeypatch.setattr(asyncpg.Connection, name, counted)

    for name in ("fetch", "fetchrow", "fetchval", "execute"):
        count(name)
    fewest = 10
    for _ in range(5):  # Once a second a process reads the settings of a graph, too.
        sent.clear()
        assert (await memory.recall(GRAPH, question)).hits
        fewest = min(fewest, len(sent))
    assert fewest == 2
