"""Presence of agents by heartbeats, and the activity of a graph."""

from collections.abc import Sequence

from kgmem.domain.agents.presence import AgentAddress, Heartbeat, MinuteActivity, Presence, check_minutes
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.services.ports import Ports


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

    def count(self, graph: str, scope: str, *, recall: bool = False, write: bool = False) -> None:
        """Count a request of this minute, as the REST server does."""
        self._ports.presence.count(graph, scope, recall=recall, write=write)

    async def activity(
        self, graph: str, *, scope: str = SHARED, below: bool = True, minutes: int = 60
    ) -> Sequence[MinuteActivity]:
        """Return the last minutes in which something was requested over REST, oldest first."""
        return await self._ports.presence.activity(graph, check_scope(scope), below, check_minutes(minutes))
