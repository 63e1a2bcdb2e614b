"""The port of backups: one folder of backups, the server that they are of, and what is set up on this machine."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from kgmem.domain.backups.backup import (
    ArchiveState,
    Backup,
    BackupPlan,
    BackupRun,
    BackupState,
    CountedTable,
    CreateRequest,
    Report,
    Restored,
    RestoreRequest,
    SampleText,
    Trial,
    Verification,
)
from kgmem.domain.backups.retention import parse_keep, removable
from kgmem.domain.errors import InvalidInput, KgmemError
from kgmem.store.backup import copies, counts, restore
from kgmem.store.backup.archive import archive_state
from kgmem.store.backup.create import Source, create
from kgmem.store.backup.plans import Plans
from kgmem.store.backup.repository import Repository


@dataclass(frozen=True, slots=True)
class BackupSettings:
    """Where things are: the home of kgmem, the folder of backups, the age identity, programs of Postgres.

    `url` is that of the database; None where none runs, as before a restore.
    """

    home: Path
    url: str | None
    embedded: bool
    folder: Path | None = None
    identity: Path | None = None
    programs: Path | None = None


class PostgresBackups:
    """The backups of one server in one folder."""

    def __init__(self, settings: BackupSettings) -> None:
        """Take where things are."""
        self._settings = settings
        self._plans = Plans(settings.home)

    def plan(self) -> BackupPlan:
        """Return what is set up on this machine."""
        return self._plans.read()

    async def set_plan(self, plan: BackupPlan) -> None:
        """Store what is set up."""
        if plan.schedule:
            parse_keep(plan.schedule.keep)
        if plan.copy_command:
            copies.check_command(plan.copy_command)
        await asyncio.to_thread(self._plans.write, plan)

    @property
    def folder(self) -> Path | None:
        """The folder of backups: the one that was named, or the plan's."""
        planned = self.plan().folder
        return self._settings.folder or (Path(planned) if planned else None)

    @property
    def exists(self) -> bool:
        """Whether that folder has been made."""
        return self.folder is not None and Repository(self.folder).exists

    def repository(self) -> Repository:
        """Return the folder of backups. Raises InvalidInput where none is named."""
        if self.folder is None:
            raise InvalidInput(
                "No folder of backups is set up here.",
                hint="Name it with --to (or --from), or set KGMEM_BACKUP_FOLDER.",
            )
        return Repository(self.folder)

    def _origin(self) -> restore.Origin:
        return restore.Origin(self.repository(), self._settings.identity, self._settings.programs)

    def _url(self) -> str:
        if self._settings.url is None:
            raise InvalidInput("This needs the database.", hint="Start it first.")
        return self._settings.url

    async def create(self, request: CreateRequest, report: Report) -> Backup:
        """Make a backup. Raises InvalidInput, Conflict, OutOfSpace, ServerError."""
        if not request.recipients:
            request = replace(request, recipients=tuple(self.plan().recipients))
        source = Source(self._url(), self._settings.embedded, self._settings.programs)
        return await create(self.repository(), source, request, report)

    async def list(self) -> Sequence[Backup]:
        """Return all complete backups, oldest first."""
        return await asyncio.to_thread(self.repository().list)

    async def get(self, id_: str) -> Backup:
        """Return one backup. Raises NotFound."""
        return await asyncio.to_thread(self.repository().get, id_)

    async def check(self, id_: str, report: Report) -> Sequence[str]:
        """Compare the files of a backup, and of those it is based on, with their manifests; return the damage."""
        return await restore.damage_of(self._origin(), id_, report)

    @asynccontextmanager
    async def trial(self, id_: str, report: Report) -> AsyncIterator[Trial]:
        """Restore a backup into a scratch folder and start it, without its archive."""
        scratch = self._settings.home / "backup-trial"
        self._settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        async with restore.trial(self._origin(), id_, scratch, report) as started:
            yield started

    async def counted(self, url: str) -> Sequence[CountedTable]:
        """Return the rows of each table of each graph in a restored copy."""
        async with counts.connected(url) as connection:
            return await counts.counted(connection)

    async def index_errors(self, url: str) -> Sequence[str]:
        """Return what is wrong with the vector indexes of a restored copy."""
        async with counts.connected(url) as connection:
            return await counts.index_errors(connection)

    async def samples(self, url: str) -> AsyncIterator[SampleText]:
        """Return words of some texts of each graph, where it has some."""
        async with counts.connected(url) as connection:
            found = [each async for each in counts.samples(connection)]
        for each in found:
            yield each

    async def note(self, id_: str, verification: Verification) -> None:
        """Store the result of a verification with the backup."""
        await asyncio.to_thread(self.repository().note, id_, verification)

    async def restore(self, request: RestoreRequest, report: Report) -> Restored:
        """Restore into a new folder. Raises NotFound, InvalidInput, ServerError."""
        return await restore.restore(self._origin(), request, report)

    async def prune(self, keep: str, now: datetime, report: Report, *, dry_run: bool) -> Mapping[str, Any]:
        """Remove what a rule does not keep; return what was removed."""
        rule, repository = parse_keep(keep), self.repository()

        def work() -> Mapping[str, Any]:
            removal = removable(repository.list(), rule, now, repository.segment_bytes)
            # Those that others are based on go last: what is left when this is killed can be restored.
            removed = [each.id for each in removal.backups]
            segments = 0
            if not dry_run:
                with repository.writing():
                    for id_ in removed:
                        report(f"Removing {id_} ...")
                        repository.remove(id_)
                    if removal.wal_before is not None:
                        segments = repository.remove_segments(removal.wal_before)
            return {"backups": removed, "segments": segments, "dry_run": dry_run}

        return await asyncio.to_thread(work)

    async def copy(self, report: Report) -> int:
        """Bring the second target up to date; return how many files kgmem copied."""
        plan, repository, copied = self.plan(), self.repository(), 0
        if plan.copy_folder:
            copied = await copies.copy_folder(repository, Path(plan.copy_folder), report)
        if plan.copy_command:
            await copies.run_command(plan.copy_command, repository.folder, report)
        return copied

    async def state(self) -> BackupState:
        """Return the state of backups, and of the archive where the database answers."""
        plan, folder = self.plan(), self.folder
        if folder is None:
            return BackupState(None)
        archive = await self._archive(plan)
        failures = [each for each in self._plans.runs() if each.error]
        repository = Repository(folder)
        try:
            backups = await asyncio.to_thread(repository.list) if repository.exists else []
        except KgmemError as error:
            failures = [*failures, BackupRun("list", "", error.message)]
            backups = []
        verified = [each for each in backups if each.counts]
        failed = [each for each in backups if each.verification and not each.verification.passed]
        return BackupState(
            folder=str(folder),
            backups=len(backups),
            bytes=sum(each.size for each in backups),
            last=backups[-1] if backups else None,
            last_verified=max(verified, key=_verified_at, default=None),
            last_failed=failed[-1] if failed else None,
            archive=archive,
            schedule=plan.schedule,
            failures=failures,
        )

    async def _archive(self, plan: BackupPlan) -> ArchiveState | None:
        if self._settings.url is None:
            return None
        try:
            async with counts.connected(self._settings.url) as connection:
                return await archive_state(connection, wanted=plan.archive)
        except KgmemError:
            return None

    async def note_run(self, run: BackupRun) -> None:
        """Store the outcome of scheduled work."""
        await asyncio.to_thread(self._plans.note, run)

    async def runs(self) -> Sequence[BackupRun]:
        """Return the newest outcome of each kind of scheduled work."""
        return await asyncio.to_thread(self._plans.runs)


def _verified_at(backup: Backup) -> str:
    return backup.verification.at if backup.verification else ""
