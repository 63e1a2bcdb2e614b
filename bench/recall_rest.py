"""How long a recall takes through REST on loopback, beside the two raw index scans it stands on.

The graph, the plain table, the questions and the baseline of recall_raw; ours is POST /v1/graphs/{graph}/recall with
the words and the vector (as JSON numbers) to a server process of its own, over one kept connection. p50 of interleaved
repetitions, from the first byte sent to the last byte received.
"""

from collections.abc import AsyncIterator
from typing import Any

from bench.contract import Figure, compared, within
from bench.rig.client import Line
from bench.rig.clock import interleave
from bench.rig.database import GRAPH, memory_and_raw
from bench.rig.recalling import QUESTIONS, K, load, recall_with, scans_with
from bench.rig.rows import Corpus
from bench.rig.server import serving

ROWS = 200_000
SHORT = 3_000


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the p50 of a recall through REST, and for orientation beside the same recall in process."""
    corpus = Corpus(rows)
    async with memory_and_raw() as (memory, raw, url):
        await load(memory, raw, corpus)
        async with serving(url, memory, EMBEDDER="none") as door:
            line = Line(door)
            path = f"/v1/graphs/{GRAPH}/recall"
            asked = [
                (text, vector, door.message("POST", path, {"what": {"text": text, "vector": vector}, "k": K}))
                for text, vector, _ in corpus.questions(QUESTIONS)
            ]

            async def through_rest(question: tuple[str, Any, bytes]) -> bytes:
                return line.ask(question[2])

            ours, base, inside = await interleave(asked, through_rest, scans_with(raw), recall_with(memory))
            line.close()
        name = f"recall of {K} through REST, p50"
        figure = compared(name, ours.p50, base.p50, "ms")
        yield within(figure, 2 * base.p50 + 2, "<= 2 x baseline + 2 ms")
        yield compared("the same beside memory.recall", ours.p50, inside.p50, "ms")
