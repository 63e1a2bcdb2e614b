"""Cold episodes leave the vector and text indexes, are found all the same, and come back when they are used."""

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Question, What, When
from kgmem.memory import Memory
from kgmem.store.write import archive as archiving
from tests.memories import cypher, hashing, new_graph, opened_memory, other_client, query

GRAPH = "archive"
FERRY, TEA, BIKE = (
    "The ferry to Turku leaves at nine.",
    "Bo likes green tea from Uji.",
    "The bicycle stands in the cellar.",
)


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.episodes.put(GRAPH, [Episode(FERRY, "e0"), Episode(TEA, "e1"), Episode(BIKE, "e2")])
    await memory.entities.put(GRAPH, [Entity("ann", name="Ann Lee")])
    await memory.tiers.put(GRAPH, archive=True)
    await memory.embeddings.run(GRAPH)
    return memory


async def schema_of(memory: Memory) -> str:
    return (await memory.ports.graphs.layout(GRAPH)).index_name  # type: ignore[attr-defined, no-any-return]


async def rows_of(memory: Memory, table: str) -> int:
    ((count,),) = await query(memory, f"SELECT count(*) FROM {await schema_of(memory)}.{table}")
    return int(count)


async def archive(memory: Memory, *keys: str) -> int:
    await memory.tiers.move(GRAPH, list(keys), "cold")
    return (await memory.tiers.sweep(GRAPH)).archived


async def recalled(memory: Memory, text: str, **how: object) -> list[str]:
    answer = await memory.recall(GRAPH, Question(What(text), **how))  # type: ignore[arg-type]
    return [hit.key for hit in answer.hits]


async def test_what_is_archived_leaves_the_indexes_and_is_found(memory: Memory) -> None:
    before = await rows_of(memory, "passage")
    assert await archive(memory, "e0", "e1") == 2
    assert await rows_of(memory, "passage") == before - 2
    assert await rows_of(memory, "past_passage") == await rows_of(memory, "past_vector") == 0
    counts = (await memory.tiers.report(GRAPH)).tiers["cold"]
    assert (counts.items, counts.archived) == (2, 2)
    assert (await recalled(memory, "When does the ferry to Turku leave?"))[0] == "e0"


async def test_what_is_used_comes_back_to_the_indexes(memory: Memory) -> None:
    before = await rows_of(memory, "passage")
    await archive(memory, "e0", "e1")
    assert (await recalled(memory, "green tea from Uji"))[0] == "e1"
    assert (await memory.tiers.get(GRAPH, "e1", kind="episode")).tier == "hot"
    assert await rows_of(memory, "archived") < 2
    await memory.embeddings.run(GRAPH)
    assert (await recalled(memory, "green tea from Uji", tiers=("hot",)))[0] == "e1"
    await memory.tiers.move(GRAPH, ["e0", "e1"], "hot")
    assert await rows_of(memory, "archived") == 0
    assert await rows_of(memory, "passage") == before


async def test_a_correction_of_an_archived_episode_keeps_what_was_known(memory: Memory) -> None:
    await archive(memory, "e0")
    ((between,),) = await query(memory, "SELECT to_char(now(), 'YYYY-MM-DD\"T\"HH24:MI:SS.USZ')")
    await memory.episodes.put(GRAPH, [Episode("The ferry to Turku leaves at eleven.", "e0")])
    assert await rows_of(memory, "archived") == 0
    assert await rows_of(memory, "past_passage") == 1
    answer = await memory.recall(
        GRAPH, Question(What("ferry to Turku"), when=When(known_at=str(between).replace(" ", "T")))
    )
    assert FERRY in [hit.text for hit in answer.hits]


async def test_questions_about_what_was_known_see_the_archive(memory: Memory) -> None:
    await archive(memory, "e0", "e1", "e2")
    answer = await memory.recall(GRAPH, Question(What("ferry to Turku"), when=When(known_at="2100-01-01")))
    assert answer.hits[0].key == "e0"


