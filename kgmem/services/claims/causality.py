"""Causal structure: d-separation and ancestry; only the part that a request needs is read."""

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


async def separation(ports: Ports, graph: str, asked: Separation) -> Separated:
    """Return whether entities are d-separated. Raises InvalidInput, NotFound, TooLarge, and Conflict for cycles."""
    check_separation(asked)
    keys = dict.fromkeys((*asked.one, *asked.other, *asked.given, *(asked.among or ())))
    found = await ports.index.causal_graph(graph, Ancestry(tuple(keys), asked.scope, asked.when), effects=False)
    answer: Separated = await _worked_out("separated", found, asked)
    return answer


async def ancestry(ports: Ports, graph: str, asked: Ancestry) -> Lineage:
    """Return all causes and effects of entities, and cycles. Raises InvalidInput, NotFound, TooLarge."""
    check_number(asked.keys)
    found = await ports.index.causal_graph(graph, asked, effects=True)
    answer: Lineage = await _worked_out("lineage", found, asked.keys)
    return answer


async def _worked_out(name: str, found: CausalGraph, asked: Any) -> Any:
    """Run a function of d_separation.py in a thread; networkx is imported at first use."""

    def work() -> Any:
        return getattr(import_module("kgmem.services.claims.d_separation"), name)(found, asked)

    return await asyncio.to_thread(work)


class Causality:
    """Causal structure: d-separation and ancestry."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def separation(self, graph: str, asked: Separation) -> Separated:
        """Return whether entities are d-separated from others, given some entities, and a minimal separating set.

        Raises InvalidInput, NotFound, TooLarge, and Conflict where the causes form a cycle.
        """
        check_scope(asked.scope)
        return await separation(self._ports, graph, asked)

    async def ancestry(self, graph: str, asked: Ancestry) -> Lineage:
        """Return all causes and all effects of entities, and the cycles among them. Raises NotFound, TooLarge."""
        check_scope(asked.scope)
        return await ancestry(self._ports, graph, asked)
