"""How long a recall takes beside the two raw index scans it stands on.

A graph of entities with words and a 384-d vector each, all written through the façade; the same rows in a plain table
with an HNSW (halfvec, ef_search 100) and a BM25 index. Each question has four words and a vector. Ours is
memory.recall of 20 hits: candidates of both retrievers, fusion, and the hits with all that they say. The baseline runs
the
two index scans one after the other, each giving 20 ids and nothing else. p50 of interleaved repetitions. Also how many
of the 20 truly nearest the vector retriever finds, beside the raw index.
"""

from collections.abc import AsyncIterator

import asyncpg

from bench.contract import Figure, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.recalling import NEAREST, QUESTIONS, Asked, K, load, recall_with, scans_with
from bench.rig.rows import Corpus
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 3_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of a recall, and the quality of its vector retriever."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, _):
        await load(memory, raw, corpus)
        questions = corpus.questions(QUESTIONS)
        ours, base = await interleave(questions, recall_with(memory), scans_with(raw))
        yield compared(f"recall of {K}, vector given, p50", ours.p50, base.p50, "ms", at_most=1.5)
        yield await _quality(memory, raw, corpus, questions)


async def _quality(memory: Memory, raw: asyncpg.Connection, corpus: Corpus, questions: list[Asked]) -> Figure:
    found = known = 0
    for _, vector, array in questions[:100]:
        true = corpus.nearest(array, K)
        answer = await memory.recall(GRAPH, Question(What(vector=vector), k=K))
        found += len(true & {hit.key for hit in answer.hits})
        known += len(true & {f"e{row['id']}" for row in await raw.fetch(NEAREST, vector)})
    share = K * min(100, len(questions))
    return compared(f"recall@{K} of the vector retriever", found / share, known / share, "share", at_least=0.99)
