"""What a new claim costs through the store, beside one indexed read of the same database; and a full run over it.

Values of facts by 200 sources, written through the façade. Ours is memory.claims.put of one new claim on a fact that is
held: the claim, its fact weighed again, the property and the event, committed. The baseline is memory.entities.get of
the same entity by its key: one look-up in the index, one in the label table. In turns, p50. Before that, claims in
batches, and a full run over all of them, in which the graph changes only where a verdict does.
"""

import random
import time
from collections.abc import AsyncIterator
from statistics import median

from bench.contract import Figure, alone, compared
from bench.rig.database import GRAPH, memory_and_raw
from kgmem.domain.claims.claim import ClaimStatement
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory

ROWS = 50_000
SHORT = 2_000
_PER_FACT, _SOURCES, _UPDATES, _BATCH = 5, 200, 200, 2_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of a new claim, the claims a second of a batch, and the time of a full run."""
    async with memory_and_raw() as (memory, _, _url):
        facts = max(rows // _PER_FACT, 1)
        took = await _load(memory, rows, facts)
        yield alone("claims stored and weighed in batches", rows / took, "claims/s", "no raw way weighs claims")
        started = time.perf_counter()
        await memory.claims.compute_consensus(GRAPH)
        yield alone("full run", time.perf_counter() - started, "s", "consensus_speed measures it over arrays")
        ours, base = await _updates(memory, facts)
        yield compared("one new claim, p50", median(ours) * 1000, median(base) * 1000, "ms", at_most=5)


async def _load(memory: Memory, rows: int, facts: int) -> float:
    chance = random.Random(1)
    await memory.entities.put(GRAPH, [Entity(f"e{n}", name=f"e{n}") for n in range(facts)])
    claims = []
    for n in range(rows):
        fact, source = n % facts, chance.randrange(_SOURCES)
        right = chance.random() < (0.5 if source % 5 == 0 else 0.85)
        claims.append(ClaimStatement(f"s{source}", f"e{fact}", "size", value=fact if right else chance.randrange(10)))
    started = time.perf_counter()
    for at in range(0, rows, _BATCH):
        await memory.claims.put(GRAPH, claims[at : at + _BATCH])
    return time.perf_counter() - started


async def _updates(memory: Memory, facts: int) -> tuple[list[float], list[float]]:
    chance = random.Random(2)
    ours, base = [], []
    for n in range(_UPDATES):
        key = f"e{chance.randrange(facts)}"
        started = time.perf_counter()
        await memory.entities.get(GRAPH, key)
        read = time.perf_counter()
        await memory.claims.put(GRAPH, [ClaimStatement(f"new{n % 20}", key, "size", value=chance.randrange(10))])
        base.append(read - started)
        ours.append(time.perf_counter() - read)
    return ours, base
