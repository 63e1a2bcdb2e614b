"""What both benchmarks of recall share: the rows on both sides, the questions, and the raw scans."""

from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from bench.rig import plain
from bench.rig.database import GRAPH, hnsw_set_aside
from bench.rig.rows import Corpus, batches
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

K = 20
QUESTIONS = 300
Asked = tuple[str, Any, Any]  # Words, the vector as floats, and what else a benchmark wants of the question.

NEAREST = f"SELECT id FROM public.plain ORDER BY embedding <#> $1 LIMIT {K}"
WORDS = f"SELECT id FROM public.plain ORDER BY body <@> to_bm25query($1, 'public.plain_words') LIMIT {K}"


async def load(memory: Memory, raw: asyncpg.Connection, corpus: Corpus) -> None:
    """Write the rows into the graph through the façade and into the plain table by COPY, and let both settle.

    Both HNSW indexes are built when the rows are there, which takes a fifth of the time; the text index of the graph
    is that which grew with the rows.
    """
    await plain.make_table(raw)
    at = 0
    async with hnsw_set_aside(raw):
        for batch in batches(corpus.rows(), 2000):
            await memory.entities.put(GRAPH, [row.entity(placed=False) for row in batch])
            await plain.copy(raw, plain.records(batch, at))
            at += len(batch)
    await plain.make_indexes(raw)
    await raw.execute("VACUUM ANALYZE")


def recall_with(memory: Memory) -> Callable[[Asked], Awaitable[Any]]:
    """Return what recalls the hits of one question."""

    async def recall(asked: Asked) -> Any:
        text, vector, _ = asked
        return await memory.recall(GRAPH, Question(What(text=text, vector=vector), k=K))

    return recall


def scans_with(raw: asyncpg.Connection) -> Callable[[Asked], Awaitable[Any]]:
    """Return what runs the two raw scans of one question, one after the other."""

    async def scans(asked: Asked) -> Any:
        text, vector, _ = asked
        return await raw.fetch(NEAREST, vector), await raw.fetch(WORDS, text)

    return scans