async def test_a_deleted_archived_episode_leaves_nothing_but_its_history(memory: Memory) -> None:
    await archive(memory, "e0", "e1")
    await memory.episodes.delete(GRAPH, ["e0"])
    assert await rows_of(memory, "archived") == 1
    assert await rows_of(memory, "past_passage") == 1
    assert "e0" not in await recalled(memory, "ferry to Turku")


async def test_cypher_writes_to_archived_episodes(memory: Memory) -> None:
    await archive(memory, "e0", "e1")
    await memory.cypher(GRAPH, "MATCH (e {key: 'e0'}) SET e.text = 'The ferry to Oslo leaves at ten.'", mode="write")
    assert await rows_of(memory, "archived") == 1
    assert (await recalled(memory, "ferry to Oslo"))[0] == "e0"
    await memory.cypher(GRAPH, "MATCH (e {key: 'e1'}) DETACH DELETE e", mode="write")
    assert await rows_of(memory, "archived") == 0


async def test_other_clients_may_write_over_what_is_archived(memory: Memory, shared_database_url: str) -> None:
    await archive(memory, "e0", "e1")
    async with other_client(shared_database_url) as client:
        await cypher(client, GRAPH, "MATCH (e {key: 'e0'}) SET e.text = 'The ferry to Oslo leaves at ten.'")
        await cypher(client, GRAPH, "MATCH (e {key: 'e1'}) DETACH DELETE e")
    await memory.index.sync(GRAPH)
    assert (await recalled(memory, "ferry to Oslo"))[0] == "e0"
    assert "e1" not in await recalled(memory, "green tea")
    assert await rows_of(memory, "archived") == 0


@pytest.mark.long
async def test_a_rebuild_keeps_the_archive_and_integrity_finds_nothing(memory: Memory) -> None:
    await archive(memory, "e0", "e1")
    assert not [each for report in await memory.index.check_integrity(GRAPH) for each in report.damages]
    await memory.index.rebuild(GRAPH)
    assert await rows_of(memory, "archived") == 2
    assert not [each for report in await memory.index.check_integrity(GRAPH) for each in report.damages]
    assert (await recalled(memory, "ferry to Turku"))[0] == "e0"


