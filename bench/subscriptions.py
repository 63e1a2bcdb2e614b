"""What subscriptions cost: writes with ten of them beside none, and events a second that a consumer group reads.

Entities with a label and a property, written in batches of 50 one after the other, into a graph without subscriptions,
into one with ten (of scopes, labels, entities and kinds), and as the baseline of both by one INSERT of a batch into a
plain table, each transaction committed. In turns, the median of the rounds. Then a group of the first subscription
reads and acknowledges all events in pages of 500, beside the same pages of a plain outbox table read by key.
"""

import json
import time
from collections.abc import AsyncIterator, Awaitable
from statistics import median

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Acknowledgement, Entity, EventFilter, GroupRead, SubscriptionAddress, SubscriptionRequest
from kgmem.memory import Memory

ROWS = 20_000
SHORT = 2_000
BATCH, PAGE = 50, 500
_NONE, _TEN = "none", "ten"
_FIRST = SubscriptionAddress("s0")


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second that are written, and events a second that are read."""
    seconds: dict[str, list[float]] = {_NONE: [], _TEN: [], "plain": []}
    async with fresh_database() as url, memory_on(url) as memory:
        for graph in (_NONE, _TEN):
            await memory.graphs.create(graph, space=None)
            await memory.entities.put(graph, [Entity("first", "Thing")])
        await _subscribe(memory)
        plain = await asyncpg.connect(url)
        try:
            await plain.execute("CREATE TABLE plain (id bigserial PRIMARY KEY, key text UNIQUE, record jsonb NOT NULL)")
            insert = await plain.prepare(
                "INSERT INTO plain (key, record) SELECT * FROM unnest($1::text[], $2::jsonb[])"
            )
            for turn, first in enumerate(range(0, rows, BATCH)):
                keys = [f"k{number}" for number in range(first, first + BATCH)]
                entities = [Entity(key, "Thing", properties={"n": number}) for number, key in enumerate(keys)]
                records = [json.dumps({"n": number}) for number in range(BATCH)]
                works = [(_NONE, memory.entities.put(_NONE, entities)), (_TEN, memory.entities.put(_TEN, entities))]
                for name, work in works if turn % 2 else reversed(works):
                    seconds[name].append(await _timed(work))
                seconds["plain"].append(await _timed(insert.fetch(keys, records)))
            ours, events = await _consume(memory)
            base = await _page(plain, events)
        finally:
            await plain.close()
    speed = {name: BATCH / median(taken) for name, taken in seconds.items()}
    yield compared("writes with 10 subscriptions, beside none", speed[_TEN], speed[_NONE], "rows/s", at_least=0.95)
    yield compared("writes with 10 subscriptions, beside a plain table", speed[_TEN], speed["plain"], "rows/s")
    yield compared("writes without subscriptions, beside a plain table", speed[_NONE], speed["plain"], "rows/s")
    yield compared("events read and acknowledged by a group", events / ours, events / base, "events/s")


async def _subscribe(memory: Memory) -> None:
    requests = [
        SubscriptionRequest(),
        SubscriptionRequest("label", EventFilter(labels=("Thing",))),
        SubscriptionRequest("entity", EventFilter(keys=("k1",))),
        SubscriptionRequest("kinds", EventFilter(kinds=("fact.*",))),
        SubscriptionRequest(below=False),
    ]
    for number in range(10):
        await memory.subscriptions.put(_TEN, SubscriptionAddress(f"s{number}"), requests[number % len(requests)])


async def _timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started


async def _consume(memory: Memory) -> tuple[float, int]:
    """Return the seconds in which a group reads and acknowledges all events, and how many they are."""
    started, count = time.perf_counter(), 0
    found = await memory.subscriptions.read(_TEN, _FIRST, GroupRead("g", PAGE))
    while found.lease is not None:
        count += len(found.events)
        last = Acknowledgement("g", found.cursor, found.lease)
        found = await memory.subscriptions.read(_TEN, _FIRST, GroupRead("g", PAGE, lease=last.lease, ack=last.cursor))
    return time.perf_counter() - started, count


async def _page(plain: asyncpg.Connection, count: int) -> float:
    """Return the seconds in which the same number of rows is read from a plain table by key."""
    select = await plain.prepare("SELECT id, key, record FROM plain WHERE id > $1 ORDER BY id LIMIT $2")
    started, after, seen = time.perf_counter(), 0, 0
    while rows := await select.fetch(after, PAGE):
        after, seen = rows[-1]["id"], seen + len(rows)
    taken = time.perf_counter() - started
    if seen != count:
        raise AssertionError(f"{seen} rows were read, and {count} events")
    return taken
