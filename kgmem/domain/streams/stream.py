"""Work streams: messages that producers append, and consumer groups process, each by one consumer of a group."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.fields import LONGEST_KEY
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope

MOST_STREAMS: Final = 1_000  # Of a scope.
MOST_GROUPS: Final = 100  # Of a stream.
MOST_MESSAGES: Final = 1_000_000  # That a stream keeps; further ones are refused until groups have acknowledged some.
MOST_PENDING: Final = 10_000  # Messages that a group has taken and not acknowledged, or that wait behind these.
MOST_DEAD: Final = 10_000  # Dead letters of a group; beyond, the oldest go.
MOST_APPENDED: Final = 1_000  # In one request.
MOST_READ: Final = 1_000
LARGEST_BODY: Final = 256 * 1024  # Bytes of a message as JSON.
LONGEST_WAIT: Final = 25.0  # Seconds of a read that waits.
SHORTEST_LEASE, DEFAULT_LEASE, LONGEST_LEASE = 0.1, 60.0, 43_200.0
LONGEST_DELAY: Final = 86_400.0
DEFAULT_LENGTH, DEFAULT_AGE, DEFAULT_DELIVERIES = 100_000, 7 * 86_400, 5
LONGEST_AGE: Final = 366 * 86_400
LONGEST_REASON: Final = 1_000

Start = Literal["beginning", "now"]
Place = Literal["postgres", "redis"]
_RECEIPT = re.compile(r"([1-9][0-9]{0,17})\.([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class StreamAddress:
    """Where a stream is: its name, and the scope that owns it."""

    name: str
    scope: str = SHARED

    def checked(self) -> "StreamAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        check_name("stream", self.name)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class StreamSettings:
    """What a stream keeps of acknowledged messages, and when it gives a message up.

    Trimming removes the oldest messages that all groups have acknowledged: beyond `max_length`, or older than
    `max_age_seconds`. What a group has not acknowledged is never trimmed.
    """

    max_length: int = DEFAULT_LENGTH
    max_age_seconds: int = DEFAULT_AGE
    max_deliveries: int = DEFAULT_DELIVERIES  # After so many deliveries to a group a message becomes a dead letter.

    def checked(self) -> "StreamSettings":
        """Return itself. Raises InvalidInput."""
        for name, most in (("max_length", MOST_MESSAGES), ("max_age_seconds", LONGEST_AGE), ("max_deliveries", 1_000)):
            if not 1 <= getattr(self, name) <= most:
                raise InvalidInput(f"{name} is {getattr(self, name)}.", hint=f"Give 1 to {most:,}.", field=name)
        return self


@dataclass(frozen=True, slots=True)
class StreamGroup:
    """How far a consumer group is."""

    name: str
    delivered: int  # Messages up to this number were taken for the group.
    pending: int  # Of these, how many are not acknowledged.
    dead: int  # Dead letters.
    lag: int  # Messages behind `delivered`.


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it is stored."""

    name: str
    scope: str
    settings: StreamSettings
    last: int  # The number of the newest message; 0: there was none.
    length: int  # How many messages it keeps at most; those that were trimmed in between count.
    created_at: str
    author: str | None
    groups: Sequence[StreamGroup] = ()
    created: bool = False  # Whether the request made it.
    id: int = 0
    store: Place = "postgres"  # Where its messages are, for as long as it exists.


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append: a JSON value, with a key whose messages are processed one after the other."""

    body: Any
    key: str | None = None
    idempotency_key: str | None = None  # The same one again appends nothing.


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of messages: their numbers in the stream, and how many were there already."""

    ids: Sequence[int]
    duplicates: int = 0


@dataclass(frozen=True, slots=True)
class WorkMessage:
    """A message of a stream. Delivered to a consumer it has a receipt, which acknowledges this delivery."""

    id: int  # Its number: the order in which messages were appended.
    key: str | None
    body: Any
    at: str  # When it was appended.
    author: str | None  # The id of the API key that appended it.
    receipt: str | None = None
    deliveries: int = 0  # With this one.
    leased_until: str | None = None


@dataclass(frozen=True, slots=True)
class StreamRead:
    """A consumer's request for messages of a group, leased to it for some seconds."""

    group: str
    consumer: str = "consumer"
    limit: int = 10
    lease_seconds: float = DEFAULT_LEASE
    start: Start = "beginning"  # Where the group begins if this read makes it.

    def checked(self) -> "StreamRead":
        """Return itself. Raises InvalidInput."""
        check_name("group", self.group)
        check_name("consumer", self.consumer)
        _check_limit(self.limit)
        check_lease(self.lease_seconds)
        return self


