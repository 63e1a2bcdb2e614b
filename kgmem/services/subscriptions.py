"""Subscriptions: agents receive changes in order, once for each cursor that their group acknowledges."""

import asyncio
import time
from dataclasses import replace
from typing import Final

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.subscriptions.answer import FollowedAnswer, check_followed
from kgmem.domain.subscriptions.event import BEGINNING, Position
from kgmem.domain.subscriptions.subscription import (
    LONGEST_WAIT,
    Acknowledgement,
    ConsumerGroup,
    Delivery,
    GroupRead,
    Subscription,
    SubscriptionAddress,
    SubscriptionRequest,
    TextScorer,
    check_group,
)
from kgmem.domain.time.interval import parse_time
from kgmem.services import follow_answers
from kgmem.services.follow_answers import AnswerReaders
from kgmem.services.ports import Ports
from kgmem.services.score_texts import scorer_of

NOW: Final = "now"  # As a cursor: behind all events.
_POLL: Final = 0.2  # Seconds between looks of a read that waits.


class Subscriptions:
    """Subscriptions to the events of a graph. A subscription is found in the scope of its address only."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports
        self._answers = AnswerReaders(ports)

    async def put(
        self, graph: str, address: SubscriptionAddress, request: SubscriptionRequest | None = None
    ) -> Subscription:
        """Subscribe, by default to everything that the scope sees; the same request again changes nothing.

        By `answer`, the question is answered first, and that answer begins the events.

        Raises InvalidInput, Conflict where there is another subscription of the name, TooLarge, and EmbedderUnavailable
        where an answer needs the embedding provider.
        """
        checked, first = (request or SubscriptionRequest()).checked(), None
        address = address.checked()
        if checked.answer is not None:
            # In the scope itself, without what grants add for a key: these may be revoked.
            question = check_followed(checked.answer, str(address.scope))
            checked = replace(checked, answer=question)
            first = await follow_answers.first(self._ports, graph, question)
        return await self._ports.subscriptions.put(graph, address, checked, first)

    async def answer(self, graph: str, address: SubscriptionAddress) -> FollowedAnswer:
        """Return the answer that a subscription follows, and the cursor behind which events change it.

        Raises NotFound where there is no subscription of this name to an answer.
        """
        await self._answers.bring_up_to_date(graph, address.checked())
        return await self._ports.followed_answers.answer(graph, address)

    async def get(self, graph: str, address: SubscriptionAddress) -> Subscription:
        """Return a subscription with its groups. Raises NotFound."""
        return await self._ports.subscriptions.get(graph, address.checked())

    async def list(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Subscription]:
        """Return a page of the subscriptions in this scope only, by name."""
        return await self._ports.subscriptions.list(graph, check_scope(scope), cursor, limit)

    async def delete(self, graph: str, address: SubscriptionAddress) -> int:
        """Delete a subscription with its groups; returns how many groups it had. Raises NotFound."""
        return await self._ports.subscriptions.delete(graph, address.checked())

    async def events(
        self, graph: str, address: SubscriptionAddress, *, after: str = str(BEGINNING), limit: int = 100,
        wait: float = 0.0,
    ) -> Delivery:  # fmt: skip
        """Return matching events behind a cursor, oldest first; waits up to so many seconds for the first one.

        Nothing is remembered of who reads. Raises NotFound, InvalidInput, CursorExpired.
        """
        if not 1 <= limit <= 1000:
            raise InvalidInput(f"limit is {limit}.", hint="Give 1 to 1,000.", field="limit")
        position, ending = Position.parse(after, "after"), time.monotonic() + _checked_wait(wait)
        while True:
            await self._answers.bring_up_to_date(graph, address.checked())
            found = await self._ports.subscriptions.events(graph, address.checked(), position, limit, self._scorer)
            if found.events or time.monotonic() >= ending:
                return found
            position = Position.parse(found.cursor)
            await asyncio.sleep(_POLL)

    async def feed(
        self, graph: str, request: SubscriptionRequest | None = None, *, scope: str = SHARED,
        after: str = str(BEGINNING), limit: int = 100, wait: float = 0.0,
    ) -> Delivery:  # fmt: skip
        """Return events behind a cursor that a request matches in a scope, by default all, without a subscription.

        Waits up to so many seconds for the first one. `after` is a cursor, or `now` for one behind all events. Raises
        InvalidInput, CursorExpired, and NotFound for an unknown graph.
        """
        if not 1 <= limit <= 1000:
            raise InvalidInput(f"limit is {limit}.", hint="Give 1 to 1,000.", field="limit")
        checked, ending = (request or SubscriptionRequest()).of_events(), time.monotonic() + _checked_wait(wait)
        position = None if after == NOW else Position.parse(after, "after")
        while True:
            place = (check_scope(scope), position)
            found = await self._ports.subscriptions.feed(graph, checked, place, limit, self._scorer)
            if found.events or time.monotonic() >= ending:
                return found
            position = Position.parse(found.cursor)
            await asyncio.sleep(_POLL)

    async def read(
        self, graph: str, address: SubscriptionAddress, request: GroupRead, *, wait: float = 0.0
    ) -> Delivery:
        """Lease the next events of a group to the caller, and wait up to so many seconds for the first one.

        While the lease lasts no other consumer of the group gets events. What is not acknowledged comes again, with the
        same ids. A group that does not exist is made. Raises NotFound, InvalidInput, TooLarge, Conflict where the lease
        for `ack` is lost, and CursorExpired.
        """
        checked, ending = request.checked(), time.monotonic() + _checked_wait(wait)
        while True:
            await self._answers.bring_up_to_date(graph, address.checked())
            found = await self._ports.subscriptions.read(graph, address.checked(), checked, self._scorer)
            if found.events or time.monotonic() >= ending:
                return found
            checked = GroupRead(checked.group, checked.limit, checked.seconds)
            await asyncio.sleep(_POLL)

    async def acknowledge(
        self, graph: str, address: SubscriptionAddress, acknowledgement: Acknowledgement
    ) -> ConsumerGroup:
        """Acknowledge all events up to a cursor; the same again changes nothing.

        Raises NotFound, Conflict where another consumer got the lease, VersionConflict where the group is not at the
        expected cursor, and InvalidInput for a cursor that was not delivered.
        """
        check_group(acknowledgement.group)
        Position.parse(acknowledgement.cursor)
        return await self._ports.subscriptions.acknowledge(graph, address.checked(), acknowledgement)

    async def seek(
        self, graph: str, address: SubscriptionAddress, group: str, *, cursor: str | None = None,
        since: str | None = None, expected: str | None = None,
    ) -> ConsumerGroup:  # fmt: skip
        """Set a group to a cursor, before the events since a time, or with neither behind all events.

        Its lease ends, and what follows is delivered (again). Raises NotFound, InvalidInput, VersionConflict where the
        group is not at the expected cursor, CursorExpired.
        """
        check_group(group)
        if cursor is not None and since is not None:
            raise InvalidInput("Both cursor and since are given.", hint="Give one of them.", field="since")
        to: Position | int | None = Position.parse(cursor) if cursor is not None else None
        if since is not None:
            to = parse_time(since).start
        if expected is not None:
            Position.parse(expected, "expected")
        return await self._ports.subscriptions.seek(graph, address.checked(), group, to, expected)

    async def delete_group(self, graph: str, address: SubscriptionAddress, group: str) -> None:
        """Delete a group with its cursor. Raises NotFound."""
        await self._ports.subscriptions.delete_group(graph, address.checked(), check_group(group))

    async def _scorer(self, graph: str, question: str) -> TextScorer:
        return await scorer_of(self._ports, graph, question)


def _checked_wait(wait: float) -> float:
    if not 0 <= wait <= LONGEST_WAIT:
        raise InvalidInput(f"wait is {wait:g}.", hint=f"Give 0 to {LONGEST_WAIT:g} seconds.", field="wait")
    return wait
