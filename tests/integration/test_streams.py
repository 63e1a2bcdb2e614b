"""What every store of work streams does: delivery at least once, order for each key, leases, dead letters, trimming."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge
from kgmem.domain.streams.stream import (
    NewMessage,
    Release,
    StreamAddress,
    StreamClaim,
    StreamRead,
    StreamSettings,
    WorkMessage,
)
from kgmem.memory import Memory
from tests.memories import new_graph
from tests.redis_servers import KINDS, shared_redis, streams_in_redis

GRAPH = "work"
TASKS = StreamAddress("tasks")
G = "workers"


@pytest.fixture(params=["postgres", *KINDS])
async def memory(memory: Memory, request: pytest.FixtureRequest) -> AsyncIterator[Memory]:
    """A memory with streams in Postgres, in the wheel's Valkey, and in redis-server where it is on the path."""
    await new_graph(memory, GRAPH)
    if request.param == "postgres":
        yield memory
        return
    async with streams_in_redis(memory, shared_redis(request.param).url) as changed:
        yield changed


async def append(memory: Memory, *bodies: Any, key: str | None = None, stream: StreamAddress = TASKS) -> Sequence[int]:
    return (await memory.streams.append(GRAPH, stream, [NewMessage(body, key) for body in bodies])).ids


async def read(memory: Memory, consumer: str = "a", limit: int = 10, **more: Any) -> Sequence[WorkMessage]:
    return await memory.streams.read(GRAPH, TASKS, StreamRead(more.pop("group", G), consumer, limit, **more))


async def ack(memory: Memory, *messages: WorkMessage, group: str = G) -> Sequence[int]:
    receipts = [each.receipt or "" for each in messages]
    return (await memory.streams.acknowledge(GRAPH, TASKS, group, receipts)).settled


def bodies(messages: Sequence[WorkMessage]) -> list[Any]:
    return [each.body for each in messages]


async def test_messages_come_in_order_once_to_each_group(memory: Memory) -> None:
    assert await append(memory, {"n": 1}, [2], "three", None) == [1, 2, 3, 4]
    first = await read(memory, limit=2)
    assert bodies(first) == [{"n": 1}, [2]]
    assert [each.receipt for each in first] == ["1.1", "2.1"]
    assert bodies(await read(memory, "b")) == ["three", None]
    assert await read(memory, "b") == []
    assert bodies(await read(memory, group="others")) == [{"n": 1}, [2], "three", None]
    assert await ack(memory, *first) == [1, 2]
    stream = await memory.streams.get(GRAPH, TASKS)
    assert {each.name: (each.pending, each.delivered, each.lag) for each in stream.groups} == {
        G: (2, 4, 0), "others": (4, 4, 0),
    }  # fmt: skip


async def test_the_next_message_of_a_key_waits_for_the_acknowledgement_of_the_one_before(memory: Memory) -> None:
    await append(memory, "a1", "a2", "a3", key="a")
    await append(memory, "b1", key="b")
    await append(memory, "free")
    first = await read(memory)
    assert bodies(first) == ["a1", "b1", "free"]
    assert await read(memory, "b") == []
    await ack(memory, first[1])
    assert await read(memory, "b") == []
    await ack(memory, first[0])
    second = await read(memory, "b")
    assert bodies(second) == ["a2"]
    await append(memory, "a4", key="a")
    assert await read(memory) == []
    await memory.streams.release(GRAPH, TASKS, G, Release([second[0].receipt or ""]))
    again = await read(memory)
    assert (bodies(again), again[0].deliveries) == (["a2"], 2)


async def test_what_is_not_acknowledged_comes_again_and_the_old_receipt_is_lost(memory: Memory) -> None:
    await append(memory, "x")
    (first,) = await read(memory, lease_seconds=0.1)
    assert await read(memory, "b") == []
    (second,) = await memory.streams.read(GRAPH, TASKS, StreamRead(G, "b"), wait=5)
    assert (second.id, second.deliveries) == (first.id, 2)
    lost = await memory.streams.acknowledge(GRAPH, TASKS, G, [first.receipt or ""])
    assert (lost.settled, lost.lost) == ([], ["1.1"])
    assert (await memory.streams.acknowledge(GRAPH, TASKS, G, second.receipt or "")).settled == [1]
    assert (await memory.streams.acknowledge(GRAPH, TASKS, G, second.receipt or "")).lost == ["1.2"]


async def test_a_lease_is_extended_while_the_work_goes_on(memory: Memory) -> None:
    await append(memory, "long")
    (first,) = await read(memory, lease_seconds=0.2)
    assert (await memory.streams.extend(GRAPH, TASKS, G, first.receipt or "", 60)).settled == [1]
    await asyncio.sleep(0.25)
    assert await read(memory, "b") == []
    assert await ack(memory, first) == [1]


