"""Sessions: conversations of an agent with users, whose messages are episodes in one strict order."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from kgmem.domain.agents.digest import Digest
from kgmem.domain.agents.message import StoredMessage
from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput, NotFound, TooLarge
from kgmem.domain.fields import LARGEST_PROPERTIES
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.episode import Episode
from kgmem.domain.graph.expiry import expiry_of
from kgmem.domain.graph.scope import SHARED, check_scope

MOST_USERS: Final = 100
_LONGEST_VALUE: Final = 300  # Characters of a claimed value that a context shows.
_ID = re.compile(r"[^\s/\x00-\x1f\x7f]{1,200}")


@dataclass(frozen=True, slots=True)
class SessionAddress:
    """Where a session is: its id, and the scope that owns it."""

    id: str
    scope: str = SHARED

    def checked(self) -> "SessionAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        if not _ID.fullmatch(self.id):
            raise InvalidInput(
                f"{self.id[:80]!r} is no id of a session.",
                hint="Give 1 to 200 characters without spaces and slashes.",
                field="id",
            )
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class SessionDetails:
    """What a caller says of a session: the agent, who takes part, and values of the caller's own."""

    agent: str | None = None
    users: Sequence[str] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    expires_at: str | None = None  # ISO 8601: then it is deleted with its messages; NEVER for no time.
    ttl: str | float | None = None  # How long it lasts, instead of expires_at: seconds, or such as 30d and PT12H.

    def checked(self) -> "SessionDetails":
        """Return itself where all of it is valid, with `ttl` as `expires_at`. Raises InvalidInput, TooLarge."""
        if self.agent is not None:
            check_name("agent", self.agent)
        if len(self.users) > MOST_USERS:
            raise InvalidInput(f"users has {len(self.users)} items.", hint=f"Give at most {MOST_USERS}.", field="users")
        for n, user in enumerate(self.users):
            if not user.strip() or len(user) > 400 or "\0" in user:
                raise InvalidInput(f"users[{n}] is no name.", hint="Give 1 to 400 characters.", field=f"users[{n}]")
        size = len(json.dumps(self.metadata, default=dict).encode())
        if size > LARGEST_PROPERTIES:
            raise TooLarge(
                f"metadata takes {size:,} bytes of JSON.",
                hint=f"Give at most {LARGEST_PROPERTIES:,}.",
                field="metadata",
            )
        return replace(self, expires_at=expiry_of(self.expires_at, self.ttl), ttl=None)


@dataclass(frozen=True, slots=True)
class Session:
    """A session as it is stored."""

    id: str
    scope: str
    agent: str | None
    users: Sequence[str]
    metadata: Mapping[str, Any]
    opened_at: str
    closed_at: str | None
    latest_at: str | None  # When the newest message was stored.
    messages: int
    tokens: int  # Of all messages.
    created: bool = False  # True in the answer to the call that made it.
    expires_at: str | None = None  # When it is deleted, with its messages.


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """Which sessions a listing has."""

    scope: str = SHARED
    agent: str | None = None
    user: str | None = None
    is_open: bool | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is ready to be stored: what is kept of it, and its episode."""

    id: str
    digest: bytes
    tokens: int
    body: Mapping[str, Any]
    episode: Episode


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of messages: all of them as stored, and how many of them are new."""

    messages: Sequence[StoredMessage]
    created: int


class SessionStore(Protocol):
    """Stores sessions and their messages; every write is one transaction."""

    async def put(self, graph: str, address: SessionAddress, details: SessionDetails) -> Session:
        """Make a session, or give the one that is there these details."""

    async def get(self, graph: str, address: SessionAddress) -> Session:
        """Return a session. Raises NotFound."""

    async def list(self, graph: str, which: SessionFilter, cursor: str | None, limit: int) -> Page[Session]:
        """Return sessions in this scope only, the newest first."""

    async def set_closed(self, graph: str, address: SessionAddress, *, closed: bool) -> Session:
        """Close a session, or open it again. Raises NotFound."""

    async def append(self, graph: str, address: SessionAddress, messages: Sequence[NewMessage]) -> Appended:
        """Store messages behind those that are there, in order; those that are there already stay as they are.

        Raises NotFound, and Conflict for a closed session and for an id that has another content.
        """

    async def messages(
        self, graph: str, address: SessionAddress, cursor: str | None, limit: int, *, newest_first: bool
    ) -> Page[StoredMessage]:
        """Return messages of a session in order, or the newest first. Raises NotFound."""

    async def message(self, graph: str, address: SessionAddress, id_: str) -> StoredMessage:
        """Return one message. Raises NotFound."""

    async def keys(self, graph: str, address: SessionAddress) -> Sequence[str]:
        """Return the keys of the episodes of all messages, in order. Raises NotFound."""

    async def delete(self, graph: str, address: SessionAddress) -> bool:
        """Delete a session that has no messages any more; returns whether it is gone."""


def no_such_session(address: SessionAddress) -> NotFound:
    """Return the error for a session that is not in the scope."""
    return NotFound(
        f"There is no session {address.id!r} in this scope.",
        hint="Open it by PUT /v1/graphs/{graph}/sessions/{session}, or list the sessions.",
    )


@dataclass(frozen=True, slots=True)
class CurrentFact:
    """A relationship or a value that holds now, in words.

    `state` is that of its claims (verified, contested, unverified); None where none were weighed.
    """

    id: int
    kind: str
    start: str  # Key.
    end: str | None  # None for a value.
    text: str
    valid_from: str | None
    valid_to: str | None = None  # In the future.
    value: Any = None
    state: str | None = None
    alternatives: Sequence[Any] = ()  # Of a contested value, what else is claimed, the most probable first.


def in_words(value: Any) -> str:
    """Return a claimed value as a context shows it: a text as it is, else JSON, and of a long one the beginning."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}\u2026"


class ContextStore(Protocol):
    """Reads what the context of a session is made of."""

    async def latest(
        self, graph: str, address: SessionAddress, least: int, budget: int
    ) -> tuple[Session, Sequence[StoredMessage]]:
        """Return a session and its latest messages, the newest first: `least`, and more within a budget of tokens.

        Raises NotFound.
        """

    async def digests(self, graph: str, address: SessionAddress, parts: Sequence[tuple[int, int]]) -> Sequence[Digest]:
        """Return the digests of parts (level, place) of a session, in this order. Raises NotFound."""

    async def facts(
        self, graph: str, address: SessionAddress, messages: Sequence[int], entities: Sequence[int]
    ) -> Sequence[CurrentFact]:
        """Return current facts of what messages (numbers) mention and of entities (ids), by worth."""
