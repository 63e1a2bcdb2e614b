"""Work streams: agents hand work to each other, at least once, and in order for each key."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from kgmem.domain.errors import InvalidInput, RedisUnavailable
from kgmem.domain.graph.entity import Page
from kgmem.domain.graph.scope import SHARED, check_scope
from kgmem.domain.streams.stream import (
    DEFAULT_LEASE,
    LONGEST_WAIT,
    MOST_READ,
    Appended,
    DeadLetter,
    GroupAddress,
    NewMessage,
    PendingMessage,
    Release,
    Settled,
    Stream,
    StreamAddress,
    StreamClaim,
    StreamRead,
    StreamSettings,
    Trimmed,
    WorkMessage,
    check_lease,
    check_messages,
    check_receipts,
)
from kgmem.log import EventLog
from kgmem.services.ports import Ports

log = EventLog(__name__)

_POLL: Final = 0.1  # Seconds between looks of a read that waits.


class Streams:
    """Work streams of a graph. A stream is found in the scope of its address only."""

    def __init__(self, ports: Ports) -> None:
        """Bind to ports."""
        self._ports = ports

    async def put(self, graph: str, address: StreamAddress, settings: StreamSettings | None = None) -> Stream:
        """Make a stream, or set what it keeps. Raises InvalidInput, TooLarge."""
        return await self._ports.streams.put(graph, address.checked(), (settings or StreamSettings()).checked())

    async def get(self, graph: str, address: StreamAddress) -> Stream:
        """Return a stream with its groups. Raises NotFound."""
        return await self._ports.streams.get(graph, address.checked())

    async def list(
        self, graph: str, *, scope: str = SHARED, cursor: str | None = None, limit: int = 100
    ) -> Page[Stream]:
        """Return a page of the streams in this scope only, by name."""
        return await self._ports.streams.list(graph, check_scope(scope), cursor, limit)

    async def delete(self, graph: str, address: StreamAddress) -> None:
        """Delete a stream with its messages, groups and dead letters. Raises NotFound."""
        await self._ports.streams.delete(graph, address.checked())

    async def append(self, graph: str, address: StreamAddress, messages: NewMessage | Sequence[NewMessage]) -> Appended:
        """Append messages, all or none; they are stored when this returns. The first append makes the stream.

        Messages with an idempotency key that the stream has are not appended again. Raises InvalidInput, Conflict for
        such a key with another message, and TooLarge for a message of more than 256 KiB, or a stream that is full.
        """
        several = [messages] if isinstance(messages, NewMessage) else messages
        return await self._ports.streams.append(graph, address.checked(), check_messages(several))

    async def messages(
        self, graph: str, address: StreamAddress, *, after: int = 0, limit: int = 100
    ) -> Sequence[WorkMessage]:
        """Return messages behind a number, oldest first, without taking them for anybody. Raises NotFound."""
        _check_page(after, limit)
        return await self._ports.streams.messages(graph, address.checked(), after, limit)

    async def read(
        self, graph: str, address: StreamAddress, request: StreamRead, *, wait: float = 0.0
    ) -> Sequence[WorkMessage]:
        """Lease the next messages of a group to a consumer, and wait up to so many seconds for the first one.

        Of each key it is one message at a time. What is not acknowledged before its lease ends is delivered again, to
        whoever reads; after `max_deliveries` it becomes a dead letter. A group that does not exist is made. Raises
        NotFound, InvalidInput, TooLarge.
        """
        if not 0 <= wait <= LONGEST_WAIT:
            raise InvalidInput(f"wait is {wait:g}.", hint=f"Give 0 to {LONGEST_WAIT:g} seconds.", field="wait")
        checked, ending = request.checked(), time.monotonic() + wait
        while True:
            found = await self._ports.streams.read(graph, address.checked(), checked)
            if found or time.monotonic() >= ending:
                return found
            await asyncio.sleep(_POLL)

    async def acknowledge(
        self, graph: str, address: StreamAddress, group: str, receipts: str | Sequence[str]
    ) -> Settled:
        """Note that messages are processed: they are not delivered to the group again.

        Receipts of deliveries that are over are returned as lost: another consumer has the message, or it is done.
        Raises NotFound, InvalidInput.
        """
        return await self._ports.streams.acknowledge(graph, _of(address, group), check_receipts(_several(receipts)))

    async def extend(
        self, graph: str, address: StreamAddress, group: str, receipts: str | Sequence[str],
        seconds: float = DEFAULT_LEASE,
    ) -> Settled:  # fmt: skip
        """Extend leases to so many seconds from now, for work that takes long. Raises NotFound."""
        told = check_receipts(_several(receipts))
        return await self._ports.streams.extend(graph, _of(address, group), told, check_lease(seconds))

    async def release(self, graph: str, address: StreamAddress, group: str, how: Release) -> Settled:
        """Return messages that could not be processed: they are delivered again, or given up. Raises NotFound."""
        checked = how.checked()
        return await self._ports.streams.release(graph, _of(address, group), check_receipts(checked.receipts), checked)

    async def claim(self, graph: str, address: StreamAddress, request: StreamClaim) -> Sequence[WorkMessage]:
        """Lease to one consumer what another one has, such as one that died. Raises NotFound, InvalidInput."""
        return await self._ports.streams.claim(graph, address.checked(), request.checked())

    async def pending(
        self, graph: str, address: StreamAddress, group: str, *, after: int = 0, limit: int = 100
    ) -> Sequence[PendingMessage]:
        """Return what a group has taken and not acknowledged, by number. Raises NotFound."""
        _check_page(after, limit)
        return await self._ports.streams.pending(graph, _of(address, group), after, limit)

    async def dead_letters(
        self, graph: str, address: StreamAddress, group: str, *, after: int = 0, limit: int = 100
    ) -> Sequence[DeadLetter]:
        """Return what a group has given up, by number. Raises NotFound."""
        _check_page(after, limit)
        return await self._ports.streams.dead_letters(graph, _of(address, group), after, limit)

    async def replay(self, graph: str, address: StreamAddress, group: str, ids: Sequence[int] | None = None) -> int:
        """Deliver dead letters to the group again, by default all; returns how many. Raises NotFound."""
        return await self._ports.streams.replay(graph, _of(address, group), _checked_ids(ids))

    async def discard(self, graph: str, address: StreamAddress, group: str, ids: Sequence[int] | None = None) -> int:
        """Delete dead letters of a group, by default all; returns how many. Raises NotFound."""
        return await self._ports.streams.discard(graph, _of(address, group), _checked_ids(ids))

    async def delete_group(self, graph: str, address: StreamAddress, group: str) -> None:
        """Delete a group with its dead letters; what it has not acknowledged may be trimmed. Raises NotFound."""
        await self._ports.streams.delete_group(graph, _of(address, group))

    async def trim(
        self, graph: str, address: StreamAddress, *, max_length: int | None = None, max_age_seconds: int | None = None
    ) -> Trimmed:
        """Remove the oldest messages that all groups have acknowledged, by default as the stream's settings say.

        Raises NotFound, InvalidInput.
        """
        for name, value in (("max_length", max_length), ("max_age_seconds", max_age_seconds)):
            if value is not None and not 0 <= value <= 2**31 - 1:
                raise InvalidInput(f"{name} is {value}.", hint="Give 0 or more.", field=name)
        return Trimmed(await self._ports.streams.trim(graph, address.checked(), max_length, max_age_seconds))


async def sweep_streams(ports: Ports) -> None:
    """Delete what streams that are gone have left in Redis; while that is away it is left to the next sweep."""
    try:
        await ports.streams.sweep()
    except RedisUnavailable as error:
        log.warning("streams_not_swept", error=error)


def _of(address: StreamAddress, group: str) -> GroupAddress:
    return GroupAddress(address, group).checked()


def _several(receipts: str | Sequence[str]) -> Sequence[str]:
    return [receipts] if isinstance(receipts, str) else receipts


def _check_page(after: int, limit: int) -> None:
    if not 0 <= after < 2**63:
        raise InvalidInput(f"after is {after}.", hint="Give the id of a message, or 0.", field="after")
    if not 1 <= limit <= MOST_READ:
        raise InvalidInput(f"limit is {limit}.", hint=f"Give 1 to {MOST_READ:,}.", field="limit")


def _checked_ids(ids: Sequence[int] | None) -> Sequence[int] | None:
    if ids is not None and (not 1 <= len(ids) <= MOST_READ or any(not 0 < each < 2**63 for each in ids)):
        raise InvalidInput("ids is not valid.", hint=f"Give 1 to {MOST_READ:,} ids, or leave them out.", field="ids")
    return ids
