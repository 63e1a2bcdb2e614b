"""What feedback costs: recall in a graph with verdicts on its items, beside the same graph without any.

Three thousand of HotpotQA's passages, and its questions with nothing named but the kind of the hits, one after another.
Each of the best ten hits of each question has two verdicts on that question, and ten thousand verdicts are on others.
The baseline is the p50 of the same questions in a graph to which nobody gave feedback. The rows are questions.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bench.contract import Figure, compared
from bench.multi_hop import store
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.multi_hop import part_of, read
from kgmem.domain.recall.feedback import Feedback
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 100
SHORT = 20
_ROUNDS = 5
_OTHERS = 10_000
_PASSAGES = 3000
_WITHOUT = "nobody"


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of questions whose hits have verdicts."""
    asked = part_of(read("hotpotqa"), rows, _PASSAGES)
    texts = [text for text, _ in asked.questions[:rows]]
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        for graph in (GRAPH, _WITHOUT):
            await memory.graphs.create(graph)
            await store(memory, asked, graph)
        await _give(memory, texts)
        ours, base = await interleave(texts * _ROUNDS, _asking(memory, GRAPH), _asking(memory, _WITHOUT))
        told = f"{rows} questions whose hits have verdicts, p50"
        yield compared(f"{told}, beside a graph without feedback", ours.p50, base.p50, "ms", at_most=1.2)


async def _give(memory: Memory, texts: list[str]) -> None:
    known: list[int] = []
    for text in texts:
        for hit in (await memory.recall(GRAPH, _question(text))).hits[:10]:
            known.append(hit.id)
            for scope in ("", "team/7"):
                await memory.feedback.give(GRAPH, Feedback(hit.id, "useful", text, scope=scope))
    for number in range(_OTHERS):
        await memory.feedback.give(GRAPH, Feedback(known[number % len(known)], "wrong", f"other question {number}"))


def _question(text: str) -> Question:
    return Question(What(text=text, kinds=["episode"]), graph=Links(expand=False))


def _asking(memory: Memory, graph: str) -> Callable[[str], Awaitable[Any]]:
    return lambda text: memory.recall(graph, _question(text))
