"""How well recall finds all passages that a question of several hops needs: retrievers, fused, expanded, by itself.

MuSiQue with its stored triples as facts, 2WikiMultihopQA and HotpotQA with a graph of the titles that other passages
name (KGMEM_DATA/hipporag). The same settings for all sets, the default embedder, no model. recall@5 is the mean share
of a question's passages among the first five; all@5 the share of questions of which all are there. The baseline of the
fused figure is the best single retriever. "By default" is a question with nothing named but the kind of its hits, which
takes graph expansion where its gate says so. The rows are questions a set; the short run takes the smallest set.
"""

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.contract import Figure, alone, compared
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.multi_hop import QuestionSet, graph_of, read
from bench.rig.rows import batches
from kgmem.domain.recall.question import Links, Question, What
from kgmem.memory import Memory

ROWS = 209
SHORT = 30
_SETS = ("hotpotqa", "musique", "2wiki")
_BARS = {"musique": 68.0, "2wiki": 78.0}
_GOALS = {"musique": 70.0, "2wiki": 88.0, "hotpotqa": 88.0}
_DEPTH = 5
_WALK = Links(expand=True)
_WAYS: Mapping[str, Question] = {
    "words": Question(weights={"meaning": 0}, graph=Links(expand=False)),
    "meaning": Question(weights={"words": 0}, graph=Links(expand=False)),
    "words and meaning": Question(graph=Links(expand=False)),
    "by default": Question(),
    "with graph expansion": Question(graph=_WALK, recipe="multi_hop"),
}


@dataclass(frozen=True, slots=True)
class Score:
    """How many passages of a set's questions a way finds."""

    recall: float  # At five, in percent.
    error: float  # Standard error of that.
    whole: float  # all@5, in percent.
    first_two: float  # recall@2, in percent.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return recall@5 a set and way."""
    for name in _SETS if rows > SHORT else _SETS[:1]:
        scores = await scores_of(read(name), _WAYS, rows)
        best = max(scores["words"].recall, scores["meaning"].recall)
        for way, score in scores.items():
            told = f"{name}: recall@{_DEPTH}, {way} (+-{score.error:.1f}; all@{_DEPTH} {score.whole:.0f})"
            if way == "with graph expansion":
                yield compared(told, score.recall, best, "%", at_least=(best + 7) / best if name == "musique" else 0.99)
                if name in _BARS:
                    reason = "the bar is a figure that other systems reached on this set."
                    yield Figure(
                        f"{name}: recall@{_DEPTH} against the bar", score.recall, "%", bar=f">= {_BARS[name]}",
                        holds=score.recall >= _BARS[name], reason=reason,
                    )  # fmt: skip
            elif way == "by default":
                figure = compared(told, score.recall, best, "%", at_least=0.99)
                yield replace(figure, bar=f">= {_GOALS[name]}", holds=score.recall >= _GOALS[name])
            else:
                yield alone(told, score.recall, "%", "a retriever by itself, to compare the others with.")


async def scores_of(asked: QuestionSet, ways: Mapping[str, Question], rows: int) -> dict[str, Score]:
    """Return the score of each way over the first questions of a set, whose passages are stored first."""
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        await memory.graphs.create(GRAPH)
        await store(memory, asked)
        return {way: await _score(memory, asked, question, rows) for way, question in ways.items()}


async def store(memory: Memory, asked: QuestionSet, graph: str = GRAPH) -> None:
    """Store the passages of a set with their graph, and embed them."""
    entities, facts, episodes = graph_of(asked.passages)
    for batch in batches(iter(entities), 2000):
        await memory.entities.put(graph, batch)
    for batch in batches(iter(facts), 2000):
        await memory.relationships.put(graph, batch)
    for batch in batches(iter(episodes), 1000):
        await memory.episodes.put(graph, batch)
    await memory.embeddings.run(graph)


async def _score(memory: Memory, asked: QuestionSet, way: Question, rows: int) -> Score:
    shares: list[float] = []
    first_two = 0.0
    for text, gold in asked.questions[:rows]:
        question = Question(
            What(text=text, kinds=["episode"]), weights=way.weights, graph=way.graph, recipe=way.recipe, k=_DEPTH
        )
        hits = [int(hit.key) for hit in (await memory.recall(GRAPH, question)).hits]
        shares.append(len(gold.intersection(hits)) / len(gold))
        first_two += len(gold.intersection(hits[:2])) / len(gold)
    mean = sum(shares) / len(shares)
    spread = sum((share - mean) ** 2 for share in shares) / max(1, len(shares) - 1)
    error = math.sqrt(spread / len(shares))
    return Score(100 * mean, 100 * error, 100 * _whole(shares), 100 * first_two / len(shares))


def _whole(shares: Sequence[float]) -> float:
    return sum(share == 1 for share in shares) / len(shares)
