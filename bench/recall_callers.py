"""How many recalls a second 16 callers get through REST, beside the same statements asked of the database alone.

The graph and the questions (words and a vector) of recall_raw. Ours is POST /v1/graphs/{graph}/recall by 16 callers,
each on a kept connection with one request at a time, in a process of their own, against a server process. The baseline
is what these recalls ask of the database, recorded beforehand: their two statements with their parameters, on 16
connections with the settings of kgmem's searches, rows decoded and thrown away. In turns, the median of the rounds.
A server of two processes answers the same 16 callers beside the one of a single process, and each of them 64. A recall
that is answered with an error fails the run.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from typing import Any

import asyncpg

from bench.contract import Figure, compared
from bench.rig.client import LoadMaker
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.recalling import QUESTIONS, K, load, recall_with
from bench.rig.rows import Corpus
from bench.rig.server import serving
from kgmem.store.db.codecs import set_codecs
from kgmem.store.db.database import SEARCH_SETTINGS

ROWS = 200_000
SHORT = 2_000
CALLERS = 16
MANY = 64
PROCESSES = 2
ROUNDS = 5
_SETTINGS = {**SEARCH_SETTINGS, "search_path": "ag_catalog,public", "jit": "off"}

Statement = tuple[str, Sequence[Any]]


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the recalls a second of 16 callers."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, url):
        await load(memory, raw, corpus)
        asked = list(corpus.questions(QUESTIONS))
        recall = recall_with(memory)
        for question in asked[:20]:
            await recall(question)
        with _recorded() as told:
            for question in asked:
                await recall(question)
        recalls = [told[at : at + 2] for at in range(0, len(told), 2)]
        connections = [await _connect(url) for _ in range(CALLERS)]
        async with (
            serving(url, memory, EMBEDDER="none") as door,
            serving(url, memory, EMBEDDER="none", SERVER_PROCESSES=str(PROCESSES), WORKER="false") as door_of_several,
        ):
            maker, several = LoadMaker(door), LoadMaker(door_of_several)
            path = f"/v1/graphs/{GRAPH}/recall"
            bodies = [{"what": {"text": text, "vector": vector}, "k": K} for text, vector, _ in asked]
            messages = [door.message("POST", path, body) for body in bodies]
            others = [door_of_several.message("POST", path, body) for body in bodies]
            maker.hammer(messages, CALLERS)
            several.hammer(others, CALLERS)
            await _alone(connections, recalls)
            ours, base, shared, many, many_shared = [], [], [], [], []
            for _ in range(ROUNDS):
                base.append(await _alone(connections, recalls))
                ours.append(maker.hammer(messages, CALLERS).rate)
                shared.append(several.hammer(others, CALLERS).rate)
                many.append(maker.hammer(messages, MANY).rate)
                many_shared.append(several.hammer(others, MANY).rate)
            maker.close()
            several.close()
        for connection in connections:
            await connection.close()
    yield compared(f"recalls of {CALLERS} callers through REST", median(ours), median(base), "recalls/s", at_least=0.4)
    yield compared(f"the same, {PROCESSES} processes", median(shared), median(base), "recalls/s")
    yield compared(f"recalls of {MANY} callers, beside {CALLERS}", median(many), median(ours), "recalls/s")
    yield compared(f"the same, {PROCESSES} processes", median(many_shared), median(shared), "recalls/s")


@contextmanager
def _recorded() -> Iterator[list[Statement]]:
    """Return a list of what is asked of the database meanwhile."""
    told: list[Statement] = []
    plain = asyncpg.Connection.fetch

    async def fetch(self: asyncpg.Connection, query: str, *values: Any, **more: Any) -> Any:
        told.append((query, values))
        return await plain(self, query, *values, **more)

    asyncpg.Connection.fetch = fetch
    try:
        yield told
    finally:
        asyncpg.Connection.fetch = plain


async def _connect(url: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(url, server_settings=_SETTINGS, max_cacheable_statement_size=500_000)
    await set_codecs(connection)
    return connection


async def _alone(connections: Sequence[asyncpg.Connection], recalls: Sequence[Sequence[Statement]]) -> float:
    """Return the recalls a second that the database alone answers."""
    waiting = iter(recalls)

    async def caller(connection: asyncpg.Connection) -> None:
        for statements in waiting:
            for query, values in statements:
                await connection.fetch(query, *values)

    started = time.perf_counter()
    await asyncio.gather(*(caller(connection) for connection in connections))
    return len(recalls) / (time.perf_counter() - started)
