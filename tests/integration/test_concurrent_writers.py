"""Writers that meet: one entity for one key, no error to anyone, a complete change feed, an unbroken history."""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from itertools import pairwise

import asyncpg
import pytest

from kgmem.domain.errors import Conflict, NotFound, UnknownEntities, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.graph import Change
from kgmem.domain.graph.relationship import Relationship
from kgmem.memory import Memory
from tests.invariants import assert_index_matches_labels
from tests.memories import feed_settled, hashing, index_schema, opened_memory, other_client, query, until
from tests.postgres import with_database
from tests.sizes import size, sized

pytestmark = pytest.mark.server


@pytest.fixture
async def second(shared_database_url: str) -> AsyncIterator[Memory]:
    """Another process, as far as that can be had in this one: a memory with pools and caches of its own."""
    async with opened_memory(shared_database_url, embedder=hashing()) as memory:
        yield memory


@sized
async def test_two_writers_of_one_key_a_thousand_times_make_one_entity(
    memory: Memory, graph: str, second: Memory
) -> None:
    async def write(which: Memory, who: str) -> list[int]:
        written = await asyncio.gather(
            *(which.entities.put(graph, [Entity("x", "Person", properties={who: n})]) for n in range(size(100, 1000)))
        )
        return [w.ids[0] for w in written]

    ids = await asyncio.gather(write(memory, "one"), write(second, "two"))
    assert len({*ids[0], *ids[1]}) == 1
    held = await memory.entities.get(graph, "x")
    assert held.properties.keys() == {"one", "two"}
    assert held.version == 2 * size(100, 1000)
    assert (await memory.graphs.stats(graph)).entities == 1
    await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_writers_of_overlapping_batches_in_any_order_never_see_a_deadlock(
    memory: Memory, graph: str, second: Memory
) -> None:
    chance = random.Random(7)
    keys = [f"k{n}" for n in range(40)]
    await memory.entities.put(graph, [Entity(key) for key in keys])

    async def write(which: Memory, who: int) -> None:
        for turn in range(6):
            some = chance.sample(keys, 30)
            entities = [Entity(key, properties={f"w{who}": turn}) for key in some]
            entities += [Entity(f"new {turn} {key}", ["Thing", "Other"][who % 2]) for key in some[:10]]
            pairs = [(chance.choice(keys), chance.choice(keys)) for _ in range(30)]
            edges = [Relationship("K", a, b, properties={f"w{who}": turn}) for a, b in pairs]
            edges += [Relationship("L", a, b, f"key {n}") for n, (a, b) in enumerate(pairs)]
            chance.shuffle(entities)
            chance.shuffle(edges)
            await which.entities.put(graph, entities)
            await which.relationships.put(graph, edges)
            await which.episodes.put(graph, [Episode(f"text {turn}", f"e{turn}", mentions=some[:5])])

    async with asyncio.timeout(60):
        await asyncio.gather(*(write([memory, second][who % 2], who) for who in range(8)))
    await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_large_batches_of_new_relationships_in_opposite_orders_meet_without_error(
    memory: Memory, graph: str, second: Memory
) -> None:
    await memory.entities.put(graph, [Entity(f"e{n}") for n in range(40)])
    batch = [Relationship("K", f"e{n % 40}", f"e{n // 40}") for n in range(1200)]
    async with asyncio.timeout(30):
        written = await asyncio.gather(
            memory.relationships.put(graph, batch), second.relationships.put(graph, batch[::-1])
        )
    assert sum(w.created for w in written) == 1200
    assert list(written[0].ids) == list(written[1].ids)[::-1]
    await assert_index_matches_labels(memory, graph)


@pytest.mark.long
async def test_writing_and_deleting_the_same_things_leaves_no_half_of_anything(
    memory: Memory, graph: str, second: Memory
) -> None:
    chance = random.Random(11)
    keys = [f"k{n}" for n in range(8)]

    async def write(which: Memory) -> None:
        for turn in range(25):
            await which.entities.put(graph, [Entity(key, ["A", "B"][turn % 2], text=str(turn)) for key in keys[:4]])
            await which.entities.put(graph, [Entity(key, text=str(turn)) for key in keys[4:]])
            with contextlib.suppress(UnknownEntities):
                await which.relationships.put(
                    graph, [Relationship("K", chance.choice(keys), chance.choice(keys)) for _ in range(5)]
                )

    async def delete(which: Memory) -> None:
        for _ in range(40):
            await which.entities.delete(graph, chance.sample(keys, 3))
            await which.embeddings.run(graph)

    async with asyncio.timeout(60):
        await asyncio.gather(write(memory), write(second), delete(memory), delete(second))
    await assert_index_matches_labels(memory, graph)


