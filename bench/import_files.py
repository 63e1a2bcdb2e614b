"""How fast whole graphs come in as CSV, JSON Lines and Parquet, beside COPY of the same rows into AGE label tables.

People and twice as many acquaintances, without embeddings, each format into an empty graph of its own: label tables,
retrieval index with words, and change feed are complete when the import returns. The baseline is COPY of the rows that
resulted into bare AGE label tables, which have the indexes that AGE gives them. The same files once more, all of which
is there already, are compared with the first time. Entities with five labels in turns are compared with those of one,
and entities with a unique property with the same without, when they come in and when they are written again one by one.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import orjson

from bench.contract import Figure, compared
from bench.rig import graph_files
from bench.rig.clock import settle
from bench.rig.database import memory_and_raw, temporary_home
from bench.rig.label_tables import copy_in, copy_out
from bench.rig.rows import LABELS
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory

ROWS = 500_000
SHORT = 20_000
_CHUNK = 5_000  # Entities a file of those with several labels.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second of both, and the second time beside the first."""
    async with temporary_home() as folder, memory_and_raw() as (memory, raw, _):
        for format_ in graph_files.FORMATS:
            files = graph_files.write(folder, format_, rows, 2 * rows)
            settle()
            async for figure in _measure(memory, raw, format_, files):
                yield figure
            for file in files:
                file.unlink()
        yield await _labelled(memory, folder, rows)
        async for figure in _unique(memory, folder, rows):
            yield figure


async def _labelled(memory: Memory, folder: Path, rows: int) -> Figure:
    """Return rows a second of entities with five labels in turns, in chunks that two lanes store, beside one label."""
    rates = {}
    for count in (1, len(LABELS)):
        files = graph_files.write_labelled(folder, rows, LABELS[:count], files=max(2, rows // _CHUNK))
        graph = f"bench_{count}_labels"
        await memory.graphs.create(graph)
        started = time.perf_counter()
        await memory.imports.run(graph, files)
        rates[count] = rows / (time.perf_counter() - started)
        await memory.graphs.delete(graph)
        for file in files:
            file.unlink()
    return compared(f"nodes of {len(LABELS)} labels, jsonl", rates[len(LABELS)], rates[1], "rows/s", at_least=0.9)


async def _unique(memory: Memory, folder: Path, rows: int) -> AsyncIterator[Figure]:
    """Return rows a second with a unique property beside none: imported, and then changed in batches of 100."""
    (file,) = graph_files.write_labelled(folder, rows, LABELS[:1], files=1)
    came, changed = {}, {}
    for unique in (False, True):
        graph = f"bench_unique_{unique}".lower()
        schema = {"labels": {LABELS[0]: {"properties": {"key_again": {"unique": unique}, "age": "integer"}}}}
        await memory.graphs.create(graph, schema=schema)
        told = file.read_bytes().splitlines()
        again = [orjson.loads(line) for line in told]
        for each in again:
            each["properties"]["key_again"] = each["key"]
        stated = folder / f"{graph}.jsonl"
        stated.write_bytes(b"".join(orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE) for each in again))
        came[unique] = rows / await _seconds(memory, graph, stated)
        items = [Entity(each["key"], LABELS[0], properties={"age": n}) for n, each in enumerate(again[:2_000])]
        started = time.perf_counter()
        for at in range(0, len(items), 100):
            await memory.entities.put(graph, items[at : at + 100])
        changed[unique] = len(items) / (time.perf_counter() - started)
        await memory.graphs.delete(graph)
        stated.unlink()
    yield compared("nodes with a unique property, jsonl", came[True], came[False], "rows/s", at_least=0.7)
    yield compared("nodes with a unique property, changed", changed[True], changed[False], "rows/s", at_least=0.7)


async def _measure(
    memory: Memory, raw: asyncpg.Connection, format_: str, files: tuple[Path, Path]
) -> AsyncIterator[Figure]:
    graph = f"bench_{format_}"
    await memory.graphs.create(graph)
    name = await raw.fetchval("SELECT age_name::text FROM kgmem.graph WHERE name = $1", graph)
    first = {}
    for file, what, label, kind in ((files[0], "nodes", "Person", "v"), (files[1], "edges", "KNOWS", "e")):
        first[what] = await _seconds(memory, graph, file)
        data, _ = await copy_out(raw, name, label, kind)
        count = data.count(b"\n")
        taken = await copy_in(raw, data, kind)
        yield compared(f"{what}, {format_}", count / first[what], count / taken, "rows/s", at_least=0.4)
    for file, what in ((files[0], "nodes"), (files[1], "edges")):
        again = await _seconds(memory, graph, file)
        yield compared(f"{what}, {format_}, again", again, first[what], "s", at_most=1.0)
    await memory.graphs.delete(graph)


async def _seconds(memory: Memory, graph: str, file: Path) -> float:
    started = time.perf_counter()
    await memory.imports.run(graph, [file])
    return time.perf_counter() - started
