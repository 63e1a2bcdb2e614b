"""Questions of several hops over a graph that kgmem read out of the passages itself: recall@5 with it and without.

MuSiQue and 2WikiMultihopQA (KGMEM_DATA/hipporag): the passages go in as episodes and are read by the offline rules; no
model, no stored triples. The baseline is the same passages, words and meaning fused, without a graph. recall@5 is the
mean share of a question's passages among the first five. Passages a second count all: storing, reading, resolving,
claims and relationships, but no vectors; their baseline is bare spaCy on the same texts in one process. The baseline of
similarity links (kgmem link-similar) is graph expansion without them. The rows are questions a set; the short run takes
the smaller set.
"""

import time
from collections.abc import AsyncIterator, Sequence

from bench.contract import Figure, alone, compared
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.multi_hop import Passage, QuestionSet, read
from bench.rig.recalled import scored
from bench.rig.rows import batches
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.question import Links, Question
from kgmem.extraction.rules import language
from kgmem.memory import Memory

ROWS = 209
SHORT = 30
_SETS = ("musique", "2wiki")
_POINTS = 5.0  # That the graph is to add.
_TIMED = 600  # Passages that spaCy alone reads.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return recall@5 a set with and without the graph, and how fast the graph came to be."""
    for name in _SETS if rows > SHORT else _SETS[:1]:
        asked = read(name)
        async with fresh_database() as url, memory_on(url, embedder="minilm", extractor_processes=2) as memory:
            await memory.graphs.create(GRAPH)
            rate = await _store(memory, asked)
            yield compared(
                f"{name}: passages read into the graph", rate, _bare(asked.passages), "passages/s", at_least=0.6
            )
            stats = await memory.graphs.stats(GRAPH)
            yield alone(
                f"{name}: relationships a passage", stats.relationships / stats.episodes, "", "what the graph holds."
            )
            await memory.embeddings.run(GRAPH)
            plain = await scored(memory, asked, Question(graph=Links(expand=False)), rows)
            walked = await scored(memory, asked, Question(graph=Links(expand=True), recipe="multi_hop"), rows)
            told = f"{name}: recall@5 with the own graph (+-{walked.error:.1f}; all@5 {walked.whole:.0f})"
            bar = (plain.recall + _POINTS) / plain.recall
            yield compared(told, walked.recall, plain.recall, "%", at_least=bar)
            await memory.similarity.link(GRAPH)
            alike = await scored(memory, asked, Question(graph=Links(expand=True), recipe="multi_hop"), rows)
            told = f"{name}: recall@5 with similarity links (+-{alike.error:.1f}; all@5 {alike.whole:.0f})"
            yield compared(told, alike.recall, walked.recall, "%", at_least=0.97)


async def _store(memory: Memory, asked: QuestionSet) -> float:
    await memory.extraction.run(GRAPH)
    episodes = [
        Episode(f"{each.title}\n{each.text}", str(n), title=each.title, extract=True)
        for n, each in enumerate(asked.passages)
    ]
    started = time.perf_counter()
    for batch in batches(iter(episodes), 1000):
        await memory.episodes.put(GRAPH, batch)
    await memory.extraction.run(GRAPH)
    return len(episodes) / (time.perf_counter() - started)


def _bare(passages: Sequence[Passage]) -> float:
    language()
    started = time.perf_counter()
    for _ in language().pipe((each.text for each in passages[:_TIMED]), batch_size=32):
        pass
    return min(len(passages), _TIMED) / (time.perf_counter() - started)