async def test_of_many_who_saw_one_version_one_writes(memory: Memory, graph: str, second: Memory) -> None:
    await memory.entities.put(graph, [Entity("x", properties={"n": 0})])

    async def write(which: Memory, n: int) -> bool:
        try:
            await which.entities.put(graph, [Entity("x", properties={"n": n}, version=1)])
        except VersionConflict:
            return False
        return True

    wrote = await asyncio.gather(*(write([memory, second][n % 2], n) for n in range(1, 21)))
    assert sum(wrote) == 1
    held = await memory.entities.get(graph, "x")
    assert (held.version, held.properties) == (2, {"n": wrote.index(True) + 1})


async def test_an_error_of_one_caller_is_no_other_callers(memory: Memory, graph: str) -> None:
    await memory.entities.put(graph, [Entity("held", valid_from="2020")])
    wrong = [memory.entities.put(graph, [Entity(f"w{n}"), Entity("held", valid_to="2019")]) for n in range(5)]
    right = [memory.entities.put(graph, [Entity(f"r{n}")]) for n in range(5)]
    done = await asyncio.gather(*wrong, *right, return_exceptions=True)
    assert [type(d).__name__ for d in done] == ["InvalidInput"] * 5 + ["WriteResult"] * 5
    assert {e.key for e in (await memory.entities.list(graph)).items} == {"held", *(f"r{n}" for n in range(5))}


async def test_a_caller_who_gives_up_disturbs_nobody(memory: Memory, graph: str) -> None:
    impatient = [asyncio.create_task(memory.entities.put(graph, [Entity(f"a{n}")])) for n in range(10)]
    patient = [asyncio.create_task(memory.entities.put(graph, [Entity(f"b{n}")])) for n in range(10)]
    await asyncio.sleep(0)
    for task in impatient:
        task.cancel()
    await asyncio.gather(*patient)
    await asyncio.gather(*impatient, return_exceptions=True)
    assert (await memory.entities.put(graph, [Entity("after")])).created == 1
    keys = {e.key for e in (await memory.entities.list(graph)).items}
    assert {f"b{n}" for n in range(10)} <= keys
    await assert_index_matches_labels(memory, graph)


async def test_labels_that_many_need_at_once_are_made_once(memory: Memory, graph: str, second: Memory) -> None:
    await asyncio.gather(
        *([memory, second][n % 2].entities.put(graph, [Entity(f"k{n}", f"Label {n % 3}")]) for n in range(12))
    )
    await asyncio.gather(
        *(
            [memory, second][n % 2].relationships.put(graph, [Relationship(f"Label {n % 3}", f"k{n}", "k0")])
            for n in range(12)
        )
    )
    stats = await memory.graphs.stats(graph)
    assert stats.labels == stats.kinds == {"Label 0": 4, "Label 1": 4, "Label 2": 4}
    await assert_index_matches_labels(memory, graph)


async def test_what_one_process_wrote_another_knows_at_once(memory: Memory, graph: str, second: Memory) -> None:
    await second.entities.put(graph, [Entity("before")])
    await memory.entities.put(graph, [Entity("x", "Robot", source="s", scope="u/1"), Entity("y", "Robot", scope="u/1")])
    edge = await memory.relationships.put(graph, [Relationship("BUILT", "x", "y", scope="u/1", source="t")])
    assert (await second.entities.get(graph, "x", scope="u/1")).label == "Robot"
    assert (await second.relationships.get(graph, edge.ids[0], scope="u/1")).kind == "BUILT"
    assert len((await second.relationships.list(graph, scope="u/1", kind="BUILT")).items) == 1
    await second.entities.put(graph, [Entity("x", "Thing", scope="u/1")])
    await memory.entities.put(graph, [Entity("z", "Android", scope="u/1")])
    assert (await second.entities.delete(graph, ["z", "x"], scope="u/1")).entities == 2
    await assert_index_matches_labels(second, graph)


