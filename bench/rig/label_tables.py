"""Baselines for imports and exports: the rows of AGE's label tables, by COPY out of one and into a bare other."""

import time
from io import BytesIO

import asyncpg

_BARE = "bench_bare"
_COLUMNS = {"v": ("id", "properties"), "e": ("id", "start_id", "end_id", "properties")}


async def copy_out(raw: asyncpg.Connection, graph: str, label: str, kind: str) -> tuple[bytes, float]:
    """Return a label table's rows as COPY writes them, and the seconds it took."""
    into = BytesIO()
    started = time.perf_counter()
    await raw.copy_from_table(label, schema_name=graph, columns=_COLUMNS[kind], output=into)
    return into.getvalue(), time.perf_counter() - started


async def copy_in(raw: asyncpg.Connection, rows: bytes, kind: str) -> float:
    """COPY rows into a bare label table of a graph of its own; gives the seconds it took."""
    make = {"v": "create_vlabel", "e": "create_elabel"}[kind]
    await raw.execute("SELECT ag_catalog.create_graph($1::name)", _BARE)
    try:
        label = await raw.fetchval("SELECT max(id) + 1 FROM ag_catalog.ag_label")  # Of no consequence but for the name.
        await raw.execute(f"SELECT ag_catalog.{make}($1::name::cstring, $2::name::cstring)", _BARE, f"L{label}")
        started = time.perf_counter()
        await raw.copy_to_table(f"L{label}", schema_name=_BARE, columns=_COLUMNS[kind], source=BytesIO(rows))
        return time.perf_counter() - started
    finally:
        await raw.fetch("SELECT ag_catalog.drop_graph($1::name, true)", _BARE)
