"""What the ledger costs: postings a second beside the same inserts by hand in SQL.

Each posting is a transaction of two entries. By hand: BEGIN; an INSERT of the transaction; an INSERT of both entries;
an UPDATE of each balance; COMMIT, by prepared statements, with one connection for each writer up to 16. That has no
limits, no keys, no hash chain, and no balances in entries. One hot account pays all, or each writer has two accounts of
its own. 1, 16 and 64 writers; in turns, the median of the rounds; synchronous_commit is on in both.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from statistics import median

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import AccountSpec
from kgmem.memory import Memory

ROWS = 3_000
SHORT = 200
ROUNDS = 3
WRITERS = (1, 16, 64)
_CONNECTIONS = 16
_TABLES = """
    CREATE TABLE plain_transaction (id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
                                    description text NOT NULL);
    CREATE TABLE plain_entry (transaction bigint NOT NULL, account integer NOT NULL, amount numeric NOT NULL,
                              PRIMARY KEY (account, transaction));
    CREATE TABLE plain_account (id integer PRIMARY KEY, balance numeric NOT NULL);
    INSERT INTO plain_account SELECT n, 0 FROM generate_series(0, 200) AS n;
"""
Post = Callable[[int, int], Awaitable[object]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return postings a second, on one hot account and spread, for each number of writers."""
    async with (
        fresh_database() as url,
        memory_on(url) as memory,
        asyncpg.create_pool(url, min_size=_CONNECTIONS, max_size=_CONNECTIONS) as pool,
    ):
        await memory.graphs.create("main", space=None)
        for n in range(201):
            await memory.ledger.put_account("main", AccountSpec(f"a{n}", "budget", "USD"))
        await pool.execute(_TABLES)
        for name, hot in (("one hot account", True), ("spread", False)):
            for writers in WRITERS:
                figures: dict[str, list[float]] = {"kgmem": [], "plain": []}
                for _ in range(ROUNDS):
                    count = max(writers, rows // ROUNDS // (4 if writers == 1 else 1))
                    figures["kgmem"].append(await _rate(writers, count, _kgmem(memory, hot=hot)))
                    figures["plain"].append(await _rate(writers, count, _plain(pool, hot=hot)))
                ours, theirs = median(figures["kgmem"]), median(figures["plain"])
                plural = "writer" if writers == 1 else "writers"
                yield compared(f"postings, {name}, {writers} {plural}", ours, theirs, "postings/s", at_least=0.4)
        report = await memory.ledger.verify("main")
        if not report.ok:
            raise AssertionError(f"the ledger is broken: {report.broken}")


def _accounts(writer: int, *, hot: bool) -> tuple[int, int]:
    return (0, 1 + writer) if hot else (1 + 2 * writer, 2 + 2 * writer)


async def _rate(writers: int, count: int, post: Post) -> float:
    """Return postings a second of so many writers, who post so many together."""

    async def write(writer: int) -> None:
        for n in range(count // writers):
            await post(writer, n)

    await asyncio.gather(*(post(writer, -1) for writer in range(writers)))
    started = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(writers)))
    return count // writers * writers / (time.perf_counter() - started)


def _kgmem(memory: Memory, *, hot: bool) -> Post:
    async def post(writer: int, _: int) -> object:
        source, to = _accounts(writer, hot=hot)
        return await memory.ledger.post("main", {f"a{source}": "-0.01", f"a{to}": "0.01"})

    return post


def _plain(pool: asyncpg.Pool, *, hot: bool) -> Post:
    amount = Decimal("0.01")

    async def post(writer: int, n: int) -> object:
        source, to = _accounts(writer, hot=hot)
        async with pool.acquire() as connection, connection.transaction():
            id_ = await connection.fetchval(
                "INSERT INTO plain_transaction (description) VALUES ($1) RETURNING id", f"call {n}"
            )
            await connection.execute(
                "INSERT INTO plain_entry VALUES ($1, $2, $3), ($1, $4, $5)", id_, source, -amount, to, amount
            )
            await connection.execute("UPDATE plain_account SET balance = balance - $2 WHERE id = $1", source, amount)
            await connection.execute("UPDATE plain_account SET balance = balance + $2 WHERE id = $1", to, amount)
            return id_

    return post
