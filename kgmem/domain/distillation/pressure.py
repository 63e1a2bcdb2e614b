"""Pressure: a disk, a database or a memory that is nearly full."""

from dataclasses import dataclass
from typing import Literal, Protocol

PressureKind = Literal["disk", "database", "memory"]


@dataclass(frozen=True, slots=True)
class Pressure:
    """How full something is, as a share, and the share above which the least used scopes are distilled."""

    kind: PressureKind
    used: float
    threshold: float

    @property
    def is_high(self) -> bool:
        """Whether it is above the threshold."""
        return self.used > self.threshold


class Gauges(Protocol):
    """Measures how full the disk, the database and the memory are."""

    async def read(self) -> list[Pressure]:
        """Return what can be measured on this machine. Raises DatabaseUnavailable."""
