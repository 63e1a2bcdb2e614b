"""The port of distillation: runs, their groups and questions, and allowances, stored beside the graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from kgmem.domain.distillation.material import Original
from kgmem.domain.distillation.probes import Probe, Score, Unit
from kgmem.domain.distillation.run import (
    Allowance,
    DistilRequest,
    DistilRun,
    GroupState,
    MeasuredProbe,
    NewGroup,
    OpenGroup,
    RunState,
)
from kgmem.domain.graph.entity import Page


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may be distilled, and whether its facts were extracted."""

    id: int
    key: str
    extracted: bool


@dataclass(frozen=True, slots=True)
class Quotation:
    """A distilled text that quotes others: its group, its key, and the scope in which all of them are."""

    run: int
    number: int
    key: str
    scope: str


@dataclass(frozen=True, slots=True)
class Written:
    """What was written for a group: the id of its text, its tokens, who worded it, and what stood against that."""

    item: int
    tokens: int
    maker: str
    problem: str | None
    digest: int
    versions: Mapping[int, int]  # Of the originals.


class DistillationStore(Protocol):
    """Stores runs of distillation; every write is one transaction."""

    @property
    def lease(self) -> float:
        """Seconds after which a run whose executor gave no sign may be taken over."""

    async def candidates(
        self, graph: str, request: DistilRequest, only: Sequence[int] | None = None
    ) -> Sequence[Candidate]:
        """Return the texts that a request is about and no run has yet, the oldest first; `only` some, by id."""

    async def queue_extraction(self, graph: str, ids: Sequence[int]) -> int:
        """Queue texts for extraction that were never extracted; returns how many."""

    async def originals(self, graph: str, ids: Sequence[int]) -> Sequence[Original]:
        """Return texts with what they state, by id."""

    async def add(
        self,
        graph: str,
        request: DistilRequest,
        threshold: float,
        groups: Sequence[NewGroup],
        skipped: Mapping[str, int],
    ) -> int:
        """Store a planned run; returns its id. Raises Conflict where another run has one of the texts meanwhile."""

    async def add_request(self, graph: str, request: DistilRequest, threshold: float) -> int:
        """Store a run that is planned when it is executed; returns its id."""

    async def request_of(self, graph: str, run: int) -> DistilRequest | None:
        """Return what a run that is not planned yet is to distil; None where it is planned."""

    async def fill(self, graph: str, run: int, groups: Sequence[NewGroup], skipped: Mapping[str, int]) -> None:
        """Store the plan of such a run. Raises Conflict where another run has one of the texts meanwhile."""

    async def runs(
        self, graph: str, scope: str | None, state: RunState | None, cursor: str | None, limit: int
    ) -> Page[DistilRun]:
        """Return runs in this scope only (None: in all), the newest first, without their groups."""

    async def get(self, graph: str, id_: int, scope: str | None) -> DistilRun:
        """Return a run with its groups. Raises NotFound, also for one of another scope."""

    async def open_groups(
        self, graph: str, run: int, states: Sequence[GroupState], limit: int = 1000
    ) -> Sequence[OpenGroup]:
        """Return the groups of a run that are in these states, in order."""

    async def take(self, graph: str, run: int, holder: int) -> bool:
        """Take a run, or show that it goes on; False where another executor has it."""

    async def release(self, graph: str, run: int, holder: int) -> None:
        """Release a run, so that others may take it."""

    async def unfinished(self, graph: str) -> Sequence[tuple[int, str]]:
        """Return the runs (id, scope) that nobody executes any more and that are not finished."""

    async def set_run(
        self, graph: str, run: int, state: RunState, *, problem: str | None = None, by: str | None = None
    ) -> None:
        """Store what became of a run."""

    async def set_bytes(self, graph: str, run: int, before: int, after: int) -> None:
        """Store how many bytes the texts of a run took, and what replaces them takes."""

    async def set_group(self, graph: str, run: int, number: int, state: GroupState) -> None:
        """Store the state of a group."""

    async def set_groups(self, graph: str, run: int, state: GroupState, other: GroupState) -> int:
        """Bring all groups in one state into another; returns how many."""

    async def verify_again(self, graph: str, run: int, but: Sequence[int]) -> None:
        """Mark the groups of a run that have questions as moved, to be verified again, but not these."""

    async def set_score(
        self, graph: str, run: int, number: int, score: Score, lost: Sequence[tuple[str, Unit]]
    ) -> None:
        """Store the score of a group, and what was not found again: the questions and what they asked for."""

    async def put_probes(
        self, graph: str, run: int, number: int, probes: Sequence[tuple[Probe, Sequence[bool]]]
    ) -> None:
        """Store the questions of a group with what was found, and mark the group as measured."""

    async def probes(self, graph: str, run: int, number: int) -> Sequence[MeasuredProbe]:
        """Return the questions of a group."""

    async def drop_probes(self, graph: str, run: int) -> None:
        """Delete the questions of a run."""

    async def link(self, graph: str, group: OpenGroup, scope: str, written: Written) -> bool:
        """Make a stored text the distilled one of a group, linked to its originals; False where one of them is gone."""

    async def quoting(self, graph: str, keys: Sequence[str], scope: str) -> Sequence[Quotation]:
        """Return the distilled texts that were made of texts in this scope only. Without runs it is free."""

    async def leave(self, graph: str, keys: Sequence[str], scope: str, quotations: Sequence[Quotation]) -> None:
        """Take texts out of their groups for good, and mark these as stale, without what they quote."""

    async def drop_members(self, graph: str, run: int, ids: Sequence[int]) -> None:
        """Take texts that are gone out of the groups of a run."""

    async def stale_groups(self, graph: str) -> Sequence[tuple[int, int, str]]:
        """Return (run, number, scope) of groups that have to be written again."""

    async def note_changes(self, graph: str) -> int:
        """Mark the groups as stale of which a text or a fact has changed; returns how many."""

    async def put_allowance(self, graph: str, allowance: Allowance) -> None:
        """Store the allowance of a scope."""

    async def allowances(
        self, graph: str, *, scope: str | None = None, within: str = "", cursor: str | None = None, limit: int = 1000
    ) -> Page[Allowance]:
        """Return allowances with what their scopes use: of one scope only, or of those within one, by path."""

    async def delete_allowance(self, graph: str, scope: str) -> bool:
        """Delete the allowance of a scope; returns whether there was one."""

    async def closed_session_texts(self, graph: str, scope: str, limit: int) -> Sequence[int]:
        """Return texts of closed sessions that are not distilled yet."""

    async def least_used(self, graph: str, least: int, limit: int) -> Sequence[tuple[str, int]]:
        """Return the scopes with at least so many texts to distil, those first that were written to longest ago."""