async def test_a_consumer_claims_what_a_dead_one_had(memory: Memory) -> None:
    await append(memory, "x", "y", key="k")
    (first,) = await read(memory, "dead", lease_seconds=3600)
    assert await memory.streams.claim(GRAPH, TASKS, StreamClaim(G, "b", "other")) == []
    assert await memory.streams.claim(GRAPH, TASKS, StreamClaim(G, "b", "dead", min_idle_seconds=60)) == []
    (claimed,) = await memory.streams.claim(GRAPH, TASKS, StreamClaim(G, "b", "dead"))
    assert (claimed.body, claimed.receipt) == ("x", "1.2")
    assert await ack(memory, first) == []
    pending = await memory.streams.pending(GRAPH, TASKS, G)
    assert (pending[0].id, pending[0].consumer, pending[0].deliveries) == (1, "b", 2)
    assert await ack(memory, claimed) == [1]
    assert bodies(await read(memory)) == ["y"]


async def test_a_message_that_nobody_can_process_becomes_a_dead_letter_that_can_be_replayed(memory: Memory) -> None:
    await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=2))
    await append(memory, "poison", "next", key="k")
    for _ in range(2):
        (message,) = await read(memory)
        assert message.body == "poison"
        await memory.streams.release(GRAPH, TASKS, G, Release([message.receipt or ""], reason="It has no name."))
    (after,) = await read(memory)
    assert after.body == "next"
    (dead,) = await memory.streams.dead_letters(GRAPH, TASKS, G)
    assert (dead.id, dead.body, dead.deliveries, dead.reason) == (1, "poison", 2, "It has no name.")
    assert (await memory.streams.get(GRAPH, TASKS)).groups[0].dead == 1

    assert await memory.streams.replay(GRAPH, TASKS, G, [1]) == 1
    assert await read(memory) == []  # A later message of its key is being processed.
    await ack(memory, after)
    (again,) = await read(memory)
    assert (again.body, again.deliveries) == ("poison", 1)
    await memory.streams.release(GRAPH, TASKS, G, Release([again.receipt or ""], dead=True))
    assert await memory.streams.discard(GRAPH, TASKS, G) == 1
    assert await memory.streams.dead_letters(GRAPH, TASKS, G) == []


async def test_a_message_whose_consumers_die_again_and_again_becomes_a_dead_letter(memory: Memory) -> None:
    await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=1))
    await append(memory, "kills", "next", key="k")
    assert bodies(await read(memory, lease_seconds=0.1)) == ["kills"]
    (found,) = await memory.streams.read(GRAPH, TASKS, StreamRead(G, "b"), wait=5)
    assert found.body == "next"
    assert [each.body for each in await memory.streams.dead_letters(GRAPH, TASKS, G)] == ["kills"]


async def test_a_released_message_waits_for_its_delay(memory: Memory) -> None:
    await append(memory, "later", "behind", key="k")
    (message,) = await read(memory)
    await memory.streams.release(GRAPH, TASKS, G, Release([message.receipt or ""], delay_seconds=0.3))
    assert await read(memory) == []
    (again,) = await memory.streams.read(GRAPH, TASKS, StreamRead(G, "a"), wait=5)
    assert (again.body, again.deliveries) == ("later", 2)


async def test_an_idempotency_key_appends_once(memory: Memory) -> None:
    message = NewMessage({"n": 1}, "k", "m-1")
    first = await memory.streams.append(GRAPH, TASKS, [message, NewMessage("x", None, "m-2")])
    again = await memory.streams.append(GRAPH, TASKS, [message, NewMessage("y", None, "m-3")])
    assert (first.ids, again.ids, again.duplicates) == ([1, 2], [1, 3], 1)
    with pytest.raises(Conflict, match="m-1"):
        await memory.streams.append(GRAPH, TASKS, [NewMessage({"n": 2}, "k", "m-1"), NewMessage("never")])
    assert len(await memory.streams.messages(GRAPH, TASKS)) == 3
    many = await asyncio.gather(*(memory.streams.append(GRAPH, TASKS, message) for _ in range(10)))
    assert {each.ids[0] for each in many} == {1}


async def test_trimming_keeps_what_a_group_has_not_acknowledged(memory: Memory) -> None:
    await append(memory, *range(10))
    found = await read(memory, limit=6)
    await ack(memory, *found[:2], *found[3:])
    assert (await memory.streams.trim(GRAPH, TASKS, max_length=0)).removed == 5
    assert bodies(await memory.streams.messages(GRAPH, TASKS)) == [2, 6, 7, 8, 9]
    assert (await memory.streams.trim(GRAPH, TASKS, max_length=0)).removed == 0
    await ack(memory, found[2], *await read(memory))
    assert (await memory.streams.trim(GRAPH, TASKS, max_age_seconds=0)).removed == 5
    assert await append(memory, "after") == [11]
    assert bodies(await read(memory)) == ["after"]


async def test_a_stream_without_groups_keeps_its_newest_messages(memory: Memory) -> None:
    await append(memory, *range(20))
    assert (await memory.streams.trim(GRAPH, TASKS, max_length=5)).removed == 15
    assert bodies(await memory.streams.messages(GRAPH, TASKS)) == [15, 16, 17, 18, 19]


