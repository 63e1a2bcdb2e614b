"""Confidence: how far a hit may be relied upon, from 0 to 1."""

from collections.abc import Mapping, Sequence

from kgmem.domain.answer import ArmShare

UNKNOWN_TRUST = 0.5


def confidence(
    trust: float | None, extraction: float | None, found: Mapping[str, ArmShare], asked: Sequence[str]
) -> float:
    """Give trust x extraction x (1 + agreement) / 2.

    `trust` is the consensus on the fact, or else its source's trust (0.5 where neither is known); `extraction` what
    the extractor gave it (1 for what was stated outright); agreement the share of the asked arms that found the hit:
    what only one of several dimensions speaks for is worth less than what all do.
    """
    agreement = len(found) / len(asked) if asked else 1.0
    believed = UNKNOWN_TRUST if trust is None else _within(trust)
    return believed * (1.0 if extraction is None else _within(extraction)) * (1 + min(agreement, 1.0)) / 2


def _within(value: float) -> float:
    """Give a value that another client may have written, from 0 to 1."""
    return min(max(value, 0.0), 1.0)