async def test_a_scope_with_archived_episodes_is_deleted_whole(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Cy plays the oboe.", "c0", scope="user/2")])
    await memory.embeddings.run(GRAPH)
    await memory.tiers.move(GRAPH, ["c0"], "cold", scope="user/2")
    assert (await memory.tiers.sweep(GRAPH)).archived == 1
    assert (await recalled(memory, "oboe", scope="user/2"))[0] == "c0"
    await memory.scopes.delete(GRAPH, "user/2")
    assert await rows_of(memory, "archived") == 0
    assert "c0" not in await recalled(memory, "oboe", scope="user/2")


async def test_scopes_do_not_see_the_archived_episodes_of_others(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Cy plays the oboe.", "c0", scope="user/2")])
    await memory.embeddings.run(GRAPH)
    await memory.tiers.move(GRAPH, ["c0"], "cold", scope="user/2")
    await memory.tiers.sweep(GRAPH)
    assert "c0" not in await recalled(memory, "oboe", scope="user/3")
    assert "c0" not in await recalled(memory, "oboe")


async def test_tiers_of_a_question_include_the_archive_or_not(memory: Memory) -> None:
    await archive(memory, "e0")
    assert "e0" not in await recalled(memory, "ferry to Turku", tiers=("hot", "warm"))
    assert await recalled(memory, "ferry to Turku", tiers=("cold",)) == ["e0"]


async def test_pinned_and_distilled_items_stay_in_the_indexes(memory: Memory) -> None:
    await memory.tiers.pin(GRAPH, ["e0"], kind="episode")
    await memory.tiers.move(GRAPH, ["e1"], "distilled")
    await memory.tiers.put(GRAPH, hot_for=0, warm_for=0)
    assert (await memory.tiers.sweep(GRAPH)).archived == 1
    assert (await recalled(memory, "bicycle cellar", tiers=("cold",)))[0] == "e2"
    assert await rows_of(memory, "archived") == 1


async def test_without_the_setting_everything_comes_back(memory: Memory) -> None:
    await archive(memory, "e0", "e1")
    await memory.tiers.put(GRAPH, archive=False)
    assert (await memory.tiers.sweep(GRAPH)).restored == 2
    assert await rows_of(memory, "archived") == 0
    assert (await memory.tiers.sweep(GRAPH)).archived == 0


async def test_texts_that_wait_for_a_vector_are_not_archived(memory: Memory) -> None:
    await memory.episodes.put(GRAPH, [Episode("Not embedded yet.", "e3")])
    assert await archive(memory, "e3") == 0
    await memory.embeddings.run(GRAPH)
    assert (await memory.tiers.sweep(GRAPH)).archived == 1


async def test_an_interrupted_sweep_goes_on_where_it_was(memory: Memory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archiving, "AT_ONCE", 1)
    await memory.tiers.move(GRAPH, ["e0", "e1", "e2"], "cold")
    store = memory.ports.tiers
    _, after = await store.archive(GRAPH, None)
    changed, _ = await store.archive(GRAPH, after)
    assert changed.archived == 1
    assert (await memory.tiers.sweep(GRAPH)).archived == 2


async def test_another_embedding_space_restores_what_is_archived(database_url: str) -> None:
    async with opened_memory(database_url, embedder=hashing()) as memory:
        await memory.graphs.create(GRAPH)
        await memory.episodes.put(GRAPH, [Episode(FERRY, "e0"), Episode(TEA, "e1")])
        await memory.embeddings.run(GRAPH)
        await memory.tiers.put(GRAPH, archive=True)
        assert await archive(memory, "e0", "e1") == 2
    async with opened_memory(database_url, embedder=hashing(32)) as memory:
        await memory.embeddings.reembed(GRAPH)
        assert await rows_of(memory, "archived") == 0
        assert (await recalled(memory, "ferry to Turku"))[0] == "e0"
        assert await archive(memory, "e0", "e1") == 2
        assert (await recalled(memory, "ferry to Turku"))[0] == "e0"


async def test_a_large_scope_gets_indexes_of_its_archive_and_small_ones_do_without(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiving, "_INDEXED_FROM", 1)

    async def indexes() -> set[str]:
        schema = await schema_of(memory)
        sql = f"SELECT indexname FROM pg_indexes WHERE schemaname = '{schema}' AND tablename = 'archived'"
        return {row["indexname"] for row in await query(memory, sql)}

    await archive(memory, "e0", "e1")
    assert await indexes() == {"archived_item"}
    monkeypatch.setattr(archiving, "_LARGE", 3)
    for key in ("e2", "e0"):  # Made at first, and made anew where the archive has grown.
        monkeypatch.setattr(archiving, "_GROWN", 0)
        await memory.tiers.move(GRAPH, ["e0"], "hot")
        await memory.embeddings.run(GRAPH)
        assert await archive(memory, key) == 1
        assert await indexes() == {"archived_item", "archived_signs_1", "archived_terms"}
    assert (await recalled(memory, "ferry to Turku"))[0] == "e0"


async def test_the_index_on_signs_is_built_whatever_memory_the_server_allows(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pgvector needs 220 bytes times the square of the lists, and refuses with less."""
    assert [archiving.lists_of(signs) for signs in (10, 100_000, 10_000_000)] == [8, 400, 1000]
    monkeypatch.setattr(archiving, "_INDEXED_FROM", 1)
    monkeypatch.setattr(archiving, "_LARGE", 1)
    monkeypatch.setattr(archiving, "lists_of", lambda signs: 700)
    assert await archive(memory, "e0", "e1") == 2
    schema = await schema_of(memory)
    rows = await query(memory, f"SELECT indexdef FROM pg_indexes WHERE schemaname = '{schema}'")
    assert any("lists='700'" in row["indexdef"] for row in rows)
