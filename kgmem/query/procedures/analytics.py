"""kgmem's own procedures: causes, effects, consensus, and PageRank."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgmem.domain.recall.question import Question, What, When, Why
from kgmem.query.errors import ValueProblem, wrong_type
from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.context import ProcedureContext, count_of, given, key_of, procedure
from kgmem.query.procedures.overview import quoted
from kgmem.query.procedures.search import held
from kgmem.query.values import Value
from kgmem.query.values.elements import graph_id

_Rows = list[tuple[Value, ...]]
_MOST = 1000  # Causes or effects of one entity.
_DEEPEST = 20


def procedures(context: ProcedureContext) -> list[Procedure]:
    """Return these procedures."""

    async def linked(run: Run, arguments: Sequence[Any], *, causes: bool) -> _Rows:
        key = [key_of(arguments[0])]
        depth, strength = count_of(given(arguments, 1, 5), 1, _DEEPEST), given(arguments, 2, 0.0)
        if type(strength) not in {int, float}:
            raise wrong_type("a number", strength)
        why = Why(key if causes else (), () if causes else key, depth=depth, min_strength=float(strength))
        question = Question(What(kinds=("entity",)), When(any_time=True), why=why, scope=run.scope or "", k=_MOST)
        answer = await context.found(run, question)
        nodes, _ = await held(run, answer)
        return [
            (nodes[hit.id], hit.retrievers["why"].value)
            for hit in answer.hits
            if hit.id in nodes and "why" in hit.retrievers
        ]

    async def causes(run: Run, arguments: Sequence[Any]) -> _Rows:
        return await linked(run, arguments, causes=True)

    async def effects(run: Run, arguments: Sequence[Any]) -> _Rows:
        return await linked(run, arguments, causes=False)

    async def consensus(run: Run, arguments: Sequence[Any]) -> _Rows:
        predicate = given(arguments, 1, None)
        facts = await context.facts_of(run.graph, run.scope or "", key_of(arguments[0]), predicate)
        return [
            (each.id, each.predicate, _value(each.value), each.probability, each.state, each.reason) for each in facts
        ]

    taken = "(of ANY, depth INTEGER?, minStrength NUMBER?) :: (node NODE, strength FLOAT)"
    weighed = "kgmem.consensus(subject ANY, predicate STRING?) :: "
    weighed += "(fact INTEGER, predicate STRING, value ANY, probability FLOAT, state STRING, reason STRING)"
    return [
        procedure(f"kgmem.causes{taken}", "Causes of an entity, with the strength of the path.", causes),
        procedure(f"kgmem.effects{taken}", "Effects of an entity, with the strength of the path.", effects),
        procedure(weighed, "Facts of a subject by the consensus of its sources.", consensus),
        _pagerank(context),
    ]


def _value(value: Any) -> Value:
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {str(name): _value(each) for name, each in value.items()}
    return [_value(each) for each in value] if isinstance(value, list | tuple) else str(value)


_OPTIONS = ["types", "damping", "iterations", "limit"]
_CLOSE = 1e-10  # The ranks stand when they change by less than this altogether.


def _pagerank(context: ProcedureContext) -> Procedure:

    async def pagerank(run: Run, arguments: Sequence[Any]) -> _Rows:
        options = _options(given(arguments, 0, {}))
        types = "|".join(map(quoted, options["types"]))
        text = f"MATCH (a)-[{f':{types}' if types else ''}]->(b) RETURN id(a) AS a, id(b) AS b"
        pairs = np.array(await context.ask(run, text), dtype=np.int64).reshape(-1, 2)
        ids, places = np.unique(pairs, return_inverse=True)
        if not len(ids):
            return []
        ranks = page_rank(places.reshape(-1, 2), len(ids), options["damping"], options["iterations"])
        best = np.argsort(-ranks, kind="stable")[: options["limit"]]
        ranked = [(graph_id(int(ids[n])), float(ranks[n])) for n in best]
        nodes = await run.transaction.nodes([id_ for id_, _ in ranked])
        return [(nodes[id_], rank) for id_, rank in ranked if id_ in nodes]

    line = "kgmem.pagerank(options MAP?) :: (node NODE, score FLOAT)"
    return procedure(line, "Nodes by PageRank, the highest first.", pagerank)


def page_rank(links: NDArray[Any], count: int, damping: float, iterations: int) -> NDArray[np.float64]:
    """Return the rank of each of `count` nodes by links (pairs of their numbers); the ranks add up to 1.

    Brin and Page, "The anatomy of a large-scale hypertextual Web search engine", by power iteration; nodes that lead
    nowhere lead everywhere.
    """
    starts, ends = links[:, 0], links[:, 1]
    out = np.bincount(starts, minlength=count)
    share = np.divide(1.0, out, out=np.zeros(count), where=out > 0)
    ranks = np.full(count, 1.0 / count)
    for _ in range(iterations):
        flow = np.bincount(ends, weights=(ranks * share)[starts], minlength=count)
        lost = ranks[out == 0].sum() / count
        new: NDArray[np.float64] = (1 - damping) / count + damping * (flow + lost)
        if np.abs(new - ranks).sum() < _CLOSE:
            return new
        ranks = new
    return ranks


def _options(given_options: Any) -> dict[str, Any]:
    if not isinstance(given_options, dict):
        raise wrong_type("a map of options", given_options)
    for name in given_options:
        if name not in _OPTIONS:
            raise ValueProblem(f"Unknown option of PageRank: {name}.", hint=f"Options are {', '.join(_OPTIONS)}.")
    damping = given_options.get("damping", 0.85)
    if type(damping) not in {int, float} or not 0 <= damping < 1:
        raise ValueProblem("The damping must be a number from 0 to below 1.", detail="NumberOutOfRange")
    return {
        "types": [str(each) for each in given_options.get("types") or []],
        "damping": float(damping),
        "iterations": count_of(given_options.get("iterations", 100), 1, 1000),
        "limit": count_of(given_options.get("limit", 100), 1, 1_000_000),
    }
