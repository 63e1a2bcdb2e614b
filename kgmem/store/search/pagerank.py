"""The walk: personalized PageRank over the graph around what the other retrievers find.

Passages, entities and facts are nodes of one walk that starts again and again at what matches the question
(Gutiérrez et al., "HippoRAG", NeurIPS 2024, and "From RAG to Memory", ICML 2025). It runs over the links within two
steps of the best candidates, bounded in number, so that its time does not grow with the graph.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

from kgmem.domain.errors import NotFound
from kgmem.domain.graph.scope import visible_from
from kgmem.domain.graph.statement import EPISODE_LABEL
from kgmem.domain.recall.fusion import LookedUp, Ranked, fuse
from kgmem.domain.recall.question import Fusion, Question
from kgmem.store.db.sql import SQL, compose, fill, join, later, number
from kgmem.store.graph.layout import LABEL_SHIFT, VERTEX, Layout
from kgmem.store.search import temporal
from kgmem.store.search.request import Dimension, Parameters, SearchRequest

NAME = "expansion"
SEEDS = 40  # Candidates of every text retriever among entities and facts, of which the best are taken.
_BEST, _FOUND = 8, 40  # Of every retriever: entities and facts each; of all that was found.
_FOUND_BESIDES = 8  # Of every other retriever, where meaning and words find something, too.
_FAN_NEAR, _FAN_FAR, _BEYOND, _NODES = 60, 16, 80, 100
# Chosen on MuSiQue, 2WikiMultihopQA and HotpotQA together (bench/multi_hop.py), one setting for all three.
_DAMPING = 0.85  # The chance of a step; the rest starts again.
_STEPS = 20
_MOST = 80
_FACTS, _ENTITIES = 5, 2  # That the walk starts at.
_FOUND_SHARE = 0.05  # How much of it starts at what was found, beside an entity or a fact that fits best.
_MILLION = 1_000_000


def walking(layout: Layout, request: SearchRequest, parameters: Parameters) -> Dimension | None:
    """Return what finds the surroundings of a walk; its notes have the places of the candidates' filters."""
    question = request.question
    if not question.graph.expand:
        return None
    named = sorted(set(question.what.start))
    keys = parameters.add(named, "text[]")
    paths = parameters.add(list(visible_from(question.scope)), "text[]")
    conditions = join("", (compose(" AND {}", each) for each in temporal.of_links(question.when, parameters)))
    weight = compose("({} * coalesce(e.strength, 1) * coalesce(e.confidence, 1))::bigint", number(_MILLION))
    links = [
        fill(layout.sql("pagerank", "links"), {"weight": weight, "conditions": conditions, "fan": number(fan)})
        for fan in (_FAN_NEAR, _FAN_FAR)
    ]
    numbers = {"seeds": number(_BEST), "found": number(_FOUND), "beyond": number(_BEYOND), "nodes": number(_NODES)}
    by_text = question.what.text is not None or request.vector is not None
    numbers["found_besides"] = number(_FOUND_BESIDES if by_text else _FOUND)
    numbers |= {"share": number(_FOUND_SHARE), "wanted": _wanted(layout, question)}
    unknown = NotFound(f"Not all of what.start is here: {', '.join(named)[:200]}.", hint="Give keys of entities.")
    return Dimension(
        NAME,
        tables=[fill(layout.sql("pagerank", "started"), {"keys": keys, "paths": paths})],
        notes=[
            fill(
                layout.sql("pagerank", "note"),
                {**numbers, **later("filters", "stands"), "links_near": links[0], "links_far": links[1]},
            )
        ],
        refusals=[(compose("(SELECT count(*) FROM walk_started) < {}", number(len(named))), unknown)] if named else [],
    )


def _wanted(layout: Layout, question: Question) -> SQL:
    """Return the condition on the id of a node that one of the wanted kinds of hit meets: its label tells that."""
    entities, episodes = (not question.what.kinds or kind in question.what.kinds for kind in ("entity", "episode"))
    label = number(layout.labels[VERTEX, EPISODE_LABEL].id)
    if entities == episodes:
        return SQL("true")
    return compose("o.id >> {} {} {}", number(LABEL_SHIFT), SQL("<>") if entities else SQL("="), label)


