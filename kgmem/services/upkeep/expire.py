"""Expiry: delete what has expired, as a caller would, with all that rests on it alone; the history keeps it.

Publications follow their origins after that.
"""

from collections import defaultdict
from typing import Final

from kgmem.domain.graph.entity import ENTITY, EPISODE
from kgmem.domain.graph.expiry import CLAIM
from kgmem.services.agents.publications import bring_up_to_date
from kgmem.services.claims import claim as claiming
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget
from kgmem.services.upkeep.sweeps import defer_where

_AT_ONCE: Final = 500


async def expire_due(ports: Ports, graph: str) -> int:
    """Delete the items of a graph whose time is over, and let publications follow; returns how many of both."""
    count = 0
    while items := await ports.expiry.due(graph, _AT_ONCE):
        groups = defaultdict(list)
        for each in items:
            groups[each.kind, each.scope].append(each)
        for (kind, scope), group in groups.items():
            keys = [each.key for each in group]
            if kind == ENTITY:
                await remember.delete_entities(ports, graph, keys, scope, None)
            elif kind == EPISODE:
                await forget(ports, graph, keys, scope)
            elif kind == CLAIM:
                await claiming.withdraw(ports, graph, [each.id for each in group], scope)
            else:
                await remember.delete_relationships(ports, graph, [each.id for each in group], scope)
        await ports.expiry.settle(graph, items)
        count += len(items)
    return count + await bring_up_to_date(ports, graph)


async def defer_expiry(ports: Ports) -> int:
    """Enqueue both for every graph that has something to do; returns for how many."""
    return await defer_where(ports, "expire_items", lambda graph: ports.expiry.has_due(graph.name))
