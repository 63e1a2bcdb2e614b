"""Webhooks: events that are sent to a URL, signed, in order for each item, until the receiver has taken them."""

import base64
import hashlib
import hmac
import random
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, Protocol
from urllib.parse import urlsplit

from kgmem.domain.agents.state import check_name
from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.subscriptions.event import Event, Position
from kgmem.domain.subscriptions.subscription import Scorers, SubscriptionRequest

WebhookState = Literal["active", "disabled"]

MOST_WEBHOOKS: Final = 100  # Of a scope.
LONGEST_URL: Final = 2_000
MOST_IN_A_BATCH: Final = 500
DEFAULT_ATTEMPTS, MOST_ATTEMPTS = 12, 30
DEFAULT_OVERLAP, LONGEST_OVERLAP = 86_400, 7 * 86_400  # Seconds for which an old secret signs beside the new one.
MOST_WAITING: Final = 1_000  # Events of a webhook that wait for another attempt; then it takes no new ones.
MOST_DEAD: Final = 10_000  # Dead letters of a webhook; beyond, the oldest go.
MOST_LOGGED: Final = 200  # Attempts of a webhook that are kept.
FAILING: Final = 3  # Failures in a row after which only what is due is tried again.
LONGEST_FAILING: Final = 5 * 86_400  # Seconds without a success after which a webhook is disabled.
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 6 * 3_600.0  # Before the second attempt; each further one three times as long.
TOLERANCE: Final = 300  # Seconds by which the clock of a receiver may differ.
_PREFIX: Final = "whsec_"


@dataclass(frozen=True, slots=True)
class WebhookAddress:
    """Where a webhook is: its name, and the scope that owns it."""

    name: str
    scope: str = SHARED

    def checked(self) -> "WebhookAddress":
        """Return itself where both are valid. Raises InvalidInput."""
        check_name("webhook", self.name)
        check_scope(self.scope)
        return self


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """What is sent where: the events that a subscription of its scope would deliver, one a request or in batches."""

    url: str
    events: SubscriptionRequest = field(default_factory=SubscriptionRequest)
    batch: int = 1  # Most events of one request.
    max_attempts: int = DEFAULT_ATTEMPTS  # After so many an event becomes a dead letter.

    def checked(self) -> "WebhookRequest":
        """Return itself with a valid filter. Raises InvalidInput."""
        check_url(self.url)
        if not 1 <= self.batch <= MOST_IN_A_BATCH:
            raise InvalidInput(f"batch is {self.batch}.", hint=f"Give 1 to {MOST_IN_A_BATCH}.", field="batch")
        if not 1 <= self.max_attempts <= MOST_ATTEMPTS:
            raise InvalidInput(
                f"max_attempts is {self.max_attempts}.", hint=f"Give 1 to {MOST_ATTEMPTS}.", field="max_attempts"
            )
        return replace(self, events=self.events.of_events())


