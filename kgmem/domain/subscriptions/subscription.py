"""Subscriptions: which events of a graph are delivered, and to which consumer group up to where."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, Protocol

from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.fields import LONGEST_KEY, LONGEST_LABEL
from kgmem.domain.graph.embedding import Vector
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.recall.question import Question
from kgmem.domain.subscriptions.answer import Evaluation, check_followed
from kgmem.domain.subscriptions.event import Event, Position, check_kinds

What = Literal["scope", "entity", "label", "kinds", "question", "answer"]
Start = Literal["now", "beginning"]

DEFAULT_RELEVANCE: Final = 0.5
LONGEST_QUESTION: Final = 2_000
MOST_LISTED: Final = 100  # Of keys, labels and kinds in a filter.
MOST_SUBSCRIPTIONS: Final = 1_000  # Of a scope.
MOST_GROUPS: Final = 100  # Of a subscription.
LONGEST_WAIT: Final = 25.0  # Seconds of a long poll.
SHORTEST_LEASE, DEFAULT_LEASE, LONGEST_LEASE = 1.0, 60.0, 3_600.0
# The field of the filter that each subject needs.
_NEEDED: Final[dict[What, str]] = {"entity": "keys", "label": "labels", "kinds": "kinds", "question": "question"}


@dataclass(frozen=True, slots=True)
class SubscriptionAddress:
    """Where a subscription is: its name, and the scope that owns it."""

    name: str
    scope: str = SHARED

    def checked(self) -> "SubscriptionAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        check_name("subscription", self.name)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events match: those of one of the kinds, of one of the labels and about one of the keys. Empty: all."""

    kinds: Sequence[str] = ()
    labels: Sequence[str] = ()
    keys: Sequence[str] = ()
    question: str | None = None  # Only items whose text, now or before, is relevant to it:
    min_relevance: float = DEFAULT_RELEVANCE  # at least so much, 0 to 1, as recall rates its hits.

    def checked(self) -> "EventFilter":
        """Return itself without repetitions. Raises InvalidInput."""
        for name, values, most in (("keys", self.keys, LONGEST_KEY), ("labels", self.labels, LONGEST_LABEL)):
            for place, value in enumerate(values):
                if not value or len(value) > most or "\0" in value:
                    raise InvalidInput(
                        f"filter.{name}[{place}] is not valid.",
                        hint=f"Give 1 to {most} characters without U+0000.",
                        field=f"filter.{name}[{place}]",
                    )
        for name in ("kinds", "labels", "keys"):
            if len(getattr(self, name)) > MOST_LISTED:
                raise InvalidInput(
                    f"filter.{name} has {len(getattr(self, name))} items.",
                    hint=f"Give at most {MOST_LISTED}, or make several subscriptions.",
                    field=f"filter.{name}",
                )
        self._check_question()
        kinds = check_kinds(self.kinds, "filter.kinds")
        return replace(
            self, kinds=kinds, labels=tuple(dict.fromkeys(self.labels)), keys=tuple(dict.fromkeys(self.keys))
        )

    def _check_question(self) -> None:
        if self.question is not None and (
            not self.question.strip() or len(self.question) > LONGEST_QUESTION or "\0" in self.question
        ):
            raise InvalidInput(
                "filter.question is not valid.",
                hint=f"Give a text of 1 to {LONGEST_QUESTION:,} characters without U+0000.",
                field="filter.question",
            )
        if not 0 < self.min_relevance <= 1:
            raise InvalidInput(
                f"filter.min_relevance is {self.min_relevance:g}.",
                hint="Give a number above 0, at most 1.",
                field="filter.min_relevance",
            )

    def matches(self, event: Event) -> bool:
        """Return whether an event passes, but for the question."""
        noun = event.kind.partition(".")[0]
        return (
            (not self.kinds or event.kind in self.kinds or f"{noun}.*" in self.kinds)
            and (not self.labels or not set(self.labels).isdisjoint(event.labels))
            and (not self.keys or not set(self.keys).isdisjoint(event.entities))
        )


@dataclass(frozen=True, slots=True)
class SubscriptionRequest:
    """What a subscription delivers: a scope, entities, labels or kinds of events, narrowed by the rest of the filter.

    It sees its scope, those above it and shared items, as a question does; with `below` also the scopes below its own.
    By `answer` it delivers what enters, leaves and moves in the best k hits of a question; that sees no scopes below.
    """

    what: What = "scope"
    filter: EventFilter = field(default_factory=EventFilter)
    below: bool = True
    start: Start = "now"  # Where new groups begin: behind what has happened so far, or with the oldest event.
    answer: Question | None = None

    def checked(self) -> "SubscriptionRequest":
        """Return itself with a valid filter. Raises InvalidInput."""
        checked = self.filter.checked()
        needed = _NEEDED.get(self.what)
        if needed and not getattr(checked, needed):
            raise InvalidInput(
                f"filter.{needed} is empty, but the subscription is by {self.what}.",
                hint=f"Name at least one in filter.{needed}.",
                field=f"filter.{needed}",
            )
        if self.what == "answer" and checked.question is not None:
            raise InvalidInput(
                "filter.question is given, but the subscription is by answer.",
                hint="Put the question into answer.what.text, and how relevant hits must be into answer.min_score.",
                field="filter.question",
            )
        if self.what == "answer":
            return replace(self, filter=checked, below=False, answer=check_followed(self.answer))
        if self.answer is not None:
            raise InvalidInput(
                f"answer is given, but the subscription is by {self.what}.",
                hint="Give the question in filter.question, or what: answer.",
                field="answer",
            )
        return replace(self, filter=checked)

    def of_events(self) -> "SubscriptionRequest":
        """Return itself, checked, for what reads the events of the feed. Raises InvalidInput."""
        if self.what == "answer":
            raise InvalidInput(
                "An answer is followed by a subscription only.", hint="Make a subscription, and read it.", field="what"
            )
        return self.checked()


