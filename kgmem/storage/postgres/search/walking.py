"""The walk: personalized PageRank over the graph around what the other arms find.

Passages, entities and facts are nodes of one walk that starts again and again at what matches the question
(Gutiérrez et al., "HippoRAG", NeurIPS 2024, and "From RAG to Memory", ICML 2025). It runs over the links within two
steps of the best candidates, bounded in number, so that its time does not grow with the graph.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from kgmem.domain.entity import EPISODE
from kgmem.domain.errors import NotFound
from kgmem.domain.graph import Graph
from kgmem.domain.question import Question
from kgmem.domain.ranking import fuse
from kgmem.domain.scope import visible_from
from kgmem.storage.postgres.layout import Layout
from kgmem.storage.postgres.search import times
from kgmem.storage.postgres.search.request import STANDS, Dimension, Parameters, SearchRequest

NAME = "walk"
SEEDS = 40  # Candidates of every text arm among entities and facts, of which the best are taken.
_BEST, _FOUND = 8, 40  # Of every arm: entities and facts each; of all that was found.
_FAN_NEAR, _FAN_FAR, _BEYOND = 60, 16, 400
# Chosen on MuSiQue, 2WikiMultihopQA and HotpotQA together (bench/multi_hop.py), one setting for all three.
_DAMPING = 0.85  # The chance of a step; the rest starts again.
_STEPS = 20
_MOST = 80
_FACTS, _ENTITIES = 5, 2  # That the walk starts at.
_FOUND_SHARE = 0.05  # How much of it starts at what was found, beside an entity or a fact that fits best.


def walking(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Give what finds the surroundings of a walk; its notes have the places of the candidates' filters."""
    question = request.question
    if not question.graph.walk:
        return None
    named = sorted(set(question.what.start))
    keys = parameters.add(named, "text[]")
    paths = parameters.add(list(visible_from(question.scope)), "text[]")
    conditions = "".join(f" AND {each}" for each in times.of_links(question.when, parameters))
    weight = "coalesce(e.strength, 1) * coalesce(e.confidence, 1)"
    links = [
        layout.sql("walk", "links") % {"weight": weight, "conditions": conditions, "fan": str(fan)}
        for fan in (_FAN_NEAR, _FAN_FAR)
    ]
    numbers = {"seeds": str(_BEST), "found": str(_FOUND), "beyond": str(_BEYOND)}
    later = {name: f"%({name})s" for name in ("filters", "stands")}
    unknown = NotFound(f"Not all of what.start is here: {', '.join(named)[:200]}.", mend="Give keys of entities.")
    return Dimension(
        NAME,
        tables=[layout.sql("walk", "started") % {"keys": keys, "paths": paths}],
        notes=[layout.sql("walk", "note") % {**numbers, **later, "links_near": links[0], "links_far": links[1]}],
        refusals=[(f"(SELECT count(*) FROM walk_started) < {len(named)}", unknown)] if named else [],  # noqa: S608 - no text of callers
    )


@dataclass(slots=True)
class Surroundings:
    """The part of the graph that a walk goes over."""

    links: list[tuple[int, int, float]] = field(default_factory=list)
    ends: dict[int, Sequence[int]] = field(default_factory=dict)  # Of facts.
    starts: list[int] = field(default_factory=list)  # Entities that the question names.
    seeds: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # By arm, the best first.
    kinds: dict[int, int] = field(default_factory=dict)
    stands: dict[int, int] = field(default_factory=dict)  # -1: the question's filters leave it out.

    @classmethod
    def of(cls, notes: Sequence[Any]) -> "Surroundings":
        """Give what the statement told."""
        around = cls()
        for arm, item, value, stands, ids in notes:
            if arm == "link":
                around.links.append((item, ids[0], value))
            elif arm == "node":
                around.kinds[item], around.stands[item] = int(value), stands
            elif arm == "ends":
                around.ends[item] = ids
            elif arm == "start":
                around.starts.append(item)
            elif arm.startswith("seed_"):
                around.seeds.setdefault(arm.removeprefix("seed_"), []).append((item, value))
        for ranking in around.seeds.values():
            ranking.sort(key=lambda pair: (-pair[1], pair[0]))
        return around


