"""Whether recall in one scope is slowed by the other scopes of its graph.

A graph of many scopes with 50 memories each, and for some of these scopes a graph that holds nothing else. The same
questions (words and vector) are asked in the scope, in both graphs in turns; the lone graph is the baseline. The hits
must be the same.
"""

from collections.abc import AsyncIterator

from bench.contract import Figure, alone, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, SPACE, hnsw_set_aside, memory_and_raw
from bench.rig.rows import Corpus, batches
from kgmem.domain.entity import Entity
from kgmem.domain.question import Question, What
from kgmem.memory import Memory

ROWS = 500_000
SHORT = 5_000
EACH = 50
ALONE = 5  # Scopes that get a graph of their own.
K = 20


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Give the p50 in the large graph beside that in the small one, and how many questions had the same hits."""
    count = max(ALONE, rows // EACH)
    corpus = Corpus(count * EACH)
    chosen = [n * (count // ALONE) for n in range(ALONE)]
    async with memory_and_raw() as (memory, raw, _):
        async with hnsw_set_aside(raw):
            for batch in batches(iter(range(corpus.count)), 2000):
                await memory.put_entities(GRAPH, [_entity(corpus, at) for at in batch])
        for scope in chosen:
            await memory.create_graph(f"alone{scope}", space=SPACE)
            own = [_entity(corpus, at) for at in range(scope * EACH, (scope + 1) * EACH)]
            await memory.put_entities(f"alone{scope}", own)
        await raw.execute("VACUUM ANALYZE")
        asked = _questions(corpus, chosen)

        async def among_all(question: tuple[int, Question]) -> list[str]:
            return await _hits(memory, GRAPH, question[1])

        async def by_itself(question: tuple[int, Question]) -> list[str]:
            return await _hits(memory, f"alone{question[0]}", question[1])

        ours, base = await interleave(asked, among_all, by_itself)
        name = f"recall in one of {count:,} scopes, p50"
        yield compared(name, ours.p50, base.p50, "ms", at_most=2)
        same = [await among_all(question) == await by_itself(question) for question in asked]
        share = sum(same) / len(same)
        reason = "it compares two answers, and the bar is that they are equal."
        told = alone("questions with the same hits in the same order", share, "share", reason)
        yield Figure(told.figure, share, "share", bar=">= 1", holds=share == 1, reason=reason)


def _entity(corpus: Corpus, at: int) -> Entity:
    row = corpus.row(at)
    return Entity(
        key=row.key, label=row.label, name=row.name, text=row.text, embedding=row.entity().embedding,
        scope=f"user/{at // EACH}",
    )  # fmt: skip


def _questions(corpus: Corpus, chosen: list[int]) -> list[tuple[int, Question]]:
    found = []
    for n, (text, vector, _) in enumerate(corpus.questions(200)):
        scope = chosen[n % ALONE]
        # The words come from a row of the scope, so that the words arm has something to find there.
        words = " ".join(corpus.row(scope * EACH + n % EACH).text.split()[:4]) if n % 2 else text
        found.append((scope, Question(What(text=words, vector=vector), scope=f"user/{scope}", k=K)))
    return found


async def _hits(memory: Memory, graph: str, question: Question) -> list[str]:
    return [hit.key for hit in (await memory.recall(graph, question)).hits]