@dataclass(frozen=True, slots=True)
class WebhookUpdate:
    """What of a webhook shall change; None leaves it."""

    url: str | None = None
    events: SubscriptionRequest | None = None
    batch: int | None = None
    max_attempts: int | None = None
    active: bool | None = None

    def applied_to(self, request: WebhookRequest) -> WebhookRequest:
        """Return a request with these changes, checked. Raises InvalidInput."""
        given = {name: value for name in ("url", "events", "batch", "max_attempts") if (value := getattr(self, name))}
        for name in ("batch", "max_attempts"):
            if getattr(self, name) == 0:
                given[name] = 0  # Refused below.
        return replace(request, **given).checked()


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is stored, without its secret."""

    name: str
    scope: str
    request: WebhookRequest
    state: WebhookState
    reason: str | None  # Why it is disabled, or what was lost.
    cursor: str  # Events up to here were sent, or wait for another attempt.
    waiting: int  # Events that wait for another attempt.
    dead: int  # Dead letters.
    failures: int  # In a row.
    failing_since: str | None
    succeeded_at: str | None
    attempted_at: str | None
    previous_secret_until: str | None  # Until when the secret before signs, too.
    created_at: str
    author: str | None  # The id of the API key that made it, or changed it last.
    id: int = 0


@dataclass(frozen=True, slots=True)
class WebhookWithSecret:
    """A webhook, and its secret: shown once."""

    webhook: Webhook
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DeliveryAttempt:
    """One request to a receiver: what was sent, and its result."""

    at: str
    message: str  # webhook-id of the request.
    events: int
    attempt: int
    status: int | None  # None: no answer came.
    error: str | None
    ms: int


@dataclass(frozen=True, slots=True)
class UndeliveredEvent:
    """An event that was given up: its id, what it is about, and why."""

    id: str
    item: str  # Such as entity:17.
    attempts: int
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class SendResult:
    """The result of one request: a status, or why there is none."""

    status: int | None
    error: str | None
    ms: int
    retry_after: float | None = None  # Seconds that the receiver wants to be left alone.

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing more (410)."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An event to send. `waiting`: it was tried before, or waited behind another one of its item."""

    position: Position
    item: str
    event: Event
    attempts: int = 0
    waiting: bool = False
    held: bool = False  # An earlier event of its item waits: it is not sent yet.


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of an event: it was taken, or it failed with a reason, or it was not tried."""

    outgoing: Outgoing
    ok: bool
    tried: bool = True
    reason: str | None = None
    pause: float = 0.0  # Seconds until it is tried again.


@dataclass(frozen=True, slots=True)
class Run:
    """A delivery run: the webhook, its secrets, and the lease under which it writes."""

    webhook: Webhook
    lease: str
    secrets: Sequence[str] = field(repr=False)  # The current one, then the one before while it signs, too.


@dataclass(frozen=True, slots=True)
class Outbox:
    """The next events of a run, and the position behind the new ones among them."""

    events: Sequence[Outgoing]
    cursor: Position
    lost: str | None = None  # What cannot be sent any more.


@dataclass(frozen=True, slots=True)
class RoundReport:
    """What became of the events of a round, by which requests, and behind which position new events begin."""

    sent: Sequence[Sent]
    cursor: Position
    attempts: Sequence[DeliveryAttempt]
    lost: str | None = None  # What cannot be sent any more.
    pause: float = 0.0  # Seconds for which nothing is sent.
    slow: bool = False  # Whether the receiver fails, or takes long.


def check_url(url: str) -> str:
    """Return a URL unchanged where requests may go to such a one at all. Raises InvalidInput."""
    wrong = None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        wrong = "It is no URL."
    else:
        if len(url) > LONGEST_URL:
            wrong = f"It has more than {LONGEST_URL:,} characters."
        elif any(ord(each) <= 32 or ord(each) == 127 for each in url) or "\\" in url:
            wrong = "It has spaces, control characters or backslashes."
        elif parts.scheme not in {"http", "https"} or not parts.hostname:
            wrong = "It does not begin with http:// or https:// and a host."
        elif parts.username is not None or parts.password is not None:
            wrong = "It has a user name or a password."
        elif port == 0:
            wrong = "Its port is 0."
        elif parts.fragment:
            wrong = "It has a fragment (#)."
    if wrong:
        raise InvalidInput(f"url is not valid: {wrong}", hint="Give such as https://example.org/hook.", field="url")
    return url


def new_secret() -> str:
    """Return a new secret: 256 random bits, in the form of the Standard Webhooks specification."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def signature(secret: str, id_: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a request: `v1,` and the HMAC-SHA256 of id, timestamp and body in base 64.

    As https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md says.
    """
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    digest = hmac.new(key, b"%b.%d.%b" % (id_.encode(), timestamp, body), hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float, tolerance: float = TOLERANCE) -> bool:
    """Return whether a request is of a webhook with this secret, and not older than the tolerance (seconds).

    `headers` are found whatever the case of their names. Compare ids (webhook-id) to recognise repetitions.
    """
    given = {name.lower(): value for name, value in headers.items()}
    id_, timestamp = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not id_ or not timestamp.isdecimal() or len(timestamp) > 12 or abs(now - int(timestamp)) > tolerance:
        return False
    expected = signature(secret, id_, int(timestamp), body).encode()
    sent = given.get("webhook-signature", "").split()
    return any(hmac.compare_digest(expected, each.encode()) for each in sent)


def item_of(event: Event) -> str:
    """Return what an event is about: events of one item are sent in their order."""
    noun = event.kind.partition(".")[0]
    return f"{noun if noun in {'claim', 'fact'} else 'item'}:{event.item}"


def message_id(webhook: int, events: Sequence[Outgoing]) -> str:
    """Return the id of a request with these events: the same at each attempt to send the same ones."""
    first, last = events[0].position, events[-1].position
    return f"msg_{webhook}_{first}" if len(events) == 1 else f"msg_{webhook}_{first}_{last}"


def pause_before(attempt: int, *, longest: float = LONGEST_PAUSE) -> float:
    """Return the seconds before the next attempt after so many: 5, 15, 45, ... 6 hours, each up to a fifth off."""
    pause = min(FIRST_PAUSE * 3.0 ** min(attempt - 1, 20), longest)
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - jitter


def no_webhook(address: WebhookAddress) -> NotFound:
    """Return the error for a webhook that the scope does not have."""
    return NotFound(f"There is no webhook {address.name!r} in this scope.", hint="List the webhooks.")


class WebhookSender(Protocol):
    """Sends requests to receivers, and to no address that it may not reach."""

    async def check(self, url: str) -> None:
        """Raise InvalidInput where a URL names an address that requests must not go to."""

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> SendResult:
        """Send one request, within a time and without redirects."""

    async def aclose(self) -> None:
        """Close its connections."""


class WebhookStore(Protocol):
    """Stores webhooks, what they have sent, and what waits for another attempt."""

    async def create(self, graph: str, address: WebhookAddress, request: WebhookRequest, secret: str) -> Webhook:
        """Store a webhook. Raises Conflict for a name that is taken, TooLarge, Unavailable."""

    async def get(self, graph: str, address: WebhookAddress) -> Webhook:
        """Return a webhook. Raises NotFound."""

    async def list(self, graph: str, scope: str, cursor: str | None, limit: int) -> Page[Webhook]:
        """Return the webhooks in this scope only, by name."""

    async def update(
        self, graph: str, address: WebhookAddress, request: WebhookRequest, active: bool | None
    ) -> Webhook:
        """Change a webhook; the caller becomes its author. Raises NotFound."""

    async def rotate(self, graph: str, address: WebhookAddress, secret: str, overlap: int) -> Webhook:
        """Store a new secret; the one before signs beside it for so many seconds. Raises NotFound."""

    async def delete(self, graph: str, address: WebhookAddress) -> None:
        """Delete a webhook with all that it keeps. Raises NotFound."""

    async def secrets(self, graph: str, address: WebhookAddress) -> Sequence[str]:
        """Return the secrets that sign now, for a test. Raises NotFound."""

    async def attempts(self, graph: str, address: WebhookAddress, limit: int) -> Sequence[DeliveryAttempt]:
        """Return the newest attempts. Raises NotFound."""

    async def dead_letters(
        self, graph: str, address: WebhookAddress, after: Position, limit: int
    ) -> Sequence[UndeliveredEvent]:
        """Return what was given up, by id. Raises NotFound."""

    async def replay(self, graph: str, address: WebhookAddress, ids: Sequence[Position] | None) -> int:
        """Send dead letters (None: all) again; returns how many. Raises NotFound."""

    async def discard(self, graph: str, address: WebhookAddress, ids: Sequence[Position] | None) -> int:
        """Delete dead letters (None: all); returns how many. Raises NotFound."""

    async def graphs(self) -> Sequence[str]:
        """Return the graphs that have webhooks."""

    async def due(self, graph: str) -> Sequence[tuple[int, bool]]:
        """Return the webhooks of a graph that have something to send: their ids, and whether they are slow."""

    async def begin(self, graph: str, id_: int, seconds: float) -> Run | None:
        """Begin a run under a lease; None where there is nothing to do, or another run is at work."""

    async def next(self, graph: str, run: Run, limit: int, scorers: Scorers) -> Outbox:
        """Return the next events of a run."""

    async def record(self, graph: str, run: Run, report: RoundReport) -> Webhook | None:
        """Note what became of events, and where new ones begin; None where the lease is lost."""

    async def disable(self, graph: str, id_: int, reason: str) -> None:
        """Disable a webhook."""

    async def end(self, graph: str, run: Run) -> None:
        """End the lease of a run."""


def payload(events: Sequence[Mapping[str, Any]], at: str) -> Mapping[str, Any]:
    """Return the body of a request: of one event, or of several as `events.batch`."""
    if len(events) == 1:
        return {"type": events[0]["kind"], "timestamp": events[0]["at"], "data": events[0]}
    return {"type": "events.batch", "timestamp": at, "data": {"events": list(events)}}
