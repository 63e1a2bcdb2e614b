"""Presence: which agents are at work now and on what; and activity: requests, recalls and writes of each minute."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput, NotFound, TooLarge
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope

SHORTEST_TTL, DEFAULT_TTL, LONGEST_TTL = 1, 300, 3_600  # Seconds for which a heartbeat lasts.
LARGEST_CONTEXT: Final = 4_096  # Bytes of a context as JSON.
LONGEST_STATUS: Final = 200
MOST_AGENTS: Final = 10_000  # Of a scope.
MOST_MINUTES: Final = 1_440  # Of activity that is kept.

PresenceChange = Literal["came", "changed", "left"]


@dataclass(frozen=True, slots=True)
class AgentAddress:
    """An agent in a scope."""

    agent: str
    scope: str = SHARED

    def checked(self) -> "AgentAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        check_name("agent", self.agent)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What an agent reports: that it is at work, in which session, on what, and for how long that holds."""

    session: str | None = None
    status: str | None = None  # Such as "searching".
    context: Any = None  # A JSON value.
    ttl_seconds: int = DEFAULT_TTL

    def checked(self) -> "Heartbeat":
        """Return itself. Raises InvalidInput."""
        for name in ("session", "status"):
            value = getattr(self, name)
            if value is not None and (not value or len(value) > LONGEST_STATUS or "\0" in value):
                raise InvalidInput(
                    f"{name} is not valid.", hint=f"Give 1 to {LONGEST_STATUS} characters without U+0000.", field=name
                )
        if not SHORTEST_TTL <= self.ttl_seconds <= LONGEST_TTL:
            raise InvalidInput(
                f"ttl_seconds is {self.ttl_seconds}.", hint=f"Give {SHORTEST_TTL} to {LONGEST_TTL:,}.",
                field="ttl_seconds",
            )  # fmt: skip
        return self


@dataclass(frozen=True, slots=True)
class Presence:
    """An agent that is at work: what it reported last."""

    agent: str
    scope: str
    session: str | None
    status: str | None
    context: Any
    since: str  # When it came.
    seen_at: str  # Its last heartbeat.
    expires_at: str
    author: str | None  # The id of the API key of the heartbeat.


@dataclass(frozen=True, slots=True)
class PresenceEvent:
    """A change of who is at work: an agent came, reported something else, or left."""

    kind: PresenceChange
    agent: Presence  # As it was last seen.


@dataclass(frozen=True, slots=True)
class MinuteActivity:
    """What happened in a minute."""

    minute: str
    requests: int
    recalls: int
    writes: int


def presence_changes(
    before: Mapping[tuple[str, str], Presence], after: Mapping[tuple[str, str], Presence]
) -> Sequence[PresenceEvent]:
    """Return what happened between two looks at agents by scope and name; a mere heartbeat is no event."""
    left = [PresenceEvent("left", agent) for place, agent in before.items() if place not in after]
    events = []
    for place, agent in after.items():
        known = before.get(place)
        if known is None or known.since != agent.since:
            events.append(PresenceEvent("came", agent))
        elif (known.session, known.status, known.context) != (agent.session, agent.status, agent.context):
            events.append(PresenceEvent("changed", agent))
    return [*left, *events]


def not_present(address: AgentAddress) -> NotFound:
    """Return the error for an agent without a heartbeat."""
    return NotFound(f"The agent {address.agent!r} is not present in this scope.", hint="List who is present.")


def too_many_agents() -> TooLarge:
    """Return the error for a scope that is full of agents."""
    return TooLarge(f"{MOST_AGENTS:,} agents are present in the scope.", hint="Use a scope below.")


def check_minutes(minutes: int) -> int:
    """Return a number of minutes unchanged. Raises InvalidInput."""
    if not 1 <= minutes <= MOST_MINUTES:
        raise InvalidInput(f"minutes is {minutes}.", hint=f"Give 1 to {MOST_MINUTES:,}.", field="minutes")
    return minutes


class PresenceStore(Protocol):
    """Stores heartbeats until they expire, and counts what happens each minute. A crash may lose both."""

    async def beat(self, graph: str, address: AgentAddress, heartbeat: Heartbeat) -> Presence:
        """Note that an agent is at work. Raises TooLarge."""

    async def get(self, graph: str, address: AgentAddress) -> Presence:
        """Return an agent that is present. Raises NotFound."""

    async def list(self, graph: str, scope: str, below: bool, cursor: str | None, limit: int) -> Page[Presence]:
        """Return who is present in a scope, with `below` in those below it, too; by scope and name."""

    async def leave(self, graph: str, address: AgentAddress) -> None:
        """Note that an agent is away. Raises NotFound."""

    async def touch(self, graph: str, address: AgentAddress, session: str) -> None:
        """Note that an agent works in a session; what it reported of itself stays. Raises TooLarge."""

    async def changed(self, graph: str, seen: int, seconds: float) -> int:
        """Return a number that rises with what is present, once it is not `seen`, or after so many seconds."""

    async def forget(self, graph: str, scope: str | None = None) -> None:
        """Count no more what is not written yet of a scope, or of the graph."""

    def count(self, graph: str, scope: str, *, recall: bool = False, write: bool = False) -> None:
        """Count a request of this minute; returns at once, and is written within seconds."""

    async def activity(self, graph: str, scope: str, below: bool, minutes: int) -> Sequence[MinuteActivity]:
        """Return the last minutes in which something happened, oldest first."""

    async def aclose(self) -> None:
        """Write what is counted."""
