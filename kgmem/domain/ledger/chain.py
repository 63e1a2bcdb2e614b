"""Records of the ledger: one canonical text each, sealed by a hash that covers all records before it.

The hash of a record is SHA-256 over the hash of the record before it (32 bytes; zeros before the first) and the
record's text in UTF-8. So a change, a swap or a gap anywhere changes every hash behind it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from kgmem.domain.ledger.ledger import RecordKind

GENESIS: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the ledger: what happened, and what sealed it."""

    seq: int  # From 1, without a gap.
    at: int  # Microseconds since 1970; each is later than the one before.
    scope: str
    kind: RecordKind
    key: str | None
    author: str | None
    stated: str | None  # SHA-256 of what the caller stated, which an idempotency key compares.
    body: Mapping[str, Any]
    content: str
    hash: bytes


@dataclass(frozen=True, slots=True)
class SealedText:
    """A record as a file has it: its text, and its hash as hexadecimal digits."""

    content: str
    hash: str


def seal(previous: bytes, content: str) -> bytes:
    """Return the hash of a record after the one with hash `previous`."""
    return hashlib.sha256(previous + content.encode()).digest()


def canonical(value: Any) -> str:
    """Return JSON with sorted members and without spaces: one text for one value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Return the SHA-256 of a value as canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def make_record(previous: bytes, seq: int, at: int, stated: Mapping[str, Any], body: Mapping[str, Any]) -> Record:
    """Return the next record of a chain. `stated` has scope, kind, key, author and the digest as `stated`."""
    content = canonical({**stated, "seq": seq, "at": at, "body": body})
    return Record(
        seq, at, stated["scope"], stated["kind"], stated["key"], stated["author"], stated["stated"], body, content,
        seal(previous, content),
    )  # fmt: skip


def parse_record(content: str, hash_: bytes) -> Record:
    """Return a record from its text. Raises ValueError, KeyError or TypeError where it is none."""
    fields = json.loads(content)
    return Record(
        int(fields["seq"]), int(fields["at"]), str(fields["scope"]), fields["kind"], fields["key"], fields["author"],
        fields["stated"], fields["body"], content, hash_,
    )  # fmt: skip
