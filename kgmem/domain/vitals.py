"""Vitals: how busy the parts behind a memory are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of one moment: connections of each pool (in use, and the most there may be), jobs, what waits."""

    connections: Mapping[str, int]
    most_connections: Mapping[str, int]
    jobs: Mapping[str, int]  # By status: waiting, running, failed.
    passages_waiting: int  # For a vector, in all graphs; about.
