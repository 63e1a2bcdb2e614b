"""What versions of agent states cost: writes a second beside plain rows by hand, and bytes kept per raw byte.

A state of 20 KB to which a message of about 100 characters is added with each version, written one after the other. The
baseline writes the same documents as uncompressed bytea rows, one transaction each, by one prepared statement on one
connection; synchronous_commit is on in both. In turns, the median of the rounds. Bytes: what all versions take, beside
the sum of their contents. Reading: the current version beside a SELECT of the baseline's last row.
"""

import json
import random
import time
from collections.abc import AsyncIterator
from statistics import median

import asyncpg

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import StateAddress
from kgmem.domain.agents.state import JSON

ROWS = 1_000
SHORT = 200
ROUNDS = 5
_BEGIN = 200  # Messages that the state holds at first.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return versions a second, bytes kept per raw byte, and reads a second."""
    contents = _contents(rows)
    address = StateAddress("planner", "plan")
    share = max(1, rows // ROUNDS)
    writes: dict[str, list[float]] = {"kgmem": [], "plain": []}
    reads: dict[str, list[float]] = {"kgmem": [], "plain": []}
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create("main", space=None)
        await memory.states.put("main", StateAddress("warm", "up"), 1)
        plain = await asyncpg.connect(url)
        try:
            await plain.execute("CREATE TABLE plain (version serial PRIMARY KEY, content bytea NOT NULL)")
            insert = await plain.prepare("INSERT INTO plain (content) VALUES ($1)")
            select = await plain.prepare("SELECT content FROM plain ORDER BY version DESC LIMIT 1")
            for first in range(0, rows, share):
                part = contents[first : first + share]
                started = time.perf_counter()
                for content in part:
                    await memory.states.put("main", address, content, media_type=JSON)
                writes["kgmem"].append(len(part) / (time.perf_counter() - started))
                started = time.perf_counter()
                for content in part:
                    await insert.fetchval(content)
                writes["plain"].append(len(part) / (time.perf_counter() - started))
                started = time.perf_counter()
                for _ in range(50):
                    held = await memory.states.read("main", address)
                reads["kgmem"].append(50 / (time.perf_counter() - started))
                started = time.perf_counter()
                for _ in range(50):
                    await select.fetchval()
                reads["plain"].append(50 / (time.perf_counter() - started))
                if held.content != part[-1]:
                    raise AssertionError("the state is not what was written")
            state = (await memory.states.list("main", agent="planner")).items[0]
        finally:
            await plain.close()
    raw = sum(map(len, contents))
    yield compared("versions", median(writes["kgmem"]), median(writes["plain"]), "versions/s")
    yield compared("bytes kept of all versions", state.stored, raw, "bytes", at_most=0.15)
    yield compared("reads of the current version", median(reads["kgmem"]), median(reads["plain"]), "reads/s")


def _contents(rows: int) -> list[bytes]:
    """Return the versions of a state that grows by one message each."""
    chance = random.Random(1)

    def message() -> dict[str, object]:
        return {"role": "user", "content": "".join(chance.choices("abcdefghijklmnop qrstuvwxyz", k=90))}

    messages = [message() for _ in range(_BEGIN)]
    made = []
    for _ in range(rows):
        messages.append(message())
        made.append(json.dumps({"messages": messages}).encode())
    return made
