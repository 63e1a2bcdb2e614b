"""Webhooks: events go to URLs, signed, in order for each item, at least once."""

import time
from collections.abc import Sequence
from typing import Final

import orjson

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.subscriptions.event import BEGINNING, Position
from kgmem.domain.subscriptions.webhook import (
    DEFAULT_OVERLAP,
    LONGEST_OVERLAP,
    MOST_LOGGED,
    DeliveryAttempt,
    SendResult,
    UndeliveredEvent,
    Webhook,
    WebhookAddress,
    WebhookRequest,
    WebhookUpdate,
    WebhookWithSecret,
    new_secret,
)
from kgmem.domain.time.interval import iso, now
from kgmem.services.deliver_webhooks import headers_of
from kgmem.services.ports import Ports

_MOST_IDS: Final = 1_000


class Webhooks:
    """Webhooks of a graph. A webhook is found in the scope of its address only, and sends what this scope sees."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def create(self, graph: str, address: WebhookAddress, request: WebhookRequest) -> WebhookWithSecret:
        """Make a webhook, by default for all that happens from now on; its secret is shown only here.

        Raises InvalidInput for a URL that leads to an address which webhooks must not reach, Conflict, TooLarge.
        """
        checked, secret = request.checked(), new_secret()
        address.checked()
        await self._ports.sender.check(checked.url)
        return WebhookWithSecret(await self._ports.webhooks.create(graph, address, checked, secret), secret)

    async def get(self, graph: str, address: WebhookAddress) -> Webhook:
        """Return a webhook with its state. Raises NotFound."""
        return await self._ports.webhooks.get(graph, address.checked())

    async def list(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Webhook]:
        """Return a page of the webhooks in this scope only, by name."""
        return await self._ports.webhooks.list(graph, check_scope(scope), cursor, limit)

    async def update(self, graph: str, address: WebhookAddress, changes: WebhookUpdate) -> Webhook:
        """Change a webhook, disable or enable it; it goes on where it was. Raises NotFound, InvalidInput."""
        stored = await self._ports.webhooks.get(graph, address.checked())
        changed = changes.applied_to(stored.request)
        await self._ports.sender.check(changed.url)
        return await self._ports.webhooks.update(graph, address, changed, changes.active)

    async def delete(self, graph: str, address: WebhookAddress) -> None:
        """Delete a webhook with its dead letters and its log. Raises NotFound."""
        await self._ports.webhooks.delete(graph, address.checked())

    async def rotate_secret(
        self, graph: str, address: WebhookAddress, *, overlap_seconds: int = DEFAULT_OVERLAP
    ) -> WebhookWithSecret:
        """Make a new secret; for so many seconds requests are signed by the one before, too. Raises NotFound."""
        if not 0 <= overlap_seconds <= LONGEST_OVERLAP:
            raise InvalidInput(
                f"overlap_seconds is {overlap_seconds}.", hint=f"Give 0 to {LONGEST_OVERLAP:,}.",
                field="overlap_seconds",
            )  # fmt: skip
        secret = new_secret()
        changed = await self._ports.webhooks.rotate(graph, address.checked(), secret, overlap_seconds)
        return WebhookWithSecret(changed, secret)

    async def test(self, graph: str, address: WebhookAddress) -> SendResult:
        """Send a request of the type kgmem.test now, signed as others; nothing is stored of it. Raises NotFound."""
        stored = await self._ports.webhooks.get(graph, address.checked())
        secrets = await self._ports.webhooks.secrets(graph, address)
        at = iso(now())
        body = orjson.dumps({"type": "kgmem.test", "timestamp": at, "data": {"webhook": stored.name, "graph": graph}})
        id_ = f"msg_{stored.id}_test_{time.time_ns()}"
        return await self._ports.sender.send(stored.request.url, headers_of(secrets, id_, body), body)

    async def attempts(self, graph: str, address: WebhookAddress, *, limit: int = 100) -> Sequence[DeliveryAttempt]:
        """Return what was sent last, and its result, newest first; 200 are kept. Raises NotFound."""
        if not 1 <= limit <= MOST_LOGGED:
            raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {MOST_LOGGED}.", field="limit")
        return await self._ports.webhooks.attempts(graph, address.checked(), limit)

    async def dead_letters(
        self, graph: str, address: WebhookAddress, *, after: str = str(BEGINNING), limit: int = 100
    ) -> Sequence[UndeliveredEvent]:
        """Return events that were given up, oldest first. Raises NotFound."""
        if not 1 <= limit <= _MOST_IDS:
            raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {_MOST_IDS:,}.", field="limit")
        return await self._ports.webhooks.dead_letters(graph, address.checked(), Position.parse(after, "after"), limit)

    async def replay(self, graph: str, address: WebhookAddress, ids: Sequence[str] | None = None) -> int:
        """Send dead letters again, by default all; returns how many. Raises NotFound, InvalidInput."""
        return await self._ports.webhooks.replay(graph, address.checked(), _positions(ids))

    async def discard(self, graph: str, address: WebhookAddress, ids: Sequence[str] | None = None) -> int:
        """Delete dead letters, by default all; returns how many. Raises NotFound, InvalidInput."""
        return await self._ports.webhooks.discard(graph, address.checked(), _positions(ids))


def _positions(ids: Sequence[str] | None) -> Sequence[Position] | None:
    if ids is None:
        return None
    if not 1 <= len(ids) <= _MOST_IDS:
        raise InvalidInput(f"{len(ids)} ids were given.", hint=f"Give 1 to {_MOST_IDS:,}, or none.", field="ids")
    return [Position.parse(each, f"ids[{place}]") for place, each in enumerate(ids)]
