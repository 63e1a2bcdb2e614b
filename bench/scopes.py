"""Whether recall in one scope is slowed by the other scopes of its graph.

A graph of many scopes with 50 memories each, and for some of these scopes a graph that holds nothing else. The same
questions (words and vector) are asked in the scope, in both graphs in turns; the lone graph is the baseline. The hits
must be the same.

Besides, words are asked in graphs and scopes of 50, 300 and 990 items with texts of some 850 characters; the baseline
is the same in a graph or scope of 10,000 (1,250 in the short run; not in smaller ones).
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from bench.contract import Figure, alone, compared
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, SPACE, hnsw_set_aside, memory_and_raw
from bench.rig.rows import Corpus, batches
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

ROWS = 500_000
SHORT = 5_000
EACH = 50
ALONE = 5  # Scopes that get a graph of their own.
K = 20
SMALL = (50, 300, 990)
LARGE = 10_000
_SENTENCES = 9  # Of a corpus row each: some 850 characters.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 in the large graph beside that in the small one, and how many questions had the same hits."""
    count = max(ALONE, rows // EACH)
    corpus = Corpus(count * EACH)
    chosen = [n * (count // ALONE) for n in range(ALONE)]
    async with memory_and_raw() as (memory, raw, _):
        async with hnsw_set_aside(raw):
            for batch in batches(iter(range(corpus.count)), 2000):
                await memory.entities.put(GRAPH, [_entity(corpus, at) for at in batch])
        for scope in chosen:
            await memory.graphs.create(f"alone{scope}", space=SPACE)
            own = [_entity(corpus, at) for at in range(scope * EACH, (scope + 1) * EACH)]
            await memory.entities.put(f"alone{scope}", own)
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
        if rows >= SHORT:
            async for figure in _sizes(memory, corpus, LARGE if rows > SHORT else LARGE // 8):
                yield figure


async def _sizes(memory: Memory, corpus: Corpus, large: int) -> AsyncIterator[Figure]:
    """Return the p50 of words in small graphs and in small scopes, beside that in large ones."""
    await memory.graphs.create("sizes")
    for size in (*SMALL, large):
        await memory.graphs.create(f"size{size}")
        for part in batches(iter(range(size)), 1000):
            await memory.entities.put(f"size{size}", [_long(corpus, at) for at in part])
            await memory.entities.put("sizes", [_long(corpus, at, f"size/{size}") for at in part])
    asked = [" ".join(_long(corpus, 7 * n % SMALL[0]).text.split()[n : n + 4]) for n in range(60)]

    def asking(graph: str, scope: str) -> Callable[[str], Awaitable[list[str]]]:
        return lambda text: _hits(memory, graph, Question(What(text=text), scope=scope, k=K))

    for size in SMALL:
        ours, base = await interleave(asked, asking(f"size{size}", ""), asking(f"size{large}", ""))
        yield compared(f"words in a graph of {size}, p50", ours.p50, base.p50, "ms", at_most=2)
        ours, base = await interleave(asked, asking("sizes", f"size/{size}"), asking("sizes", f"size/{large}"))
        yield compared(f"words in a scope of {size}, p50", ours.p50, base.p50, "ms", at_most=2)


def _long(corpus: Corpus, at: int, scope: str = "") -> Entity:
    rows = [corpus.row((at * _SENTENCES + n) % corpus.count) for n in range(_SENTENCES)]
    return Entity(key=f"e{at}", name=rows[0].name, text=". ".join(row.text for row in rows), scope=scope)


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
        # The words come from a row of the scope, so that the words retriever has something to find there.
        words = " ".join(corpus.row(scope * EACH + n % EACH).text.split()[:4]) if n % 2 else text
        found.append((scope, Question(What(text=words, vector=vector), scope=f"user/{scope}", k=K)))
    return found


async def _hits(memory: Memory, graph: str, question: Question) -> list[str]:
    return [hit.key for hit in (await memory.recall(graph, question)).hits]