async def test_a_graph_that_another_process_made_anew_is_the_new_one(database_url: str) -> None:
    async with opened_memory(database_url) as memory, opened_memory(database_url) as second:
        await memory.graphs.create("facts")
        await memory.entities.put("facts", [Entity("old", "Robot")])
        assert (await second.entities.get("facts", "old")).label == "Robot"
        await memory.graphs.delete("facts")
        with pytest.raises(NotFound):
            await second.entities.put("facts", [Entity("x")])
        await memory.graphs.create("facts")
        await memory.entities.put("facts", [Entity("new", "Android", scope="u/1")])
        assert (await second.entities.get("facts", "new", scope="u/1")).label == "Android"
        await second.entities.put("facts", [Entity("more", "Android", scope="u/1")])
        with pytest.raises(NotFound):
            await second.entities.get("facts", "old")
        await assert_index_matches_labels(memory, "facts")


async def test_one_of_two_who_create_a_graph_makes_it(database_url: str) -> None:
    async with opened_memory(database_url) as memory, opened_memory(database_url) as second:
        done = await asyncio.gather(
            memory.graphs.create("facts"), second.graphs.create("facts"), return_exceptions=True
        )
        assert Counter(type(d).__name__ for d in done) == {"Graph": 1, "Conflict": 1}
        assert any(isinstance(d, Conflict) for d in done)


async def follow(memory: Memory, graph: str, items: int, *, after: int = 0) -> list[Change]:
    """Read the change feed by its cursor alone until it has told of so many items, or none comes any more."""
    seen: list[Change] = []
    told, deadline = 0, time.monotonic() + 60
    while told < items and time.monotonic() < deadline:
        page = await memory.graphs.changes(graph, after=seen[-1].id if seen else after, limit=7)
        seen += page
        told += sum(len(change.ids) for change in page)
        if not page:
            await asyncio.sleep(0.01)
    return seen


@pytest.mark.long
async def test_a_reader_of_the_change_feed_misses_nothing_and_sees_nothing_twice(
    memory: Memory, graph: str, second: Memory, shared_database_url: str
) -> None:
    schema = await index_schema(memory, graph)

    async def write(which: Memory, who: int) -> None:
        for n in range(25):
            await which.entities.put(graph, [Entity(f"{who} {n} {m}") for m in range(21)])

    async def dawdle() -> None:
        """Take a transaction id early and an id of the feed, and commit late; or an id late."""
        for n in range(12):
            async with other_client(shared_database_url) as client, client.transaction():
                await client.execute("SELECT pg_current_xact_id()")
                if n % 2:
                    await asyncio.sleep(0.05)
                sql = f"INSERT INTO {schema}.change (operation, kind, ids) VALUES (1, 1, '{{{n + 1}}}')"
                await client.execute(sql)
                await asyncio.sleep(0.08)

    reader = asyncio.create_task(follow(memory, graph, 8 * 25 * 21 + 12))
    await asyncio.gather(*(write([memory, second][who % 2], who) for who in range(8)), dawdle())
    seen = await reader
    told = Counter(id_ for change in seen for id_ in change.ids)
    assert set(told.values()) == {1}
    entities = {row[0] for row in await query(memory, f"SELECT id FROM {schema}.item")}
    assert told.keys() == entities | set(range(1, 13))
    assert (await memory.graphs.stats(graph)).last_change == seen[-1].id


