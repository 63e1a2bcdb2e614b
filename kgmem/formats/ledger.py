"""The ledger on the wire, the same in REST and on the command line; amounts are text, so that nobody makes floats."""

from typing import Any

from kgmem.domain.ledger.amounts import optional_text, text_of
from kgmem.domain.ledger.ledger import (
    Account,
    Hold,
    LedgerNote,
    Notice,
    Statement,
    Transaction,
    Verification,
)

_LIMITS = ("hard_min", "hard_max", "soft_min", "soft_max")


def account_wire(account: Account) -> dict[str, Any]:
    """Return an account as it goes out."""
    spec, balance = account.spec, account.balance
    limits = {name: optional_text(getattr(spec.limits, name)) for name in _LIMITS}
    return {
        "name": spec.name, "scope": account.scope, "kind": spec.kind, "unit": spec.unit, "scale": spec.scale,
        "limits": limits, "description": spec.description, "closed": spec.closed, "opened_at": account.opened_at,
        "balance": {
            "posted": text_of(balance.posted), "held": text_of(balance.held), "incoming": text_of(balance.incoming),
            "available": text_of(balance.available),
        },
    }  # fmt: skip


def transaction_wire(made: Transaction) -> dict[str, Any]:
    """Return a transaction as it goes out."""
    entries = [
        {"account": each.account, "unit": each.unit, "amount": text_of(each.amount), "balance": text_of(each.balance)}
        for each in made.entries
    ]
    return {
        "id": made.id, "at": made.at, "scope": made.scope, "entries": entries, **_note(made.note),
        "metadata": made.note.metadata, "idempotency_key": made.idempotency_key, "author": made.author,
        "hold": made.hold, "reverses": made.reverses, "notices": [notice_wire(each) for each in made.notices],
        "hash": made.hash, "created": made.created,
    }  # fmt: skip


def hold_wire(hold: Hold) -> dict[str, Any]:
    """Return a hold as it goes out."""
    return {
        "id": hold.id, "at": hold.at, "scope": hold.scope, "from": hold.source, "to": hold.destination,
        "unit": hold.unit, "amount": text_of(hold.amount), "expires_at": hold.expires_at, "state": hold.state,
        "closed_at": hold.closed_at, "settled": optional_text(hold.settled), "transaction": hold.transaction,
        **_note(hold.note), "metadata": hold.note.metadata, "idempotency_key": hold.idempotency_key,
        "author": hold.author, "notices": [notice_wire(each) for each in hold.notices], "created": hold.created,
    }  # fmt: skip


def notice_wire(notice: Notice) -> dict[str, Any]:
    """Return a notice as it goes out."""
    return {
        "account": notice.account, "unit": notice.unit, "limit": notice.limit, "value": text_of(notice.value),
        "balance": text_of(notice.balance), "crossed": notice.crossed, "record": notice.record, "at": notice.at,
    }  # fmt: skip


def statement_wire(found: Statement) -> dict[str, Any]:
    """Return a statement as it goes out."""
    lines = [
        {"transaction": each.transaction, "at": each.at, "account": each.account, "unit": each.unit,
         "amount": text_of(each.amount), "balance": text_of(each.balance), **_note(each.note)}
        for each in found.lines
    ]  # fmt: skip
    totals = [
        {"account": each.account, "kind": each.kind, "unit": each.unit, "entries": each.entries,
         "added": text_of(each.added), "deducted": text_of(each.deducted)}
        for each in found.totals
    ]  # fmt: skip
    return {
        "lines": lines, "totals": totals, "opening": optional_text(found.opening),
        "closing": optional_text(found.closing), "cursor": found.cursor,
    }  # fmt: skip


def verification_wire(found: Verification) -> dict[str, Any]:
    """Return the result of a verification as it goes out."""
    broken = found.broken
    return {
        "ok": found.ok, "records": found.records, "entries": found.entries, "accounts": found.accounts,
        "holds": found.holds, "head": {"records": found.head.records, "hash": found.head.hash, "at": found.head.at},
        "broken": None if broken is None else {"table": broken.table, "row": broken.row, "problem": broken.problem},
    }  # fmt: skip


def _note(note: LedgerNote) -> dict[str, Any]:
    return {
        "description": note.description, "agent": note.agent, "session": note.session, "tags": list(note.tags),
    }  # fmt: skip
