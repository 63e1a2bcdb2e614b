"""Records as callers see them: transactions, holds, notices."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kgmem.domain.ledger.book import HoldRow, OpenAccount
from kgmem.domain.ledger.chain import Record
from kgmem.domain.ledger.ledger import Account, Entry, Hold, HoldState, LedgerNote, Notice, Transaction
from kgmem.domain.time.interval import iso


def transaction_of(record: Record, *, created: bool) -> Transaction:
    """Return the transaction of a record."""
    body = record.body
    return Transaction(
        id=record.seq, at=iso(record.at), scope=record.scope,
        entries=[Entry(name, unit, Decimal(amount), Decimal(after)) for name, unit, amount, after in body["entries"]],
        note=note_of(body), idempotency_key=record.key, author=record.author, hold=body["hold"],
        reverses=body["reverses"], notices=notices_of(record), hash=record.hash.hex(), created=created,
    )  # fmt: skip


def hold_of(record: Record, row: HoldRow, now: int, *, created: bool) -> Hold:
    """Return the hold that a record made, as it is at a time."""
    body = record.body
    state: HoldState = row.state
    closed_at = row.closed_at
    if state == "open" and row.expires_at is not None and row.expires_at <= now:
        state, closed_at = "expired", row.expires_at
    return Hold(
        id=record.seq, at=iso(record.at), scope=record.scope, source=body["from"], destination=body["to"],
        unit=body["unit"], amount=row.amount, expires_at=None if row.expires_at is None else iso(row.expires_at),
        state=state, closed_at=None if closed_at is None else iso(closed_at), settled=row.settled,
        transaction=row.closed_by if state == "settled" else None, note=note_of(body), idempotency_key=record.key,
        author=record.author, notices=notices_of(record), created=created,
    )  # fmt: skip


def account_of(account: OpenAccount, *, created: bool = False, changed: bool = False) -> Account:
    """Return an account with its balance."""
    return Account(account.id, account.scope, account.spec, account.balance(), iso(account.opened_at), created, changed)


def note_of(body: Mapping[str, Any]) -> LedgerNote:
    """Return what a transaction or a hold is about."""
    return LedgerNote(body["description"], body["agent"], body["session"], tuple(body["tags"]), body["metadata"])


def notices_of(record: Record) -> list[Notice]:
    """Return the notices in a record."""
    return [
        Notice(
            each["account"], each["unit"], each["limit"], Decimal(each["value"]), Decimal(each["balance"]),
            each["crossed"], record.seq, iso(record.at),
        )
        for each in record.body.get("notices", ())
    ]  # fmt: skip
