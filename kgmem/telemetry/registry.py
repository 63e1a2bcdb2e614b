"""From the settings to the tracing system; its packages are loaded only where an exporter is configured."""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kgmem.domain.errors import InvalidInput
from kgmem.domain.flows.trace import Tracer


@dataclass(frozen=True, slots=True)
class TelemetryChoice:
    """Where spans go, by OTLP over HTTP, and which traces are recorded."""

    endpoint: str  # The whole URL, with its path.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 10.0
    service: str = "kgmem"
    sampler: str = "parentbased_always_on"
    ratio: float = 1.0


class ExportingTracer(Tracer, Protocol):
    """A tracing system that exports in the background."""

    def statement(self, name: str, elapsed: float, *, failed: bool) -> None:
        """Note a statement that has just ended, in the current span."""

    async def aclose(self) -> None:
        """Export what waits, and stop."""


def make_tracer(choice: TelemetryChoice | None) -> ExportingTracer | None:
    """Return the tracing system; None without an exporter. Raises InvalidInput where its packages are missing."""
    if choice is None:
        return None
    try:
        module = importlib.import_module("kgmem.telemetry.otlp")
    except ImportError as error:
        raise InvalidInput(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set, and the packages that export to it are missing.",
            hint="Run pip install 'kgmem[otel]', or unset it.",
        ) from error
    tracer: ExportingTracer = module.OpenTelemetry(choice)
    return tracer
