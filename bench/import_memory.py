"""How much memory an importing process takes at its peak, beside that of an import of a tenth of the edges.

A fifth as many people as edges come from one file and the edges from another, as CSV and as JSON Lines, without
embeddings. The peak is that of the resident memory of the process that imports, Python and its libraries included. The
baseline is the same import of 1 million edges, or of three tenths of them where fewer than 2 million are asked for.
Beside it stands how many records a second Postgres took.
"""

from collections.abc import AsyncIterator

from bench.contract import Figure, alone, compared, within
from bench.rig import graph_files
from bench.rig.clock import settle
from bench.rig.database import fresh_database, temporary_home
from bench.rig.importing import import_apart

ROWS = 10_000_000
SHORT = 100_000
_FORMATS = ("csv", "jsonl")
_EDGES_A_NODE = 5
_BASE = 1_000_000
_MOST = 1024  # Megabytes.
_FLAT = 1.15


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the peak of both sizes, their ratio, and the records a second, format by format."""
    base = _BASE if rows >= 2 * _BASE else rows * 3 // 10
    async with temporary_home() as folder, fresh_database() as url:
        for format_ in _FORMATS:
            taken = {}
            for edges in (base, rows):
                nodes = edges // _EDGES_A_NODE
                files = graph_files.write(folder, format_, nodes, edges)
                settle()
                taken[edges] = await import_apart(url, f"{format_}_{edges}", list(files))
                for file in files:
                    file.unlink()
            few, many = taken[base]["peak"], taken[rows]["peak"]
            of = f"{format_}, {rows:,} edges"
            yield within(alone(f"peak, {of}", many, "MB", "it is held to what a small machine has"), _MOST)
            yield compared(f"peak, {of}, beside {base:,}", many, few, "MB", at_most=_FLAT)
            rates = [taken[size]["created"] / taken[size]["seconds"] for size in (rows, base)]
            yield compared(f"rate, {of}, beside {base:,}", rates[0], rates[1], "records/s")
