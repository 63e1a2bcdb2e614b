"""Items are hot, warm or cold by their last use; moves, pins and sweeps change that."""

import asyncio

import pytest

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.tier import Tier, TierSettings
from kgmem.domain.recall.question import Question, What, When
from kgmem.domain.time.interval import iso, now
from kgmem.memory import Memory
from tests.memories import new_graph

GRAPH = "tiers"


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.entities.put(GRAPH, [Entity("ann", name="Ann Lee"), Entity("bo", name="Bo Park")])
    await memory.episodes.put(
        GRAPH,
        [Episode("The ferry to Turku leaves at nine.", "e0"), Episode("Bo likes green tea.", "e1", scope="user/1")],
    )
    return memory


async def backdate(memory: Memory, seconds: int) -> None:
    """Let everything have been written and used so long ago."""
    layout = await memory.ports.graphs.layout(GRAPH)  # type: ignore[attr-defined]
    await memory.tiers.report(GRAPH)  # Stores the uses that were counted.
    async with memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
        earlier = f"- interval '{seconds} seconds'"
        await connection.execute(f"ALTER TABLE {layout.index_name}.item DISABLE TRIGGER keep")
        await connection.execute(f"UPDATE {layout.index_name}.item SET known_from = known_from {earlier}")
        await connection.execute(f"ALTER TABLE {layout.index_name}.item ENABLE TRIGGER keep")
        if "tiers" in layout.subsystems.made:
            await connection.execute(
                f"UPDATE {layout.index_name}.item_use SET used = used {earlier}, moved = moved {earlier}"
            )
            await connection.execute(f"UPDATE {layout.index_name}.tier_settings SET swept_at = swept_at {earlier}")


async def tier_of(memory: Memory, key: str, scope: str = "") -> Tier:
    return (await memory.tiers.get(GRAPH, key, kind="episode" if key.startswith("e") else "entity", scope=scope)).tier


async def recalled(memory: Memory, text: str, *tiers: Tier, scope: str = "") -> list[str]:
    answer = await memory.recall(GRAPH, Question(What(text), tiers=tiers, scope=scope))
    return [hit.key for hit in answer.hits]


async def test_what_nobody_uses_gets_warm_after_an_hour_and_cold_after_a_day(memory: Memory) -> None:
    await memory.tiers.sweep(GRAPH)
    assert [await tier_of(memory, key) for key in ("ann", "e0")] == ["hot", "hot"]
    await backdate(memory, 3700)
    changed = await memory.tiers.sweep(GRAPH)
    assert (changed.lowered, changed.raised) == (4, 0)
    assert [await tier_of(memory, key) for key in ("ann", "e0")] == ["warm", "warm"]
    await backdate(memory, 86_400)
    await memory.tiers.sweep(GRAPH)
    assert [await tier_of(memory, key) for key in ("ann", "e0")] == ["cold", "cold"]
    assert (await memory.tiers.report(GRAPH)).tiers["cold"].items == 4
    assert (await memory.tiers.report(GRAPH, scope="user/1")).tiers["cold"].items == 1


async def test_recall_fetch_and_cypher_count_as_uses_and_make_hot(memory: Memory) -> None:
    await backdate(memory, 100_000)
    await memory.tiers.sweep(GRAPH)
    assert "e0" in await recalled(memory, "When does the ferry leave?")
    await memory.entities.get(GRAPH, "ann")
    await memory.cypher(GRAPH, "MATCH (p {key: 'bo'}) RETURN p")
    assert [await tier_of(memory, key) for key in ("e0", "ann", "bo")] == ["hot"] * 3
    assert await tier_of(memory, "e1", "user/1") == "cold"
    assert (await memory.tiers.get(GRAPH, "ann")).uses == pytest.approx(1, abs=0.2)
    assert (await memory.tiers.get(GRAPH, "e1", kind="episode", scope="user/1")).uses == 0


