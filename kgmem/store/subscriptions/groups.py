"""Consumer groups: one consumer at a time has the lease, and an acknowledgement moves the cursor.

Every function works in the caller's transaction, and locks the row of the group first.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from kgmem.domain.errors import Conflict, InvalidInput, NotFound, TooLarge, VersionConflict
from kgmem.domain.subscriptions.event import Event, Position
from kgmem.domain.subscriptions.subscription import MOST_GROUPS, Acknowledgement, Delivery, GroupRead
from kgmem.domain.time.interval import iso
from kgmem.store.graph.layout import Layout
from kgmem.store.subscriptions.event_log import FILE


@dataclass(frozen=True, slots=True)
class Turn:
    """Where a group is, and the lease of the consumer whose turn it is; None: another's lasts until then."""

    position: Position
    lease: str | None
    until: str | None = None


async def take(connection: asyncpg.Connection, layout: Layout, subscription: int, request: GroupRead) -> Turn:
    """Acknowledge what the request acknowledges, then take or renew the lease of a group, which is made if necessary.

    Raises TooLarge for too many groups, and what `acknowledge` raises.
    """
    row = await connection.fetchrow(layout.sql(FILE, "lock_group"), subscription, request.group)
    if row is None:
        start = Position(0).place
        await connection.execute(layout.sql(FILE, "make_group"), subscription, request.group, start, MOST_GROUPS)
        row = await connection.fetchrow(layout.sql(FILE, "lock_group"), subscription, request.group)
    if row is None:
        raise TooLarge(f"The subscription has {MOST_GROUPS} groups.", hint="Delete groups that nobody uses.")
    if request.ack is not None and request.lease is not None:
        told = Acknowledgement(request.group, request.ack, request.lease)
        await acknowledge(connection, layout, subscription, told)
        row = await connection.fetchrow(layout.sql(FILE, "lock_group"), subscription, request.group)
    position = _position(row)
    if row["leased"] and row["lease"] != request.lease:
        return Turn(position, None, iso(row["until"]))
    mine = row["lease"] is not None and row["lease"] == request.lease
    lease = row["lease"] if mine else secrets.token_urlsafe(16)
    await connection.execute(layout.sql(FILE, "lease"), subscription, request.group, lease, request.seconds)
    return Turn(position, lease)


async def deliver(
    connection: asyncpg.Connection,
    layout: Layout,
    subscription: int,
    asked: tuple[GroupRead, Turn],
    found: tuple[Sequence[Event], Position],
) -> Delivery:
    """Note what is delivered under a lease, or pass what does not match; deliver nothing where the lease is lost."""
    (request, turn), (events, cursor) = asked, found
    name = (subscription, request.group, turn.lease)
    if not events:
        await connection.execute(layout.sql(FILE, "pass"), *name, cursor.change, cursor.place)
        return Delivery([], str(cursor), str(turn.position))
    until = await connection.fetchval(
        layout.sql(FILE, "deliver"), *name, request.seconds, cursor.change, cursor.place
    )  # fmt: skip
    if until is None:
        return Delivery([], str(turn.position), str(turn.position))
    return Delivery(events, str(cursor), str(turn.position), turn.lease, iso(until))


async def acknowledge(connection: asyncpg.Connection, layout: Layout, subscription: int, told: Acknowledgement) -> None:
    """Move the cursor of a group to what its consumer has processed; the same again changes nothing.

    Raises NotFound, VersionConflict where the cursor is not the expected one, Conflict for a lost lease, InvalidInput
    for a cursor that was not delivered.
    """
    row = await _locked(connection, layout, subscription, told.group)
    held, to = _position(row), Position.parse(told.cursor)
    if to == held:
        return
    _check_expected(told.group, held, told.expected)
    if row["lease"] is None or row["lease"] != told.lease:
        raise Conflict(
            f"The lease on the group {told.group!r} is lost.",
            hint="Read again: events that were not acknowledged come again, with the same ids.",
            cursor=str(held),
        )
    if row["to_change"] is None or not held < to <= Position(row["to_change"], row["to_place"]):
        raise InvalidInput(
            f"The cursor {told.cursor} was not delivered under this lease.",
            hint="Send the cursor of the answer, or the id of one of its events.",
            field="cursor",
        )
    more = to < Position(row["to_change"], row["to_place"])
    await connection.execute(layout.sql(FILE, "set_group"), subscription, told.group, to.change, to.place, more)


async def seek(
    connection: asyncpg.Connection, layout: Layout, subscription: int, to: tuple[str, Position, str | None]
) -> None:
    """Set a group to a position, and end its lease. Raises NotFound, VersionConflict, TooLarge."""
    group, position, expected = to
    await connection.execute(
        layout.sql(FILE, "make_group"), subscription, group, Position(0).place, MOST_GROUPS
    )  # fmt: skip
    row = await _locked(connection, layout, subscription, group)
    _check_expected(group, _position(row), expected)
    change, place = position.change, position.place
    await connection.execute(layout.sql(FILE, "set_group"), subscription, group, change, place, False)


def no_group(name: str) -> NotFound:
    """Return the error for a group that a subscription does not have."""
    return NotFound(f"The subscription has no group {name!r}.", hint="A group is made by its first read.")


async def _locked(connection: asyncpg.Connection, layout: Layout, subscription: int, group: str) -> Any:
    row = await connection.fetchrow(layout.sql(FILE, "lock_group"), subscription, group)
    if row is None:
        raise no_group(group)
    return row


def _check_expected(group: str, held: Position, expected: str | None) -> None:
    if expected is not None and Position.parse(expected, "expected") != held:
        raise VersionConflict(
            f"The group {group!r} is at the cursor {held}, not at {expected}.",
            hint="Read the group again, and go on from where it is.",
            stored_version=str(held),
        )


def _position(row: Any) -> Position:
    return Position(row["change"], row["place"])