def walk(
    around: Surroundings, graph: Graph, question: Question, arms: Mapping[str, Sequence[tuple[int, float]]]
) -> list[tuple[int, float]]:
    """Give the nodes that the question may be answered with, the most visited first.

    Their value is the logarithm of how often the walk is there: few places have nearly all of its time.
    """
    start = _starts(around, graph, question, arms)
    if not start:
        return []
    ids = sorted({*start, *(end for one, other, _ in around.links for end in (one, other))})
    at = {id_: number for number, id_ in enumerate(ids)}
    visits = _pagerank(
        np.fromiter((at[one] for one, _, _ in around.links), np.intp, len(around.links)),
        np.fromiter((at[other] for _, other, _ in around.links), np.intp, len(around.links)),
        np.fromiter((weight for _, _, weight in around.links), np.float64, len(around.links)),
        np.array([start.get(id_, 0.0) for id_ in ids]),
    )
    best = sorted((-value, id_) for id_, value in zip(ids, visits.tolist(), strict=True) if value > 0)
    return [(id_, math.log(-negative)) for negative, id_ in best if around.stands.get(id_, -1) == STANDS][:_MOST]


def _starts(
    around: Surroundings, graph: Graph, question: Question, arms: Mapping[str, Sequence[tuple[int, float]]]
) -> dict[int, float]:
    """Give where the walk starts, and how often.

    What few episodes tell of says more of the question than what many do (node specificity).
    """
    method = question.fusion or graph.fusion
    told = _told_by(around)
    start = dict.fromkeys(around.starts, 1.0)

    def add(id_: int, value: float) -> None:
        start[id_] = start.get(id_, 0.0) + value / told.get(id_, 1)

    # A fact is known by what it says, an entity by its name: each by the arm that is better at that, where it ran.
    for arm, other, are_facts, most in (("meaning", "words", True, _FACTS), ("words", "meaning", False, _ENTITIES)):
        ranking = around.seeds.get(arm) or around.seeds.get(other, [])
        best = [pair for pair in ranking if (pair[0] in around.ends) == are_facts][:most]
        for seed in fuse({arm: best}, method=method):
            for id_ in around.ends.get(seed.id, (seed.id,)):
                add(id_, seed.score)
    found = {name: ranking for name, ranking in arms.items() if name != "listed"}
    for hit in fuse(found, method=method, weights=question.weights, most=2 * _FOUND):
        if hit.id in around.kinds and hit.id not in around.ends:
            start[hit.id] = start.get(hit.id, 0.0) + _FOUND_SHARE * hit.score
    return {id_: value for id_, value in start.items() if value > 0}


def _told_by(around: Surroundings) -> Mapping[int, int]:
    """Give how many episodes are linked to each node."""
    counts: dict[int, int] = {}
    for pair in around.links:
        for one, other in (pair[:2], pair[1::-1]):
            if around.kinds.get(one) == EPISODE:
                counts[other] = counts.get(other, 0) + 1
    return counts


def _pagerank(
    sources: npt.NDArray[np.intp],
    targets: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Give every node's chance by power iteration; links go both ways, and what leads nowhere starts again."""
    count = len(start)
    start = start / start.sum()
    degree = np.bincount(sources, weights, count) + np.bincount(targets, weights, count)
    out = np.divide(_DAMPING, degree, out=np.zeros(count), where=degree > 0)
    chance = start
    for _ in range(_STEPS):
        step = chance * out
        moved = np.bincount(targets, step[sources] * weights, count)
        moved += np.bincount(sources, step[targets] * weights, count)
        chance = moved + (1.0 - moved.sum()) * start
    return chance
