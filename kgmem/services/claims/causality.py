"""Causality: checks of the causal structure, read as far as a check needs it."""

import asyncio
from importlib import import_module
from typing import Any

from kgmem.domain.graph.scope import check_scope
from kgmem.domain.recall.causality import (
    Ancestry,
    CausalGraph,
    Lineage,
    Separated,
    Separation,
    check_number,
    check_separation,
)
from kgmem.services.ports import Ports


async def separation(parts: Ports, graph: str, asked: Separation) -> Separated:
    """Say whether entities are d-separated. Raises InvalidInput, NotFound, TooLarge, and Conflict for circles."""
    check_separation(asked)
    keys = dict.fromkeys((*asked.one, *asked.other, *asked.given, *(asked.among or ())))
    found = await parts.index.causal_graph(graph, Ancestry(tuple(keys), asked.scope, asked.when), effects=False)
    answer: Separated = await _worked_out("separated", found, asked)
    return answer


async def ancestry(parts: Ports, graph: str, asked: Ancestry) -> Lineage:
    """Return all causes and effects of entities, and circles. Raises InvalidInput, NotFound, TooLarge."""
    check_number(asked.keys)
    found = await parts.index.causal_graph(graph, asked, effects=True)
    answer: Lineage = await _worked_out("lineage", found, asked.keys)
    return answer


async def _worked_out(name: str, found: CausalGraph, asked: Any) -> Any:
    """Run a function of d_separation.py in a thread; networkx comes in with the first."""

    def work() -> Any:
        return getattr(import_module("kgmem.services.claims.d_separation"), name)(found, asked)

    return await asyncio.to_thread(work)


class Causality:
    """Checks of the causal structure."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def separation(self, graph: str, asked: Separation) -> Separated:
        """Say whether entities are independent of others by the causal structure, given some; and a minimal such set.

        Raises InvalidInput, NotFound, TooLarge, and Conflict where causes go in a circle.
        """
        check_scope(asked.scope)
        return await separation(self._ports, graph, asked)

    async def ancestry(self, graph: str, asked: Ancestry) -> Lineage:
        """Return all causes and all effects of entities, and the circles among them. Raises NotFound, TooLarge."""
        check_scope(asked.scope)
        return await ancestry(self._ports, graph, asked)