async def test_a_write_counts_as_a_use(memory: Memory) -> None:
    await backdate(memory, 100_000)
    await memory.tiers.sweep(GRAPH)
    await memory.entities.put(GRAPH, [Entity("ann", name="Ann Lee", text="Teaches maths.")])
    await memory.tiers.sweep(GRAPH)
    assert [await tier_of(memory, key) for key in ("ann", "bo")] == ["hot", "cold"]


async def test_uses_count_half_after_a_half_life(memory: Memory) -> None:
    for _ in range(4):
        await memory.entities.get(GRAPH, "ann")
    assert (await memory.tiers.get(GRAPH, "ann")).uses == pytest.approx(4, abs=0.01)
    await memory.tiers.put(GRAPH, half_life=3600)
    await backdate(memory, 3600)
    assert (await memory.tiers.get(GRAPH, "ann")).uses == pytest.approx(2, abs=0.05)
    await memory.entities.get(GRAPH, "ann")
    assert (await memory.tiers.get(GRAPH, "ann")).uses == pytest.approx(3, abs=0.05)


async def test_a_question_names_the_tiers_that_it_searches(memory: Memory) -> None:
    await memory.tiers.move(GRAPH, ["e0"], "cold")
    await memory.tiers.move(GRAPH, ["ann"], "distilled", kind="entity")
    assert await recalled(memory, "ferry Turku", "hot") == []
    assert await recalled(memory, "ferry Turku", "cold") == ["e0"]
    assert await recalled(memory, "Ann Lee", "distilled") == ["ann"]
    assert "e0" in await recalled(memory, "ferry Turku")


async def test_what_is_moved_to_cold_stays_so_until_its_next_use(memory: Memory) -> None:
    changed = await memory.tiers.move(GRAPH, ["e0", "nobody"], "cold")
    assert (changed.lowered, changed.missing) == (1, ("nobody",))
    await memory.tiers.sweep(GRAPH)
    assert await tier_of(memory, "e0") == "cold"
    await memory.episodes.get(GRAPH, "e0")
    await memory.tiers.sweep(GRAPH)
    assert await tier_of(memory, "e0") == "hot"


async def test_a_use_before_the_move_does_not_undo_it(memory: Memory) -> None:
    await memory.episodes.get(GRAPH, "e0")
    await memory.tiers.move(GRAPH, ["e0"], "cold")
    assert await tier_of(memory, "e0") == "cold"


async def test_distilled_items_stay_whatever_happens(memory: Memory) -> None:
    await memory.tiers.move(GRAPH, ["e0"], "distilled")
    await memory.episodes.get(GRAPH, "e0")
    await backdate(memory, 100_000)
    await memory.tiers.sweep(GRAPH)
    assert await tier_of(memory, "e0") == "distilled"
    assert (await memory.tiers.move(GRAPH, ["e0"], "warm")).raised == 1


async def test_ids_move_in_any_scope_unless_one_is_named(memory: Memory) -> None:
    entity = await memory.episodes.get(GRAPH, "e1", scope="user/1")
    assert entity.id is not None
    assert (await memory.tiers.move(GRAPH, [entity.id], "cold", scope="")).missing == (str(entity.id),)
    assert (await memory.tiers.move(GRAPH, [entity.id], "cold")).lowered == 1
    assert await tier_of(memory, "e1", "user/1") == "cold"


async def test_pinned_items_keep_their_tier_until_they_are_unpinned(memory: Memory) -> None:
    assert await memory.tiers.pin(GRAPH, ["ann"]) == 1
    assert await memory.tiers.pin(GRAPH, ["e0"], tier="cold", kind="episode") == 1
    await memory.episodes.get(GRAPH, "e0")
    await backdate(memory, 100_000)
    await memory.tiers.sweep(GRAPH)
    assert [await tier_of(memory, key) for key in ("ann", "bo", "e0")] == ["hot", "cold", "cold"]
    assert (await memory.tiers.move(GRAPH, ["ann"], "cold", kind="entity")).lowered == 0
    assert (await memory.tiers.report(GRAPH)).tiers["hot"].pinned == 1
    assert await memory.tiers.unpin(GRAPH, ["ann"]) == 1
    assert await memory.tiers.unpin(GRAPH, ["ann"]) == 0
    await memory.tiers.sweep(GRAPH)
    assert await tier_of(memory, "ann") == "cold"


