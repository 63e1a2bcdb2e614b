"""How fast RDF comes in as N-Triples, beside what rdflib takes to only parse it and COPY of the rows that result.

Six triples a person: type, three literals, two links. The import parses, maps, stores and indexes them.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import rdflib

from bench.contract import Figure, compared
from bench.rig import graph_files
from bench.rig.clock import settle
from bench.rig.database import memory_and_raw, temporary_home
from bench.rig.label_tables import copy_in, copy_out

ROWS = 100_000
SHORT = 5_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return triples a second beside rdflib's, and the time beside that of COPY."""
    async with temporary_home() as folder, memory_and_raw() as (memory, raw, _):
        path = folder / "people.nt"
        triples = graph_files.write_triples(path, rows)
        settle()
        parsed = _parse(path)
        await memory.graphs.create("bench_rdf")
        started = time.perf_counter()
        await memory.imports.run("bench_rdf", [path])
        taken = time.perf_counter() - started
        yield compared("N-Triples beside rdflib's parser", triples / taken, triples / parsed, "triples/s", at_least=1.5)
        name = await raw.fetchval("SELECT age_name::text FROM kgmem.graph WHERE name = 'bench_rdf'")
        copied = 0.0
        for label in await raw.fetch(
            "SELECT l.name::text AS name, l.kind::text AS kind FROM ag_catalog.ag_label l "
            "JOIN ag_catalog.ag_graph g ON g.graphid = l.graph WHERE g.name = $1 AND l.name !~ '^_ag'",
            name,
        ):
            data, _ = await copy_out(raw, name, label["name"], label["kind"])
            if data:
                copied += await copy_in(raw, data, label["kind"])
        yield compared("N-Triples beside COPY", triples / taken, triples / copied, "triples/s", at_least=0.4)


def _parse(path: Path) -> float:
    started = time.perf_counter()
    rdflib.Graph().parse(path, format="nt")
    return time.perf_counter() - started
