"""A server process with a cache that writes one counter and reads two, and finds no answer older than what it had seen.

The file that processes share has for each counter the last value that was committed, written after the commit.
"""

import asyncio
import mmap
import random
import sys
import time
from pathlib import Path

from kgmem.cache.layered import LayeredCache, SharedValues
from kgmem.domain.cache.policy import DEFAULTS
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory
from kgmem.redis.cache import RedisValues
from kgmem.redis.connection import RedisConnection
from tests.memories import hashing, opened_memory

COUNTERS = ("alpha", "beta")
_BYTES = 8


def committed(shared: mmap.mmap, counter: str) -> int:
    """Return the last value of a counter that some process saw committed."""
    begin = COUNTERS.index(counter) * _BYTES
    return int.from_bytes(shared[begin : begin + _BYTES], "big")


def mapped(file: Path) -> mmap.mmap:
    """Map the file that processes share."""
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), len(COUNTERS) * _BYTES)


async def write(memory: Memory, graph: str, shared: mmap.mmap, counter: str, until: float) -> int:
    """Count up in commits of their own, and note each after its commit."""
    value = 0
    begin = COUNTERS.index(counter) * _BYTES
    while time.monotonic() < until:
        value += 1
        await memory.entities.put(graph, [Entity(counter, "Counter", f"counter {counter} {value}")])
        shared[begin : begin + _BYTES] = value.to_bytes(_BYTES, "big")
        await asyncio.sleep(random.uniform(0, 0.05))
    return value


async def read(memory: Memory, graph: str, shared: mmap.mmap, until: float) -> tuple[int, list[str]]:
    """Recall both counters again and again; return how often, and which answers were too old."""
    reads, old = 0, []
    while time.monotonic() < until:
        for counter in COUNTERS:
            seen = committed(shared, counter)
            answer = await memory.recall(graph, Question(What(f"counter {counter}", labels=("Counter",))))
            shown = {hit.key: int(str(hit.name).rpartition(" ")[2]) for hit in answer.hits}
            if shown.get(counter, 0) < seen:
                old.append(f"{counter}: {shown.get(counter)} after {seen}")
            reads += 1
    return reads, old


async def main(url: str, graph: str, file: str, counter: str, seconds: str, redis: str) -> None:
    """Print the number of writes, reads and hits, and what was too old."""
    connection = RedisConnection(redis, namespace="test") if redis != "none" else None
    shared_values: SharedValues | None = RedisValues(connection) if connection else None
    cache = LayeredCache(DEFAULTS, 8 * 1024 * 1024, shared_values)
    with mapped(Path(file)) as shared:
        async with opened_memory(url, embedder=hashing(), cache=cache) as memory:
            until = time.monotonic() + float(seconds)
            written, *readings = await asyncio.gather(
                write(memory, graph, shared, counter, until), *(read(memory, graph, shared, until) for _ in range(3))
            )
    if connection:
        await connection.aclose()
    hits = cache.stats().kinds[0].hits
    old = [each for _, found in readings for each in found]
    sys.stdout.write(f"{written} {sum(reads for reads, _ in readings)} {hits} {len(old)} {old[:3]}\n")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
