"""What exact invalidation costs writers: the triggers that move a graph's epochs, in bulk loads and in single writes.

Two graphs, one whose cache has made its triggers, get the same imports of entities and relationships and then the same
single writes, in turns; the medians of the rounds. The baseline is the graph without them.
"""

import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from statistics import median
from typing import Any

from bench.contract import Figure, compared
from bench.rig.database import fresh_database, memory_on
from kgmem import Entity
from kgmem.memory import Memory

ROWS = 20_000  # Entities of an import, and as many relationships.
SHORT = 1_000
ROUNDS, SINGLES = 6, 300
_PLAIN, _CACHED = "plain", "cached"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second that are imported, and milliseconds of a single write, beside a graph without triggers."""
    loads: dict[str, list[float]] = {_PLAIN: [], _CACHED: []}
    singles: dict[str, list[float]] = {_PLAIN: [], _CACHED: []}
    async with fresh_database() as url, memory_on(url) as memory:
        for graph in loads:
            await memory.graphs.create(graph, space=None)
            await memory.entities.put(graph, [Entity("first", "Thing")])
        await _make_triggers(memory)
        with tempfile.TemporaryDirectory() as folder:
            for turn in range(ROUNDS + 1):
                file = _file(Path(folder), turn, rows)
                for graph in (_PLAIN, _CACHED) if turn % 2 else (_CACHED, _PLAIN):
                    taken = await _timed(memory.imports.run(graph, [file]))
                    if turn:  # The first round makes labels and tables.
                        loads[graph].append(taken)
        for number in range(SINGLES):
            for graph in (_PLAIN, _CACHED) if number % 2 else (_CACHED, _PLAIN):
                singles[graph].append(await _timed(memory.entities.put(graph, [Entity(f"single{number}", "Thing")])))
    speed = {graph: 2 * rows / median(taken) for graph, taken in loads.items()}
    yield compared("bulk load with triggers", speed[_CACHED], speed[_PLAIN], "rows/s")
    each = {graph: 1000 * median(taken) for graph, taken in singles.items()}
    yield compared("a single write with triggers, p50", each[_CACHED], each[_PLAIN], "ms")


async def _make_triggers(memory: Memory) -> None:
    catalog: Any = memory.ports.graphs
    await (await catalog.layout(_CACHED)).ensure("cache")


def _file(folder: Path, turn: int, rows: int) -> Path:
    path = folder / f"{turn}.jsonl"
    with path.open("w") as file:
        for n in range(rows):
            file.write(
                json.dumps({"type": "entity", "key": f"{turn}-{n}", "label": "Thing", "name": f"thing {n}"}) + "\n"
            )
        for n in range(rows):
            ends = {"from": f"{turn}-{n}", "to": f"{turn}-{(n * 7 + 1) % rows}"}
            file.write(json.dumps({"type": "relationship", "kind": "NEAR", **ends}) + "\n")
    return path


async def _timed(work: Awaitable[object]) -> float:
    started = time.perf_counter()
    await work
    return time.perf_counter() - started
