"""What an empty graph costs in tables, bytes and milliseconds, beside AGE's create_graph with the label of episodes.

A new graph has only the tables that every graph needs. The second figure compares it with a graph of which every
subsystem has its tables, as each had before they were made at their first use. All kinds of graph in turns.
"""

import time
from collections.abc import AsyncIterator, Awaitable

from bench.contract import Figure, alone, compared, within
from bench.rig.clock import Times
from bench.rig.database import memory_and_raw
from kgmem.store.graph.subsystems import SUBSYSTEMS

ROWS = 60
SHORT = 10
_SIZE = """
    SELECT count(*) FILTER (WHERE c.relkind = 'r') AS tables, count(*) FILTER (WHERE c.relkind = 'i') AS indexes,
           sum(pg_relation_size(c.oid)) AS bytes
    FROM kgmem.graph g JOIN pg_namespace n ON n.nspname IN (g.age_name, g.index_name, g.index_name || '_asof')
    JOIN pg_class c ON c.relnamespace = n.oid WHERE g.name = $1
"""


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the times of creation and what is made."""
    raw_times, empty_times, full_times = Times(), Times(), Times()
    async with memory_and_raw() as (memory, raw, _):

        async def age(name: str) -> None:
            async with raw.transaction():
                await raw.execute("SELECT ag_catalog.create_graph($1::name)", name)
                await raw.execute("SELECT ag_catalog.create_vlabel($1::name::cstring, 'Episode')", name)

        async def full(name: str) -> None:
            await memory.graphs.create(name)
            layout = await memory.ports.graphs.layout(name)  # type: ignore[attr-defined]
            for subsystem in SUBSYSTEMS:
                await layout.ensure(subsystem)

        for number in range(rows):
            works: list[Awaitable[None]] = [
                raw_times.of(age(f"raw_{number}")),
                empty_times.of(memory.graphs.create(f"empty_{number}")),
                full_times.of(full(f"full_{number}")),
            ]
            for work in works if number % 2 else reversed(works):
                await work
        empty, whole = [await raw.fetchrow(_SIZE, name) for name in ("empty_0", "full_0")]
        yield compared("create an empty graph, beside AGE", empty_times.p50, raw_times.p50, "ms")
        yield compared("beside one with all subsystems", empty_times.p50, full_times.p50, "ms", at_most=0.35)
        yield within(alone("tables of an empty graph", empty["tables"], "tables", "a count"), 16)
        yield compared("indexes", empty["indexes"], whole["indexes"], "indexes")
        yield compared("bytes", int(empty["bytes"]), int(whole["bytes"]), "bytes")
        begun = time.perf_counter()
        for number in range(rows):
            await memory.graphs.delete(f"empty_{number}")
        yield alone(
            "drop an empty graph", (time.perf_counter() - begun) * 1000 / rows, "ms", "nothing to compare it with"
        )
