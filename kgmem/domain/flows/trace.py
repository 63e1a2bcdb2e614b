"""Traces: the steps of a flow while it runs, reported by whoever does the work.

    with ports.flows.run("distil", graph, scope=scope) as flow:
        with step("group") as grouping:
            groups = await group(episodes)
            grouping.count(episodes=len(episodes), groups=len(groups))

A step finds its flow by the task that it runs in, and tasks that this task starts; without a flow it does nothing. A
step that runs again adds to the first run, so that a flow of a million batches has as many steps as one of two. Steps
report names and numbers of kgmem's own, never a text of a caller: not in counts, nor in errors.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Final, Protocol

from kgmem.domain.errors import KgmemError
from kgmem.domain.slices import broken_off
from kgmem.domain.time.interval import iso

MOST_STEPS: Final = 100  # Of a flow, by name; what further ones do is counted in the step around them.
_INTERNAL: Final = "internal"
_RANDOM: Final = random.Random()  # noqa: S311 - ids are no secrets: who may see a flow is checked


class Span(Protocol):
    """A span of a tracing system, current between its start and its end."""

    trace_id: str | None

    def end(self, counts: Mapping[str, int], error: str | None) -> None:
        """End it, with what was counted, and the code of an error."""


class Tracer(Protocol):
    """A tracing system beside kgmem's own flows, such as OpenTelemetry."""

    def start(self, name: str, attributes: Mapping[str, str]) -> Span:
        """Start a span inside of the current one, and make it the current one of this task."""

    def headers(self) -> Mapping[str, str]:
        """Return the headers by which a request to another server continues the current trace."""

    def serving(
        self, name: str, traceparent: str | None, tracestate: str | None = None
    ) -> AbstractContextManager[Callable[[str, int], None]]:
        """Trace a request that came with these headers, in the block; takes the route's name and status at its end."""


def code_of(error: BaseException) -> str | None:
    """Return the code of an error; None where the work was cancelled."""
    if isinstance(error, asyncio.CancelledError | GeneratorExit | KeyboardInterrupt | SystemExit):
        return None
    return error.code if isinstance(error, KgmemError) else _INTERNAL


class _Step:
    __slots__ = ("counts", "error", "first", "name", "running", "runs", "seconds", "since", "state")

    def __init__(self, name: str, first: float) -> None:
        self.name = name
        self.first = first
        self.runs = 0
        self.running = 0
        self.since = 0.0  # The sum of the starts of what runs.
        self.seconds = 0.0
        self.state = "done"
        self.counts: dict[str, int] = {}
        self.error: str | None = None

    def told(self, started: float, now: float) -> dict[str, Any]:
        seconds = self.seconds + (self.running * now - self.since if self.running else 0.0)
        return {
            "name": self.name, "state": "running" if self.running else self.state, "runs": self.runs,
            "started_ms": round((self.first - started) * 1000, 2), "duration_ms": round(seconds * 1000, 2),
            "counts": dict(self.counts), "error": self.error,
        }  # fmt: skip


class FlowTrace:
    """A flow that this process runs or ran: what its steps have reported so far."""

    __slots__ = (
        "about", "changed", "counts", "ended", "error", "graph", "id", "kind", "scope", "started", "started_us",
        "state", "steps", "trace_id", "tracer", "written",
    )  # fmt: skip

    def __init__(
        self, kind: str, graph: str, scope: str | None, about: str | None = None, tracer: Tracer | None = None
    ) -> None:
        """Begin a flow now."""
        self.started_us = time.time_ns() // 1000
        self.id = f"{self.started_us:014x}{_RANDOM.getrandbits(64):016x}"
        self.kind, self.graph, self.scope, self.about = kind, graph, scope, about
        self.tracer = tracer
        self.started = time.perf_counter()
        self.ended: float | None = None
        self.state = "running"
        self.error: str | None = None
        self.trace_id: str | None = None
        self.counts: dict[str, int] = {}
        self.steps: dict[str, _Step] = {}
        self.changed = True  # Since it was last written.
        self.written = 0.0  # When it was last written, by time.perf_counter; 0: never.

    def count(self, **counts: int) -> None:
        """Add to the counts of the flow as a whole."""
        _add(self.counts, counts)
        self.changed = True

    @property
    def seconds(self) -> float:
        """How long it ran, or has run so far."""
        return (time.perf_counter() if self.ended is None else self.ended) - self.started

    def told(self) -> dict[str, Any]:
        """Return the fields of a `Flow`, its steps as mappings."""
        now = time.perf_counter() if self.ended is None else self.ended
        ended = None if self.ended is None else iso(self.started_us + int(self.seconds * 1_000_000))
        return {
            "id": self.id, "kind": self.kind, "graph": self.graph, "scope": self.scope, "state": self.state,
            "started_at": iso(self.started_us), "duration_ms": round((now - self.started) * 1000, 2),
            "ended_at": ended, "about": self.about, "trace_id": self.trace_id, "counts": dict(self.counts),
            "error": self.error, "steps": [each.told(self.started, now) for each in self.steps.values()],
        }  # fmt: skip

    def end(self, error: BaseException | None) -> None:
        """Note that it has ended, and by which error."""
        self.ended = time.perf_counter()
        self.changed = True
        if error is None:
            self.state = "paused" if broken_off() else "done"
        else:
            self.error = code_of(error)
            self.state = "stopped" if self.error is None else "failed"

    def step(self, name: str) -> _Step | None:
        """Return the step of a name; None where there are too many."""
        found = self.steps.get(name)
        if found is None and len(self.steps) < MOST_STEPS:
            found = self.steps[name] = _Step(name, time.perf_counter())
        return found


