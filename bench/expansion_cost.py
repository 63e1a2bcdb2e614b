"""What graph expansion by itself costs: a question whose gate opens, beside one whose gate stays closed.

HotpotQA's passages with a graph of the titles that other passages name, and its questions with nothing named but the
kind of the hits, one after another. The baseline is the p50 of the questions whose gate stays closed, and, of the same
questions, that with `graph.expand` false: both are searched once, and the gate adds a second search. The rows are
questions.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from bench.contract import Figure, SkippedError, compared
from bench.multi_hop import store
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.multi_hop import read
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 100
SHORT = 30
_ROUNDS = 3
_EITHER = Links()
_NEVER = Links(expand=False)


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of questions whose gate opens, with two baselines."""
    asked = read("hotpotqa")
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        await memory.graphs.create(GRAPH)
        await store(memory, asked)
        texts = [text for text, _ in asked.questions[:rows]]
        opened = [text for text in texts if await _opens(memory, text)]
        closed = [text for text in texts if text not in opened]
        if not opened or not closed:
            raise SkippedError("its questions are of one kind: take more rows.")
        ours, once = await interleave(opened * _ROUNDS, _asking(memory, _EITHER), _asking(memory, _NEVER))
        (other,) = await interleave(closed * _ROUNDS, _asking(memory, _EITHER))
        told = f"{len(opened)} questions whose gate opens, p50"
        yield compared(f"{told}, beside {len(closed)} others", ours.p50, other.p50, "ms", at_most=4)
        yield compared(f"{told}, beside the same without graph expansion", ours.p50, once.p50, "ms", at_most=4)


def _question(text: str, links: Links, *, explain: bool = False) -> Question:
    return Question(What(text=text, kinds=["episode"]), graph=links, explain=explain)


async def _opens(memory: Memory, text: str) -> bool:
    answer = await memory.recall(GRAPH, _question(text, _EITHER, explain=True))
    return answer.gates["expansion"].startswith("on:")


def _asking(memory: Memory, links: Links) -> Callable[[str], Awaitable[Any]]:
    return lambda text: memory.recall(GRAPH, _question(text, links))
