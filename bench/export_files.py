"""How fast a graph goes out as JSON Lines and CSV, beside COPY out of its label tables.

The same people and acquaintances as in `import_files`. The export reads one snapshot and writes whole files.
"""

import time
from collections.abc import AsyncIterator

from bench.contract import Figure, compared
from bench.rig import graph_files
from bench.rig.clock import settle
from bench.rig.database import memory_and_raw, temporary_home
from bench.rig.label_tables import copy_out
from kgmem.services.imports.export_records import ExportOptions

ROWS = 200_000
SHORT = 10_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second of both."""
    async with temporary_home() as folder, memory_and_raw() as (memory, raw, _):
        await memory.graphs.create("bench_out")
        await memory.imports.run("bench_out", graph_files.write(folder, "csv", rows, 2 * rows))
        name = await raw.fetchval("SELECT age_name::text FROM kgmem.graph WHERE name = 'bench_out'")
        settle()
        data, nodes = await copy_out(raw, name, "Person", "v")
        more, edges = await copy_out(raw, name, "KNOWS", "e")
        count = data.count(b"\n") + more.count(b"\n")
        started = time.perf_counter()
        await memory.exports.write("bench_out", folder / "all.jsonl")
        taken = time.perf_counter() - started
        yield compared("JSON Lines", count / taken, count / (nodes + edges), "rows/s", at_least=0.5)
        started = time.perf_counter()
        await memory.exports.write("bench_out", folder / "out.csv", ExportOptions(kind="entity"))
        taken = time.perf_counter() - started
        yield compared("CSV, nodes", rows / taken, rows / nodes, "rows/s", at_least=0.5)
