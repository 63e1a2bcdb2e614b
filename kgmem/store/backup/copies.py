"""The second target: a copy of the folder of backups elsewhere, by kgmem or by a command of the operator's."""

import asyncio
import filecmp
import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from kgmem.domain.backups.backup import Report
from kgmem.domain.errors import InvalidInput, OutOfSpace, ServerError
from kgmem.store.backup.programs import Step, run
from kgmem.store.backup.repository import Repository, sync

_PLACE = "{folder}"


def check_command(command: str) -> Sequence[str]:
    """Return the words of an operator's command. Raises InvalidInput where it does not name the folder."""
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise InvalidInput(f"The command cannot be read: {error}.", hint="Check its quotes.") from error
    if not any(_PLACE in word for word in words):
        raise InvalidInput(
            "The command does not name the folder of backups.",
            hint="Write {folder} where it stands: rclone sync {folder} remote:kgmem",
        )
    return words


async def run_command(command: str, folder: Path, report: Report) -> None:
    """Run an operator's command, without a shell. Raises ServerError with what it printed."""
    words = [word.replace(_PLACE, str(folder)) for word in check_command(command)]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(Path.home())}
    report(f"Running {words[0]} ...")
    try:
        await run(Step(words, f"The command {words[0]}", environment), report)
    except FileNotFoundError as error:
        raise ServerError(f"There is no program {words[0]}.", hint="Install it, or give its full path.") from error


async def copy_folder(repository: Repository, to: Path, report: Report) -> int:
    """Copy what the second folder lacks; return how many files. A backup appears there when all of it was copied."""
    if to == repository.folder or to.is_relative_to(repository.folder):
        raise InvalidInput(f"{to} is inside of the folder of backups.", hint="Name a folder on another disk.")
    try:
        return await asyncio.to_thread(_copy, repository, to, report)
    except OSError as error:
        kind = OutOfSpace if error.errno in {27, 28, 122} else ServerError
        raise kind(f"Copying to {to} failed: {error.strerror}.", hint="Check that disk.") from error


def _copy(repository: Repository, to: Path, report: Report) -> int:
    for folder in (to, to / "backups", to / "wal"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    copied = _copy_file(repository.folder / "repository.json", to / "repository.json")
    for backup in repository.list():
        target = to / "backups" / backup.id
        if not target.exists():
            report(f"Copying {backup.id} ...")
            copied += _copy_backup(repository.path_of(backup.id), target)
        verification = repository.path_of(backup.id) / "verification.json"
        if verification.exists():
            copied += _copy_file(verification, target / verification.name)
    for source in repository.archive.glob("*/*-*.gz*"):
        target = to / "wal" / source.parent.name / source.name
        if not target.exists():
            copied += _copy_file(source, target)
    return copied


def _copy_backup(source: Path, target: Path) -> int:
    partial = target.with_name(f".partial-{target.name}")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(source, partial, copy_function=_copy_durably)
    partial.rename(target)
    sync(target.parent)
    return sum(1 for path in target.rglob("*") if path.is_file())


def _copy_file(source: Path, target: Path) -> int:
    """Copy one file unless the same is there."""
    if target.exists() and filecmp.cmp(source, target, shallow=False):
        return 0
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    _copy_durably(str(source), str(partial))
    partial.replace(target)
    sync(target.parent)
    return 1


def _copy_durably(source: str, target: str) -> str:
    partial = Path(target)
    with (
        Path(source).open("rb") as read,
        os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as write,
    ):
        shutil.copyfileobj(read, write, 1024 * 1024)
        write.flush()
        os.fsync(write.fileno())
    return target