@dataclass(frozen=True, slots=True)
class StreamClaim:
    """A request to take over the messages that another consumer of a group has leased, and not acknowledged."""

    group: str
    consumer: str  # Who takes them.
    of: str  # Who had them.
    min_idle_seconds: float = 0.0  # Only those delivered at least so long ago.
    limit: int = 10
    lease_seconds: float = DEFAULT_LEASE

    def checked(self) -> "StreamClaim":
        """Return itself. Raises InvalidInput."""
        check_name("group", self.group)
        check_name("consumer", self.consumer)
        check_name("consumer", self.of)
        _check_limit(self.limit)
        check_lease(self.lease_seconds)
        if not 0 <= self.min_idle_seconds <= LONGEST_LEASE:
            raise InvalidInput(
                f"min_idle_seconds is {self.min_idle_seconds:g}.", hint=f"Give 0 to {LONGEST_LEASE:g}.",
                field="min_idle_seconds",
            )  # fmt: skip
        return self


@dataclass(frozen=True, slots=True)
class Settled:
    """Which messages a request has settled, and which deliveries were not the consumer's any more."""

    settled: Sequence[int]
    lost: Sequence[str] = ()  # Receipts: the message was delivered again, acknowledged or given up.


@dataclass(frozen=True, slots=True)
class PendingMessage:
    """A message that a group has taken and not acknowledged; one without a consumer waits to be delivered (again)."""

    id: int
    key: str | None
    consumer: str | None
    deliveries: int
    delivered_at: str | None
    until: str | None  # The end of the lease, or of a delay.
    reason: str | None  # Why it was released last.


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that a group has given up."""

    id: int
    key: str | None
    body: Any
    deliveries: int
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class Trimmed:
    """How many messages a trimming removed."""

    removed: int


@dataclass(frozen=True, slots=True)
class Release:
    """A consumer's return of messages that it could not process, to be delivered again after some seconds."""

    receipts: Sequence[str]
    delay_seconds: float = 0.0
    reason: str | None = None
    dead: bool = False  # Give them up at once.

    def checked(self) -> "Release":
        """Return itself. Raises InvalidInput."""
        check_receipts(self.receipts)
        if not 0 <= self.delay_seconds <= LONGEST_DELAY:
            raise InvalidInput(
                f"delay_seconds is {self.delay_seconds:g}.", hint=f"Give 0 to {LONGEST_DELAY:g}.", field="delay_seconds"
            )
        if self.reason is not None and (len(self.reason) > LONGEST_REASON or "\0" in self.reason):
            raise InvalidInput("reason is not valid.", hint=f"At most {LONGEST_REASON:,} characters.", field="reason")
        return self


def check_lease(seconds: float) -> float:
    """Return the seconds of a lease unchanged. Raises InvalidInput."""
    if not SHORTEST_LEASE <= seconds <= LONGEST_LEASE:
        raise InvalidInput(
            f"lease_seconds is {seconds:g}.", hint=f"Give {SHORTEST_LEASE:g} to {LONGEST_LEASE:g} seconds.",
            field="lease_seconds",
        )  # fmt: skip
    return seconds


def check_receipts(receipts: Sequence[str]) -> Mapping[int, int]:
    """Return the delivery that each receipt acknowledges, by the message's number. Raises InvalidInput."""
    if not 1 <= len(receipts) <= MOST_READ:
        raise InvalidInput(f"{len(receipts)} receipts were given.", hint=f"Give 1 to {MOST_READ:,}.", field="receipts")
    found: dict[int, int] = {}
    for place, receipt in enumerate(receipts):
        matched = _RECEIPT.fullmatch(receipt)
        if not matched:
            raise InvalidInput(
                f"receipts[{place}] {receipt[:40]!r} is no receipt.",
                hint="Send the receipt that came with the message, such as 17.1.",
                field=f"receipts[{place}]",
            )
        found[int(matched[1])] = int(matched[2])
    return found


