"""Opens a memory over the databases of the settings, and runs its jobs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from kgmem.bootstrap.databases import Report, open_database, open_redis, silent
from kgmem.bootstrap.ports import backup_store, open_copy, open_ports
from kgmem.domain.erasure.erasure import SignedReport
from kgmem.domain.errors import KgmemError, Unavailable
from kgmem.log import EventLog
from kgmem.memory import Memory
from kgmem.services.backups import BackupPorts, Backups
from kgmem.settings import Settings
from kgmem.store.db.migrate import migrate, require_current, revision_state
from kgmem.store.erasure.signature import verify
from kgmem.store.jobs.worker import WorkerOptions
from kgmem.tasks import told_to_stop

log = EventLog(__name__)
_TENDED_EVERY = 600.0  # Seconds between looks at the uploads.
_WATCHED_EVERY = 1.0  # Seconds between looks for what webhooks must send, and for answers that may have changed.
_BACKUPS_EVERY = 30.0  # Seconds between looks at the schedule of backups.


@asynccontextmanager
async def open_memory(
    settings: Settings,
    *,
    worker: bool = False,
    owner: bool = False,
    migrating: bool = False,
    report: Report = silent,
    shared: Path | None = None,
) -> AsyncIterator[Memory]:
    """Return a memory over the database of the settings.

    `owner` claims the embedded Postgres (one per data folder) and keeps it running; `worker` runs background jobs in
    this process; `migrating` brings the database up to date first, where otherwise an outdated one is refused
    (DatabaseOutdated). `shared` is a folder of the processes that answer requests of one server.
    """
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings, owner=owner, report=report))
        if migrating:
            # The steps of a new database tell its first user nothing.
            new = (await revision_state(url)).state == "empty"
            await migrate(url, report=None if new else report)
        else:
            await require_current(url)
        redis = await stack.enter_async_context(open_redis(settings, owner=owner, report=report))
        ports, queue = await open_ports(settings, url, redis, stack, shared=shared)
        memory = Memory(ports)
        if worker:
            await stack.enter_async_context(queue.worker(handlers(memory), _options(memory)))
            await stack.enter_async_context(_tending(memory))
        yield memory


async def open_worker(settings: Settings, *, report: Report = silent) -> None:
    """Run background jobs until cancelled."""
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(open_database(settings, report=report))
        await require_current(url)
        redis = await stack.enter_async_context(open_redis(settings, report=report))
        ports, queue = await open_ports(settings, url, redis, stack)
        memory = Memory(ports)
        await stack.enter_async_context(_tending(memory))
        await queue.work(handlers(memory), _options(memory))


def _options(memory: Memory) -> WorkerOptions:
    """Return the options of a worker on this machine, which does what its data folder is needed for."""
    try:
        return WorkerOptions(places=(memory.imports.uploads.place,))
    except Unavailable as error:
        log.warning("uploads_unavailable", error=error)
        return WorkerOptions()


@asynccontextmanager
async def _tending(memory: Memory) -> AsyncIterator[None]:
    """Look after the uploads and backups of this machine, and each second for what webhooks and answers must do."""

    async def tend_uploads() -> None:
        while not told_to_stop():
            try:
                await memory.tasks.tend_uploads()
            except KgmemError as error:
                log.warning("uploads_check_failed", error=error)
            await asyncio.sleep(_TENDED_EVERY)

    async def watch() -> None:
        while not told_to_stop():
            try:
                await memory.tasks.queue_webhooks()
                await memory.tasks.queue_answers()
            except KgmemError as error:
                log.warning("webhooks_check_failed", error=error)
            await asyncio.sleep(_WATCHED_EVERY)

    async def tend_backups() -> None:
        while not told_to_stop():
            try:
                await memory.backups.tend()
            except (KgmemError, OSError) as error:
                log.warning("backups_check_failed", error=error)
            await asyncio.sleep(_BACKUPS_EVERY)

    tasks = [
        asyncio.create_task(tend_uploads(), name="kgmem uploads"),
        asyncio.create_task(tend_backups(), name="kgmem backups"),
        asyncio.create_task(watch(), name="kgmem webhooks"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def verify_signature(signed: SignedReport) -> bool:
    """Return whether a report of an erasure is as it was signed; it needs no database."""
    return verify(signed)


def handlers(memory: Memory) -> dict[str, Callable[..., Awaitable[Any]]]:
    """Return the handler of each task, by the name of the task."""
    return {
        "embed": memory.embeddings.run,
        "reembed": memory.embeddings.reembed,
        "rebuild": memory.index.rebuild,
        "sync_index": memory.index.sync,
        "queue_embedding": memory.tasks.queue_missing_vectors,
        "build_deferred_indexes": memory.tasks.build_deferred_indexes,
        "index_facts": memory.tasks.index_facts,
        "queue_facts": memory.tasks.queue_missing_facts,
        "compute_consensus": memory.tasks.compute_consensus,
        "extract": memory.extraction.run,
        "queue_extraction": memory.tasks.queue_extraction,
        "link_similar": memory.tasks.update_similarity,
        "detect_communities": memory.tasks.update_communities,
        "summarize": memory.tasks.update_summaries,
        "queue_summaries": memory.tasks.queue_summaries,
        "distil": memory.tasks.distil,
        "queue_distillation": memory.tasks.queue_distillation,
        "relieve_pressure": memory.tasks.relieve_pressure,
        "apply_retention": memory.tasks.apply_retention,
        "queue_retention": memory.tasks.queue_retention,
        "prune_states": memory.tasks.prune_states,
        "queue_pruning": memory.tasks.queue_pruning,
        "expire_holds": memory.tasks.expire_holds,
        "queue_hold_expiry": memory.tasks.queue_hold_expiry,
        "expire_items": memory.tasks.expire_items,
        "queue_expiry": memory.tasks.queue_expiry,
        "finish_erasures": memory.tasks.finish_erasures,
        "follow_answers": memory.tasks.follow_answers,
        "deliver_webhook": memory.tasks.deliver_webhook,
        "trim_streams": memory.tasks.trim_streams,
        "queue_trimming": memory.tasks.queue_trimming,
        "sweep_tiers": memory.tasks.sweep_tiers,
        "queue_tiers": memory.tasks.queue_tiers,
        "queue_communities": memory.tasks.queue_communities,
        "unlink_similar": memory.similarity.unlink,
        "queue_similarity": memory.tasks.queue_similarity,
        "import": memory.tasks.run_upload,
        "undo_import": memory.tasks.run_undo,
        "back_up": memory.backups.run_create,
        "verify_backup": memory.backups.run_verify,
        "trim_audit": memory.audit.trim,
        "check_integrity": memory.tasks.check_integrity,
        "queue_integrity_checks": memory.tasks.queue_integrity_checks,
    }


def open_backups(settings: Settings, url: str | None = None) -> Backups:
    """Return the backups of this machine, also where no database runs."""
    return Backups(BackupPorts(backup_store(settings, url), open_copy))
