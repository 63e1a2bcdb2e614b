"""Succession: a lasting claim of a one-valued predicate ends when a later text states another value.

"Lives in Pune" without a date holds from when it was said, for as far as it tells. Where a later text dates a change to
before that ("she moved to Delhi last month"), the earlier one was no news any more when it was said: it holds until the
change, from a time that nobody stated. The result depends on the claims alone, not on their order; a claim of a less
trusted source ends none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kgmem.domain.time.interval import iso, parse_time

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
    said: Sequence[int] = ()  # When its texts were written, in microseconds since 1970, in order; where that is known.

    @property
    def undated(self) -> bool:
        """Whether it begins when it was said, since no text states when."""
        return bool(self.said) and (self.valid_from is None or _start(self) in self.said)


def intervals(claims: Sequence[OpenClaim], *, functional: bool = True) -> list[tuple[str | None, str | None]]:
    """Return from when and until when each claim holds, in the order given; None: not stated, or it goes on.

    A claim ends where a claim with the same object has an end after its start; of a functional predicate also where the
    next claim with another object starts. A closed claim keeps its end. A claim that a later text dates a change before
    has no start.
    """
    before = [_changed_before(claim, claims) if functional else None for claim in claims]
    left = [claim for claim, change in zip(claims, before, strict=True) if change is None]
    begun = [_begun(claim) for claim in left]
    starts = [_start_of(start) for start in begun]
    holding = iter(
        (start, claim.valid_to if claim.closed else _end(claim, at, left, starts, functional=functional))
        for claim, start, at in zip(left, begun, starts, strict=True)
    )
    return [next(holding) if change is None else (None, change) for change in before]


def _begun(claim: OpenClaim) -> str | None:
    """Return when a claim begins: one that lost its start to a change that is gone has that of its first text again."""
    return iso(claim.said[0]) if claim.valid_from is None and claim.undated and not claim.closed else claim.valid_from


def _changed_before(claim: OpenClaim, claims: Sequence[OpenClaim]) -> str | None:
    """Return the first dated change before a claim that begins when it was said, of those that were stated later."""
    if claim.closed or not claim.undated:
        return None
    changes = [
        (_start(other), other.valid_from)
        for other in claims
        if other.object != claim.object and other.valid_from is not None and not other.closed and not other.undated
        and other.trust >= claim.trust - _SAME_TRUST and other.said and other.said[-1] > claim.said[-1]
        and _start(other) <= claim.said[0]
    ]  # fmt: skip
    return min(changes)[1] if changes else None


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
