"""Integrity: damage that a graph or its database shows, and what can repair it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Severity = Literal["warning", "problem"]


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage: how often it was found, one example, and how to fix it.

    `repairable` says that what is damaged can be derived from what is not. A warning leaves answers right.
    """

    check: str
    state: Severity
    what: str
    hint: str
    repairable: bool
    count: int = 1
    example: str = ""


@dataclass(frozen=True, slots=True)
class IntegrityReport:
    """What one check of a graph found; without a graph it is about the database as a whole.

    `checks` names the checks that were made, `skipped` those that could not be made, each with the reason. `repaired`
    lists what was found and is right again; `damages` what is left.
    """

    graph: str | None
    damages: Sequence[Damage]
    checks: Sequence[str]
    skipped: Mapping[str, str] = field(default_factory=dict)
    repaired: Sequence[Damage] = ()
    seconds: float = 0.0
    checked_at: str | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing was found that makes answers wrong."""
        return all(damage.state == "warning" for damage in self.damages)


class Inspector(Protocol):
    """Compares what a graph stores with what it is derived from."""

    async def inspect(self, graph: str) -> IntegrityReport:
        """Check one graph; changes nothing. Raises NotFound."""

    async def inspect_database(self) -> IntegrityReport:
        """Check what belongs to no graph, or to a graph whose tables are gone; changes nothing."""

    async def repair(self, graph: str) -> IntegrityReport:
        """Check one graph, repair what is derivable, and check again. Raises NotFound."""

    async def reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest report of each graph (or of one), and of the database, oldest first."""

    async def due(self, seconds: float) -> Sequence[str]:
        """Return the graphs whose newest report is older than this, or that have none."""