async def test_a_group_begins_where_it_is_told(memory: Memory) -> None:
    await append(memory, "old")
    assert await read(memory, group="late", start="now") == []
    assert bodies(await read(memory, group="early")) == ["old"]
    await append(memory, "new")
    assert bodies(await read(memory, group="late")) == ["new"]


async def test_a_read_that_waits_gets_what_comes(memory: Memory) -> None:
    await append(memory, "first")
    await ack(memory, *await read(memory))
    waiting = asyncio.create_task(memory.streams.read(GRAPH, TASKS, StreamRead(G, "a"), wait=10))
    await asyncio.sleep(0.05)
    await append(memory, "second")
    assert bodies(await waiting) == ["second"]


async def test_streams_belong_to_their_scope_and_go_whole(memory: Memory) -> None:
    other = StreamAddress("tasks", "team/7")
    await append(memory, "shared")
    await append(memory, "theirs", stream=other)
    assert [each.name for each in (await memory.streams.list(GRAPH, scope="team/7")).items] == ["tasks"]
    assert bodies(await memory.streams.messages(GRAPH, other)) == ["theirs"]
    with pytest.raises(NotFound):
        await memory.streams.get(GRAPH, StreamAddress("tasks", "team/8"))
    await read(memory)
    await memory.streams.delete(GRAPH, TASKS)
    with pytest.raises(NotFound):
        await read(memory)
    assert await append(memory, "anew") == [1]
    assert bodies(await read(memory)) == ["anew"]
    await memory.streams.delete_group(GRAPH, TASKS, G)
    with pytest.raises(NotFound):
        await memory.streams.pending(GRAPH, TASKS, G)


async def test_bad_input_is_refused_and_changes_nothing(memory: Memory) -> None:
    for wrong in (
        memory.streams.append(GRAPH, TASKS, []),
        memory.streams.append(GRAPH, TASKS, NewMessage("x", "")),
        memory.streams.append(GRAPH, TASKS, NewMessage("x", "a\0b")),
        memory.streams.append(GRAPH, TASKS, [NewMessage("x", None, "i"), NewMessage("x", None, "i")]),
        memory.streams.append(GRAPH, TASKS, NewMessage(object())),
        memory.streams.append(GRAPH, TASKS, NewMessage("x" * 300_000)),
        memory.streams.append(GRAPH, StreamAddress("a b"), NewMessage("x")),
        memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=0)),
        memory.streams.acknowledge(GRAPH, TASKS, G, ["1"]),
        memory.streams.acknowledge(GRAPH, TASKS, G, []),
        memory.streams.read(GRAPH, TASKS, StreamRead(G, "a", 0)),
        memory.streams.read(GRAPH, TASKS, StreamRead(G, "a", 1, 0.0)),
        memory.streams.read(GRAPH, TASKS, StreamRead("a/b")),
        memory.streams.trim(GRAPH, TASKS, max_length=-1),
    ):
        with pytest.raises(InvalidInput):
            await wrong
    with pytest.raises(TooLarge):
        await memory.streams.append(GRAPH, TASKS, [NewMessage("fits"), NewMessage("y" * 300_000)])
    assert (await memory.streams.list(GRAPH)).items == []
    for missing in (
        memory.streams.read(GRAPH, TASKS, StreamRead(G)),
        memory.streams.delete(GRAPH, TASKS),
        memory.streams.pending(GRAPH, TASKS, G),
        memory.streams.trim(GRAPH, TASKS),
    ):
        with pytest.raises(NotFound):
            await missing


@pytest.mark.long
async def test_many_producers_and_consumers_that_fail_lose_nothing_and_keep_the_order_of_each_key(
    memory: Memory,
) -> None:
    """Consumers drop messages, let leases end, and acknowledge late; each message is processed, in order by key."""
    keys, each_key = 6, 12
    chance = random.Random(3)
    await memory.streams.put(GRAPH, TASKS, StreamSettings(max_deliveries=1000))
    processed: dict[str, list[int]] = defaultdict(list)
    done: set[int] = set()

    async def produce(key: int) -> None:
        for n in range(each_key):
            await memory.streams.append(GRAPH, TASKS, NewMessage(n, f"k{key}", f"{key}-{n}"))

    async def consume(name: str) -> None:
        while len(done) < keys * each_key:
            for message in await read(memory, name, 3, lease_seconds=0.5):
                fate = chance.random()
                if fate < 0.1:
                    continue  # As one that was killed.
                if fate < 0.2:
                    await memory.streams.release(GRAPH, TASKS, G, Release([message.receipt or ""]))
                    continue
                assert message.key is not None
                processed[message.key].append(message.body)
                done.update(await ack(memory, message))

    async with asyncio.timeout(60):
        await asyncio.gather(*map(produce, range(keys)), *(consume(name) for name in "abcd"))
    for key, order in processed.items():
        assert list(dict.fromkeys(order)) == list(range(each_key)), key
    assert (await memory.streams.get(GRAPH, TASKS)).groups[0].pending == 0
