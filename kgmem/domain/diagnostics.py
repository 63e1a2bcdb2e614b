"""Diagnostics: damage in a graph or its database, the state of the server, and its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

Severity = Literal["warning", "problem"]


@dataclass(frozen=True, slots=True)
class Damage:
    """One kind of damage: how often it occurs, one example, and how to fix it.

    `repairable`: the damaged data can be derived from sound data. A warning does not make answers wrong.
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
    """The result of one check of a graph; without a graph, of the database as a whole.

    `checks` names the checks that ran, `skipped` those that could not, each with the reason. `repaired` lists the
    damage that was repaired; `damages` what is left.
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
        """Whether no damage makes answers wrong."""
        return all(damage.state == "warning" for damage in self.damages)


class Inspector(Protocol):
    """Compares stored data with the data that it is derived from."""

    async def inspect(self, graph: str) -> IntegrityReport:
        """Check one graph; changes nothing. Raises NotFound."""

    async def inspect_database(self) -> IntegrityReport:
        """Check what belongs to no graph, or to a graph whose tables are missing; changes nothing."""

    async def repair(self, graph: str) -> IntegrityReport:
        """Check one graph, repair derived data, and check again. Raises NotFound."""

    async def reports(self, graph: str | None = None) -> Sequence[IntegrityReport]:
        """Return the newest report of each graph (or of one), and of the database, oldest first."""

    async def due(self, seconds: float) -> Sequence[str]:
        """Return the graphs whose newest report is older than this, or that have none."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the memory works fully; a degraded one answers questions and may refuse writes."""

    reasons: Sequence[str] = ()  # Why it is degraded, as codes of errors: out-of-space.

    @property
    def status(self) -> Literal["ready", "degraded"]:
        """Ready, or degraded."""
        return "degraded" if self.reasons else "ready"


@dataclass(frozen=True, slots=True)
class Figures:
    """Current counts: connections of each pool (used and maximum), jobs, passages that wait, damage."""

    connections: Mapping[str, int]
    most_connections: Mapping[str, int]
    jobs: Mapping[str, int]  # By status: waiting, running, failed.
    oldest_job_seconds: float  # For which the job that waits longest waits; 0 when none does.
    passages_waiting: int  # For a vector, in all graphs; about.
    damages: Mapping[str, int]  # Kinds of damage in the newest integrity reports, by state: warning, problem.
    unchecked_seconds: float  # Since the check of the graph whose check is the oldest.
    # Reads since the start, by who answered: a replica, or the primary since all were behind or away, or for what no
    # replica may answer.
    reads: Mapping[str, int] = field(default_factory=dict)
    replicas: Mapping[str, bool] = field(default_factory=dict)  # Whether each one is used.
    waiting: Mapping[str, int] = field(default_factory=dict)  # Who waits for a connection, by pool.
    # What Postgres tells of itself: by name, and by what the number is of.
    postgres: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