async def test_bad_requests_name_what_is_wrong_and_change_nothing(memory: Memory) -> None:
    with pytest.raises(NotFound, match="nobody"):
        await memory.tiers.pin(GRAPH, ["ann", "nobody"])
    assert not (await memory.tiers.get(GRAPH, "ann")).pinned
    for wrong in (
        {"hot_for": -1},
        {"warm_for": 5},
        {"half_life": 0},
        {"colour": 1},
        {"hot_for": "1h"},
    ):
        with pytest.raises(InvalidInput) as told:
            await memory.tiers.put(GRAPH, **wrong)
        assert told.value.facts["field"] == next(iter(wrong))
    with pytest.raises(InvalidInput):
        await memory.tiers.move(GRAPH, ["ann"], "lukewarm")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        await memory.tiers.move(GRAPH, [], "cold")
    assert await memory.tiers.settings(GRAPH) == TierSettings()


async def test_settings_are_of_a_graph_and_are_stored(memory: Memory) -> None:
    assert (await memory.tiers.put(GRAPH, hot_for=10, warm_for=20)).hot_for == 10
    assert await memory.tiers.settings(GRAPH) == TierSettings(hot_for=10, warm_for=20)
    await backdate(memory, 15)
    await memory.tiers.sweep(GRAPH)
    assert await tier_of(memory, "ann") == "warm"


async def test_what_was_noted_of_an_item_goes_with_it(memory: Memory) -> None:
    await memory.entities.get(GRAPH, "ann")
    await memory.tiers.pin(GRAPH, ["ann"])
    await memory.entities.delete(GRAPH, ["ann"])
    layout = await memory.ports.graphs.layout(GRAPH)  # type: ignore[attr-defined]
    async with memory.ports.graphs.database.connection() as connection:  # type: ignore[attr-defined]
        for table in ("item_use", "item_pin"):
            assert await connection.fetchval(f"SELECT count(*) FROM {layout.index_name}.{table}") == 0


async def test_a_page_lists_the_items_of_a_tier(memory: Memory) -> None:
    await memory.tiers.move(GRAPH, ["e0"], "cold")
    first = await memory.tiers.list(GRAPH, limit=2)
    rest = await memory.tiers.list(GRAPH, cursor=first.cursor)
    assert {each.key for each in (*first.items, *rest.items)} == {"ann", "bo", "e0"}
    assert [each.key for each in (await memory.tiers.list(GRAPH, tier="cold")).items] == ["e0"]
    assert [each.key for each in (await memory.tiers.list(GRAPH, scope="user/1")).items] == ["e1"]


async def test_a_sweep_is_due_only_where_something_may_change(memory: Memory) -> None:
    assert await memory.tasks.queue_tiers() >= 1
    await memory.tiers.sweep(GRAPH)
    assert not await memory.ports.tiers.is_due(GRAPH)
    await backdate(memory, 100_000)
    assert await memory.ports.tiers.is_due(GRAPH)
    await memory.tiers.sweep(GRAPH)
    await backdate(memory, 1000)
    assert not await memory.ports.tiers.is_due(GRAPH)  # All is cold.
    await memory.entities.put(GRAPH, [Entity("new")])
    assert await memory.ports.tiers.is_due(GRAPH)