@dataclass(slots=True)
class ExpansionGraph:
    """The part of the graph that a walk goes over."""

    links: dict[int, Sequence[int]] = field(default_factory=dict)  # The ends at the other side, then their weights.
    ends: dict[int, Sequence[int]] = field(default_factory=dict)  # Of facts.
    starts: list[int] = field(default_factory=list)  # Entities that the question names.
    seeds: dict[str, list[tuple[int, float]]] = field(default_factory=dict)  # By retriever, the best first.
    standing: set[int] = field(default_factory=set)  # What may be a hit.

    @classmethod
    def of(cls, notes: Sequence[Any]) -> "ExpansionGraph":
        """Return the result from the rows of the statement."""
        around = cls()
        for retriever, item, value, _, ids in notes:
            if retriever == "links":
                around.links[item] = ids
            elif retriever == "nodes":
                around.standing.update(ids or ())
            elif retriever == "ends":
                around.ends[item] = ids
            elif retriever == "start":
                around.starts.append(item)
            elif retriever.startswith("seed_"):
                around.seeds.setdefault(retriever.removeprefix("seed_"), []).append((item, value))
        for ranking in around.seeds.values():
            ranking.sort(key=lambda pair: (-pair[1], pair[0]))
        return around

    def pairs(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """Return the links, each once: its two ends in a row, the lesser first, and its weight."""
        counts = np.fromiter((len(told) // 2 for told in self.links.values()), np.intp, len(self.links))
        told = np.fromiter(chain.from_iterable(self.links.values()), np.int64, 2 * int(counts.sum()))
        firsts = np.cumsum(2 * counts) - 2 * counts
        are_weights = np.arange(len(told)) - np.repeat(firsts, 2 * counts) >= np.repeat(counts, 2 * counts)
        others, weights = told[~are_weights], told[are_weights]
        ones = np.repeat(np.fromiter(self.links, np.int64, len(self.links)), counts)
        ends = np.stack([np.minimum(ones, others), np.maximum(ones, others)], axis=1)
        order = np.lexsort((-weights, ends[:, 1], ends[:, 0]))
        ends, weights = ends[order], weights[order]
        first = np.ones(len(ends), bool)  # Of parallel links the strongest counts.
        first[1:] = (ends[1:] != ends[:-1]).any(axis=1)
        return ends[first], weights[first] / _MILLION


def walk(
    around: ExpansionGraph,
    layout: Layout,
    question: Question,
    retrievers: Mapping[str, Sequence[tuple[int, float]]],
    looked_up: Mapping[str, LookedUp[int]],
) -> list[tuple[int, float]]:
    """Return the nodes that the question may be answered with, the most visited first.

    Their value is the logarithm of how often the walk is there: few places have nearly all of its time.
    """
    around.standing.update(id_ for ranking in retrievers.values() for id_, _ in ranking)
    pairs, weights = around.pairs()
    found = {name: ranking for name, ranking in retrievers.items() if name != "listed"}
    method = question.fusion or layout.graph.fusion
    best_found = fuse(found, method=method, weights=question.weights, most=2 * _FOUND, looked_up=looked_up)
    start = _starts(around, _told_by(layout, pairs), method, best_found)
    if not start:
        return []
    begun = np.fromiter(start, np.int64, len(start))
    ids, at = np.unique(np.concatenate([pairs.ravel(), begun]), return_inverse=True)
    begins = np.zeros(len(ids))
    begins[at[pairs.size :]] = list(start.values())
    ends = at[: pairs.size].reshape(-1, 2)
    visits = _pagerank(ends[:, 0], ends[:, 1], weights, begins)
    told = zip(ids.tolist(), visits.tolist(), strict=True)
    best = sorted((-value, id_) for id_, value in told if value > 0 and id_ in around.standing)
    return [(id_, math.log(-negative)) for negative, id_ in best[:_MOST]]


def _starts(
    around: ExpansionGraph,
    told: Callable[[int], int],
    method: Fusion,
    best_found: Sequence[Ranked[int]],
) -> dict[int, float]:
    """Return where the walk starts, and how often.

    What few episodes tell of says more of the question than what many do (node specificity).
    """
    start = dict.fromkeys(around.starts, 1.0)

    def add(id_: int, value: float) -> None:
        start[id_] = start.get(id_, 0.0) + value / max(1, told(id_))

    # A fact is known by what it says, an entity by its name: each by the retriever that is better at that, where it
    # ran.
    for retriever, other, are_facts, most in (
        ("meaning", "words", True, _FACTS),
        ("words", "meaning", False, _ENTITIES),
    ):
        ranking = around.seeds.get(retriever) or around.seeds.get(other, [])
        best = [pair for pair in ranking if (pair[0] in around.ends) == are_facts][:most]
        for seed in fuse({retriever: best}, method=method):
            for id_ in around.ends.get(seed.id, (seed.id,)):
                add(id_, seed.score)
    for hit in best_found:
        if hit.id in around.standing and hit.id not in around.ends:
            start[hit.id] = start.get(hit.id, 0.0) + _FOUND_SHARE * hit.score
    return {id_: value for id_, value in start.items() if value > 0}


def _told_by(layout: Layout, pairs: npt.NDArray[np.int64]) -> Callable[[int], int]:
    """Return what gives how many episodes are linked to a node."""
    label = layout.labels[VERTEX, EPISODE_LABEL].id
    of_episodes = pairs[:, ::-1][pairs >> LABEL_SHIFT == label]  # The other ends of what is an episode.
    nodes, counts = np.unique(of_episodes, return_counts=True)
    told = dict(zip(nodes.tolist(), counts.tolist(), strict=True))
    return lambda id_: told.get(id_, 1)


def _pagerank(
    sources: npt.NDArray[np.intp],
    targets: npt.NDArray[np.intp],
    weights: npt.NDArray[np.float64],
    start: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Return every node's chance by power iteration; links go both ways, and what leads nowhere starts again."""
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
