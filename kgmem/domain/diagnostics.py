"""Diagnostics: damage in a graph or its database, the state of the server, and its figures."""

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


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the memory does all that it can do; degraded, it answers questions and may refuse writes."""

    reasons: Sequence[str] = ()  # Why it is degraded, as codes of errors: out-of-space.

    @property
    def status(self) -> Literal["ready", "degraded"]:
        """Ready, or degraded for the reasons given."""
        return "degraded" if self.reasons else "ready"


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one moment: connections of each pool (in use, and the most there may be), jobs, what waits."""

    connections: Mapping[str, int]
    most_connections: Mapping[str, int]
    jobs: Mapping[str, int]  # By status: waiting, running, failed.
    oldest_job_seconds: float  # For which the job that waits longest waits; 0 when none does.
    passages_waiting: int  # For a vector, in all graphs; about.
    damages: Mapping[str, int]  # Kinds of damage in the newest integrity reports, by state: warning, problem.
    unchecked_seconds: float  # Since the check of the graph whose check is the oldest.
