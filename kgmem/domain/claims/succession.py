"""Succession: what lasts and has one value at a time ends when a later text tells of another one.

The result depends on the claims alone, not on the order in which they came; nothing ends what is trusted more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.time.interval import parse_time

_SAME_TRUST: Final = 0.05  # Sources that differ by no more may end what the other says.


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim of which the text told no end: of one subject and functional predicate."""

    object: str
    valid_from: str | None
    trust: float
    valid_to: str | None = None  # The end that succession gave it so far.
    id: int | None = None  # None: it is about to be made.


def ends(claims: Sequence[OpenClaim]) -> list[str | None]:
    """Give when each claim ends, in their order: where the next with another object begins; None where it goes on."""
    starts = [_start(claim) for claim in claims]
    return [_end(claim, start, claims, starts) for claim, start in zip(claims, starts, strict=True)]


def _end(claim: OpenClaim, start: int, claims: Sequence[OpenClaim], starts: Sequence[int]) -> str | None:
    later = [
        (begins, other.valid_from)
        for other, begins in zip(claims, starts, strict=True)
        if begins > start and other.object != claim.object and other.trust >= claim.trust - _SAME_TRUST
    ]
    return min(later)[1] if later else None


def _start(claim: OpenClaim) -> int:
    found = parse_time(claim.valid_from).start if claim.valid_from is not None else None
    return -(2**63) if found is None else found
