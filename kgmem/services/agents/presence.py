"""Presence of agents by heartbeats, and the activity of a graph."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from typing import Final
from weakref import WeakKeyDictionary

from kgmem.domain.agents.presence import (
    AgentAddress,
    Heartbeat,
    MinuteActivity,
    Presence,
    PresenceEvent,
    check_minutes,
    presence_changes,
)
from kgmem.domain.agents.session import SessionAddress
from kgmem.domain.errors import KgmemError
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.log import EventLog
from kgmem.services.ports import Ports

log = EventLog(__name__)

_AT_ONCE: Final = 1_000
_LONGEST_WAIT: Final = 5.0  # Seconds after which who follows presence looks in any case: agents leave in silence.
_TOUCHED_EVERY: Final = 5.0  # Seconds between two notes of the work of an agent in a session.
_MOST_TOUCHED: Final = 10_000  # Agents that a process remembers for that.


class PresenceWatch:
    """Follows who is at work in a scope."""

    def __init__(self, ports: Ports, graph: str, scope: str, *, below: bool) -> None:
        """Take the scope; at the first look, each agent that is there came."""
        self._ports = ports
        self._graph, self._scope, self._below = graph, scope, below
        self._seen = 0
        self._known: dict[tuple[str, str], Presence] = {}

    async def look(self) -> Sequence[PresenceEvent]:
        """Return what has changed since the last look."""
        present, cursor = dict[tuple[str, str], Presence](), None
        while True:
            page = await self._ports.presence.list(self._graph, self._scope, self._below, cursor, _AT_ONCE)
            present |= {(each.scope, each.agent): each for each in page.items}
            cursor = page.cursor
            if cursor is None:
                break
        before, self._known = self._known, present
        return presence_changes(before, present)

    async def wait(self) -> None:
        """Wait until it is time for another look."""
        self._seen = await self._ports.presence.changed(self._graph, self._seen, _LONGEST_WAIT)


class AgentPresence:
    """Which agents are at work now, and what happens in a graph each minute. A crash of Postgres may lose both."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def beat(self, graph: str, address: AgentAddress, heartbeat: Heartbeat | None = None) -> Presence:
        """Report that an agent is at work, for as long as its heartbeat lasts. Raises InvalidInput, TooLarge."""
        return await self._ports.presence.beat(graph, address.checked(), (heartbeat or Heartbeat()).checked())

    async def get(self, graph: str, address: AgentAddress) -> Presence:
        """Return an agent that is present. Raises NotFound."""
        return await self._ports.presence.get(graph, address.checked())

    async def list(
        self, graph: str, *, scope: str = SHARED, below: bool = True, cursor: str | None = None, limit: int = 100
    ) -> Page[Presence]:
        """Return a page of those who are present in a scope, and in those below it, by scope and name."""
        return await self._ports.presence.list(graph, check_scope(scope), below, cursor, limit)

    async def leave(self, graph: str, address: AgentAddress) -> None:
        """Report that an agent is away. Raises NotFound."""
        await self._ports.presence.leave(graph, address.checked())

    def follow(self, graph: str, *, scope: str = SHARED, below: bool = True) -> PresenceWatch:
        """Return what follows who is at work, by looks of the caller's own."""
        return PresenceWatch(self._ports, graph, check_scope(scope), below=below)

    async def watch(self, graph: str, *, scope: str = SHARED, below: bool = True) -> AsyncIterator[PresenceEvent]:
        """Yield who comes, changes or leaves, beginning with those that are there, without an end."""
        watch = self.follow(graph, scope=scope, below=below)
        while True:
            for event in await watch.look():
                yield event
            await watch.wait()

    def count(self, graph: str, scope: str, *, recall: bool = False, write: bool = False) -> None:
        """Count a request of this minute, as the REST server does."""
        self._ports.presence.count(graph, scope, recall=recall, write=write)

    async def activity(
        self, graph: str, *, scope: str = SHARED, below: bool = True, minutes: int = 60
    ) -> Sequence[MinuteActivity]:
        """Return the last minutes in which something was requested over REST, oldest first."""
        return await self._ports.presence.activity(graph, check_scope(scope), below, check_minutes(minutes))


class _Touched:
    """When the work of agents was noted last, and the notes that are being written."""

    def __init__(self) -> None:
        self.at: dict[tuple[str, AgentAddress, str], float] = {}
        self.agents: dict[tuple[str, SessionAddress], AgentAddress] = {}
        self.tasks: set[asyncio.Task[None]] = set()


_TOUCHED: "WeakKeyDictionary[object, _Touched]" = WeakKeyDictionary()


def note_work(ports: Ports, graph: str, address: AgentAddress, session: str) -> None:
    """Note in the background that an agent works in a session: it is present, though it reports nothing itself."""
    touched = _TOUCHED.setdefault(ports.presence, _Touched())
    if len(touched.agents) >= _MOST_TOUCHED:
        touched.agents.clear()
    touched.agents[graph, SessionAddress(session, address.scope)] = address
    place, now = (graph, address, session), time.monotonic()
    if now - touched.at.get(place, float("-inf")) < _TOUCHED_EVERY:
        return
    if len(touched.at) >= _MOST_TOUCHED:
        touched.at.clear()
    touched.at[place] = now

    async def write() -> None:
        try:
            await ports.presence.touch(graph, address, session)
        except KgmemError as error:
            log.debug("presence_not_noted", graph=graph, error=error)

    task = asyncio.create_task(write(), name="kgmem presence")
    touched.tasks.add(task)
    task.add_done_callback(touched.tasks.discard)


def note_work_again(ports: Ports, graph: str, session: SessionAddress) -> None:
    """Note the work of the agent that this process has last seen in a session."""
    touched = _TOUCHED.get(ports.presence)
    agent = touched.agents.get((graph, session)) if touched else None
    if agent is not None:
        note_work(ports, graph, agent, session.id)
