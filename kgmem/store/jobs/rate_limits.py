"""Token buckets: how often a key may ask, and how often an address may fail to log in.

A bucket is one number, the time at which it is full again (the generic cell rate algorithm: ITU-T I.371, annex A). They
lie in a table of fixed size, so that no number of keys or addresses takes more memory, and in a file that all processes
of one server map, so that together they let no more through than one.
"""

import math
import mmap
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from typing import Final

from kgmem.domain.access import Allowance, RateLimit
from kgmem.domain.errors import TooManyLogins, TooManyRequests

if sys.platform != "win32":  # There one process answers all requests.
    import fcntl

_SLOT: Final = struct.Struct("=16sd")
_SLOTS: Final = 8192
_PROBES: Final = 16  # Slots in which a bucket may lie; among them the one that is full soonest makes room.
_SIZE: Final = _SLOTS * _SLOT.size
_MINUTE: Final = 60.0
# Behind a proxy of this machine all callers seem to have this address, so that one of them would stop all others.
_NOBODY: Final = frozenset({"127.0.0.1", "::1"})


class TokenBuckets:
    """Buckets by name, of this process or, with a file, of all that map it."""

    def __init__(self, file: Path | None = None) -> None:
        """Take the file, which is made where it is not there."""
        self._file = None
        self._table: bytearray | mmap.mmap = bytearray()  # Made when the first is counted.
        if file is not None:
            self._file = file.open("a+b")
            self._file.truncate(_SIZE)
            self._table = mmap.mmap(self._file.fileno(), _SIZE)

    def close(self) -> None:
        """Release the file."""
        if self._file is not None and isinstance(self._table, mmap.mmap):
            self._table.close()
            self._file.close()
            self._file = None

    def take(self, name: str, limit: RateLimit) -> tuple[Allowance, float]:
        """Take one from a bucket; returns what is left, and the seconds until there is one where there was none."""
        return self._counted(name, limit, taking=True)

    def look(self, name: str, limit: RateLimit) -> float:
        """Return the seconds until there is one in a bucket; 0 where there is."""
        return self._counted(name, limit, taking=False)[1]

    def _counted(self, name: str, limit: RateLimit, *, taking: bool) -> tuple[Allowance, float]:
        each = _MINUTE / limit.per_minute
        most = each * limit.burst
        digest = blake2b(name.encode(), digest_size=16).digest()
        if not self._table:
            self._table = bytearray(_SIZE)
        with self._alone():
            now = time.monotonic()  # Linux and macOS count it from the start of the machine, for all processes.
            slot, full_at = self._slot(digest, now)
            wanted = max(full_at, now) + each
            # A millionth of a second is what sums of floating point numbers may be off.
            missing = wanted - now - most
            if missing > 1e-6:
                return Allowance(limit, 0, max(0.0, full_at - now)), missing
            if taking:
                _SLOT.pack_into(self._table, slot, digest, wanted)
        full_in = max(0.0, (wanted if taking else full_at) - now)
        return Allowance(limit, max(0, math.floor((most - full_in) / each + 1e-6)), full_in), 0.0

    def _slot(self, digest: bytes, now: float) -> tuple[int, float]:
        """Return the place of a bucket, and when it is full; a new one gets the place of the fullest other."""
        first = int.from_bytes(digest[:4], "big")
        room, fullest = 0, math.inf
        for probe in range(_PROBES):
            place = (first + probe) % _SLOTS * _SLOT.size
            owner, full_at = _SLOT.unpack_from(self._table, place)
            if owner == digest:
                return place, full_at
            if full_at < fullest:
                room, fullest = place, full_at
        return room, now

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._file is None or sys.platform == "win32":
            yield
            return
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)


@dataclass(frozen=True, slots=True)
class AccessLimits:
    """What keys may do that have no limit of their own, and how often an address may fail to log in in a minute.

    None and 0 are no limits. `folder` is what the processes of one server share.
    """

    requests: RateLimit | None = None
    failures: int = 0
    folder: Path | None = None


class AccessLimiter:
    """Counts requests of keys, and failed logins of addresses."""

    def __init__(self, limits: AccessLimits) -> None:
        """Take the limits."""
        self._default = limits.requests
        self._failures = RateLimit(limits.failures, limits.failures) if limits.failures else None
        folder = limits.folder
        self._requests = TokenBuckets(folder / "requests.limits" if folder else None)
        self._logins = TokenBuckets(folder / "logins.limits" if folder else None)

    def close(self) -> None:
        """Release what is shared with other processes."""
        self._requests.close()
        self._logins.close()

    def spend(self, id_: str, limit: RateLimit | None) -> Allowance | None:
        """Count a request of a key; returns what is left of its limit, None without any. Raises TooManyRequests."""
        limit = limit or self._default
        if limit is None:
            return None
        left, missing = self._requests.take(id_, limit)
        if missing:
            raise TooManyRequests(
                f"This API key may send {limit.per_minute} requests a minute.",
                hint="Wait as long as Retry-After says; an admin changes the limit by kgmem key update.",
                retry_after=math.ceil(missing),
                allowance=left,
            )
        return left

    def admit(self, address: str | None) -> None:
        """Raise TooManyLogins where too many logins from an address have failed."""
        name = _network(address)
        if name is None or self._failures is None:
            return
        missing = self._logins.look(name, self._failures)
        if missing:
            raise TooManyLogins(
                "Too many logins from this address have failed.",
                hint="Wait as long as Retry-After says, and check the API key.",
                retry_after=math.ceil(missing),
            )

    def failed(self, address: str | None) -> None:
        """Count a failed login."""
        name = _network(address)
        if name is not None and self._failures is not None:
            self._logins.take(name, self._failures)


def _network(address: str | None) -> str | None:
    """Return the name under which an address is counted: itself, or its /64 for IPv6; None for this machine."""
    if not address or address in _NOBODY:
        return None
    try:
        known = ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return _network(str(known.ipv4_mapped))
        return known.packed[:8].hex()
    return str(known)
