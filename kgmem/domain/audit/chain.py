"""The chain of the audit log: the hash of each entry covers the one before it, and so all before it."""

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, Literal

from kgmem.domain.audit.log import AuditEntry, AuditHead, AuditVerification

FIRST_HASH: Final = sha256(b"kgmem audit log").digest()  # What the first entry is chained to.
_REMOVED: Final = re.compile(r"removed entries up to ([0-9]{1,19}):([0-9a-f]{64})")


def chained(previous: bytes, text: str) -> bytes:
    """Return the hash of an entry: SHA-256 of the hash before it and its text."""
    return sha256(previous + text.encode()).digest()


def removal(cut: AuditHead) -> str:
    """Return the action of the entry which notes that retention has removed all entries up to this one."""
    return f"removed entries up to {cut.id}:{cut.hash}"


def removed_by(entry: AuditEntry) -> AuditHead | None:
    """Return up to which entry this one says that retention has removed; None for any other entry."""
    found = _REMOVED.fullmatch(entry.action) if entry.interface == "server" else None
    return AuditHead(int(found[1]), found[2]) if found else None


class Chain:
    """What of a chain is verified: its last entry, and the first that is broken.

    Retention removes the oldest entries, and appends an entry with the number and the hash of the last one that it
    removed. So what the chain begins with is itself part of the chain: who removes more has to compute it again.
    """

    def __init__(self, base: AuditHead, noted: AuditHead | None = None) -> None:
        """Take the entry before the first, and one that was noted elsewhere."""
        self.last, self._base, self._noted = base, base, noted
        self.entries = 0
        self.broken: tuple[int, str] | None = None
        self._hash = bytes.fromhex(base.hash)
        self._removed: AuditHead | None = None
        self._present = False
        self._compare()

    def follow(self, entry: AuditEntry, text: str) -> None:
        """Verify the next entry; `text` is what was hashed."""
        if self.broken is not None:
            return
        hash_ = chained(self._hash, text)
        if entry.id != self.last.id + 1:
            self.broken = self.last.id + 1, "It is missing."
        elif hash_.hex() != entry.hash:
            self.broken = entry.id, "Its hash does not fit it and the one before."
        else:
            self._hash, self.last, self.entries = hash_, AuditHead(entry.id, entry.hash), self.entries + 1
            self._removed = removed_by(entry) or self._removed
            self._compare()

    def _compare(self) -> None:
        if self._noted is not None and self._noted.id == self.last.id:
            self._present = self._noted.hash == self.last.hash

    def end(self, last: AuditHead) -> AuditVerification:
        """Compare both ends of the chain with where they should be; returns the result."""
        noted = self._noted
        if self.broken is None and self.last.id < last.id:
            self.broken = self.last.id + 1, "It and all later ones are missing."
        if self.broken is None and self.last.hash != last.hash:
            self.broken = last.id, "It is not the one with which the chain ended."
        if self.broken is None and self._base.id and self._removed != self._base:
            self.broken = self._base.id, "It and those before were not removed by retention."
        gone = noted is not None and noted.id < self._base.id
        if self.broken is None and noted is not None and not (self._present or gone):
            self.broken = noted.id, "It is not the one that was noted."
        known: Literal["present", "removed"] | None = None
        if self.broken is None and noted is not None:
            known = "present" if self._present else "removed"
        broken, reason = self.broken or (None, None)
        return AuditVerification(self.entries, self._base.id + 1, last, broken, reason, known)


def verify_export(entries: Iterable[AuditEntry], noted: AuditHead | None = None) -> AuditVerification:
    """Verify an export of all entries, with nothing but itself.

    What was removed before its first entry is in the last entry of retention.
    """
    chain: Chain | None = None
    told = list(entries)
    base = AuditHead(0, FIRST_HASH.hex())
    if told and told[0].id > 1:
        base = next((cut for each in reversed(told) if (cut := removed_by(each))), base)
    chain = Chain(base, noted)
    for each in told:
        chain.follow(each, each.text())
    return chain.end(chain.last)
