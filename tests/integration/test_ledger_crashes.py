"""kill -9 of Postgres under writers of a ledger: what was acknowledged is there, the rest wholly or not at all."""

import asyncio
import os
import random
import signal
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import pytest

from kgmem.domain.errors import Conflict, DatabaseUnavailable, LimitReached
from kgmem.domain.ledger.ledger import AccountLimits, AccountSpec, Reservation
from kgmem.memory import Memory
from tests.embedded import home_folder, server_in
from tests.memories import opened_memory, until
from tests.postgres import prepare_template

pytestmark = [pytest.mark.crash, pytest.mark.slow]
GRAPH = "books"
WRITERS, CRASHES, BETWEEN = 8, 4, 60
MOST_SECONDS = 60.0
D = Decimal
Acknowledged = dict[str, tuple[int, str]]


async def write(memory: Memory, who: int, acknowledged: Acknowledged, done: asyncio.Event) -> None:
    """Post, hold and settle until it is over; each request is repeated with its key until it is answered."""

    async def answered(key: str, request: Callable[[], Awaitable[tuple[int, str]]]) -> int:
        while True:
            try:
                acknowledged[key] = await request()
                return acknowledged[key][0]
            except DatabaseUnavailable:
                await asyncio.sleep(0.02)

    step = 0
    while not done.is_set():
        step += 1
        key = f"{who}-{step}"

        async def post(key: str = key) -> tuple[int, str]:
            made = await memory.ledger.post(GRAPH, {"fund": "-1", f"spent-{who % 3}": "1"}, idempotency_key=key)
            return made.id, made.hash

        if step % 3:
            await answered(key, post)
            continue

        async def hold(key: str = key) -> tuple[int, str]:
            made = await memory.ledger.hold(GRAPH, Reservation("fund", "spent-0", "2"), idempotency_key=key)
            return made.id, ""

        number = await answered(key, hold)

        async def settle(key: str = key + "-s", number: int = number) -> tuple[int, str]:
            made = await memory.ledger.settle(GRAPH, number, "0.5", idempotency_key=key)
            return made.id, made.hash

        await answered(key + "-s", settle)


async def check(memory: Memory, acknowledged: Acknowledged) -> None:
    """Compare the ledger with what its writers know."""
    report = await memory.ledger.verify(GRAPH, anchors=[each for each in acknowledged.values() if each[1]])
    assert report.ok, report.broken
    stored, cursor = {}, None
    while True:
        page = await memory.ledger.transactions(GRAPH, cursor=cursor, limit=1000)
        stored.update({each.idempotency_key: each for each in page.items if each.idempotency_key})
        cursor = page.cursor
        if cursor is None:
            break
    for key, (number, hash_) in acknowledged.items():
        if hash_:
            assert (stored[key].id, stored[key].hash) == (number, hash_)
        else:
            assert (await memory.ledger.get_hold(GRAPH, number)).idempotency_key == key
    assert stored.keys() <= acknowledged.keys()  # Writers repeated what had no answer.
    spent = sum((sum(e.amount for e in each.entries if e.amount > 0) for each in stored.values()), D(0))
    assert (await memory.ledger.account(GRAPH, "fund")).balance.posted == -spent


async def test_every_acknowledged_posting_outlives_kill_9_of_postgres(short_folder: Path) -> None:
    chance = random.Random(11)
    acknowledged: Acknowledged = {}
    done = asyncio.Event()
    with home_folder(short_folder) as home:
        async with server_in(home) as server:
            await prepare_template(server.url)
            watch = asyncio.create_task(server.keep_running())
            async with opened_memory(server.url) as memory:
                await memory.graphs.create(GRAPH)
                for name in ("fund", "spent-0", "spent-1", "spent-2"):
                    limits = AccountLimits(hard_max=D(1)) if name == "fund" else AccountLimits()
                    await memory.ledger.put_account(GRAPH, AccountSpec(name, "budget", "USD", limits=limits))

                def reached(count: int) -> Callable[[], Awaitable[bool]]:
                    async def enough() -> bool:
                        return len(acknowledged) >= count

                    return enough

                async def crash() -> None:
                    for _ in range(CRASHES):
                        await until(reached(len(acknowledged) + BETWEEN), MOST_SECONDS)
                        await asyncio.sleep(chance.random() * 0.05)
                        pid = (await server.status()).pid
                        assert pid is not None
                        os.kill(pid, signal.SIGKILL)
                        await until(reached(len(acknowledged) + WRITERS + 1), MOST_SECONDS)
                    done.set()

                async with asyncio.timeout(180):
                    await asyncio.gather(*(write(memory, n, acknowledged, done) for n in range(WRITERS)), crash())
                with pytest.raises((LimitReached, Conflict)):
                    await memory.ledger.post(GRAPH, {"fund": "100000", "spent-0": "-100000"})
                await check(memory, acknowledged)
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
