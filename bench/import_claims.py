"""What it costs that an import records who states each relationship, beside the same import without sources.

One file of relationships as JSON Lines goes into graphs of the same entities: without a source, with one source for
all, stated by a second source besides, and the same once more. Kinds that are weighed are weighed by a job afterwards,
so that the last graph measures the recording of their claims alone.
"""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson

from bench.contract import Figure, compared
from bench.rig.clock import settle
from bench.rig.database import memory_and_raw, temporary_home
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory
from kgmem.services.imports.options import ImportOptions

ROWS = 100_000
SHORT = 10_000
_ENTITIES = 5_000
_SCHEMA = {"kinds": {"LED_BY": {"functional": True}}}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second of imports with sources, each beside the import without one."""
    async with temporary_home() as folder, memory_and_raw() as (memory, _, _):
        files = {kind: _write(folder, kind, rows) for kind in ("KNOWS", "LED_BY")}
        settle()
        plain = await _import(memory, "plain", files["KNOWS"], [None])
        said = await _import(memory, "said", files["KNOWS"], ["a", "b", "b"])
        for what, seconds, least in zip(
            ("one source", "a second source", "the same again"), said, (0.4, 0.3, 0.3), strict=True
        ):
            yield compared(f"relationships, {what}", rows / seconds, rows / plain[0], "rows/s", at_least=least)
        weighed = await _import(memory, "weighed", files["LED_BY"], ["a"])
        yield compared("relationships of a weighed kind", rows / weighed[0], rows / plain[0], "rows/s", at_least=0.2)


async def _import(memory: Memory, name: str, file: Path, sources: list[str | None]) -> list[float]:
    """Import a file into a graph of its own, once for each source; gives the seconds of each import."""
    graph = f"bench_{name}"
    await memory.graphs.create(graph, schema=_SCHEMA)
    for at in range(0, _ENTITIES, 1000):
        await memory.entities.put(graph, [Entity(f"e{n}") for n in range(at, at + 1000)])
    taken = []
    for source in sources:
        started = time.perf_counter()
        result = await memory.imports.run(graph, [file], ImportOptions(source=source))
        taken.append(time.perf_counter() - started)
        if result.rejected:
            raise ValueError(f"{result.rejected} relationships were rejected: {result.rejections[:1]}.")
    await memory.graphs.delete(graph)
    return taken


def _write(folder: Path, kind: str, rows: int) -> Path:
    """Write relationships, each between two others of the entities."""
    path = folder / f"{kind.lower()}.jsonl"
    with path.open("wb") as file:
        for n in range(rows):
            start, step = n % _ENTITIES, 1 + n // _ENTITIES
            ends = {"from": f"e{start}", "to": f"e{(start + step) % _ENTITIES}"}
            record = {"kind": kind, **ends, "properties": {"since": 1900 + n % 100}}
            file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
    return path
