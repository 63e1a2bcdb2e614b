"""Flows as they are stored and shown: their steps with states, durations and counts, and never a text of a caller."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol, get_args

from kgmem.domain.flows.trace import FlowTrace, Tracer
from kgmem.domain.graph.entity import Page

FlowKind = Literal["remember", "recall", "consolidate", "reconcile", "distil", "forget", "import"]
FlowState = Literal["running", "done", "failed", "paused", "stopped", "broken_off"]
StepState = Literal["running", "done", "failed", "stopped", "broken_off"]
KINDS: Final[tuple[FlowKind, ...]] = get_args(FlowKind)
STATES: Final[tuple[FlowState, ...]] = get_args(FlowState)


@dataclass(frozen=True, slots=True)
class FlowStep:
    """A step of a flow, with all its runs: a step inside of another is named behind it, as in extract/resolve."""

    name: str
    state: StepState
    runs: int
    started_ms: float  # After the start of the flow, when the step first ran.
    duration_ms: float  # Of all its runs; runs at the same time count each.
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None  # The code of the last error, such as embedder-unavailable.


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow: one run of a named piece of work on a graph.

    `scope` is where it works, None for all scopes of its graph. `about` names what it is part of, such as import/3. A
    flow whose process has shown no heartbeat for 15 seconds is `broken_off`, and its running steps are, too. A job that
    made room for others is `paused`, and goes on as another flow; what was cancelled, as by its client, is `stopped`.
    """

    id: str
    kind: FlowKind
    graph: str
    scope: str | None
    state: FlowState
    started_at: str
    duration_ms: float
    ended_at: str | None = None
    about: str | None = None
    trace_id: str | None = None  # Of the trace in which OpenTelemetry shows it.
    counts: Mapping[str, int] = field(default_factory=dict)
    error: str | None = None
    steps: Sequence[FlowStep] = ()


@dataclass(frozen=True, slots=True)
class Visible:
    """What a reader sees: the flows of this graph (None: of every graph) in a scope and below it."""

    graph: str | None
    scope: str


@dataclass(frozen=True, slots=True)
class FlowFilter:
    """Which flows to return; every field that is set narrows the others. `scope` means it and the scopes below it."""

    graph: str | None = None
    kind: FlowKind | None = None
    state: FlowState | None = None
    scope: str | None = None
    about: str | None = None


class FlowLog(Protocol):
    """Traces flows, and returns what it traced."""

    @property
    def tracer(self) -> Tracer | None:
        """The tracing system that shows them, too."""

    def run(
        self, kind: FlowKind, graph: str, *, scope: str | None = None, about: str | None = None
    ) -> AbstractContextManager[FlowTrace]:
        """Trace the block as a flow, or as a step of the flow that runs already."""

    async def get(self, id_: str, *, seen: Sequence[Visible] | None = None) -> Flow:
        """Return a flow, where `seen` (None: everything) includes it. Raises NotFound."""

    async def list(
        self, wanted: FlowFilter, cursor: str | None, limit: int, *, seen: Sequence[Visible] | None = None
    ) -> Page[Flow]:
        """Return a page of flows, newest first."""

    async def forget(self, graph: str, scope: str) -> int:
        """Delete the flows of a scope, also those that no process has written yet; returns how many were stored."""

    async def flush(self) -> bool:
        """Write what this process has traced and not written yet; returns False where the database refused it."""

    async def close(self) -> None:
        """Write what waits, and stop."""


def visible(flow: Flow, seen: Sequence[Visible] | None) -> bool:
    """Return whether a reader sees a flow."""
    if seen is None:
        return True
    return any(
        each.graph in {None, flow.graph}
        and (not each.scope or (flow.scope is not None and (flow.scope + "/").startswith(each.scope + "/")))
        for each in seen
    )


def flow_of(told: Mapping[str, Any], *, broken_off: bool = False) -> Flow:
    """Return a flow from the fields that its trace returns."""
    ended = "broken_off" if broken_off else None
    steps = [FlowStep(**{**each, "state": ended if ended and each["state"] == "running" else each["state"]})
             for each in told["steps"]]  # fmt: skip
    return Flow(**{**told, "steps": steps, "state": ended or told["state"]})