async def test_the_feed_loses_no_change_whose_transaction_is_younger_than_its_id(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    schema = await index_schema(memory, graph)
    sql = f"INSERT INTO {schema}.change (operation, kind, ids) VALUES (1, 1, '{{1}}') RETURNING id"
    async with other_client(shared_database_url) as old, other_client(shared_database_url) as young:
        first, second = old.transaction(), young.transaction()
        await first.start()
        await old.execute("SELECT pg_current_xact_id()")
        await second.start()
        low = await young.fetchval(sql)
        high = await old.fetchval(sql)
        await first.commit()
        seen = await follow(memory, graph, 1)
        await second.commit()
        seen += await follow(memory, graph, 1, after=high)
    assert [change.id for change in seen] == [high, low]


async def test_the_feed_waits_for_writers_of_its_own_database_alone(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    await feed_settled(memory, graph)
    start = (await memory.graphs.stats(graph)).last_change
    async with (
        asyncpg.create_pool(with_database(shared_database_url, "postgres"), min_size=1, max_size=1) as pool,
        pool.acquire() as foreign,
        foreign.transaction(),
    ):
        await foreign.execute("SELECT pg_current_xact_id()")
        async with other_client(shared_database_url) as own, own.transaction():
            await own.execute("SELECT pg_current_xact_id()")
            await memory.entities.put(graph, [Entity("told late")])
            assert not await memory.graphs.changes(graph, after=start)
            assert (await memory.graphs.stats(graph)).last_change == start
        (change,) = await follow(memory, graph, 1, after=start)

        async def counted() -> bool:
            return (await memory.graphs.stats(graph)).last_change == change.id

        await until(counted)


async def test_a_transaction_is_not_told_what_it_has_not_committed(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    schema = await index_schema(memory, graph)
    async with other_client(shared_database_url) as client:
        writing = client.transaction()
        await writing.start()
        await client.execute(f"INSERT INTO {schema}.change (operation, kind, ids) VALUES (1, 1, '{{1}}')")
        assert await client.fetchval(f"SELECT max(xid) >= kgmem.settled_below() FROM {schema}.change")
        await writing.rollback()


async def test_changes_say_what_was_done_to_what(memory: Memory, graph: str) -> None:
    await feed_settled(memory, graph)
    start = (await memory.graphs.stats(graph)).last_change
    x, y = (await memory.entities.put(graph, [Entity("x"), Entity("y")])).ids
    await memory.entities.put(graph, [Entity("x", text="T"), Entity("y")])
    (edge,) = (await memory.relationships.put(graph, [Relationship("K", "x", "y")])).ids
    (episode,) = (await memory.episodes.put(graph, [Episode("T", "e")])).ids
    await memory.entities.delete(graph, ["x"])
    await feed_settled(memory, graph)
    changes = await memory.graphs.changes(graph, after=start)
    told = [(c.operation, c.kind, sorted(c.ids), list(c.keys)) for c in changes]
    assert told == [
        ("created", "entity", sorted([x, y]), []),
        ("updated", "entity", [x], []),
        ("created", "relationship", [edge], []),
        ("created", "episode", [episode], []),
        ("deleted", "relationship", [edge], []),
        ("deleted", "entity", [x], ["x"]),
    ]


async def test_history_tells_every_version_with_what_it_said_and_when(memory: Memory, graph: str) -> None:
    for n in range(4):
        await memory.entities.put(graph, [Entity("x", "Person", properties={"n": n}), Entity("y")])
    (edge,) = (await memory.relationships.put(graph, [Relationship("K", "x", "y", properties={"n": 0})])).ids
    await memory.relationships.put(graph, [Relationship("K", "x", "y", properties={"n": 1})])
    (x,) = {e.id for e in (await memory.entities.list(graph)).items if e.key == "x"}
    await memory.entities.put(graph, [Entity("x", "Robot")])
    await memory.entities.delete(graph, ["x"])
    schema = await index_schema(memory, graph)
    rows = await query(
        memory,
        f"SELECT kind, version, deleted, record->>'label' AS label, (record->'properties'->>'n')::int AS n, "
        f"lower(known) AS start, upper(known) AS end_ FROM {schema}.history WHERE id <> $1 ORDER BY kind, version",
        edge,
    )
    assert x is not None
    assert [(r["version"], r["deleted"], r["label"], r["n"]) for r in rows] == [
        (1, False, "Person", 0),
        (2, False, "Person", 1),
        (3, False, "Person", 2),
        (4, False, "Person", 3),
        (5, True, "Robot", 3),
    ]
    assert all(one["end_"] == two["start"] for one, two in pairwise(rows))
    edges = await query(memory, f"SELECT version, deleted, record FROM {schema}.history WHERE id = $1", edge)
    assert sorted((r["version"], r["deleted"]) for r in edges) == [(1, False), (2, True)]
    await assert_index_matches_labels(memory, graph)


async def test_known_times_stay_in_order_when_a_writer_waited_for_a_younger_one(
    memory: Memory, graph: str, shared_database_url: str
) -> None:
    await memory.entities.put(graph, [Entity("x", properties={"n": 0}), Entity("z")])
    schema = await index_schema(memory, graph)
    async with other_client(shared_database_url) as client, client.transaction():
        # Holds a row, so that the writer, whose transaction begins now, has to wait.
        await client.execute(f"SELECT * FROM {schema}.item WHERE key = 'x' FOR UPDATE")
        waiting = asyncio.create_task(memory.entities.put(graph, [Entity("x", properties={"n": 2})]))
        await until(lambda: query(memory, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
        await client.execute(
            f"UPDATE {schema}.item SET version = version + 1, known_from = clock_timestamp() WHERE key = 'x'"
        )
    await waiting
    await assert_index_matches_labels(memory, graph)
