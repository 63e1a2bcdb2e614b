"""How many of the truly nearest vectors a recall finds under filters that pass 50, 10, 1 and 0.1 %.

GloVe (KGMEM_DATA/ann_glove50: 50,000 words, 50 dimensions) and synthetic rows of 384 dimensions; the filters are by
label, by place (a box) and by time (what was valid in a window), and independent of the vectors. recall@10 is the share
of the ten nearest that meet the filter, by comparing with every row, that are among the ten hits. The times are
medians; their baseline is the same recall without a filter. The rows are synthetic; the short run leaves GloVe out.
"""

import random
from array import array
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from bench.contract import Figure, SkippedError, alone, compared
from bench.rig.clock import Times
from bench.rig.database import data_folder, fresh_database, hnsw_set_aside, memory_on, raw_connection
from bench.rig.machine import tell_database
from bench.rig.rows import Corpus, batches
from kgmem.domain.graph.embedding import EmbeddingSpace
from kgmem.domain.graph.entity import Entity
from kgmem.domain.recall.question import Question, What, When, Where
from kgmem.domain.space.place import parse_place
from kgmem.memory import Memory

ROWS = 200_000
SHORT = 5_000
K = 10
_QUESTIONS = 40
_SHARES = (0.5, 0.1, 0.01, 0.001)
_DAYS = 10_000
_FIRST = date(1990, 1, 1)
Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _Set:
    """Vectors and questions of one kind; of every row a draw, 0 to 1, by which it meets filters of each kind."""

    name: str
    vectors: Matrix
    questions: Matrix
    draws: npt.NDArray[np.float64]  # By row: for the label, the longitude and the day.

    def entities(self) -> Iterator[Entity]:
        """Return the rows as kgmem is told of them."""
        for at, (by_label, by_place, by_time) in enumerate(self.draws.tolist()):
            day = _FIRST + timedelta(int(by_time * _DAYS))
            yield Entity(
                key=f"e{at}",
                label=_label(by_label),
                name=f"e{at}",
                embedding=array("f", self.vectors[at].tobytes()),
                place=parse_place([by_place * 360 - 180, at % 160 - 80]),
                valid_from=day.isoformat(),
                valid_to=(day + timedelta(1)).isoformat(),
            )

    def met(self, kind: str, share: float) -> npt.NDArray[np.bool_]:
        """Say of each row whether it meets a filter."""
        draws = self.draws[:, ("label", "place", "time").index(kind)]
        if kind == "label":
            return np.array([_label(draw) == f"Share{share:g}" for draw in draws.tolist()])
        if kind == "time":
            return (draws * _DAYS).astype(int) < int(share * _DAYS)
        return draws <= share

    def nearest(self, question: Matrix, met: npt.NDArray[np.bool_]) -> set[str]:
        """Return the keys of the nearest rows that meet a filter, compared in halves, as they are stored."""
        stored = self.vectors[met].astype(np.float16).astype(np.float32)
        values = stored @ question.astype(np.float16).astype(np.float32)
        return {f"e{at}" for at in np.flatnonzero(met)[np.argsort(-values, kind="stable")[:K]]}


async def measure(rows: int) -> AsyncIterator[Figure]:
    """Return recall@10 by set, kind of filter and share, and the times."""
    sets = [_synthetic(rows)] if rows <= SHORT else [_glove(), _synthetic(rows)]
    for each in sets:
        async with fresh_database() as url, memory_on(url) as memory, raw_connection(url) as raw:
            await tell_database(raw)
            await memory.graphs.create("filtered", space=EmbeddingSpace("bench", each.name, each.vectors.shape[1]))
            async with hnsw_set_aside(raw):
                for batch in batches(each.entities(), 2000):
                    await memory.entities.put("filtered", batch)
            await raw.execute("VACUUM ANALYZE")
            plain, _ = await _ask(memory, each, "label", None)
            for kind in ("label", "place", "time"):
                for share in _SHARES:
                    times, recall = await _ask(memory, each, kind, share)
                    told = alone(f"{each.name}: recall@{K}, {share:.1%} by {kind}", recall, "share", "compared exactly")
                    yield replace(told, bar=">= 0.95 share", holds=recall >= 0.95)
                    yield compared(f"{each.name}: p50, {share:.1%} by {kind}", times.p50, plain.p50, "ms")


async def _ask(memory: Memory, of: _Set, kind: str, share: float | None) -> tuple[Times, float]:
    met = np.ones(len(of.vectors), bool) if share is None else of.met(kind, share)
    times, found, known = Times(), 0, 0
    for vector in of.questions:
        what, where, when = What(vector=vector.tolist()), Where(), When(any_time=True)
        if share is not None and kind == "label":
            what = replace(what, labels=[f"Share{share:g}"])
        elif share is not None and kind == "place":
            where = Where(box=(-180, -85, share * 360 - 180, 85))
        elif share is not None:
            last = _FIRST + timedelta(int(share * _DAYS) - 1)
            when = When(between=(_FIRST.isoformat(), last.isoformat()))
        answer = await times.of(memory.recall("filtered", Question(what, when, where, k=K)))
        true = of.nearest(vector, met)
        found, known = found + len(true & {hit.key for hit in answer.hits}), known + len(true)
    return times, found / known


def _label(draw: float) -> str:
    """Return the label of a row: each share of the rows has one."""
    for share in reversed(_SHARES):
        if draw < share:
            return f"Share{share:g}"
        draw -= share
    return "Rest"


def _glove() -> _Set:
    folder = data_folder("ann_glove50")
    files: Sequence[str] = sorted(str(path) for path in folder.glob("*.npz"))
    if not files:
        raise SkippedError("KGMEM_DATA/ann_glove50 holds no .npz file.")
    with np.load(files[0]) as held:
        vectors, questions = (_unit(held[name].astype(np.float32)) for name in ("base", "queries"))
    return _Set("GloVe", vectors, questions[:_QUESTIONS], _draws(len(vectors)))


def _synthetic(rows: int) -> _Set:
    corpus = Corpus(rows)
    questions = np.stack([vector for _, _, vector in corpus.questions(_QUESTIONS)])
    return _Set("synthetic", corpus.vectors, questions, _draws(rows))


def _draws(count: int) -> npt.NDArray[np.float64]:
    dice = random.Random(3)
    return np.array([[dice.random() for _ in range(3)] for _ in range(count)])


def _unit(vectors: Matrix) -> Matrix:
    scaled: Matrix = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return scaled
