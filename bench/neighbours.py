"""How long light recalls of one tenant take beside heavy queries of another, against the same recalls alone.

One server process. The light tenant recalls by words and meaning in a graph of ROWS entities, one request at a time.
The heavy tenant has a key and a graph of its own, and CALLERS connections that send one heavy query after the other,
with a timeout of 5 seconds: one that Postgres works on, one that computes in expressions, and one that makes many rows.
The p95 of the recalls beside each, in turns with the p95 alone; the median of the rounds.
"""

import contextlib
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median, quantiles

from bench.contract import Figure, compared
from bench.rig.client import Door, Line
from bench.rig.database import fresh_database, settings_for
from bench.rig.server import serving
from kgmem.bootstrap import open_memory
from kgmem.domain.graph.entity import Entity
from kgmem.memory import Memory

ROWS = 5_000
SHORT = 500
CALLERS = 16
ROUNDS = 2
RECALLS = 60
HEAVY = {
    "the database": "MATCH (a:N), (b:N), (c:N), (d:N), (e:N) RETURN count(*)",
    "expressions": "RETURN size([x IN range(1, 30000) WHERE all(y IN range(1, 30000) WHERE y > 0)])",
    "rows": "UNWIND range(1, 900) AS x UNWIND range(1, 900) AS y WITH x, y WHERE x + y > 5 RETURN sum(x * y)",
}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p95 of light recalls beside each kind of heavy query."""
    async with fresh_database() as url, open_memory(settings_for(url, embedder="hash"), migrating=True) as memory:
        await load(memory, rows)
        _, heavy = await memory.keys.create("heavy", "reader", graph="heavy")
        async with serving(url, memory, EMBEDDER="hash") as door:
            messages = recalls(door, rows)
            p95_of(door, messages)
            for kind, query in HEAVY.items():
                alone, beside = [], []
                for _ in range(ROUNDS):
                    alone.append(p95_of(door, messages))
                    with heavy_beside(replace(door, secret=heavy), query):
                        beside.append(p95_of(door, messages))
                name = f"p95 of light recalls beside heavy work on {kind}"
                yield compared(name, median(beside), median(alone), "ms", at_most=3)


async def load(memory: Memory, rows: int) -> None:
    """Fill the graphs of both tenants."""
    for graph in ("light", "heavy"):
        await memory.graphs.create(graph)
    for first in range(0, rows, 1000):
        numbers = range(first, min(rows, first + 1000))
        entities = [
            Entity(f"n{n}", "Note", f"Note {n}", text=f"A note on subject {n} of shelf {n % 50}.") for n in numbers
        ]
        await memory.entities.put("light", entities)
    await memory.embeddings.run("light")
    await memory.cypher("heavy", "UNWIND range(1, 120) AS n CREATE (:N {n: n})", mode="write")


def recalls(door: Door, rows: int) -> list[bytes]:
    """Return the light tenant's requests."""
    words = [f"a note on subject {n * 37 % rows} of shelf {n % 50}" for n in range(RECALLS)]
    return [door.message("POST", "/v1/graphs/light/recall", {"what": {"text": text}}) for text in words]


def p95_of(door: Door, messages: list[bytes]) -> float:
    """Return the 95th percentile of the milliseconds that requests take, one after the other."""
    line = Line(door)
    took = []
    for message in messages:
        began = time.perf_counter()
        line.ask(message)
        took.append((time.perf_counter() - began) * 1000)
    line.close()
    return quantiles(took, n=20)[-1]


@contextmanager
def heavy_beside(door: Door, query: str) -> Iterator[None]:
    """Have another tenant send heavy queries meanwhile; in the end it hangs up."""
    message = door.message("POST", "/v1/graphs/heavy/cypher", {"query": query, "timeout": 5})
    ended = threading.Event()
    lines: set[Line] = set()

    def send() -> None:
        while not ended.is_set():
            line = Line(door)
            lines.add(line)
            with contextlib.suppress(RuntimeError, OSError):  # It ran out of time, or out of its share.
                line.ask(message)
            lines.discard(line)
            line.close()

    threads = [threading.Thread(target=send, daemon=True) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    time.sleep(1.0)
    try:
        yield
    finally:
        ended.set()
        for line in list(lines):
            line.close()
        for thread in threads:
            thread.join(10)
