"""From backups to a data folder that runs: put together, checked, recovered, promoted, its keyword indexes rebuilt.

A restore ends with a server that was started and stopped properly on a timeline of its own. So nothing that the first
start of a restored server would have to do, and could fail in, is left for its users.
"""

import asyncio
import hashlib
import os
import re
import shlex
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kgmem.domain.backups.backup import Backup, Report, Restored, RestoreRequest, Trial, moment
from kgmem.domain.backups.wal import Segment, gaps, numbers_of
from kgmem.domain.errors import ChecksumMismatch, Conflict, InvalidInput, NotFound, OutOfSpace, ServerError
from kgmem.store.backup import counts
from kgmem.store.backup.create import manifest_of
from kgmem.store.backup.instance import Instance, end_leftovers, remove_data
from kgmem.store.backup.programs import Step, programs_for, run
from kgmem.store.backup.repository import DATA, SEALED, Repository
from kgmem.store.db.sql import SQL
from kgmem.store.db.statements import load
from kgmem.store.embedded.account import Account, account_for
from kgmem.store.embedded.archive_command import MANIFEST
from kgmem.store.embedded.archiving import command_line, let_run
from kgmem.store.embedded.binaries import Binaries

_COMBINES = 17  # The first version with pg_combinebackup.
# Lines of postgresql.auto.conf that are about where the original was, or whom it waits for.
_LEFT_BEHIND = re.compile(
    r"(archive_\w+|restore_command|recovery_\w+|primary_\w+|synchronous_standby_names|promote_trigger_file)\s*="
)
_TARGET_MISSED = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Origin:
    """The folder of backups, the age identity for those that are encrypted, and where an operator keeps programs."""

    repository: Repository
    identity: Path | None = None
    programs: Path | None = None


def binaries_for(origin: Origin, backup: Backup) -> Binaries:
    """Return the programs that restore a backup. Raises InvalidInput where this machine has none of its version."""
    major = int(backup.postgres.split(".")[0])
    found = programs_for(major, embedded=backup.embedded, folder=origin.programs)
    if found.major != major:
        raise InvalidInput(
            f"The backup {backup.id} is of Postgres {backup.postgres}, and these programs are of {found.version}.",
            hint=f"Restore it where Postgres {major} is installed.",
        )
    return found


async def damage_of(origin: Origin, id_: str, report: Report) -> Sequence[str]:
    """Return what is damaged in the files of a backup and of those that it is based on.

    Of an encrypted one its file is compared with its digest; without the identity nobody sees more.
    """
    repository, errors = origin.repository, list[str]()
    for backup in repository.chain(id_):
        report(f"Checking the files of {backup.id} ...")
        errors += await _damage_of(origin, backup, report)
    return errors


async def _damage_of(origin: Origin, backup: Backup, report: Report) -> Sequence[str]:
    folder = origin.repository.path_of(backup.id)
    path = manifest_of(origin.repository, backup)
    try:
        if await asyncio.to_thread(_digest, path) != backup.digests[MANIFEST]:
            return [f"{path} was changed after the backup was made."]
        if backup.encrypted:
            sealed = folder / SEALED
            if await asyncio.to_thread(_digest, sealed) != backup.digests[SEALED]:
                return [f"{sealed} was changed after the backup was made."]
            return []
    except OSError as error:
        return [f"{error.filename} cannot be read: {error.strerror}."]
    return await _verified(binaries_for(origin, backup), folder / DATA, report)


async def _verified(binaries: Binaries, folder: Path, report: Report) -> Sequence[str]:
    """Compare a plain backup with its manifest, and read the WAL that it needs."""
    command = [binaries.program("pg_verifybackup"), "--progress", str(folder)]
    try:
        await run(Step(command, "pg_verifybackup"), report)
    except ServerError as error:
        lines = [line.removeprefix("pg_verifybackup: ") for line in error.message.splitlines()]
        return lines[:20]
    return []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