async def test_uses_are_kept_in_bounded_memory_and_stored_together(memory: Memory) -> None:
    counter = memory.ports.graphs.usage  # type: ignore[attr-defined]
    layout = await memory.ports.graphs.layout(GRAPH)  # type: ignore[attr-defined]
    counter.note(layout, range(1, 3_000_000))
    assert counter._size <= 1000
    for start in range(1, 200_000, 1000):
        counter.note(layout, range(start, start + 1000))
    assert counter._size <= 100_000
    await counter.flush()
    assert counter._size == 0
    await asyncio.gather(*(memory.entities.get(GRAPH, "ann") for _ in range(20)))
    assert (await memory.tiers.get(GRAPH, "ann")).uses == pytest.approx(20, abs=0.1)


async def test_cypher_and_questions_about_earlier_knowledge_see_all_tiers(memory: Memory) -> None:
    known = iso(now())
    await memory.tiers.move(GRAPH, ["e0"], "cold")
    await memory.tiers.move(GRAPH, ["ann"], "cold", kind="entity")
    answer = await memory.recall(GRAPH, Question(What("ferry Turku"), when=When(known_at=known)))
    assert [hit.key for hit in answer.hits] == ["e0"]
    assert await tier_of(memory, "e0") == "cold"  # What was known earlier is read, and not used.
    rows = (await memory.cypher(GRAPH, "MATCH (p) WHERE p.name = 'Ann Lee' RETURN p.key")).rows
    assert [list(row) for row in rows] == [["ann"]]


async def test_a_rebuild_of_the_index_and_new_vectors_keep_tiers_and_pins(memory: Memory) -> None:
    await memory.tiers.move(GRAPH, ["e0"], "distilled")
    await memory.tiers.move(GRAPH, ["bo"], "cold", kind="entity")
    await memory.tiers.pin(GRAPH, ["ann"], tier="warm")
    await memory.embeddings.run(GRAPH)
    await memory.index.rebuild(GRAPH)
    assert [await tier_of(memory, key) for key in ("e0", "bo", "ann")] == ["distilled", "cold", "warm"]
    assert (await memory.tiers.get(GRAPH, "ann")).pinned


async def test_a_query_that_reads_a_whole_graph_makes_only_so_many_nodes_hot(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity(f"n{number}") for number in range(1500)])
    await backdate(memory, 100_000)
    await memory.tiers.sweep(GRAPH)
    await memory.cypher(GRAPH, "MATCH (n) RETURN n")
    assert (await memory.tiers.report(GRAPH)).tiers["hot"].items == 1000


async def test_uses_of_a_graph_that_is_deleted_meanwhile_are_dropped(memory: Memory) -> None:
    await memory.graphs.create("short-lived")
    await memory.entities.put("short-lived", [Entity("ann")])
    await memory.entities.get("short-lived", "ann")
    await memory.graphs.delete("short-lived")
    await memory.ports.tiers.flush()
    assert memory.ports.graphs.usage._size == 0  # type: ignore[attr-defined]


async def test_uses_moves_sweeps_and_deletions_at_once_hinder_nobody(memory: Memory) -> None:
    keys = [f"n{number}" for number in range(60)]
    await memory.entities.put(GRAPH, [Entity(key) for key in keys])
    await memory.tiers.put(GRAPH, hot_for=0, warm_for=0)
    store = memory.ports.tiers._store_uses  # type: ignore[attr-defined]
    items = (await memory.tiers.list(GRAPH)).items
    ids = [each.id for each in items]

    async def use(order: int) -> None:
        for _ in range(5):
            await store(GRAPH, ids[::order], [1.0] * len(ids))

    async def move() -> None:
        for _ in range(5):
            await memory.tiers.move(GRAPH, ids, "cold")
            await memory.tiers.move(GRAPH, list(reversed(ids)), "warm")

    async def sweep() -> None:
        for _ in range(5):
            await memory.tiers.sweep(GRAPH)

    await asyncio.gather(use(1), use(-1), move(), sweep(), memory.entities.delete(GRAPH, keys[:30]))
    left = (await memory.tiers.report(GRAPH)).tiers
    assert sum(counts.items for counts in left.values()) == len(items) - 30 + 1  # One is in another scope.
