"""Background work on procrastinate: jobs are rows of the database, so they outlive whoever asked for them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Literal

from procrastinate import App

from kgmem.domain.errors import InvalidInput, NotFound
from kgmem.domain.interval import instant_of, iso
from kgmem.domain.ports import Job
from kgmem.storage.postgres.job_tables import insert, make_app, select, small_of
from kgmem.storage.postgres.wakeups import Wakeups
from kgmem.storage.postgres.worker import Handler, WorkerOptions, work, working

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
_FREQUENT = frozenset({"embed", "weigh"})
_LARGEST_ID = 2**63 - 1


@asynccontextmanager
async def open_queue(url: str, *, size: int = 4) -> AsyncIterator["ProcrastinateQueue"]:
    """Give the jobs of a database; the database is asked only when there is something to ask. Raises InvalidInput."""
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
        **arguments: Any,
    ) -> int | None:
        """Ask for a task; None when the same task already waits for this graph (or, for imports, this import).

        `place` names a folder of files that it needs: only a worker that works for this place does it.
        `small` work there takes seconds, and does not wait for the rest.

        `embed` and `weigh`, which writes ask for, are sent in the background and give None: they cost their caller
        nothing, and a job starts after the last call in any case. Raises DatabaseUnavailable.
        """
        if task in _FREQUENT and not arguments:
            self._wakeups.wake((task, graph))
            return None
        if place is not None and small:
            place = small_of(place)
        return await insert(self.app, task, graph, arguments, place=place)

    async def get(self, id_: int) -> Job:
        """Give a job. Raises NotFound."""
        found = await self._select(only=id_, limit=1) if 0 < id_ <= _LARGEST_ID else []
        if not found:
            raise NotFound(f"There is no job {id_}.", mend="Finished jobs are kept for a day, failed ones for a week.")
        return found[0]

    async def list(self, *, graph: str | None, status: str | None, limit: int) -> Sequence[Job]:
        """Give jobs, newest first. Raises InvalidInput for a status that there is not."""
        states = None if status is None else [state for state, meaning in _STATUS.items() if meaning == status]
        if states == []:
            known = ", ".join(dict.fromkeys(_STATUS.values()))
            raise InvalidInput(f"{status!r} is not a status of jobs.", mend=f"Give one of: {known}.")
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
    arguments = {name: value for name, value in row["args"].items() if name not in {"graph", "timestamp"}}
    return Job(
        id=row["id"],
        task=row["task_name"],
        graph=row["args"].get("graph"),
        status=_STATUS[row["status"]],
        attempts=row["attempts"],
        arguments=arguments,
        created_at=None if row["created_at"] is None else iso(instant_of(row["created_at"])),
    )
