"""Succession: a lasting claim of a one-valued predicate ends when a later text states another value.

The result depends on the claims alone, not on their order; a claim of a less trusted source ends none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.time.interval import parse_time

_SAME_TRUST: Final = 0.05  # Sources that differ by no more may end what the other says.


@dataclass(frozen=True, slots=True)
class OpenClaim:
    """A claim of which the text states no end, of one subject and predicate."""

    object: str
    valid_from: str | None
    trust: float
    valid_to: str | None = None  # The end that succession gave it so far.
    id: int | None = None  # None: it is about to be made.
    closed: bool = False  # The text itself told its end, which ends what else says the same.


def ends(claims: Sequence[OpenClaim], *, functional: bool = True) -> list[str | None]:
    """Return when each claim ends, in the order given; None where it does not end.

    A claim ends where a claim with the same object has an end after its start; of a functional predicate also where the
    next claim with another object starts. A closed claim keeps its end.
    """
    starts = [_start(claim) for claim in claims]
    return [
        claim.valid_to if claim.closed else _end(claim, start, claims, starts, functional=functional)
        for claim, start in zip(claims, starts, strict=True)
    ]


def _end(
    claim: OpenClaim, start: int, claims: Sequence[OpenClaim], starts: Sequence[int], *, functional: bool
) -> str | None:
    able = [
        (other, begins)
        for other, begins in zip(claims, starts, strict=True)
        if other.trust >= claim.trust - _SAME_TRUST
    ]
    told = [
        (end, other.valid_to)
        for other, begins in able
        if other.closed and other.object == claim.object and (end := _start_of(other.valid_to)) > start
    ]
    if functional:
        told += [
            (begins, other.valid_from)
            for other, begins in able
            if begins > start and other.object != claim.object and not other.closed
        ]
    return min(told)[1] if told else None


def _start(claim: OpenClaim) -> int:
    return _start_of(claim.valid_from)


def _start_of(time: str | None) -> int:
    found = parse_time(time).start if time is not None else None
    return -(2**63) if found is None else found
