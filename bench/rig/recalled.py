"""How well a way of asking finds the passages that questions of several hops need."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.rig.database import GRAPH
from bench.rig.multi_hop import QuestionSet
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

DEPTH = 5


@dataclass(frozen=True, slots=True)
class Score:
    """Recall@5, its standard error, and the share of questions of which all passages are there, in percent."""

    recall: float
    error: float
    whole: float


async def scored(memory: Memory, asked: QuestionSet, way: Question, rows: int) -> Score:
    """Ask the first questions of a set in one way."""
    shares: list[float] = []
    for text, gold in asked.questions[:rows]:
        question = replace(way, what=What(text=text, kinds=["episode"]), k=DEPTH)
        hits = {int(hit.key) for hit in (await memory.recall(GRAPH, question)).hits}
        shares.append(len(gold & hits) / len(gold))
    mean = sum(shares) / len(shares)
    spread = sum((share - mean) ** 2 for share in shares) / max(1, len(shares) - 1)
    return Score(100 * mean, 100 * math.sqrt(spread / len(shares)), 100 * _whole(shares))


def _whole(shares: Sequence[float]) -> float:
    return sum(share == 1 for share in shares) / len(shares)
