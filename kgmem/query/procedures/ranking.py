"""PageRank inside of queries."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgmem.query.execution.executor import Run
from kgmem.query.execution.procedures import Procedure
from kgmem.query.procedures.overview import quoted
from kgmem.query.procedures.surroundings import Surroundings, count_of, given, procedure
from kgmem.query.values import Value
from kgmem.query.values.elements import graph_id
from kgmem.query.values.problems import ValueProblem, wrong_type

_Rows = list[tuple[Value, ...]]
_OPTIONS = ["types", "damping", "iterations", "limit"]
_CLOSE = 1e-10  # The ranks stand when they change by less than this altogether.


def procedures(around: Surroundings) -> list[Procedure]:
    """Return this procedure."""

    async def pagerank(run: Run, arguments: Sequence[Any]) -> _Rows:
        options = _options(given(arguments, 0, {}))
        types = "|".join(map(quoted, options["types"]))
        text = f"MATCH (a)-[{f':{types}' if types else ''}]->(b) RETURN id(a) AS a, id(b) AS b"
        pairs = np.array(await around.ask(run, text), dtype=np.int64).reshape(-1, 2)
        ids, places = np.unique(pairs, return_inverse=True)
        if not len(ids):
            return []
        ranks = page_rank(places.reshape(-1, 2), len(ids), options["damping"], options["iterations"])
        best = np.argsort(-ranks, kind="stable")[: options["limit"]]
        ranked = [(graph_id(int(ids[n])), float(ranks[n])) for n in best]
        nodes = await run.transaction.nodes([id_ for id_, _ in ranked])
        return [(nodes[id_], rank) for id_, rank in ranked if id_ in nodes]

    line = "kgmem.pagerank(options MAP?) :: (node NODE, score FLOAT)"
    return [procedure(line, "The nodes that many lead to, by PageRank.", pagerank)]


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
            raise ValueProblem(f"PageRank has no option {name}.", hint=f"It has {', '.join(_OPTIONS)}.")
    damping = given_options.get("damping", 0.85)
    if type(damping) not in {int, float} or not 0 <= damping < 1:
        raise ValueProblem("The damping is a number from 0 to less than 1.", detail="NumberOutOfRange")
    return {
        "types": [str(each) for each in given_options.get("types") or []],
        "damping": float(damping),
        "iterations": count_of(given_options.get("iterations", 100), 1, 1000),
        "limit": count_of(given_options.get("limit", 100), 1, 1_000_000),
    }
