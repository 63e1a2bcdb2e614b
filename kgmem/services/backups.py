"""Backups: made, verified by a test restore, restored, pruned and copied; by request, or by a schedule."""

import time
from collections.abc import Awaitable, Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kgmem.domain.backups.backup import (
    Backup,
    BackupPlan,
    BackupRun,
    BackupState,
    BackupStore,
    CreateRequest,
    Kind,
    Report,
    Restored,
    RestoreRequest,
    Trial,
    Verification,
    moment,
)
from kgmem.domain.cypher import CypherQuery
from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.domain.ports import JobQueue, UploadFolder
from kgmem.domain.recall.question import Question, What
from kgmem.services.ports import OpenCopy, Ports
from kgmem.services.recall.recall import recall

_MOST_ERRORS = 20
_Errors = list[str]
_RETRY = timedelta(minutes=10)  # After scheduled work that failed.


def _silent(text: str) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True)
class BackupPorts:
    """What backups need where no database is open: no jobs, and no name of this machine in their queue."""

    backups: BackupStore
    open_copy: OpenCopy
    jobs: JobQueue | None = None
    uploads: UploadFolder | None = None


class Backups:
    """Backups of the whole server: all graphs, keys and jobs. They need no open database but to make one."""

    def __init__(self, ports: Ports | BackupPorts) -> None:
        """Bind to ports."""
        self._ports = ports

    @property
    def _store(self) -> BackupStore:
        return self._ports.backups

    async def create(
        self, kind: Kind | None = None, *, recipients: Sequence[str] = (), report: Report = _silent
    ) -> Backup:
        """Make a backup: full, incremental, or by default incremental where one fits, else full.

        With `recipients` (age public keys) its files are encrypted. Raises InvalidInput, Conflict, OutOfSpace.
        """
        return await self._store.create(CreateRequest(kind, tuple(recipients)), report)

    async def list(self) -> Sequence[Backup]:
        """Return all complete backups, oldest first."""
        return await self._store.list()

    async def get(self, id_: str) -> Backup:
        """Return a backup. Raises NotFound."""
        return await self._store.get(id_)

    async def state(self) -> BackupState:
        """Return the newest backup, the newest verified one, the archive's lag, and what failed."""
        return await self._store.state()

    async def enqueue(self, work: str, **arguments: Any) -> int | None:
        """Queue `back_up` or `verify_backup` for a worker of this machine; None where the same waits already."""
        jobs, uploads = self._ports.jobs, self._ports.uploads
        if jobs is None or uploads is None or self._store.folder is None:
            raise InvalidInput(
                "No folder of backups is set up on this server.",
                hint="Run kgmem backup schedule --to FOLDER on its machine.",
            )
        return await jobs.defer(work, place=uploads.place, check=True, **arguments)

    async def verify(self, id_: str | None = None, *, start: bool = True, report: Report = _silent) -> Verification:
        """Check a backup, by default the newest; with `start` by a restore that is started, counted and asked.

        The result is stored with the backup. A backup that cannot be checked here (no identity, no programs) keeps its
        state. Raises NotFound, InvalidInput.
        """
        if id_ is None:
            backups = await self._store.list()
            if not backups:
                raise InvalidInput("There is no backup yet.", hint="Make one: kgmem backup create.")
            id_ = backups[-1].id
        await self._store.get(id_)
        began, checks, errors = time.monotonic(), ["files"], _Errors()
        try:
            # The restore checks the files by itself.
            if not start:
                errors += await self._store.check(id_, report)
            else:
                checks += await self._start(id_, report, errors)
        except InvalidInput:
            raise
        except KgmemError as error:
            errors.append(error.message)
        verification = Verification(
            at=_now().isoformat(timespec="seconds"),
            passed=not errors,
            restored=start and not errors,
            seconds=round(time.monotonic() - began, 1),
            checks=checks,
            errors=errors[:_MOST_ERRORS],
        )
        known = (await self._store.get(id_)).verification
        # A check of the files alone says less than a test restore that passed before.
        if start or not verification.passed or known is None or not known.restored:
            await self._store.note(id_, verification)
        return verification

    async def _start(self, id_: str, report: Report, errors: MutableSequence[str]) -> Sequence[str]:
        """Restore and start a backup, compare it, and ask it; return what was checked."""
        async with self._store.trial(id_, report) as trial:
            report("Counting ...")
            errors.extend(await self._miscounts(trial))
            errors.extend(await self._store.index_errors(trial.url))
            report("Asking recall and Cypher ...")
            async with self._ports.open_copy(trial.url) as ports:
                errors.extend(await self._unanswered(trial, ports))
        return ["start", "counts", "vector indexes", "recall", "Cypher"]

    async def _miscounts(self, trial: Trial) -> Sequence[str]:
        found = {(each.graph, each.table): each.rows for each in await self._store.counted(trial.url)}
        errors = []
        for graph, tables in trial.backup.graphs.items():
            for table, expected in tables.items():
                rows = found.get((graph, table))
                if rows is None:
                    if expected.least:
                        errors.append(f"The graph {graph} has no table {table}.")
                elif not expected.holds(rows):
                    shown = f"{expected.least:,}"
                    if expected.most != expected.least:
                        shown += f" to {expected.most:,}"
                    errors.append(f"{table} of the graph {graph} has {rows:,} rows; expected {shown}.")
        return errors

    async def _unanswered(self, trial: Trial, ports: Ports) -> Sequence[str]:
        """Return which graphs do not answer: a recall must find a stored text, Cypher must count the nodes."""
        found, tried = set(), set()
        async for sample in self._store.samples(trial.url):
            if sample.graph in found:
                continue
            tried.add(sample.graph)
            answer = await recall(ports, sample.graph, Question(What(text=sample.words), scope=sample.scope))
            if answer.hits:
                found.add(sample.graph)
        errors = [f"A recall in the graph {name} does not find a stored text." for name in sorted(tried - found)]
        for graph in await ports.graphs.list():
            counted = await ports.cypher.run(graph.name, CypherQuery("MATCH (n) RETURN count(n) AS nodes"))
            if not counted.rows:
                errors.append(f"A Cypher query in the graph {graph.name} has no answer.")
        return errors

    async def restore(
        self, into: str, *, id_: str | None = None, at: str | None = None, report: Report = _silent
    ) -> Restored:
        """Restore into a new folder: a backup by its id, the state at a moment, or by default the newest state.

        The server keeps running; the folder becomes the KGMEM_HOME of a new one. Raises NotFound, InvalidInput,
        Conflict, ChecksumMismatch, OutOfSpace, ServerError.
        """
        return await self._store.restore(RestoreRequest(into, id_, at), report)

    async def prune(self, keep: str, *, dry_run: bool = False, report: Report = _silent) -> Mapping[str, Any]:
        """Remove what a rule such as `hourly=24,daily=7,wal=7d` does not keep. Raises InvalidInput."""
        return await self._store.prune(keep, _now(), report, dry_run=dry_run)

    async def copy(self, *, report: Report = _silent) -> int:
        """Bring the second target up to date; returns how many files were copied."""
        return await self._store.copy(report)

    def plan(self) -> BackupPlan:
        """Return what is set up on this machine."""
        return self._store.plan()

    async def set_plan(self, plan: BackupPlan) -> None:
        """Set up what is done by itself. Raises InvalidInput."""
        await self._store.set_plan(plan)

    async def tend(self) -> None:
        """Queue the scheduled work of this machine that is due."""
        plan = self.plan()
        if plan.schedule is None or plan.folder is None or self._ports.jobs is None:
            return
        backups = await self._store.list() if self._store.exists else []
        now, schedule = _now(), plan.schedule
        if await self._may_try("create", now):
            full = [each.finished for each in backups if each.kind == "full"]
            every = [each.finished for each in backups]
            if _due(full, schedule.full, now) or (not full and schedule.incremental):
                await self.enqueue("back_up", kind="full")
            elif _due(every, schedule.incremental, now):
                await self.enqueue("back_up", kind=None)
        verified = [
            moment(each.verification.at) for each in backups if each.verification and each.verification.restored
        ]
        if backups and _due(verified, schedule.verify, now) and await self._may_try("verify", now):
            await self.enqueue("verify_backup", id=None)

    async def _may_try(self, work: str, now: datetime) -> bool:
        """Return whether work that failed has waited for long enough."""
        failed = [moment(run.at) for run in await self._store.runs() if run.work == work and run.error]
        return all(now - each >= _RETRY for each in failed)

    async def run_create(self, kind: Kind | None = None) -> None:
        """Make a backup as a job does; then remove what is not kept, and bring the second target up to date."""
        plan = self.plan()
        await self._noted("create", lambda: self.create(kind))
        if plan.schedule:
            rule = plan.schedule.keep
            await self._noted("prune", lambda: self.prune(rule))
        if plan.copy_folder or plan.copy_command:
            await self._noted("copy", self.copy)

    async def run_verify(self, id: str | None = None) -> None:  # noqa: A002 - a job's argument
        """Verify a backup as a job does."""
        await self._noted("verify", lambda: self._verified(id))

    async def _verified(self, id_: str | None) -> None:
        verification = await self.verify(id_)
        if not verification.passed:
            raise InvalidInput(f"The backup failed its test restore: {verification.errors[0]}")

    async def _noted(self, work: str, step: Callable[[], Awaitable[object]]) -> None:
        """Take a step, and note how it went."""
        try:
            await step()
        except KgmemError as error:
            await self._store.note_run(BackupRun(work, _now().isoformat(timespec="seconds"), error.message))
            raise
        await self._store.note_run(BackupRun(work, _now().isoformat(timespec="seconds")))


def _due(times: Sequence[datetime], every: timedelta | None, now: datetime) -> bool:
    return every is not None and (not times or now - max(times) >= every)


def _now() -> datetime:
    return datetime.now(UTC)
