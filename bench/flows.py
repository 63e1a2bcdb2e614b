"""What tracing flows costs: the p50 of recalls with flows, beside recalls that are traced and kept nowhere.

Both take turns on one graph of short texts; the flows of the first are written to the database beside them, as always.
"""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from statistics import median

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Episode, Question, What
from kgmem.memory import Memory
from kgmem.store.flows.flow_log import PostgresFlows

ROWS = 2_000
SHORT = 500
_ROUNDS = 600


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of recalls with flows and without, in milliseconds."""
    async with fresh_database() as url, memory_on(url) as memory:
        await memory.graphs.create("main")
        texts = [
            Episode(f"Grace drinks tea number {number} in town {number % 97}.", f"n{number}") for number in range(rows)
        ]
        for first in range(0, rows, 500):
            await memory.episodes.put("main", texts[first : first + 500])
        await memory.embeddings.run("main")
        database = memory.ports.graphs.database  # type: ignore[attr-defined]
        plain = Memory(replace(memory.ports, flows=PostgresFlows(database, enabled=False)))
        times: dict[bool, list[float]] = {True: [], False: []}
        for number in range(_ROUNDS):
            question = Question(What(f"Who drinks tea in town {number % 97}?"))
            for traced in (True, False) if number % 2 else (False, True):
                started = time.perf_counter()
                await (memory if traced else plain).recall("main", question)
                times[traced].append(time.perf_counter() - started)
    yield compared("recall, p50", 1000 * median(times[True]), 1000 * median(times[False]), "ms", at_most=1.02)
