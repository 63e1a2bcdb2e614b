"""The worker: runs jobs until it is stopped, here or on another machine, and takes over those of workers that died.

It keeps going while the database is away, looks for writes of other AGE clients every two seconds (a read; a job is
made only when there are some), and removes finished jobs after a while.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from procrastinate import App, BaseRetryStrategy, JobContext, RetryDecision
from procrastinate.exceptions import JobAborted, ProcrastinateException
from procrastinate.jobs import Job as QueuedJob
from procrastinate.worker import Worker

from kgmem.domain.errors import KgmemError, NotFound, Unavailable
from kgmem.domain.slices import Slice, slice_of
from kgmem.log import EventLog
from kgmem.store.db.statements import load
from kgmem.store.jobs.tables import (
    CONTINUES,
    IMPORTS,
    LONG,
    MEDIUM,
    PROGRESS,
    QUEUE,
    SLOW_WEBHOOKS,
    WEBHOOKS,
    JobRest,
    checks_of,
    insert,
    least_priority_of,
    priority_of,
    queue_of,
    select,
    small_of,
    translating,
)
from kgmem.tasks import told_to_stop

log = EventLog(__name__)

Handler = Callable[..., Awaitable[Any]]

# Tasks that come by themselves, as cron lines; the other periodic one, sync_index, is queued when there is need.
_PERIODIC = {
    "queue_embedding": "* * * * *",
    "queue_facts": "* * * * *",
    "queue_extraction": "* * * * *",
    "queue_similarity": "*/2 * * * *",
    "queue_summaries": "*/5 * * * *",
    "queue_communities": "*/5 * * * *",
    "queue_distillation": "*/2 * * * *",
    "relieve_pressure": "*/5 * * * *",
    "queue_retention": "*/2 * * * *",
    "queue_pruning": "29 * * * *",
    "queue_hold_expiry": "* * * * *",
    "queue_expiry": "* * * * *",
    "queue_trimming": "7-59/10 * * * *",
    "finish_erasures": "* * * * *",
    "queue_tiers": "*/5 * * * *",
    "build_deferred_indexes": "*/3 * * * *",
    "queue_integrity_checks": "41 * * * *",
    "trim_audit": "23 * * * *",
    "tidy": "17 * * * *",
}
_MOST_ATTEMPTS = 100
_RECEIVERS = 8  # Webhooks of a lane that are delivered at once.
_LONGEST_PAUSE = 60.0
_STOPPING = 0.1  # Seconds between two requests to stop.
_KEPT_HOURS = 24
_KEPT_FAILED_HOURS = 7 * 24


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """How a worker works; times in seconds. `silence` is how long a worker may send no heartbeat."""

    concurrency: int = 4  # Jobs at once, in lanes: see _lanes.
    heartbeat: float = 5.0
    silence: float = 20.0
    poll: float = 1.0  # After a job, those that wait for its lock wait for so long, as nothing tells of its end.
    foreign_writes: float = 2.0
    grace: float = 10.0
    slice: float = 5.0  # For which a job that can be broken off keeps others waiting.
    patience: float = 120.0  # After which a job that waits comes as early as an import.
    places: tuple[str, ...] = ()  # Folders of files that it can reach, for jobs that need these.


@dataclass(slots=True)
class _Known:
    """The jobs that this process runs, and the workers that it has been."""

    jobs: set[int] = field(default_factory=set)
    workers: set[int] = field(default_factory=set)


class Backoff(BaseRetryStrategy):
    """Retries after 1, 2, 4, ... 60 seconds while a part is unavailable; at once when the worker was stopped."""

    def get_retry_decision(self, *, exception: BaseException, job: QueuedJob) -> RetryDecision | None:
        """Return when to try again, or None for an error that trying again does not hint."""
        if isinstance(exception, asyncio.CancelledError):
            return RetryDecision(retry_in={"seconds": 0})
        if not isinstance(exception, Unavailable) or job.attempts >= _MOST_ATTEMPTS:
            return None
        pause = min(float(2 ** min(job.attempts, 10)), _LONGEST_PAUSE) * random.uniform(0.8, 1.2)  # noqa: S311 - jitter
        return RetryDecision(retry_in={"milliseconds": int(pause * 1000)})


@asynccontextmanager
async def working(app: App, handlers: Mapping[str, Handler], options: WorkerOptions) -> AsyncIterator[None]:
    """Work beside the block; leaving it lets running jobs end, for `grace` seconds."""
    known = _register(app, handlers, options)
    task = asyncio.create_task(_run(app, known, options), name="kgmem worker")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def work(app: App, handlers: Mapping[str, Handler], options: WorkerOptions) -> None:
    """Run jobs until cancelled, whatever the database does meanwhile."""
    await _run(app, _register(app, handlers, options), options)


def _register(app: App, handlers: Mapping[str, Handler], options: WorkerOptions) -> _Known:
    """Make the handlers procrastinate's tasks by their names; each is called with the job's graph and arguments."""
    known = _Known()

    async def tidy() -> None:
        await _tidy(app)

    for name, handler in {**handlers, "tidy": tidy}.items():
        periodic = name in _PERIODIC
        task = app.task(
            name=name,
            pass_context=True,
            retry=Backoff(),
            lock=f"{name}:None" if periodic else None,
            queueing_lock=f"{name}:None" if periodic else None,
            priority=priority_of(name),
            queue=queue_of(name),
        )(_task_of(app, handler, known, options))
        if periodic:
            app.periodic(cron=_PERIODIC[name], periodic_id=name)(task)
    return known


async def _run(app: App, known: _Known, options: WorkerOptions) -> None:
    sides = [asyncio.create_task(_regularly(options.silence / 4, lambda: _put_back_lost(app, known, options)))]
    sides.append(asyncio.create_task(_regularly(options.silence / 4, lambda: _raise_old(app, options))))
    if "sync_index" in app.tasks:
        sides.append(asyncio.create_task(_regularly(options.foreign_writes, lambda: _queue_sync(app))))
    try:
        await _keep_working(app, options)
    finally:
        for task in sides:
            task.cancel()
        await asyncio.gather(*sides, return_exceptions=True)


def _task_of(app: App, handler: Handler, known: _Known, options: WorkerOptions) -> Handler:
    async def run(context: JobContext, timestamp: int | None = None, **arguments: Any) -> None:  # noqa: ARG001 - cron's
        id_, worker_id = context.job.id, context.job.worker_id
        priority, lane = least_priority_of(context.job.task_name), list(context.worker_queues or ())
        given = {name: value for name, value in arguments.items() if name not in {CONTINUES, PROGRESS}}

        async def others_wait() -> bool:
            found = await select(app, "others_wait", queues=lane, priority=priority, own=id_)
            return bool(found[0]["others"])

        async def keep(progress: Mapping[str, Any]) -> None:
            await select(app, "keep_progress", own=id_, progress=orjson.dumps(progress).decode())

        if id_ is not None and worker_id is not None:
            known.jobs.add(id_)
            known.workers.add(worker_id)
        try:
            with slice_of(options.slice, others_wait, keep=keep, progress=arguments.get(PROGRESS)) as own:
                await handler(**given)
            if own.unfinished:
                await _go_on_later(app, context.job, own)
        except NotFound as error:
            # What the job was about was deleted meanwhile, so there is nothing left to do.
            raise JobAborted(str(error)) from error
        finally:
            if id_ is not None:
                # The job's end is written after this; until then it still counts as running here.
                asyncio.get_running_loop().call_later(60, known.jobs.discard, id_)

    return run


async def _go_on_later(app: App, job: QueuedJob, own: Slice) -> None:
    """Queue the rest of a job whose slice is over, behind the waiting jobs of its class."""
    workers = {"graph", "timestamp", CONTINUES, PROGRESS}
    given = {name: value for name, value in job.task_kwargs.items() if name not in workers}
    graph = job.task_kwargs.get("graph")
    place = None if job.queue in {QUEUE, MEDIUM, LONG} else job.queue
    first = job.task_kwargs.get(CONTINUES)
    rest = JobRest(first if isinstance(first, int) else job.id or 0, own.progress)
    await insert(
        app, job.task_name, None if graph is None else str(graph), given, place=place, pause=own.pause, rest=rest
    )


async def _keep_working(app: App, options: WorkerOptions) -> None:
    async with asyncio.TaskGroup() as group:
        for queues, concurrency in _lanes(options):
            group.create_task(_keep_lane(app, options, queues, concurrency))


def _lanes(options: WorkerOptions) -> Sequence[tuple[Sequence[str], int]]:
    """Return the lanes of a worker, each the queues that it takes jobs from, and how many at once.

    Consensus over all claims and the building of an index have steps that nothing can break off. So whatever these do,
    what takes seconds has a lane (of 2 and more), imports have one (of 3), and what takes minutes has one that nothing
    takes for hours (of 4).
    """
    short = [QUEUE, *map(small_of, options.places)]
    imports = [*short, *options.places]
    medium = [*imports, MEDIUM, *map(checks_of, options.places)]
    lanes = [(queues, 1) for queues in (short, imports, medium)][: options.concurrency - 1]
    # What waits for receivers of webhooks computes little, so these lanes come beside the others.
    receivers = [([WEBHOOKS], _RECEIVERS), ([SLOW_WEBHOOKS], _RECEIVERS)]
    return [*lanes, ([*medium, LONG], options.concurrency - len(lanes)), *receivers]


async def _until_stopped(worker: Worker) -> None:
    """Run a worker; cancelled, let its jobs end.

    The worker itself is not cancelled but stopped: a cancellation that meets its first statements may be lost in the
    pool of connections (asyncio.wait_for of Python 3.11), and it would never end. One that begins forgets stops.
    """
    running: asyncio.Task[None] = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        while not running.done():
            worker.stop()  # type: ignore[no-untyped-call]
            await asyncio.wait({running}, timeout=_STOPPING)
        await asyncio.gather(running, return_exceptions=True)
        raise


async def _keep_lane(app: App, options: WorkerOptions, queues: Sequence[str], concurrency: int) -> None:
    while not told_to_stop():
        try:
            with translating():
                await _until_stopped(
                    Worker(
                        app,
                        queues=list(queues),
                        concurrency=concurrency,
                        install_signal_handlers=False,
                        update_heartbeat_interval=options.heartbeat,
                        stalled_worker_timeout=options.silence,
                        fetch_job_polling_interval=options.poll,
                        shutdown_graceful_timeout=options.grace,
                    )
                )
        except (KgmemError, ProcrastinateException) as error:
            log.warning("worker_restarted", error=error)
        except Exception as error:
            log.crash("worker_failed", error)
        if not told_to_stop():
            await asyncio.sleep(1)


async def _put_back_lost(app: App, known: _Known, options: WorkerOptions) -> None:
    now_known = {"workers": list(known.workers), "running": list(known.jobs)}
    for row in await select(app, "put_back_lost", silence=options.silence, **now_known):
        # A job of which too many workers died is not tried again.
        log.warning("job_worker_lost", job=row["id"], task=row["task_name"], again=not row["hopeless"])


async def _raise_old(app: App, options: WorkerOptions) -> None:
    with translating():
        await app.connector.execute_query_async(load("jobs")["raise_old"], priority=IMPORTS, seconds=options.patience)


async def _queue_sync(app: App) -> None:
    found = await select(app, "foreign_writes")
    if found[0]["waiting"]:
        await insert(app, "sync_index", None, {})


async def _tidy(app: App) -> None:
    with translating():
        await app.job_manager.delete_old_jobs(_KEPT_HOURS)
        await app.job_manager.delete_old_jobs(
            _KEPT_FAILED_HOURS, include_failed=True, include_cancelled=True, include_aborted=True
        )


async def _regularly(seconds: float, step: Callable[[], Awaitable[None]]) -> None:
    """Take a step again and again; a part that is away is waited for."""
    while not told_to_stop():
        await asyncio.sleep(seconds)
        try:
            await step()
        except KgmemError as error:
            log.debug("periodic_check_failed", error=error)
        except Exception as error:
            log.crash("periodic_check_crashed", error)
