"""What scripts of work streams return, as the domain's messages, groups and dead letters."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from kgmem.domain.streams.stream import DeadLetter, PendingMessage, Settled, StreamGroup, WorkMessage
from kgmem.domain.time.interval import iso


def messages_of(rows: Sequence[Any]) -> Sequence[WorkMessage]:
    """Return messages by number; those that were delivered have receipts."""
    return [_message(row) for row in sorted(rows, key=lambda row: int(row[0]))]


def _message(row: Any) -> WorkMessage:
    seq, key, body, at, author, deliveries, until = row
    return WorkMessage(
        id=seq, key=_text(key), body=orjson.loads(body), at=iso(1000 * at), author=_text(author),
        receipt=f"{seq}.{deliveries}" if deliveries else None, deliveries=deliveries, leased_until=_time(until),
    )  # fmt: skip


def settled_of(receipts: Mapping[int, int], ids: Sequence[int]) -> Settled:
    """Return what was settled, of what was asked for."""
    done = set(ids)
    return Settled(sorted(done), [f"{seq}.{delivery}" for seq, delivery in receipts.items() if seq not in done])


def pending_of(row: Any) -> PendingMessage:
    """Return a message that a group has taken."""
    seq, key, consumer, deliveries, delivered, until, reason = row
    return PendingMessage(
        seq, _text(key), _text(consumer), deliveries, _time(delivered), _time(until), _text(reason)
    )  # fmt: skip


def dead_of(row: Any) -> DeadLetter:
    """Return a dead letter."""
    seq, key, body, deliveries, reason, died = row
    return DeadLetter(seq, _text(key), orjson.loads(body), deliveries, reason.decode(), iso(1000 * died))


def group_of(row: Any, last: int) -> StreamGroup:
    """Return how far a group is."""
    name, taken, pending, dead = row
    return StreamGroup(name.decode(), taken, pending, dead, last - taken)


def _text(value: bytes) -> str | None:
    return value.decode() or None


def _time(milliseconds: int) -> str | None:
    return iso(1000 * milliseconds) if milliseconds else None
