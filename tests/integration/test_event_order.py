"""Events under concurrent writers: each comes once and in order, whenever its transaction ends."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest

from kgmem.domain.graph.entity import Entity
from kgmem.domain.subscriptions.event import Event, Position
from kgmem.domain.subscriptions.subscription import (
    Acknowledgement,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.memory import Memory
from tests.memories import events_settled, index_schema, new_graph, query

GRAPH = "events"
ALL = SubscriptionAddress("all")
WRITERS, COMMITS = 8, 25


@pytest.fixture
async def memory(memory: Memory) -> Memory:
    await new_graph(memory, GRAPH)
    await memory.subscriptions.put(GRAPH, ALL)
    return memory


def places(events: Sequence[Event]) -> list[Position]:
    return [Position.parse(event.id) for event in events]


async def consume(memory: Memory, group: str, done: asyncio.Event, limit: int = 7) -> list[Event]:
    """Read and acknowledge until all is written and delivered."""
    events: list[Event] = []
    while True:
        last = done.is_set()
        found = await memory.subscriptions.read(GRAPH, ALL, GroupRead(group, limit))
        if found.lease is not None:
            events += found.events
            told = Acknowledgement(group, found.cursor, found.lease, expected=found.previous)
            await memory.subscriptions.acknowledge(GRAPH, ALL, told)
        elif last:
            return events
        else:
            await asyncio.sleep(0.005)


@pytest.mark.long
async def test_many_writers_lose_and_double_nothing_for_two_groups(memory: Memory) -> None:
    done = asyncio.Event()

    async def write(writer: int) -> None:
        for commit in range(COMMITS):
            # Of each writer an entity of its own, and one that all of them change.
            own = Entity(f"w{writer}-{commit}", "Thing")
            shared = Entity("shared", "Thing", properties={"by": f"{writer}-{commit}"})
            await memory.entities.put(GRAPH, [own, shared])

    async def write_all() -> None:
        await asyncio.gather(*(write(number) for number in range(WRITERS)))
        done.set()

    _, one, other = await asyncio.gather(write_all(), consume(memory, "one", done), consume(memory, "other", done, 100))

    keys = Counter(event.key for event in one if event.key != "shared")
    assert keys == {f"w{writer}-{commit}": 1 for writer in range(WRITERS) for commit in range(COMMITS)}
    assert places(one) == sorted(places(one))
    assert len(set(places(one))) == len(one)
    assert one == other
    assert next(event.kind for event in one if event.key == "shared") == "entity.created"
    for writer in range(WRITERS):
        order = [event.key for event in one if event.key and event.key.startswith(f"w{writer}-")]
        assert order == [f"w{writer}-{commit}" for commit in range(COMMITS)]


async def test_what_commits_late_is_never_behind_a_cursor_that_was_handed_out(memory: Memory) -> None:
    schema = await index_schema(memory, GRAPH)
    insert = f"INSERT INTO {schema}.change (operation, kind, ids, keys) VALUES (3, 1, $1, $2) RETURNING id"
    await memory.entities.put(GRAPH, [Entity("first")])
    await events_settled(memory, GRAPH)
    assert len((await memory.subscriptions.events(GRAPH, ALL)).events) == 1
    database = memory.ports.store.database  # type: ignore[attr-defined]
    async with database.connection() as slow:
        late = slow.transaction()
        await late.start()
        await slow.execute(f"INSERT INTO {schema}.scope (path) VALUES ('late')")  # Its transaction has a number now.
        early = await slow.fetchval(insert, [7], ["early"])
        await memory.entities.put(GRAPH, [Entity("second")])  # A larger id, committed earlier.

        before = await memory.subscriptions.events(GRAPH, ALL)
        assert [event.key for event in before.events] == ["first"]
        assert Position.parse(before.cursor) < Position(early)
        assert (await memory.subscriptions.events(GRAPH, ALL, after=before.cursor)).events == []
        await slow.execute(f"INSERT INTO {schema}.erased_scope VALUES (3, 7, 0)")
        await late.commit()

    await events_settled(memory, GRAPH)
    after = await memory.subscriptions.events(GRAPH, ALL, after=before.cursor)
    assert [event.key for event in after.events] == ["early", "second"]


async def test_changes_of_one_item_come_in_the_order_in_which_they_were_made(memory: Memory) -> None:
    """A transaction that began first changes the item last: its number is the smaller one."""
    schema = await index_schema(memory, GRAPH)
    database = memory.ports.store.database  # type: ignore[attr-defined]
    async with database.connection() as slow:
        older = slow.transaction()
        await older.start()
        await slow.execute(f"INSERT INTO {schema}.scope (path) VALUES ('late')")
        await memory.entities.put(GRAPH, [Entity("it")])
        ((item,),) = await query(memory, f"SELECT id FROM {schema}.item")
        await slow.execute(f"INSERT INTO {schema}.change (operation, kind, ids) VALUES (2, 1, $1)", [item])
        await older.commit()

    await events_settled(memory, GRAPH)
    found = await memory.subscriptions.events(GRAPH, ALL)
    assert [(event.key, event.kind) for event in found.events] == [("it", "entity.created"), ("it", "entity.updated")]


async def test_a_subscription_begins_behind_what_was_before_it(memory: Memory) -> None:
    await memory.entities.put(GRAPH, [Entity("before")])
    late, early = SubscriptionAddress("late"), SubscriptionAddress("early")
    await memory.subscriptions.put(GRAPH, late)
    await memory.subscriptions.put(GRAPH, early, SubscriptionRequest(start="beginning"))
    await memory.entities.put(GRAPH, [Entity("after")])

    await events_settled(memory, GRAPH)
    found = await memory.subscriptions.read(GRAPH, late, GroupRead("g"))
    assert [event.key for event in found.events] == ["after"]
    found = await memory.subscriptions.read(GRAPH, early, GroupRead("g"))
    assert [event.key for event in found.events] == ["before", "after"]
