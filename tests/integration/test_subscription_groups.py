"""Consumer groups under load: every change once per group and in order, whoever writes, reads, dies or repeats."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from kgmem.domain.errors import Conflict, VersionConflict
from kgmem.domain.graph.entity import Entity
from kgmem.domain.subscriptions.event import Event, Position
from kgmem.domain.subscriptions.subscription import (
    Acknowledgement,
    GroupRead,
    SubscriptionAddress,
    SubscriptionRequest,
)
from kgmem.memory import Memory
from tests.memories import events_settled, new_graph, opened_memory

pytestmark = [pytest.mark.server, pytest.mark.slow]

GRAPH = "groups"
ALL = SubscriptionAddress("all")
WRITERS, WRITES = 6, 15


class Group:
    """Consumers of one group on several servers, and what they have acknowledged."""

    def __init__(self, name: str, chance: random.Random) -> None:
        self.name = name
        self.chance = chance
        self.held: set[str] = set()
        self.done: dict[str, Event] = {}
        self.died = self.lost = 0

    async def consume(self, memory: Memory, over: asyncio.Event, expected: int) -> None:
        """Read and acknowledge until all is acknowledged; die, repeat and acknowledge a part now and then."""
        while not (over.is_set() and len(self.done) >= expected):
            limit = self.chance.randint(1, 7)
            found = await memory.subscriptions.read(GRAPH, ALL, GroupRead(self.name, limit, 1.0), wait=0.2)
            if found.lease is None or not found.events:
                continue
            if self.died < 2 and self.chance.random() < 0.1:
                self.died += 1
                continue  # It holds its lease until that ends.
            some = self.chance.randint(1, len(found.events)) if self.chance.random() < 0.3 else len(found.events)
            until = found.events[some - 1].id if some < len(found.events) else found.cursor
            told = Acknowledgement(self.name, until, found.lease, found.previous)
            try:
                await memory.subscriptions.acknowledge(GRAPH, ALL, told)
            except (Conflict, VersionConflict):
                self.lost += 1
                continue
            if self.chance.random() < 0.2:
                await memory.subscriptions.acknowledge(GRAPH, ALL, told)  # Its answer was lost.
            for event in found.events[:some]:
                assert event.id not in self.done, "acknowledged twice"
                self.done[event.id] = event


async def write(memory: Memory, writer: int, chance: random.Random) -> int:
    """Write entities one after the other, and some in one transaction; returns how many changes there were."""
    count = 0
    for number in range(WRITES):
        many = chance.choice([1, 1, 1, 4])
        entities = [Entity(f"w{writer}-{number}-{each}", "Thing", f"Thing {each}") for each in range(many)]
        await memory.entities.put(GRAPH, entities)
        count += many
        if chance.random() < 0.3:
            await memory.entities.put(GRAPH, [Entity(f"w{writer}-{number}-0", "Thing", "Changed")])
            count += 1
    return count


@pytest.mark.parametrize("seed", range(2))
async def test_each_group_gets_every_change_once_and_in_order(database_url: str, seed: int) -> None:
    groups = [Group(name, random.Random(seed * 10 + n)) for n, name in enumerate(("a", "b"))]
    async with opened_memory(database_url) as memory, opened_memory(database_url) as other, asyncio.timeout(120):
        await new_graph(memory, GRAPH)
        await memory.subscriptions.put(GRAPH, ALL, SubscriptionRequest())
        servers, written = (memory, other), asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for group in groups:
                for n in range(4):
                    tasks.create_task(group.consume(servers[n % 2], written, WRITERS * WRITES))
            writers = [tasks.create_task(write(servers[n % 2], n, random.Random(seed))) for n in range(WRITERS)]
            await asyncio.wait(writers)
            written.set()
        await events_settled(memory, GRAPH)
        all_events = await everything(memory)
        for group in groups:
            await group.consume(memory, written, len(all_events))
    assert len(all_events) == sum(task.result() for task in writers)
    for group in groups:
        assert sorted(group.done.values(), key=_place) == all_events
        assert group.died > 0
    for writer in range(WRITERS):
        numbers = [int(event.key.split("-")[1]) for event in all_events if (event.key or "").startswith(f"w{writer}-")]
        assert numbers == sorted(numbers)


def _place(event: Event) -> Position:
    return Position.parse(event.id)


async def everything(memory: Memory) -> Sequence[Event]:
    """Return all events of the subscription, page by page."""
    found: list[Event] = []
    after = "0"
    while page := await memory.subscriptions.events(GRAPH, ALL, after=after, limit=1000):
        if not page.events:
            return found
        found += page.events
        after = page.cursor
    return found
