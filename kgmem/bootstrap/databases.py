"""The databases that a memory is opened on: Postgres, its pools, and Redis."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kgmem.redis.opening import RedisChoice, redis_connection, redis_server
from kgmem.settings import Settings, TelemetrySettings
from kgmem.store.db.database import SEARCH_SETTINGS, ConnectionShare, Database
from kgmem.store.db.hosts import hosts_of, to_primary, usual_wait
from kgmem.store.db.identity import database_identity
from kgmem.store.db.replicas import CommitClock, Freshness, Replica, Replicas
from kgmem.store.embedded.lifecycle import EmbeddedPostgres
from kgmem.store.sync.keyword_index_repair import KeywordIndexGuard
from kgmem.tasks import before_sigterm
from kgmem.telemetry.registry import ExportingTracer, TelemetryChoice, make_tracer

if TYPE_CHECKING:
    from kgmem.redis.connection import RedisConnection


Report = Callable[[str], None]
_CONNECTIONS = 100  # What the embedded Postgres takes unless more are needed.
_OTHER_CONNECTIONS = 30  # For commands and for clients of kgmem's Postgres.


def silent(text: str) -> None:
    """Report nothing."""


@asynccontextmanager
async def open_database(settings: Settings, *, owner: bool = False, report: Report = silent) -> AsyncIterator[str]:
    """Return the URL of the database: the external one, or the embedded one, started if necessary."""
    if settings.database_url_text:
        yield to_primary(settings.database_url_text)
        return
    async with EmbeddedPostgres(
        settings.home,
        port=settings.postgres_port,
        report=report,
        settings=_connection_settings(settings),
        attach=not owner,
    ) as postgres:
        watch = asyncio.create_task(postgres.keep_running()) if owner else None
        try:
            with before_sigterm(postgres.stop):
                yield postgres.url
        finally:
            if watch:
                watch.cancel()
                await asyncio.gather(watch, return_exceptions=True)


@asynccontextmanager
async def open_redis(settings: Settings, *, owner: bool = False, report: Report = silent) -> AsyncIterator[str | None]:
    """Return the URL of Redis where the settings name one; the embedded one is started if need be."""
    if settings.redis_url_text is None:
        yield None
        return
    choice = RedisChoice(settings.redis_url_text, settings.home, settings.redis_memory)
    async with redis_server(choice, owner=owner, report=report) as url:
        yield url


def _connection_settings(settings: Settings) -> dict[str, str]:
    """Return how many connections the embedded Postgres takes, where several processes need more than it always has."""
    # Each process has both pools and a connection that listens; one more runs background jobs.
    needed = (settings.server_processes + 1) * (settings.pool_size + settings.transaction_pool_size + 1)
    most = needed + _OTHER_CONNECTIONS
    return {"max_connections": str(most)} if settings.server_processes > 1 and most > _CONNECTIONS else {}


async def connect_redis(settings: Settings, url: str, database: Database, stack: AsyncExitStack) -> "RedisConnection":
    """Return the connection to Redis, whose keys begin with the identity of the database."""
    async with database.connection() as connection:
        namespace = f"kgmem:{await database_identity(connection)}"
    return await stack.enter_async_context(redis_connection(url, settings.redis_timeout, namespace))


@dataclass(frozen=True, slots=True)
class Pools:
    """Connection pools for requests, for searches, and for interactive transactions, which may be idle.

    `replicas` answer reads where there are some.
    """

    main: Database
    search: Database
    transaction: Database
    replicas: Replicas | None
    guard: KeywordIndexGuard
    tracer: ExportingTracer | None


async def open_pools(settings: Settings, url: str, stack: AsyncExitStack, shared_folder: Path | None = None) -> Pools:
    """Open the pools; `shared_folder` is of the processes of one server."""
    size = settings.pool_size
    lending = ConnectionShare(settings.pool_share)
    # Should this process ever lose sight of a transaction, Postgres ends it.
    forgotten = {"idle_in_transaction_session_timeout": str(int(settings.transaction_idle * 2000))}
    guard = KeywordIndexGuard(url)
    stack.push_async_callback(guard.aclose)
    await guard.open()
    tracer = make_tracer(_telemetry(settings.telemetry))
    if tracer:
        stack.push_async_callback(tracer.aclose)
    apart = ConnectionShare(settings.transactions_per_key, patience=30.0, by_graph=False)
    shared: dict[str, Any] = {"statement_timeout": settings.statement_timeout, "guard": guard}
    shared["wait"] = settings.database_wait if settings.database_wait is not None else usual_wait(url)
    shared |= {"on_statement": tracer.statement} if tracer else {}
    commits = CommitClock(shared_folder) if settings.read_url_text else None
    shared |= {"on_write": commits.note} if commits else {}
    main = await stack.enter_async_context(Database(url, size=size, lending=lending, **shared))
    return Pools(
        main,
        await stack.enter_async_context(Database(url, size=size, settings=SEARCH_SETTINGS, lending=lending, **shared)),
        await stack.enter_async_context(
            Database(url, size=settings.transaction_pool_size, settings=forgotten, lending=apart, probe=False, **shared)
        ),
        await _open_replicas(settings, main, commits, tracer, stack) if commits else None,
        guard,
        tracer,
    )


async def _open_replicas(
    settings: Settings, primary: Database, commits: CommitClock, tracer: ExportingTracer | None, stack: AsyncExitStack
) -> Replicas:
    """Open the pools of each host of KGMEM_READ_URL. One that does not answer is asked again later."""
    url = settings.read_url_text or ""
    options: dict[str, Any] = {"statement_timeout": settings.statement_timeout, "probe": False, "connecting": 2.0}
    options |= {"lending": ConnectionShare(settings.pool_share, patience=2.0), "size": settings.pool_size}
    options |= {"on_statement": tracer.statement} if tracer else {}
    servers = []
    for host in hosts_of(url):
        pools = {
            "main": await stack.enter_async_context(Database(url, host=host, **options)),
            "search": await stack.enter_async_context(Database(url, host=host, settings=SEARCH_SETTINGS, **options)),
        }
        servers.append(Replica(f"{host[0]}:{host[1]}", pools))
    replicas = Replicas(servers, Freshness(primary, staleness=settings.read_staleness, commits=commits))
    await replicas.open()
    stack.push_async_callback(replicas.aclose)
    return replicas


def _telemetry(settings: TelemetrySettings) -> TelemetryChoice | None:
    """Return where spans go; None where nothing is exported."""
    if settings.endpoint is None:
        return None
    return TelemetryChoice(
        settings.endpoint, settings.headers, settings.exporter_otlp_timeout / 1000, settings.service_name,
        settings.traces_sampler, settings.traces_sampler_arg,
    )  # fmt: skip
