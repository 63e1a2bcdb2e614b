"""What work streams cost: messages a second that are appended, and read and acknowledged, beside a plain table.

Sixteen producers append one message a request, each with a key, beside sixteen connections that insert one row a
transaction into a plain table. Then four consumers read and acknowledge in pages of 50, beside four connections that
delete pages of the plain table under FOR UPDATE SKIP LOCKED. In turns, the median of the rounds.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from statistics import median

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import NewMessage, StreamAddress, StreamRead
from kgmem.memory import Memory

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