async def _assemble(origin: Origin, id_: str, data: Path, account: Account, report: Report) -> Backup:
    """Make the data folder of a backup out of it and those that it is based on; each is checked before.

    Raises ChecksumMismatch for damage, NotFound for a part that is missing, OutOfSpace.
    """
    chain = origin.repository.chain(id_)
    binaries = binaries_for(origin, chain[-1])
    needed = sum(each.size for each in chain[:1]) + chain[-1].size
    free = shutil.disk_usage(data.parent).free
    if free < needed:
        raise OutOfSpace(
            f"Restoring takes about {needed / 1e9:.2f} GB, and {data.parent} has {free / 1e9:.2f} GB free.",
            hint="Restore into a folder on a larger disk.",
        )
    opened = data.parent / "opened"
    try:
        parts = [await _part(origin, backup, opened, report) for backup in chain]
        report("Putting the data folder together ...")
        if binaries.major >= _COMBINES:
            command = [binaries.program("pg_combinebackup"), "--manifest-checksums=CRC32C", "-o", str(data)]
            await run(Step([*command, *map(str, parts)], "pg_combinebackup"), report)
        else:
            await asyncio.to_thread(shutil.copytree, parts[-1], data)
    finally:
        await asyncio.to_thread(shutil.rmtree, opened, ignore_errors=True)
    await asyncio.to_thread(_adopt, data, account)
    return chain[-1]


async def _part(origin: Origin, backup: Backup, opened: Path, report: Report) -> Path:
    """Return the plain files of a backup, decrypted where that is needed."""
    report(f"Checking the files of {backup.id} ...")
    if damage := await _damage_of(origin, backup, report):
        raise ChecksumMismatch(
            f"The backup {backup.id} is damaged: {damage[0]}",
            hint="Restore it from a second copy, or use an older backup: kgmem backup list shows them.",
            damage=list(damage),
        )
    if not backup.encrypted:
        return origin.repository.path_of(backup.id) / DATA
    part = opened / backup.id
    part.mkdir(mode=0o700, parents=True)
    sealed = origin.repository.path_of(backup.id) / SEALED
    command = [*command_line(), "open", "--into", str(part)]
    command += ["--identity", str(identity_of(origin))]
    report(f"Decrypting {backup.id} ...")
    await run(Step([*command, str(sealed)], "Decrypting the backup"), report)
    if damage := await _verified(binaries_for(origin, backup), part, report):
        raise ChecksumMismatch(f"The backup {backup.id} is damaged: {damage[0]}", damage=list(damage))
    return part


def identity_of(origin: Origin) -> Path:
    """Return the file with the age identity. Raises InvalidInput."""
    if origin.identity is None:
        raise InvalidInput(
            "The backup is encrypted, and no age identity is known here.",
            hint="Give its file with --identity, or set KGMEM_BACKUP_IDENTITY.",
        )
    if not origin.identity.is_file():
        raise InvalidInput(f"There is no file {origin.identity}.", hint="Give the file of the age identity.")
    return origin.identity


def _adopt(data: Path, account: Account) -> None:
    """Change the owner of the files, and remove what is about the place of the original."""
    for name in ("standby.signal", "recovery.signal", "postmaster.pid", "postmaster.opts"):
        (data / name).unlink(missing_ok=True)
    changed = data / "postgresql.auto.conf"
    if changed.exists():
        lines = changed.read_text().splitlines(keepends=True)
        changed.write_text("".join(line for line in lines if not _LEFT_BEHIND.match(line)))
    (data / "recovery.signal").touch(mode=0o600)
    data.chmod(0o700)
    if account.foreign:
        for root, folders, files in os.walk(data):
            for name in [*folders, *files, "."]:
                os.chown(Path(root) / name, account.uid, account.gid, follow_symlinks=False)


@asynccontextmanager
async def _scratch(folder: Path, report: Report) -> AsyncIterator[Account]:
    """Make a folder for the time of the block, and remove it and all that runs in it."""
    await remove_data(folder)
    try:
        await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True)
    except OSError as error:
        kind = OutOfSpace if error.errno == 28 else ServerError
        raise kind(
            f"{folder} cannot be made: {error.strerror}.", hint="Name a folder that you may write to."
        ) from error
    try:
        account = account_for(folder, folder / "postgres")
        account.give(folder)
        account.reach(folder, report)
        yield account
    finally:
        await remove_data(folder)


