"""Records of the ledger as records of a file: each with the hash before it, so that it proves itself.

A record that is imported is a new one of the ledger that takes it: it has a number, a time and a hash of that ledger,
and says in `origin` which record of which chain it was.
"""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, get_args

from kgmem.domain.errors import InvalidInput
from kgmem.domain.graph.scope import check_scope
from kgmem.domain.ledger.amounts import ZERO, exact, parse_amount
from kgmem.domain.ledger.book import spec_of
from kgmem.domain.ledger.chain import Record, canonical, parse_record, seal
from kgmem.domain.ledger.ledger import (
    MOST_ENTRIES,
    MOST_METADATA,
    LedgerNote,
    LimitName,
    RecordKind,
    check_name,
    check_note,
    check_spec,
)

LEDGER: Final = "ledger_record"
_HASH: Final = 64  # Hexadecimal digits.
_LARGEST: Final = 2**62
_UNREADABLE: Final = (ValueError, KeyError, TypeError, ArithmeticError, IndexError, AttributeError)


def ledger_record(record: Record, previous: bytes, after: bytes | None) -> dict[str, Any]:
    """Return a record as a file has it: with the hash before it in the chain, and that of its scope's record before."""
    told = {"seq": record.seq, "previous": previous.hex(), "hash": record.hash.hex(), "content": record.content}
    told |= {"scope": record.scope} if record.scope else {}
    return told | ({"after": after.hex()} if after is not None else {})


def sealed_record(told: Mapping[str, Any]) -> Record:
    """Return the record that a file has. Raises InvalidInput where it is not what was written."""
    try:
        if seal(bytes.fromhex(told["previous"]), told["content"]).hex() != told["hash"]:
            raise ValueError("its hash is not that of its content after the record before it")
        record = parse_record(told["content"], bytes.fromhex(told["hash"]))
        if canonical(json.loads(told["content"])) != told["content"]:
            raise ValueError("its content is not written as the ledger writes it")
        if (record.scope, record.seq) != (told.get("scope") or "", told["seq"]):
            raise ValueError("its scope or number is another in its content")
        _check_frame(record)
        _CHECKS[record.kind](record.body)
    except InvalidInput as error:
        raise _broken(told, error.message) from error
    except _UNREADABLE as error:
        raise _broken(told, str(error)) from error
    return record


def check_ledger_record(told: Mapping[str, Any], _: str = "") -> None:
    """Raise InvalidInput for a record that no ledger has written."""
    sealed_record(told)
    if told.get("after") is not None and not _is_hash(told["after"]):
        raise _broken(told, "the hash of the record before it is none")


def import_key(record: Record) -> str:
    """Return the idempotency key under which a record is imported: its own, or one made of its first hash."""
    origin = record.body.get("origin") or {}
    return record.key or f"import-{origin.get('hash') or record.hash.hex()}"


def _broken(told: Mapping[str, Any], why: str) -> InvalidInput:
    return InvalidInput(
        f"Record {str(told.get('seq'))[:20]} of the ledger is broken: {why[:300]}.",
        hint="Import the file as it was exported.",
        field="content",
    )


def _check_frame(record: Record) -> None:
    check_scope(record.scope)
    if record.kind not in get_args(RecordKind):
        raise ValueError(f"it is of the unknown kind {str(record.kind)[:40]!r}")
    if not 0 < record.seq < _LARGEST or not 0 < record.at < _LARGEST:
        raise ValueError("its number or time is none")
    for name, value, most in (("key", record.key, 200), ("author", record.author, 500)):
        if value is not None and not (isinstance(value, str) and 0 < len(value) <= most and value.isprintable()):
            raise ValueError(f"its {name} is none")
    if record.stated is not None and not _is_hash(record.stated):
        raise ValueError("its digest is none")
    origin = record.body.get("origin")
    if origin is not None and not (set(origin) == {"seq", "at", "hash"} and _is_hash(origin["hash"])):
        raise ValueError("its origin is none")


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == _HASH and set(value) <= set("0123456789abcdef")


def _check_account(body: Mapping[str, Any]) -> None:
    spec = check_spec(spec_of(body))
    if not isinstance(spec.closed, bool) or type(spec.scale) is not int:
        raise ValueError("its account is none")


def _check_transaction(body: Mapping[str, Any]) -> None:
    entries = body["entries"]
    if not 2 <= len(entries) <= MOST_ENTRIES:
        raise ValueError(f"it has {len(entries)} entries")
    sums: dict[str, Decimal] = {}
    with exact():
        for name, unit, amount, balance in entries:
            check_name("account", name)
            parse_amount(_text(balance), "balance")
            sums[check_name("unit", unit)] = sums.get(unit, ZERO) + parse_amount(_text(amount), "amount")
    if any(sums.values()):
        raise ValueError("its entries do not sum to zero")
    for name in ("hold", "reverses"):
        _check_number(body[name], optional=True)
    _check_note(body)


def _check_hold(body: Mapping[str, Any]) -> None:
    for name in ("from", "to", "unit"):
        check_name(name, body[name])
    if parse_amount(_text(body["amount"]), "amount") <= 0:
        raise ValueError("it reserves no amount")
    _check_number(body["expires_at"], optional=True)
    _check_note(body)


def _check_release(body: Mapping[str, Any]) -> None:
    _check_number(body["hold"])


def _check_note(body: Mapping[str, Any]) -> None:
    check_note(LedgerNote(body["description"], body["agent"], body["session"], body["tags"], body["metadata"]))
    if not isinstance(body["metadata"], Mapping) or len(canonical(body["metadata"]).encode()) > MOST_METADATA:
        raise ValueError("its metadata is none")
    for notice in body["notices"]:
        check_name("account", notice["account"])
        check_name("unit", notice["unit"])
        parse_amount(_text(notice["value"]), "value")
        parse_amount(_text(notice["balance"]), "balance")
        if notice["limit"] not in get_args(LimitName) or not isinstance(notice["crossed"], bool):
            raise ValueError("its notice is none")


def _check_number(value: Any, *, optional: bool = False) -> None:
    if not (optional and value is None) and not (type(value) is int and 0 < value < _LARGEST):
        raise ValueError(f"{str(value)[:40]!r} is no number")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("an amount is no text")
    return value


_CHECKS: Final = {
    "account": _check_account, "transaction": _check_transaction, "hold": _check_hold, "release": _check_release,
}  # fmt: skip