class _Place:
    """Where a task is in a flow: the flow, and the path of the step."""

    __slots__ = ("flow", "path")

    def __init__(self, flow: FlowTrace, path: str) -> None:
        self.flow = flow
        self.path = path


_PLACE: ContextVar[_Place | None] = ContextVar("kgmem_flow", default=None)
_TRACER: ContextVar[Tracer | None] = ContextVar("kgmem_tracer", default=None)
_BEGUN: ContextVar[list[str] | None] = ContextVar("kgmem_flows_begun", default=None)


def current_flow() -> FlowTrace | None:
    """Return the flow of this task."""
    place = _PLACE.get()
    return place.flow if place is not None else None


def collect_flows() -> list[str]:
    """Return a list to which this task, and those that it starts, add the ids of the flows that begin from now on."""
    begun: list[str] = []
    _BEGUN.set(begun)
    return begun


def trace_with(tracer: Tracer | None) -> None:
    """Set the tracing system whose traces this task, and those that it starts, continue."""
    _TRACER.set(tracer)


def outgoing_headers() -> Mapping[str, str]:
    """Return the headers by which a request to another server continues this task's trace; mostly none."""
    tracer = _TRACER.get()
    return tracer.headers() if tracer is not None else {}


def count(**counts: int) -> None:
    """Add to the counts of the step, or else the flow, that this task works on."""
    place = _PLACE.get()
    if place is not None:
        entry = place.flow.steps.get(place.path)
        _add(place.flow.counts if entry is None else entry.counts, counts)
        place.flow.changed = True


class step:  # noqa: N801 - used as a function is
    """Report the block as a step of the flow that this task works on; as a context manager it returns itself."""

    __slots__ = ("_before", "_counts", "_flow", "_name", "_span", "_started", "_step")

    def __init__(self, name: str) -> None:
        """Take the name, a word or two of kgmem's own with underscores."""
        self._name = name
        self._flow: FlowTrace | None = None
        self._step: _Step | None = None
        self._span: Span | None = None

    def __enter__(self) -> "step":
        """Begin a run of the step."""
        place = self._before = _PLACE.get()
        if place is None:
            tracer = _TRACER.get()
            if tracer is not None:
                self._counts: dict[str, int] = {}
                self._span = tracer.start(self._name, {})
            return self
        flow = self._flow = place.flow
        path = f"{place.path}/{self._name}" if place.path else self._name
        entry = self._step = flow.step(path)
        now = self._started = time.perf_counter()
        if entry is not None:
            entry.runs += 1
            entry.running += 1
            entry.since += now
            _PLACE.set(_Place(flow, path))
        flow.changed = True
        if flow.tracer is not None:
            self._counts = {}
            self._span = flow.tracer.start(f"{flow.kind}.{path.replace('/', '.')}", {})
        return self

    def count(self, **counts: int) -> None:
        """Add to the counts of the step; names are kgmem's own."""
        flow = self._flow
        if flow is not None:
            _add(self._step.counts if self._step is not None else flow.counts, counts)
            flow.changed = True
        if self._span is not None:
            _add(self._counts, counts)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the run."""
        code = None if error is None else code_of(error)
        entry = self._step
        if entry is not None:
            entry.running -= 1
            entry.since = entry.since - self._started if entry.running else 0.0
            entry.seconds += time.perf_counter() - self._started
            if error is not None:
                entry.state = "stopped" if code is None else "failed"
                entry.error = code or entry.error
        if self._flow is not None:
            self._flow.changed = True
            # Set rather than reset: a generator may end in another task than the one that it began in.
            _PLACE.set(self._before)
        if self._span is not None:
            self._span.end(self._counts, code)


class running:  # noqa: N801 - used as a function is
    """Make a trace the flow of a block; `ended` is called with it at the block's end."""

    __slots__ = ("_before", "_ended", "_flow", "_span", "_tracer")

    def __init__(self, flow: FlowTrace, ended: Callable[[FlowTrace], None]) -> None:
        """Take the trace, and what to call at its end."""
        self._flow = flow
        self._ended = ended
        self._span: Span | None = None

    def __enter__(self) -> FlowTrace:
        """Begin the flow."""
        flow = self._flow
        self._before = _PLACE.get()
        _PLACE.set(_Place(flow, ""))
        begun = _BEGUN.get()
        if begun is not None:
            begun.append(flow.id)
        if flow.tracer is not None:
            self._tracer = _TRACER.get()
            _TRACER.set(flow.tracer)
            self._span = flow.tracer.start(flow.kind, {"kgmem.flow.id": flow.id, "kgmem.graph": flow.graph})
            flow.trace_id = self._span.trace_id
        return flow

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the flow."""
        flow = self._flow
        flow.end(error)
        _PLACE.set(self._before)
        if self._span is not None:
            self._span.end(flow.counts, flow.error)
            _TRACER.set(self._tracer)
        self._ended(flow)


class inside:  # noqa: N801 - used as a function is
    """Trace a flow that begins within another one as a step of it; returns the flow around it."""

    __slots__ = ("_around", "_step")

    def __init__(self, around: FlowTrace, kind: str) -> None:
        """Take the flow around it, and its kind."""
        self._around = around
        self._step = step(kind)

    def __enter__(self) -> FlowTrace:
        """Begin the step."""
        self._step.__enter__()
        return self._around

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the step."""
        self._step.__exit__(kind, error, trace)


def _add(held: dict[str, int], counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        held[name] = held.get(name, 0) + number
