"""Expiry: delete what has expired, as a caller would, with all that rests on it alone; the history keeps it.

Facts of which a value began or ended meanwhile are resolved again, so that entities show what is true now.
Publications follow their origins after that.
"""

from collections import defaultdict
from collections.abc import Awaitable, Sequence
from typing import Final

from kgmem.domain.agents.block import BlockAddress
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.agents.state import StateAddress, WriteCondition
from kgmem.domain.errors import Conflict, NotFound, OnHold
from kgmem.domain.graph.entity import ENTITY, EPISODE
from kgmem.domain.graph.expiry import BLOCK_KIND, CLAIM, DOCUMENTS, STATE_KIND, TOPIC_KIND, ExpiredItem, moment_of
from kgmem.domain.time.interval import now
from kgmem.log import EventLog
from kgmem.services.agents.publications import bring_up_to_date
from kgmem.services.agents.sessions import Sessions
from kgmem.services.claims import claim as claiming
from kgmem.services.ports import Ports
from kgmem.services.texts import remember
from kgmem.services.texts.forget import forget
from kgmem.services.upkeep.sweeps import defer_where

log = EventLog(__name__)

_AT_ONCE: Final = 500
_TRIES: Final = 10


async def expire_due(ports: Ports, graph: str) -> int:
    """Delete the items of a graph whose time is over, and let publications follow; returns how many of both."""
    count = 0
    while items := await ports.expiry.due(graph, _AT_ONCE):
        groups = defaultdict(list)
        for each in items:
            groups[each.kind, each.scope].append(each)
        settled: list[ExpiredItem] = []
        for (kind, scope), group in groups.items():
            if kind in DOCUMENTS:
                settled += [each for each in group if await _unless_held(graph, _delete_document(ports, graph, each))]
            elif await _unless_held(graph, _delete_items(ports, graph, (kind, scope), group)):
                settled += group
            elif len(group) > 1:  # A legal hold covers what goes with one of them.
                settled += [
                    each
                    for each in group
                    if await _unless_held(graph, _delete_items(ports, graph, (kind, scope), [each]))
                ]
        await ports.expiry.settle(graph, settled)
        count += len(settled)
        if not settled:  # What is left is written to all the time; the next use of the graph tries again.
            break
    return count + await bring_up_to_date(ports, graph)


async def _unless_held(graph: str, deletion: Awaitable[bool]) -> bool:
    """Return whether something is deleted; False where a legal hold forbids it: then it stays until its release."""
    try:
        return await deletion
    except OnHold as error:
        log.info("expiry_held", graph=graph, error=error)
        return False


async def _delete_items(ports: Ports, graph: str, of: tuple[int, str], items: Sequence[ExpiredItem]) -> bool:
    kind, scope = of
    keys, ids = [each.key for each in items], [each.id for each in items]
    if kind == ENTITY:
        await remember.delete_entities(ports, graph, keys, scope, None)
    elif kind == EPISODE:
        await forget(ports, graph, keys, scope)
    elif kind == CLAIM:
        await claiming.withdraw(ports, graph, ids, scope)
    elif kind == TOPIC_KIND:
        await claiming.weigh_changed(ports, graph, ids)
    else:
        await remember.delete_relationships(ports, graph, ids, scope)
    return True


async def _delete_document(ports: Ports, graph: str, item: ExpiredItem) -> bool:
    """Delete a block, a state or a session, unless it is gone or its time was extended; returns whether that is done.

    It is not where a session gets new messages all the time.
    """
    over, scope = WriteCondition(expired=True), item.scope
    try:
        if item.kind == BLOCK_KIND:
            await ports.blocks.delete(graph, BlockAddress(item.key, scope), over)
        elif item.kind == STATE_KIND:
            agent, _, name = item.key.partition("/")
            await ports.states.delete(graph, StateAddress(agent, name, scope), over)
        else:
            return await _delete_session(ports, graph, SessionAddress(item.key, scope))
    except NotFound:
        return True
    return True


async def _delete_session(ports: Ports, graph: str, address: SessionAddress) -> bool:
    for _ in range(_TRIES):
        session = await ports.sessions.get(graph, address)
        if session.expires_at is None or moment_of(session.expires_at) > now():
            return True
        try:
            await Sessions(ports).delete(graph, address)
        except Conflict:  # It got new messages meanwhile.
            continue
        return True
    return False


async def defer_expiry(ports: Ports) -> int:
    """Enqueue both for every graph that has something to do; returns for how many."""
    return await defer_where(ports, "expire_items", lambda graph: ports.expiry.has_due(graph.name))
