"""What work streams cost: messages a second that are appended, and read and acknowledged, beside a plain table.

Sixteen producers append one message a request, each with a key, beside sixteen connections that insert one row a
transaction into a plain table. Then four consumers read and acknowledge in pages of 50, beside four connections that
delete pages of the plain table under FOR UPDATE SKIP LOCKED. In turns, the median of the rounds. Then the same with
streams in the embedded Valkey, which writes to disk before it answers, beside XADD, and XREADGROUP and XACK, by hand.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import NewMessage, StreamAddress, StreamRead
from kgmem.memory import Memory
from kgmem.redis.connection import Client, RedisConnection
from kgmem.redis.embedded import EmbeddedRedis

ROWS = 10_000
SHORT = 500
PRODUCERS, CONSUMERS, PAGE, ROUNDS, KEYS = 16, 4, 50, 3, 1_000
_GRAPH, _TASKS = "bench", StreamAddress("tasks")
_BODY = {"task": "Check the date.", "of": "event/landing"}
_TEXT = json.dumps(_BODY)
_INSERT = "INSERT INTO plain (key, body) VALUES ($1, $2)"
_DELETE = (
    "DELETE FROM plain WHERE id IN (SELECT id FROM plain ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED)"
    " RETURNING id, body"
)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return messages a second that are appended, and that are read and acknowledged."""
    each = max(rows // ROUNDS, PRODUCERS)
    speed: dict[str, list[float]] = {}
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.ensure(_GRAPH)
        plain = await asyncpg.create_pool(url, min_size=PRODUCERS, max_size=PRODUCERS)
        try:
            await plain.execute("CREATE TABLE plain (id bigserial PRIMARY KEY, key text, body jsonb NOT NULL)")
            for turn in range(ROUNDS):
                steps = [
                    ("stream", lambda: _append(memory, each), lambda: _read(memory, each)),
                    ("table", lambda: _insert(plain, each), lambda: _delete(plain, each)),
                ]
                for name, write, read in steps if turn % 2 else reversed(steps):
                    speed.setdefault(f"{name} write", []).append(each / await _timed(write))
                    speed.setdefault(f"{name} read", []).append(each / await _timed(read))
        finally:
            await plain.close()
    found = {name: median(values) for name, values in speed.items()}
    for what, told in (("write", "appended"), ("read", "read and acknowledged")):
        ours = found[f"stream {what}"]
        yield compared(f"messages {told}, beside a plain table", ours, found[f"table {what}"], "messages/s")
    async for figure in _in_redis(each):
        yield figure


async def _in_redis(each: int) -> AsyncIterator[Figure]:
    speed: dict[str, list[float]] = {}
    with TemporaryDirectory(prefix="kgb-") as folder:
        async with AsyncExitStack() as stack:
            server = await stack.enter_async_context(EmbeddedRedis(Path(folder)))
            url = await stack.enter_async_context(fresh_database())
            memory = await stack.enter_async_context(memory_on(url, redis_url=server.url))
            await memory.graphs.ensure(_GRAPH)
            connection = RedisConnection(server.url, timeout=30)
            stack.push_async_callback(connection.aclose)
            await connection.call(lambda client: client.xgroup_create("plain", "g", "0", mkstream=True))
            for turn in range(ROUNDS):
                steps = [
                    ("stream", lambda: _append(memory, each), lambda: _read(memory, each)),
                    ("plain", lambda: _xadd(connection, each), lambda: _xread(connection, each)),
                ]
                for name, write, read in steps if turn % 2 else reversed(steps):
                    speed.setdefault(f"{name} write", []).append(each / await _timed(write))
                    speed.setdefault(f"{name} read", []).append(each / await _timed(read))
    for what, told in (("write", "appended in Valkey, beside XADD"), ("read", "read and acknowledged there")):
        beside = "" if what == "write" else ", beside XREADGROUP and XACK"
        ours, theirs = median(speed[f"stream {what}"]), median(speed[f"plain {what}"])
        yield compared(f"messages {told}{beside}", ours, theirs, "messages/s")


async def _xadd(connection: RedisConnection, count: int) -> None:
    async def one(number: int) -> object:
        return await connection.call(lambda client: client.xadd("plain", {"key": f"k{number % KEYS}", "body": _TEXT}))

    await _shared(count, PRODUCERS, one)


async def _xread(connection: RedisConnection, count: int) -> None:
    left = count

    async def one(name: str) -> None:
        nonlocal left
        while left > 0:
            found: Any = await connection.call(lambda c: c.xreadgroup("g", name, {"plain": ">"}, count=PAGE))
            ids = [id_ for id_, _ in found[0][1]] if found else []
            left -= len(ids)
            if ids:
                await connection.call(partial(_xack, ids))

    await asyncio.gather(*(one(f"c{number}") for number in range(CONSUMERS)))


async def _timed(work: Callable[[], Awaitable[None]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def _shared(count: int, workers: int, work: Callable[[int], Awaitable[object]]) -> None:
    """Do something so many times, by workers at the same time."""
    numbers = iter(range(count))

    async def one() -> None:
        for number in numbers:
            await work(number)

    await asyncio.gather(*(one() for _ in range(workers)))


async def _append(memory: Memory, count: int) -> None:
    await _shared(
        count, PRODUCERS, lambda n: memory.streams.append(_GRAPH, _TASKS, NewMessage(_BODY, f"k{n % KEYS}"))
    )  # fmt: skip


async def _read(memory: Memory, count: int) -> None:
    left = count

    async def one(name: str) -> None:
        nonlocal left
        while left > 0:
            found = await memory.streams.read(_GRAPH, _TASKS, StreamRead("g", name, PAGE))
            left -= len(found)
            if found:
                await memory.streams.acknowledge(_GRAPH, _TASKS, "g", [each.receipt or "" for each in found])

    await asyncio.gather(*(one(f"c{number}") for number in range(CONSUMERS)))


async def _xack(ids: Sequence[bytes], client: Client) -> int:
    return int(await client.xack("plain", "g", *ids))


async def _insert(plain: asyncpg.Pool, count: int) -> None:
    await _shared(count, PRODUCERS, lambda n: plain.execute(_INSERT, f"k{n % KEYS}", _TEXT))


async def _delete(plain: asyncpg.Pool, count: int) -> None:
    left = count

    async def one() -> None:
        nonlocal left
        while left > 0:
            gone = await plain.fetch(_DELETE, PAGE)  # `left` is read after it, as others change it meanwhile.
            left -= len(gone)

    await asyncio.gather(*(one() for _ in range(CONSUMERS)))