@dataclass(frozen=True, slots=True)
class ConsumerGroup:
    """How far a consumer group is: what it has acknowledged, and the lease of the consumer that is at work."""

    name: str
    cursor: str
    leased_until: str | None  # None: nobody has a lease.


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as it is stored."""

    name: str
    scope: str
    what: What
    filter: EventFilter
    below: bool
    start: str  # The cursor at which new groups begin.
    created_at: str
    author: str | None  # The id of the API key that made it.
    groups: Sequence[ConsumerGroup] = ()
    created: bool = True  # False in the answer to a request that changed nothing.
    id: int = 0
    answer: Question | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events in order; `cursor` is where reading goes on, and what to acknowledge.

    With a group: `lease` is to be sent with the acknowledgement; None where there is nothing to acknowledge.
    """

    events: Sequence[Event]
    cursor: str
    previous: str | None = None  # The acknowledged cursor of the group, as it was read.
    lease: str | None = None
    leased_until: str | None = None  # Without a lease of one's own: until when another consumer has it.


@dataclass(frozen=True, slots=True)
class GroupRead:
    """A consumer's request: for which group, at most how many events, and for how long they are leased to it."""

    group: str
    limit: int = 100
    seconds: float = DEFAULT_LEASE
    lease: str | None = None  # Its own lease, to go on with it.
    ack: str | None = None  # A cursor to acknowledge first.

    def checked(self) -> "GroupRead":
        """Return itself. Raises InvalidInput."""
        check_group(self.group)
        if not 1 <= self.limit <= 1000:
            raise InvalidInput(f"limit is {self.limit}.", hint="Give 1 to 1,000.", field="limit")
        if not SHORTEST_LEASE <= self.seconds <= LONGEST_LEASE:
            raise InvalidInput(
                f"lease_seconds is {self.seconds:g}.",
                hint=f"Give {SHORTEST_LEASE:g} to {LONGEST_LEASE:g} seconds.",
                field="lease_seconds",
            )
        if self.ack is not None and self.lease is None:
            raise InvalidInput(
                "ack is given without lease.", hint="Send the lease that came with the events.", field="lease"
            )
        if self.ack is not None:
            Position.parse(self.ack, "ack")
        return self


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a consumer has processed: all events up to a cursor, under its lease."""

    group: str
    cursor: str
    lease: str
    expected: str | None = None  # Refused where the acknowledged cursor of the group is another one.


def check_group(name: str) -> str:
    """Return the name of a consumer group unchanged. Raises InvalidInput."""
    return check_name("group", name)


def no_subscription(address: SubscriptionAddress) -> NotFound:
    """Return the error for a subscription that the scope does not have."""
    return NotFound(f"There is no subscription {address.name!r} in this scope.", hint="List the subscriptions.")


class TextScorer(Protocol):
    """Rates texts by their relevance to one question."""

    @property
    def vector(self) -> Vector | None:
        """The question's vector; None where words alone count."""

    async def score(self, texts: Sequence[tuple[str, float | None]]) -> Sequence[float]:
        """Return the relevance, 0 to 1, of each text with its cosine, where that is known."""


# Returns what rates texts for a question on a graph.
Scorers = Callable[[str, str], Awaitable[TextScorer]]


class SubscriptionStore(Protocol):
    """Stores subscriptions and how far their groups are, and reads the events of a graph."""

    async def put(
        self,
        graph: str,
        address: SubscriptionAddress,
        request: SubscriptionRequest,
        first: Evaluation | None = None,
    ) -> Subscription:
        """Store a subscription, by `answer` with its first evaluation; the same one again changes nothing.

        Raises Conflict for another one of its name.
        """

    async def get(self, graph: str, address: SubscriptionAddress) -> Subscription:
        """Return a subscription with its groups. Raises NotFound."""

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Subscription]:
        """Return the subscriptions in this scope only, by name."""

    async def delete(self, graph: str, address: SubscriptionAddress) -> int:
        """Delete a subscription with its groups; returns how many groups it had. Raises NotFound."""

    async def events(
        self, graph: str, address: SubscriptionAddress, after: Position, limit: int, scorers: Scorers
    ) -> Delivery:
        """Return matching events behind a position, without a group. Raises CursorExpired."""

    async def feed(
        self, graph: str, request: SubscriptionRequest, place: tuple[str, Position | None], limit: int, scorers: Scorers
    ) -> Delivery:
        """Return events behind a position that a request matches in a scope, without a subscription.

        `place`: the scope and the position; None: behind all events. Raises CursorExpired, Unavailable.
        """

    async def read(self, graph: str, address: SubscriptionAddress, request: GroupRead, scorers: Scorers) -> Delivery:
        """Lease the next events of a group to one consumer. Raises CursorExpired, VersionConflict, NotFound."""

    async def acknowledge(
        self, graph: str, address: SubscriptionAddress, acknowledgement: Acknowledgement
    ) -> ConsumerGroup:
        """Move the cursor of a group. Raises VersionConflict, Conflict, InvalidInput, NotFound."""

    async def seek(
        self, graph: str, address: SubscriptionAddress, group: str, to: Position | int | None, expected: str | None
    ) -> ConsumerGroup:
        """Set a group to a position, before the events since an instant, or behind all (None); ends its lease."""

    async def delete_group(self, graph: str, address: SubscriptionAddress, group: str) -> None:
        """Delete a group with its cursor. Raises NotFound."""