@asynccontextmanager
async def trial(origin: Origin, id_: str, scratch: Path, report: Report) -> AsyncIterator[Trial]:
    """Restore a backup into a scratch folder, start it, yield it, and remove it: from its own files alone."""
    async with _scratch(scratch, report) as account:
        data = scratch / "postgres"
        backup = await _assemble(origin, id_, data, account, report)
        binaries = binaries_for(origin, backup)
        account.reach(binaries.folder, report)
        instance = Instance(binaries, account, data, scratch, report)
        report("Starting the restored copy ...")
        try:
            query = await instance.start({**_recovery(None), "fsync": "off", "full_page_writes": "off"})
            url = _url(backup, query)
            async with counts.connected(url) as connection:
                await counts.rebuild_keyword_indexes(connection)
            yield Trial(backup, url)
        finally:
            await instance.stop()


def _url(backup: Backup, query: str) -> str:
    return f"postgresql://{backup.role}@/{backup.database}?{query}"


def _recovery(command: str | None, at: datetime | None = None, *, all_: bool = False) -> dict[str, str]:
    """Return the settings of a recovery: to the end of the backup, to a moment, or to the end of the archive."""
    settings = {
        "restore_command": command or "false",
        "recovery_target_action": "promote",
        "recovery_target_timeline": "latest" if command else "current",
    }
    if at is not None:
        return {**settings, "recovery_target_time": at.isoformat(sep=" ", timespec="microseconds")}
    return settings if all_ else {**settings, "recovery_target": "immediate"}


@dataclass(frozen=True, slots=True)
class _Choice:
    """The backup to restore, and up to where: a moment, the end of the archive, or its own end."""

    backup: Backup
    at: datetime | None
    all: bool


def choose(repository: Repository, request: RestoreRequest, now: datetime) -> _Choice:
    """Return what to restore. Raises NotFound, InvalidInput."""
    backups = repository.list()
    if request.id is not None:
        chosen = repository.get(request.id)
        at = moment(request.at) if request.at else None
        if at and at < chosen.finished:
            raise InvalidInput(
                f"The backup {chosen.id} was complete at {chosen.finished_at}, after {request.at}.",
                hint="Leave the id out: the newest backup before that moment is taken.",
            )
        return _Choice(chosen, at, all=False)
    if not backups:
        raise NotFound(f"{repository.folder} has no backups.", hint="Make one: kgmem backup create.")
    if request.at is None:
        return _Choice(backups[-1], None, all=True)
    at = moment(request.at)
    if at > now:
        raise InvalidInput(f"{request.at} is in the future.", hint="Leave --at out to restore the newest state.")
    older = [each for each in backups if each.finished <= at]
    if not older:
        raise NotFound(
            f"No backup was complete at {request.at}; the oldest one was at {backups[0].finished_at}.",
            hint="Restore a later moment.",
        )
    return _Choice(older[-1], at, all=False)


async def restore(origin: Origin, request: RestoreRequest, report: Report) -> Restored:
    """Restore into a new folder, which becomes the home of a kgmem; it appears when the server has run in it.

    Raises NotFound, InvalidInput, Conflict where the folder has something, ChecksumMismatch, OutOfSpace, ServerError.
    """
    started = time.monotonic()
    into = Path(request.into).expanduser().absolute()  # noqa: ASYNC240 - two looks at a folder
    if into.exists() and any(into.iterdir()):
        raise Conflict(
            f"{into} is not empty.", hint="Restore into a new folder, look at the result, and then switch to it."
        )
    choice = choose(origin.repository, request, datetime.now(UTC))
    if choice.at or choice.all:
        _refuse_gaps(origin.repository, choice)
    partial = into.with_name(f".{into.name}.restoring")
    async with _scratch(partial, report) as account:
        home = partial / "home"
        account.make_folder(home)
        data = home / "postgres"
        backup = await _assemble(origin, choice.backup.id, data, account, report)
        until, rebuilt = await _recover(origin, choice, partial, account, report)
        await asyncio.to_thread(_move, home, into)
    return Restored(str(into), backup, until, round(time.monotonic() - started, 1), rebuilt)


