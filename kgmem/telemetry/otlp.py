"""OpenTelemetry: spans by its SDK, exported by OTLP over HTTP. Nothing of it is global to the process."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider, sampling
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from kgmem.telemetry.registry import TelemetryChoice

_SQL = {"db.system.name": "postgresql"}
_PROPAGATOR = TraceContextTextMapPropagator()
# Set rather than attached to OpenTelemetry's own context: a step may end in another task than the one it began in.
_CURRENT: ContextVar[Span | None] = ContextVar("kgmem_span", default=None)


class _OpenSpan:
    """A span that is the current one of its task until it ends."""

    __slots__ = ("_before", "_span", "trace_id")

    def __init__(self, span: Span) -> None:
        """Take the span, and make it the current one."""
        self._span = span
        self._before = _CURRENT.get()
        context = span.get_span_context()
        self.trace_id: str | None = f"{context.trace_id:032x}" if context.trace_flags.sampled else None
        _CURRENT.set(span)

    def end(self, counts: Mapping[str, int], error: str | None) -> None:
        """End it, with what was counted, and the code of an error."""
        for name, number in counts.items():
            self._span.set_attribute(f"kgmem.count.{name}", int(number))
        if error is not None:
            self._span.set_attribute("error.type", error)
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()
        _CURRENT.set(self._before)


class OpenTelemetry:
    """Spans in the background, to one collector; a collector that is away costs spans and nothing else."""

    def __init__(self, choice: TelemetryChoice, exporter: SpanExporter | None = None) -> None:
        """Take where to export; `exporter` replaces that by OTLP."""
        self._provider = TracerProvider(
            sampler=_sampler(choice),
            resource=Resource.create({"service.name": choice.service}),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter
                or OTLPSpanExporter(endpoint=choice.endpoint, headers=dict(choice.headers), timeout=choice.timeout)
            )
        )
        self._tracer = self._provider.get_tracer("kgmem")

    def start(self, name: str, attributes: Mapping[str, str]) -> _OpenSpan:
        """Start a span inside of the current one, and make it the current one of this task."""
        return _OpenSpan(self._tracer.start_span(name, context=_context(), attributes=attributes))

    def headers(self) -> Mapping[str, str]:
        """Return the headers by which a request to another server continues the current trace."""
        carrier: dict[str, str] = {}
        if _CURRENT.get() is not None:
            _PROPAGATOR.inject(carrier, context=_context())
        return carrier

    @contextmanager
    def serving(
        self, name: str, traceparent: str | None, tracestate: str | None = None
    ) -> Iterator[Callable[[str, int], None]]:
        """Trace a request that came with these headers; takes the route's name and status at its end."""
        sent = {"traceparent": traceparent, "tracestate": tracestate}
        context = _PROPAGATOR.extract({key: value for key, value in sent.items() if value}, context=Context())
        span = self._tracer.start_span(name, context=context, kind=SpanKind.SERVER)
        before = _CURRENT.get()
        _CURRENT.set(span)

        def answered(route: str, status: int) -> None:
            span.update_name(f"{name} {route}")
            span.set_attributes({"http.request.method": name, "http.route": route, "http.response.status_code": status})
            if status >= 500:
                span.set_status(Status(StatusCode.ERROR))

        try:
            yield answered
        finally:
            span.end()
            _CURRENT.set(before)

    def statement(self, name: str, elapsed: float, *, failed: bool) -> None:
        """Note a statement that has just ended, in the current span; statements outside of one are none's."""
        around = _CURRENT.get()
        if around is None or not around.is_recording():
            return
        ended = time.time_ns()
        span = self._tracer.start_span(
            name, context=_context(), kind=SpanKind.CLIENT, start_time=ended - int(elapsed * 1e9), attributes=_SQL
        )
        if failed:
            span.set_status(Status(StatusCode.ERROR))
        span.end(ended)

    async def aclose(self) -> None:
        """Export what waits, and stop."""
        await asyncio.to_thread(self._provider.shutdown)


def _context() -> Context:
    span = _CURRENT.get()
    return Context() if span is None else set_span_in_context(span, Context())


def _sampler(choice: TelemetryChoice) -> sampling.Sampler:
    name, parented = choice.sampler, choice.sampler.startswith("parentbased_")
    roots: dict[str, sampling.Sampler] = {
        "always_on": sampling.ALWAYS_ON,
        "always_off": sampling.ALWAYS_OFF,
        "traceidratio": sampling.TraceIdRatioBased(choice.ratio),
    }
    root = roots[name.removeprefix("parentbased_")]
    return sampling.ParentBased(root) if parented else root
