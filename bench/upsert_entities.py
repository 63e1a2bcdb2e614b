"""How fast entities with given vectors are written, beside raw COPY of the same rows.

New entities with words, a place, a time and a 384-d vector, in batches through the façade: label table, retrieval
index and change feed, searchable when the call returns. The baseline is COPY of the same rows into one plain table that
has the same indexes (HNSW, BM25, GiST, btree). Both in turns, a batch at a time, so that both indexes grow together.
For orientation: COPY into a table whose indexes are built only afterwards, by all cores.
"""

import asyncio
from collections.abc import AsyncIterator

from bench.contract import Figure, compared
from bench.rig import plain
from bench.rig.clock import Times, settle
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.rows import Corpus, batches

ROWS = 100_000
SHORT = 3_000
BATCH = 2_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return rows a second of both."""
    corpus = Corpus(rows)
    ours, base, later = Times(), Times(), Times()
    async with memory_and_raw() as (memory, raw, _):
        await plain.make_table(raw)
        await plain.make_indexes(raw)
        settle()
        for turn, batch in enumerate(batches(corpus.rows(), BATCH)):
            entities, records = [row.entity() for row in batch], plain.records(batch, turn * BATCH)
            works = [ours.of(memory.entities.put(GRAPH, entities)), base.of(plain.copy(raw, records))]
            for work in works if turn % 2 else reversed(works):
                await work
        yield compared("entities, batches", rows / ours.total, rows / base.total, "rows/s", at_least=0.4)
        await raw.execute("DROP TABLE public.plain")
        await plain.make_table(raw)
        for turn, batch in enumerate(batches(corpus.rows(), BATCH)):
            await later.of(plain.copy(raw, plain.records(batch, turn * BATCH)))
        await later.of(asyncio.shield(plain.make_indexes(raw)))
        name = "the same beside COPY with the indexes built afterwards"
        yield compared(name, rows / ours.total, rows / later.total, "rows/s")