def check_messages(messages: Sequence[NewMessage]) -> Sequence[NewMessage]:
    """Return messages unchanged. Raises InvalidInput."""
    if not 1 <= len(messages) <= MOST_APPENDED:
        raise InvalidInput(
            f"{len(messages)} messages were given.", hint=f"Give 1 to {MOST_APPENDED:,} at once.", field="messages"
        )
    named: set[str] = set()
    for place, message in enumerate(messages):
        for name in ("key", "idempotency_key"):
            value = getattr(message, name)
            if value is not None and (not value or len(value) > LONGEST_KEY or "\0" in value):
                raise InvalidInput(
                    f"messages[{place}].{name} is not valid.",
                    hint=f"Give 1 to {LONGEST_KEY} characters without U+0000, or leave it out.",
                    field=f"messages[{place}].{name}",
                )
        if message.idempotency_key is not None:
            if message.idempotency_key in named:
                raise InvalidInput(
                    f"messages[{place}].idempotency_key is given twice.", hint="Give each message its own.",
                    field=f"messages[{place}].idempotency_key",
                )  # fmt: skip
            named.add(message.idempotency_key)
    return messages


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST_READ:
        raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {MOST_READ:,}.", field="limit")


def no_stream(address: StreamAddress) -> NotFound:
    """Return the error for a stream that the scope does not have."""
    return NotFound(
        f"There is no stream {address.name!r} in this scope.", hint="The first append makes it; list the streams."
    )


def no_group(name: str) -> NotFound:
    """Return the error for a group that a stream does not have."""
    return NotFound(f"The stream has no group {name!r}.", hint="A group is made by its first read.")


@dataclass(frozen=True, slots=True)
class GroupAddress:
    """A consumer group of a stream."""

    stream: StreamAddress
    group: str = field(default="")

    def checked(self) -> "GroupAddress":
        """Return itself where all is valid. Raises InvalidInput."""
        self.stream.checked()
        check_name("group", self.group)
        return self


class StreamStore(Protocol):
    """Stores streams, their messages, and what consumer groups have acknowledged."""

    async def put(self, graph: str, address: StreamAddress, settings: StreamSettings) -> Stream:
        """Make a stream, or set its settings."""

    async def get(self, graph: str, address: StreamAddress) -> Stream:
        """Return a stream with its groups. Raises NotFound."""

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Stream]:
        """Return the streams in this scope only, by name."""

    async def delete(self, graph: str, address: StreamAddress) -> None:
        """Delete a stream with its messages and groups. Raises NotFound."""

    async def append(self, graph: str, address: StreamAddress, messages: Sequence[NewMessage]) -> Appended:
        """Append messages in one transaction; the stream is made where it is not there.

        Raises Conflict for an idempotency key with another content, TooLarge for a full stream.
        """

    async def messages(self, graph: str, address: StreamAddress, after: int, limit: int) -> Sequence[WorkMessage]:
        """Return the messages behind a number, for nobody in particular. Raises NotFound."""

    async def read(self, graph: str, address: StreamAddress, request: StreamRead) -> Sequence[WorkMessage]:
        """Lease the next messages of a group to a consumer. Raises NotFound, TooLarge."""

    async def acknowledge(self, graph: str, address: GroupAddress, receipts: Mapping[int, int]) -> Settled:
        """Note that deliveries are processed. Raises NotFound."""

    async def extend(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], seconds: float) -> Settled:
        """Extend leases to so many seconds from now. Raises NotFound."""

    async def release(self, graph: str, address: GroupAddress, receipts: Mapping[int, int], how: Release) -> Settled:
        """Return deliveries that could not be processed. Raises NotFound."""

    async def claim(self, graph: str, address: StreamAddress, request: StreamClaim) -> Sequence[WorkMessage]:
        """Lease to one consumer what another one of its group has. Raises NotFound."""

    async def pending(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[PendingMessage]:
        """Return what a group has taken and not acknowledged, by number. Raises NotFound."""

    async def dead_letters(self, graph: str, address: GroupAddress, after: int, limit: int) -> Sequence[DeadLetter]:
        """Return what a group has given up, by number. Raises NotFound."""

    async def replay(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Deliver dead letters (None: all) again; returns how many. Raises NotFound."""

    async def discard(self, graph: str, address: GroupAddress, ids: Sequence[int] | None) -> int:
        """Delete dead letters (None: all); returns how many. Raises NotFound."""

    async def delete_group(self, graph: str, address: GroupAddress) -> None:
        """Delete a group with what it has pending, and its dead letters. Raises NotFound."""

    async def trim(self, graph: str, address: StreamAddress, length: int | None, age: int | None) -> int:
        """Remove the oldest messages that all groups have acknowledged; returns how many. Raises NotFound."""

    async def trim_all(self, graph: str) -> int:
        """Trim each stream of a graph by its settings; returns how many messages were removed."""

    async def in_use(self, graph: str) -> bool:
        """Return whether a graph has streams."""

    async def sweep(self) -> int:
        """Delete what streams, scopes and graphs that are gone have left outside of the database; returns how much."""
