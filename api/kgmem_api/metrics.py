"""Metrics for Prometheus: requests by route, method and status, how long they took, and what else is handed in."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from kgmem.memory import Memory

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_STATUSES = ("waiting", "running", "failed")
_MOST_JOBS = 1000


class Metrics:
    """The figures of one app; each app has a registry of its own."""

    def __init__(self, gauges: Mapping[str, Callable[[], float]]) -> None:
        """Take further gauges by name, such as the connections of the pool."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "kgmem_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "kgmem_request_seconds",
            "Time from a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.under_way = Gauge("kgmem_requests_under_way", "Requests under way.", registry=self._registry)
        self._jobs = Gauge(
            "kgmem_jobs", f"Background jobs, counted up to {_MOST_JOBS}.", ("status",), registry=self._registry
        )
        for name, read in gauges.items():
            Gauge(f"kgmem_{name}", name.replace("_", " ").capitalize() + ".", registry=self._registry).set_function(
                read
            )
        # Looking a child up by its labels takes as long as the rest of the counting, so it is done once.
        self._counters: dict[tuple[str, str, int], Counter] = {}
        self._clocks: dict[tuple[str, str], Histogram] = {}

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        counter = self._counters.get((method, route, status))
        if counter is None:
            counter = self._counters[method, route, status] = self._requests.labels(method, route, str(status))
        clock = self._clocks.get((method, route))
        if clock is None:
            clock = self._clocks[method, route] = self._seconds.labels(method, route)
        counter.inc()
        clock.observe(seconds)

    async def text(self, memory: Memory) -> bytes:
        """Give all figures as Prometheus reads them."""
        for status in _STATUSES:
            self._jobs.labels(status).set(len(await memory.jobs(status=status, limit=_MOST_JOBS)))
        return generate_latest(self._registry)
