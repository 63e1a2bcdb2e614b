"""What counting the uses of items costs, and how fast a sweep lowers their tiers.

Three thousand of HotpotQA's passages, and its questions, one after another, with uses counted and stored every few
seconds. The baseline is the p50 of the same questions in the same graph with counting off, interleaved. Then all items
are unused for long, and sweeps make them warm and cold; the baseline is a plain UPDATE of as many rows of a copy of the
table. The rows are questions.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bench.contract import Figure, compared
from bench.multi_hop import store
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on, raw_connection
from bench.rig.multi_hop import part_of, read
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 100
SHORT = 20
_ROUNDS = 10
_PASSAGES = 3000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of recall with uses counted, and items a second of a sweep."""
    asked = part_of(read("hotpotqa"), rows, _PASSAGES)
    texts = [text for text, _ in asked.questions[:rows]]
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory, raw_connection(url) as raw:
        await memory.graphs.create(GRAPH)
        await store(memory, asked, GRAPH)
        counter: Any = memory.ports.graphs.usage  # type: ignore[attr-defined]
        for text in texts:
            await memory.recall(GRAPH, _question(text))
        ours, base = await interleave(
            texts * _ROUNDS, _asking(memory, counter.note, counter), _asking(memory, _nothing, counter)
        )
        yield compared(f"p50 of {rows} questions whose hits are counted", ours.p50, base.p50, "ms", at_most=1.02)
        yield await _swept(memory, raw)


def _nothing(*_: Any) -> None:
    """Count nothing."""


def _asking(memory: Memory, note: Callable[..., None], counter: Any) -> Callable[[str], Awaitable[Any]]:
    async def ask(text: str) -> Any:
        counter.note = note
        return await memory.recall(GRAPH, _question(text))

    return ask


async def _swept(memory: Memory, raw: Any) -> Figure:
    await memory.tiers.put(GRAPH, hot_for=0, warm_for=0)
    schema = (await memory.ports.graphs.layout(GRAPH)).index_name  # type: ignore[attr-defined]
    count = await raw.fetchval(f"SELECT count(*) FROM {schema}.item")
    await raw.execute(f"CREATE TABLE {schema}.bench_items (LIKE {schema}.item INCLUDING ALL)")
    await raw.execute(f"INSERT INTO {schema}.bench_items SELECT * FROM {schema}.item")
    await asyncio.sleep(0.1)
    began = time.perf_counter()
    changes = await memory.tiers.sweep(GRAPH)
    ours = time.perf_counter() - began
    began = time.perf_counter()
    await raw.execute(f"UPDATE {schema}.bench_items SET tier = 2")
    plain = time.perf_counter() - began
    return compared(f"items of a sweep that lowers {changes.lowered:,}", count / ours, count / plain, "items/s")


def _question(text: str) -> Question:
    return Question(What(text=text, kinds=["episode"]), graph=Links(expand=False))
