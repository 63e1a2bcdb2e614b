"""How fast relationships are written through REST, beside COPY into a bare AGE edge table.

New relationships with two properties and a time between entities that are there, in JSON batches by two callers, to a
server process of its own: edge label table, retrieval index and change feed. The baseline is COPY of the same edges,
with AGE's ids given, into an edge label table of a graph that kgmem does not know. In turns; JSON and COPY's text are
made before the clock runs.
"""

import io
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import numpy as np
import orjson

from bench.contract import Figure, compared
from bench.rig.client import Door, LoadMaker
from bench.rig.clock import Times, settle
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.rows import batches
from bench.rig.server import serving
from kgmem.domain.graph.entity import Entity

ROWS = 200_000
SHORT = 8_000
BATCH = 2_000
CALLERS = 2
_EDGE_LABEL, _VERTEX_LABEL = 3, 4  # Any labels will do: AGE's ids carry the label's number in their upper 16 bits.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return relationships a second of both."""
    nodes = max(100, rows // 4)
    edges = _edges(rows, nodes)
    async with memory_and_raw() as (memory, raw, url):
        for keys in batches(iter(range(nodes)), 5000):
            await memory.entities.put(GRAPH, [Entity(key=f"n{n}", label="Person", name=f"Node {n}") for n in keys])
        await raw.execute("SELECT create_graph('bare'); SELECT create_elabel('bare', 'KNOWS')")
        await raw.execute("VACUUM ANALYZE")
        seconds, base = 0.0, Times()
        async with serving(url, memory, EMBEDDER="none") as door:
            load = LoadMaker(door)
            load.send_large([_message(door, edges[:100])], 1)
            settle()
            for turn, chunk in enumerate(batches(iter(edges[100:]), BATCH * CALLERS)):
                messages = [_message(door, batch) for batch in batches(iter(chunk), BATCH)]
                text = _copy_text(chunk)
                if turn % 2:
                    seconds += load.send_large(messages, CALLERS)
                await base.of(_copy(raw, text))
                if not turn % 2:
                    seconds += load.send_large(messages, CALLERS)
            load.close()
    measured = rows - 100
    yield compared("relationships, REST batches", measured / seconds, measured / base.total, "rows/s", at_least=0.15)


def _edges(rows: int, nodes: int) -> list[tuple[int, int, int, float]]:
    """Return (number, from, to, weight); no pair twice, as an edge label without a key holds it once."""
    random = np.random.default_rng(3)
    found: dict[tuple[int, int], None] = {}
    while len(found) < rows:
        ends = random.integers(0, nodes, (rows, 2)).tolist()
        found.update(dict.fromkeys((start, end) for start, end in ends))
    return [(n, start, end, n % 100 / 100) for n, (start, end) in enumerate(list(found)[:rows])]


def _message(door: Door, edges: Sequence[tuple[int, int, int, float]]) -> bytes:
    stated: list[dict[str, Any]] = [
        {
            "kind": "KNOWS",
            "from": f"n{start}",
            "to": f"n{end}",
            "valid_from": str(1990 + n % 30),
            "properties": {"weight": weight, "note": f"met at occasion {n % 1000}"},
        }
        for n, start, end, weight in edges
    ]
    return door.message("PUT", f"/v1/graphs/{GRAPH}/relationships", {"relationships": stated})


def _copy_text(edges: Sequence[tuple[int, int, int, float]]) -> bytes:
    lines = []
    for n, start, end, weight in edges:
        told = {"weight": weight, "note": f"met at occasion {n % 1000}", "valid_from": str(1990 + n % 30)}
        ids = ((_EDGE_LABEL << 48) | (n + 1), (_VERTEX_LABEL << 48) | (start + 1), (_VERTEX_LABEL << 48) | (end + 1))
        lines.append("\t".join((*map(str, ids), orjson.dumps(told).decode())))
    return ("\n".join(lines) + "\n").encode()


async def _copy(raw: asyncpg.Connection, text: bytes) -> None:
    await raw.copy_to_table(
        "KNOWS", schema_name="bare", columns=["id", "start_id", "end_id", "properties"], source=io.BytesIO(text)
    )
