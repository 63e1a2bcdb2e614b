"""Background work on procrastinate: jobs are rows of the database, so they outlive whoever asked for them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from typing import Any, Generic, Literal, TypeVar

from procrastinate import App

from kgmem.domain.errors import InvalidInput, KgmemError, NotFound
from kgmem.domain.ports import Job
from kgmem.domain.time.interval import instant_of, iso
from kgmem.log import EventLog
from kgmem.store.jobs.tables import PROGRESS, checks_of, insert, make_app, select, small_of
from kgmem.store.jobs.worker import Handler, WorkerOptions, work, working
from kgmem.tasks import told_to_stop

# Wake-ups: many calls become few messages, and the last call is always covered by one.

log = EventLog(__name__)

K = TypeVar("K", bound=Hashable)

_LONGEST_PAUSE = 30.0


class Wakeups(Generic[K]):
    """Sends a wake-up at once and then at most one every `pause` seconds a key, outside of the callers' time.

    A message is sent after the call that it covers, never before: what a caller committed before `wake` is there for
    whoever gets the message. A failed send is tried again with growing pauses.
    """

    def __init__(self, send: Callable[[K], Awaitable[None]], *, pause: float = 0.5) -> None:
        """Take what sends one message for a key, raising a KgmemError when it cannot."""
        self._send = send
        self._pause = pause
        self._due: set[K] = set()
        self._senders: dict[K, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    def wake(self, key: K) -> None:
        """Request a notification of workers; returns at once."""
        self._due.add(key)
        if key not in self._senders:
            self._senders[key] = asyncio.create_task(self._keep_sending(key), name=f"wake {key}")

    async def aclose(self, within: float = 5.0) -> None:
        """Send what is due without further pauses, for so many seconds; what is left is logged."""
        self._closing.set()
        if not self._senders:
            return
        _, late = await asyncio.wait(self._senders.values(), timeout=within)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        if late:
            log.warning("wakeups_dropped", count=len(late))  # A sweep finds what they were for.

    async def _keep_sending(self, key: K) -> None:
        failures = 0
        try:
            while key in self._due and not told_to_stop():
                self._due.discard(key)
                try:
                    await self._send(key)
                    failures = 0
                except Exception as error:
                    self._due.add(key)
                    failures += 1
                    if isinstance(error, KgmemError):
                        log.warning("wakeup_failed", wakeup=str(key), error=error)
                    else:
                        log.crash("wakeup_crashed", error, wakeup=str(key))
                await self._rest(failures)
        finally:
            del self._senders[key]

    async def _rest(self, failures: int) -> None:
        """Pause, the longer the more sends failed; a closing cuts the pause short."""
        if self._closing.is_set():
            await asyncio.sleep(self._pause if failures else 0)
            return
        try:
            await asyncio.wait_for(self._closing.wait(), min(self._pause * 2**failures, _LONGEST_PAUSE))
        except TimeoutError:
            return


Status = Literal["waiting", "running", "succeeded", "failed", "cancelled"]
_STATUS: dict[str, Status] = {
    "todo": "waiting",
    "doing": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "aborting": "cancelled",
    "aborted": "cancelled",
}
# Tasks that every write asks for: deferred in the background, many calls as one job.
_FREQUENT = frozenset({"embed", "compute_consensus"})
_LARGEST_ID = 2**63 - 1


@asynccontextmanager
async def open_queue(url: str, *, size: int = 4) -> AsyncIterator["ProcrastinateQueue"]:
    """Return the job queue of a database; it connects at the first request. Raises InvalidInput."""
    app = make_app(url, size)
    async with app.open_async():
        queue = ProcrastinateQueue(app)
        try:
            yield queue
        finally:
            await queue.aclose()


class ProcrastinateQueue:
    """The jobs of one database; `open_queue` gives one."""

    def __init__(self, app: App) -> None:
        """Take procrastinate's application, opened."""
        self.app = app
        self._wakeups: Wakeups[tuple[str, str | None]] = Wakeups(self._wake)

    async def aclose(self) -> None:
        """Send the wake-ups that are due."""
        await self._wakeups.aclose()

    async def defer(
        self,
        task: str,
        *,
        graph: str | None = None,
        place: str | None = None,
        small: bool = False,
        check: bool = False,
        **arguments: Any,
    ) -> int | None:
        """Queue a task, return its job; None when the same task waits for this graph (or, for imports, this import).

        `place` names a folder of files that it needs: only a worker that works for this place does it.
        `small` work there takes seconds, and does not wait for the rest. A `check` there takes long and is not broken
        off, and does not keep imports waiting.

        `embed` and `weigh`, which writes ask for, are sent in the background and give None: they cost their caller
        nothing, and a job starts after the last call in any case. Raises DatabaseUnavailable.
        """
        if task in _FREQUENT and not arguments:
            self._wakeups.wake((task, graph))
            return None
        if place is not None and (small or check):
            place = small_of(place) if small else checks_of(place)
        return await insert(self.app, task, graph, arguments, place=place)

    async def get(self, id_: int) -> Job:
        """Return a job; one that was broken off has the state of its rest. Raises NotFound."""
        found = await self._select(only=id_, limit=1) if 0 < id_ <= _LARGEST_ID else []
        if not found:
            raise NotFound(f"There is no job {id_}.", hint="Finished jobs are kept for a day, failed ones for a week.")
        rest = await select(self.app, "rest", id=id_) if found[0].status == "succeeded" else []
        return replace(found[0], status=_STATUS[rest[0]["status"]], attempts=rest[0]["attempts"]) if rest else found[0]

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        """Return jobs, newest first. Raises InvalidInput for a status that there is not."""
        states = None if status is None else [state for state, meaning in _STATUS.items() if meaning == status]
        if states == []:
            known = ", ".join(dict.fromkeys(_STATUS.values()))
            raise InvalidInput(f"{status!r} is not a status of jobs.", hint=f"Give one of: {known}.")
        return await self._select(graph=graph, states=states, limit=limit)

    def worker(
        self, handlers: Mapping[str, Handler], options: WorkerOptions | None = None
    ) -> AbstractAsyncContextManager[None]:
        """Run jobs beside an `async with` block, once a queue; leaving it lets running jobs end for a while."""
        return working(self.app, handlers, options or WorkerOptions())

    async def work(self, handlers: Mapping[str, Handler], options: WorkerOptions | None = None) -> None:
        """Run jobs until cancelled, once a queue: a worker that is a process of its own."""
        await work(self.app, handlers, options or WorkerOptions())

    async def _wake(self, key: tuple[str, str | None]) -> None:
        await insert(self.app, *key, {})

    async def _select(
        self, *, limit: int, only: int | None = None, graph: str | None = None, states: Sequence[str] | None = None
    ) -> Sequence[Job]:
        return [
            _job_of(row) for row in await select(self.app, "list", id=only, graph=graph, states=states, limit=limit)
        ]


def _job_of(row: Mapping[str, Any]) -> Job:
    hidden = {"graph", "timestamp", PROGRESS}
    arguments = {name: value for name, value in row["args"].items() if name not in hidden}
    return Job(
        id=row["id"],
        task=row["task_name"],
        graph=row["args"].get("graph"),
        status=_STATUS[row["status"]],
        attempts=row["attempts"],
        arguments=arguments,
        created_at=None if row["created_at"] is None else iso(instant_of(row["created_at"])),
    )
