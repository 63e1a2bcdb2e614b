"""Metrics for Prometheus: requests by route, method and status, how long they took, and how busy the memory is."""

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from kgmem.domain.errors import KgmemError
from kgmem.memory import Memory

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
# What Postgres reports about itself: the description, and the label.
_POSTGRES: Final = {
    "connections": ("Connections of clients to the database.", "state"),
    "connections_most": ("Connections that the server takes.", None),
    "waiting_for_locks": ("Connections that wait for a lock.", None),
    "oldest_transaction_seconds": ("How long the oldest open transaction runs.", None),
    "transactions": ("Transactions since the statistics were reset.", "state"),
    "blocks": ("Blocks since the statistics were reset: found in the buffers of Postgres, or read.", "of"),
    "deadlocks": ("Deadlocks since the statistics were reset.", None),
    "temporary_bytes": ("Bytes written to temporary files since the statistics were reset.", None),
    "bytes": ("The size of the database.", None),
    "rows": ("Rows of all tables, about: live, or dead until a vacuum.", "state"),
    "transactions_since_freeze": (
        "Transactions since the oldest row that is not frozen; 2,000,000,000 is the end.",
        None,
    ),
    "standby_lag_bytes": ("Bytes of the log that a standby has not replayed.", "standby"),
    "standby_lag_seconds": ("How long a standby takes to replay what is committed.", "standby"),
}


class Metrics:
    """The figures of one app; each app has a registry of its own."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make the registry and what is counted in it.

        `folder` has the counters of all processes of a server that has several; each reports the figures of all.
        """
        self._registry = CollectorRegistry()
        self._folder = folder
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
        self.under_way = Gauge(
            "kgmem_requests_in_progress", "Requests in progress.", registry=self._registry, multiprocess_mode="livesum"
        )
        self._jobs = self._gauge("jobs", "Background jobs.", "status")
        self._oldest_job = self._gauge("jobs_oldest_waiting_seconds", "Seconds that the oldest waiting job has waited.")
        self._connections = self._gauge(
            "pool_connections_in_use", "Connections to the database in use.", "pool", several="livesum"
        )
        self._most_connections = self._gauge(
            "pool_connections_most", "The most connections of a pool.", "pool", several="livesum"
        )
        self._passages = self._gauge("passages_waiting", "Passages that wait for a vector, about.")
        self._damages = self._gauge("integrity_damages", "Kinds of damage in the newest integrity checks.", "state")
        self._unchecked = self._gauge(
            "integrity_unchecked_seconds", "Since the integrity check of the graph whose check is the oldest."
        )
        self._backup_age = self._gauge(
            "backup_age_seconds", "Since the newest backup was made, and since one was verified by a restore.", "state"
        )
        self._archive_lag = self._gauge("backup_archive_lag_seconds", "Writes that the archive lacks, at most.", "of")
        self._backup_failures = self._gauge("backup_failures", "Kinds of backup work whose newest run failed.", "of")
        self._cache_reads = self._gauge(
            "cache_reads", "Reads through the cache: hits, and misses.", "kind", "result", several="livesum"
        )
        self._cache_evictions = self._gauge(
            "cache_evictions", "Cached values that had to go for others.", "kind", several="livesum"
        )
        self._cache_bytes = self._gauge("cache_bytes", "Bytes of cached values.", "kind", several="livesum")
        self._pressure = self._gauge(
            "pressure_used", "Used share; above the threshold the least used scopes are distilled.", "of"
        )
        self._pressure_high = self._gauge("pressure_high", "Whether it is above its threshold.", "of")
        self._reads = self._gauge(
            "database_reads",
            "Reads with KGMEM_READ_URL, by who answered: a replica, or the primary, since all were behind or away, or "
            "for a kind of read that no replica may answer.",
            "by",
            several="livesum",
        )
        self._replicas = self._gauge("replica_used", "Whether a replica of the database is read from.", "replica")
        self._waiting = self._gauge("pool_waiting", "Who waits for a connection of a pool.", "pool", several="livesum")
        self._postgres = {
            name: self._gauge(f"postgres_{name}", told, *([label] if label else []))
            for name, (told, label) in _POSTGRES.items()
        }
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
        """Return all figures as Prometheus reads them."""
        figures = await memory.server.metrics()
        for gauge, counts in (
            (self._jobs, figures.jobs),
            (self._connections, figures.connections),
            (self._most_connections, figures.most_connections),
            (self._damages, figures.damages),
            (self._reads, figures.reads),
            (self._waiting, figures.waiting),
            (self._replicas, figures.replicas),
        ):
            for name, count in counts.items():
                gauge.labels(name).set(count)
        for name, numbers in figures.postgres.items():
            for of, number in numbers.items():
                (self._postgres[of] if name == "single" else self._postgres[name].labels(of)).set(number)
        self._oldest_job.set(figures.oldest_job_seconds)
        self._passages.set(figures.passages_waiting)
        self._unchecked.set(figures.unchecked_seconds)
        for kind in (await memory.cache.stats()).kinds:
            self._cache_reads.labels(kind.kind, "hit").set(kind.hits)
            self._cache_reads.labels(kind.kind, "miss").set(kind.misses)
            self._cache_evictions.labels(kind.kind).set(kind.evictions)
            self._cache_bytes.labels(kind.kind).set(kind.bytes)
        await self._see_backups(memory)
        for pressure in await memory.distillation.pressures():
            self._pressure.labels(pressure.kind).set(pressure.used)
            self._pressure_high.labels(pressure.kind).set(pressure.is_high)
        return generate_latest(self._registry if self._folder is None else _of_all(self._folder))

    async def _see_backups(self, memory: Memory) -> None:
        """Set what backups are like, where they are set up: what was never done is infinitely old."""
        try:
            state = await memory.backups.state()
        except KgmemError:
            self._backup_failures.labels("server").set(1)
            return
        if state.folder is None:
            return
        now = datetime.now(UTC)
        made = (now - state.last.finished).total_seconds() if state.last else math.inf
        checked = state.last_verified.verification if state.last_verified else None
        verified = (now - datetime.fromisoformat(checked.at)).total_seconds() if checked else math.inf
        self._backup_age.labels("made").set(made)
        self._backup_age.labels("verified").set(verified)
        self._backup_failures.labels("server").set(len(state.failures) + bool(state.last_failed))
        if state.archive and (state.archive.on or state.archive.waits_for_restart):
            self._archive_lag.labels("server").set(state.archive.lag_seconds if state.archive.on else math.inf)

    def _gauge(
        self, name: str, told: str, *labels: str, several: Literal["livesum", "mostrecent"] = "mostrecent"
    ) -> Gauge:
        """Return a gauge; of several processes the sum is reported, or what was set last."""
        return Gauge(f"kgmem_{name}", told, labels, registry=self._registry, multiprocess_mode=several)


def _of_all(folder: Path) -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(folder))  # type: ignore[no-untyped-call]
    return registry
