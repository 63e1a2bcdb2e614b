"""How well an answer tells that nothing relevant is known, beside the score and the plain cosine of its best hit.

HotpotQA, MuSiQue, 2WikiMultihopQA (KGMEM_DATA/hipporag): passages of each are episodes of a graph of their own, which
is asked its own questions, whose passages are there, and those of the other two sets. AUC is the chance that a question
of its own has a greater value than a foreign one: of `relevance`, of `score` and of the cosine of the best hit. Shares
are of the answers with `nothing_relevant`. The expected calibration error is that of `relevance` of all hits in ten
parts, beside that of `score`. "Near" questions are those of the set whose answers are left out while the rest of the
set is there: their AUC tells answers from what is merely of the same matter. The rows are the questions of each set.

The constants of `relevance` were fitted on samples of these sets and of LoCoMo, so this measures the product as it is;
kgmem/domain/recall/selection.py tells what a fit without a set comes to on it.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.contract import Figure, alone, compared
from bench.rig.database import GRAPH, fresh_database, memory_on
from bench.rig.multi_hop import QuestionSet, read
from kgmem.domain.graph.episode import Episode
from kgmem.domain.recall.answer import Answer
from kgmem.domain.recall.question import Question, What
from kgmem.memory import Memory

ROWS = 40
SHORT = 8
_SETS = ("hotpotqa", "musique", "2wiki")
_BESIDE = 5  # Passages for each question besides those that answer it.
_K = 8


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one question came to."""

    kind: Literal["own", "near", "foreign"]
    nothing: bool
    relevance: float
    score: float
    cosine: float
    hits: Sequence[tuple[float, float, bool]]  # Relevance, score, and whether it is a passage that answers.


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return the figures of each set."""
    sets = [read(name) for name in _SETS]
    async with fresh_database() as url, memory_on(url, embedder="minilm") as memory:
        for number, own in enumerate(sets):
            asked = await _asked(memory, f"{GRAPH}{number}", own, [each for each in sets if each is not own], rows)
            for figure in _figures(_SETS[number], asked):
                yield figure


async def _asked(
    memory: Memory, graph: str, own: QuestionSet, foreign: Sequence[QuestionSet], rows: int
) -> list[_Asked]:
    await memory.graphs.create(graph)
    questions, near = list(own.questions)[:rows], list(own.questions)[rows : 2 * rows]
    absent = {place for _, places in near for place in places}
    gold = {place for _, places in questions for place in places}
    others = [place for place in range(len(own.passages)) if place not in gold | absent][: _BESIDE * rows]
    episodes = [
        Episode(f"{own.passages[place].title}\n{own.passages[place].text}", str(place))
        for place in sorted([*gold, *others])
    ]
    await memory.episodes.put(graph, episodes)
    await memory.embeddings.run(graph)
    found = [_told(await _recall(memory, graph, text), places, "own") for text, places in questions]
    # A passage that answers one question of the set may answer another one, too.
    missing = [text for text, places in near if not places & gold]
    found += [_told(await _recall(memory, graph, text), frozenset(), "near") for text in missing]
    strangers = [text for each in foreign for text, _ in list(each.questions)[: rows // 2]]
    return found + [_told(await _recall(memory, graph, text), frozenset(), "foreign") for text in strangers]


async def _recall(memory: Memory, graph: str, text: str) -> Answer:
    return await memory.recall(graph, Question(What(text=text), k=_K))


def _told(answer: Answer, gold: frozenset[int], kind: Literal["own", "near", "foreign"]) -> _Asked:
    hits = [(hit.relevance or 0.0, hit.score, int(hit.key) in gold) for hit in answer.hits]
    cosines = [hit.retrievers["meaning"].value for hit in answer.hits if "meaning" in hit.retrievers]
    best = max((relevance for relevance, _, _ in hits), default=0.0)
    score = max((score for _, score, _ in hits), default=0.0)
    return _Asked(kind, bool(answer.nothing_relevant), best, score, max(cosines, default=0.0), hits)


def _figures(name: str, asked: Sequence[_Asked]) -> list[Figure]:
    told = [each for each in asked if each.kind != "near"]
    close = [each for each in asked if each.kind != "foreign"]
    hits = [hit for each in told for hit in each.hits]
    right = [is_gold for _, _, is_gold in hits]
    error, raw = (100 * _calibration_error([hit[at] for hit in hits], right) for at in (0, 1))
    calibrated = compared(f"{name}: expected calibration error of hits, over that of the score", error, raw, "%")
    figures = [
        compared(f"{name}: AUC of own questions, over the score", _auc(told), _auc(told, "score"), "%", at_least=1),
        compared(f"{name}: AUC of own questions, over the cosine", _auc(told), _auc(told, "cosine"), "%"),
        compared(f"{name}: AUC of own over near questions, over the cosine", _auc(close), _auc(close, "cosine"), "%"),
        replace(calibrated, bar="ratio <= 1", holds=error <= raw),
    ]
    for kind in ("foreign", "near", "own"):
        share = 100 * float(np.mean([each.nothing for each in asked if each.kind == kind]))
        figures.append(alone(f"{name}: {kind} questions told 'nothing relevant'", share, "%", "a share"))
    return figures


def _auc(asked: Sequence[_Asked], by: Literal["relevance", "score", "cosine"] = "relevance") -> float:
    """Return the chance in percent that one of its own has a greater value than another; equal ones count half."""
    values = np.array([getattr(each, by) for each in asked])
    own = np.array([each.kind == "own" for each in asked])
    differences = values[own][:, None] - values[~own][None, :]
    return 100 * float(np.mean((differences > 0) + 0.5 * (differences == 0)))


def _calibration_error(values: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean distance of a value from the share that is right, over ten parts of the scale."""
    found, flags = np.array(values), np.array(right, np.float64)
    parts = np.minimum((found * 10).astype(int), 9)
    return float(
        sum(
            np.mean(parts == part) * abs(found[parts == part].mean() - flags[parts == part].mean())
            for part in np.unique(parts)
        )
    )