def _move(home: Path, into: Path) -> None:
    """Move the restored home to its place: whole, or not at all."""
    if into.exists():
        into.rmdir()
    into.parent.mkdir(parents=True, exist_ok=True)
    home.replace(into)


def _refuse_gaps(repository: Repository, choice: _Choice) -> None:
    """Raise NotFound where the archive misses a segment before what is to be restored.

    Postgres would take the gap for the end of the log, and come up with an old state as if it were the newest.
    """
    size = repository.segment_bytes
    segments = [each for each in repository.segments() if each.timeline >= choice.backup.timeline]
    first = choice.backup.end_lsn // size
    missing = gaps(numbers_of(segments), first)
    # The backup has its own WAL, up to the segment in which it ended.
    missing = [number for number in missing if number > first or first in numbers_of(segments)]
    if not missing:
        return
    before = max((each for each in segments if each.number < missing[0]), default=None)
    reached = repository.stored_at(before) if before else None
    if choice.at is not None and reached is not None and reached > choice.at.timestamp():
        return
    name = Segment(choice.backup.timeline, missing[0]).name(size)
    until = datetime.fromtimestamp(reached, UTC).isoformat(timespec="seconds") if reached else choice.backup.finished_at
    raise NotFound(
        f"The archive misses the WAL segment {name} and {len(missing) - 1} others after {choice.backup.id}.",
        hint=f"Restore up to before it: --at with a moment before {until}; or a newer backup by its id.",
        segment=name,
    )


async def _recover(
    origin: Origin, choice: _Choice, scratch: Path, account: Account, report: Report
) -> tuple[str | None, int]:
    """Replay WAL, promote, rebuild keyword indexes and stop; return up to when it goes, and how many were rebuilt."""
    binaries, data = binaries_for(origin, choice.backup), scratch / "home" / "postgres"
    account.reach(binaries.folder, report)
    let_run(account, report)
    command = _fetch_command(origin, scratch, account, report)
    instance = Instance(binaries, account, data, scratch, report)
    report("Replaying the write-ahead log ...")
    try:
        try:
            query = await instance.start(_recovery(command, choice.at, all_=choice.all))
        except ServerError as error:
            if _TARGET_MISSED not in error.message or choice.at is None:
                raise
            _refuse_missed(origin.repository, choice)
            await end_leftovers(data)
            # Nothing was committed between the moment and the end of the archive: that end is the moment's state.
            query = await instance.start(_recovery(command, all_=True))
        async with counts.connected(_url(choice.backup, query)) as connection:
            until = await connection.fetchval(load("backup")["last_replayed"])
            report("Rebuilding keyword indexes ...")
            rebuilt = await counts.rebuild_keyword_indexes(connection)
            await connection.execute(SQL("CHECKPOINT"))
    finally:
        await instance.stop()
    shown = until.astimezone(UTC).isoformat(timespec="seconds") if until else None
    return shown, rebuilt


def _refuse_missed(repository: Repository, choice: _Choice) -> None:
    """Raise NotFound unless the archive goes on past the moment."""
    segments = repository.segments()
    newest = repository.stored_at(segments[-1]) if segments else None
    if newest is None or choice.at is None or newest < choice.at.timestamp():
        until = datetime.fromtimestamp(newest, UTC).isoformat(timespec="seconds") if newest else "the backup"
        raise NotFound(
            f"The archive ends at {until}, before {choice.at.isoformat() if choice.at else ''}.",
            hint="Leave --at out to restore the newest state that there is.",
        )


def _fetch_command(origin: Origin, scratch: Path, account: Account, report: Report) -> str:
    """Return the restore_command, whose files the account of Postgres can read."""
    archive = origin.repository.archive
    if account.foreign and archive.is_dir():
        account.reach(archive, report)
        for path in [archive, *archive.rglob("*")]:
            account.give(path)
    parts = [*command_line(), "fetch", "--archive", str(archive)]
    if any(archive.glob("*/*.age")):
        # A copy that the account of Postgres may read; it goes with the scratch folder.
        copied = scratch / "identity"
        with os.fdopen(os.open(copied, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(identity_of(origin).read_bytes())
        account.give(copied)
        parts += ["--identity", str(copied)]
    return shlex.join(parts).replace("%", "%%") + " %f %p"
