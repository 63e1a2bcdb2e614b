"""Vitals: how busy the parts behind a memory are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


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
