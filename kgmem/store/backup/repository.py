"""The folder of backups: one folder a backup, which appears whole or not at all, and the WAL archive beside them.

    FOLDER/repository.json        the server that it belongs to
    FOLDER/backups/<id>/kgmem.json, backup_manifest, data/ or base.tar.gz.age, verification.json
    FOLDER/wal/<16 digits>/...    segments (archive_command.py)

A backup is made in `.partial-<id>`, and its folder gets its name when all of it is on the disk.
"""

import dataclasses
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kgmem.domain.backups.backup import Backup, CountRange, Verification
from kgmem.domain.backups.wal import SEGMENT_BYTES, Segment, is_history, segment_of
from kgmem.domain.errors import ChecksumMismatch, Conflict, InvalidInput, NotFound, OutOfSpace, ServerError
from kgmem.store.embedded import archive_command

FORMAT = 1
DESCRIPTION, VERIFICATION, SEALED, DATA = "kgmem.json", "verification.json", "base.tar.gz.age", "data"
_ID = re.compile(r"\d{8}T\d{6}Z-(?:full|incremental)(?:-\d+)?")
_PARTIAL = ".partial-"


class Repository:
    """One folder of backups."""

    def __init__(self, folder: Path) -> None:
        """Take the folder; it is made by the first backup."""
        self.folder = folder.expanduser().absolute()
        self.backups_folder = self.folder / "backups"
        self.archive = self.folder / "wal"

    def make(self, system: str, segment_bytes: int) -> None:
        """Make the folder for a server, or make sure that it is this server's. Raises InvalidInput, ServerError."""
        path = self.folder / "repository.json"
        try:
            for folder in (self.folder, self.backups_folder, self.archive):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                write_json(path, {"format": FORMAT, "system": system, "segment_bytes": segment_bytes})
        except OSError as error:
            raise _unusable(self.folder, error) from error
        about = self._about()
        if about["system"] != system:
            raise InvalidInput(
                f"{self.folder} has the backups of another Postgres server.",
                hint="Use a folder for each server: a restored or promoted copy of this server counts as the same one.",
                folder=str(self.folder),
            )

    def _about(self) -> dict[str, Any]:
        path = self.folder / "repository.json"
        if not path.exists():
            raise NotFound(
                f"{self.folder} is no folder of backups.",
                hint="Name the folder that kgmem backup create --to was given, or set KGMEM_BACKUP_FOLDER.",
                folder=str(self.folder),
            )
        about: dict[str, Any] = read_json(path)
        if about.get("format") != FORMAT:
            raise InvalidInput(f"{self.folder} was made by a newer kgmem.", hint="Upgrade kgmem.")
        return about

    @property
    def segment_bytes(self) -> int:
        """The size of a WAL segment of the server."""
        return int(self._about().get("segment_bytes", SEGMENT_BYTES))

    @property
    def exists(self) -> bool:
        """Whether the folder was made."""
        return (self.folder / "repository.json").exists()

    def list(self) -> Sequence[Backup]:
        """Return all complete backups, oldest first. Raises NotFound for another folder."""
        self._about()
        found = [self.get(path.name) for path in self.backups_folder.iterdir() if _ID.fullmatch(path.name)]
        return sorted(found, key=lambda each: (each.finished_at, each.id))

    def get(self, id_: str) -> Backup:
        """Return one backup. Raises NotFound, ChecksumMismatch."""
        self._about()
        path = self.path_of(id_)
        if not _ID.fullmatch(id_) or not path.is_dir():
            raise NotFound(f"There is no backup {id_!r} in {self.folder}.", hint="kgmem backup list shows them.")
        try:
            backup = backup_of(read_json(path / DESCRIPTION))
            verified = path / VERIFICATION
            told = Verification(**read_json(verified)) if verified.exists() else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ChecksumMismatch(
                f"{path / DESCRIPTION} is damaged or missing, so the backup {id_} cannot be trusted.",
                hint=f"Restore that file from a copy, or remove the folder {path}.",
            ) from error
        return dataclasses.replace(backup, verification=told)

    def chain(self, id_: str) -> Sequence[Backup]:
        """Return a full backup and the incrementals up to this one. Raises NotFound when a part is missing."""
        chain = [self.get(id_)]
        while parent := chain[0].parent:
            try:
                chain.insert(0, self.get(parent))
            except NotFound as error:
                raise NotFound(
                    f"The backup {id_} is based on {parent}, which is missing.",
                    hint="Restore that folder from a copy, or use another backup: kgmem backup list shows them.",
                ) from error
        return chain

    def path_of(self, id_: str) -> Path:
        """Return the folder of a backup."""
        return self.backups_folder / id_

    def note(self, id_: str, verification: Verification) -> None:
        """Store the result of a verification."""
        self.get(id_)
        write_json(self.path_of(id_) / VERIFICATION, dataclasses.asdict(verification))

    def remove(self, id_: str) -> None:
        """Remove a backup; it is gone at once, and its files after it."""
        gone = self.backups_folder / f".removed-{id_}"
        self.path_of(id_).rename(gone)
        sync(self.backups_folder)
        shutil.rmtree(gone)

    @contextmanager
    def writing(self) -> Iterator[int]:
        """Exclude other writers, and remove what they left when they died; yields the lock's descriptor.

        Children that inherit it keep the lock: one that outlives this process still writes.
        """
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise Conflict(
                    f"Another kgmem is working in {self.folder}.", hint="Wait until it is done, then try again."
                ) from error
            for left in [*self.backups_folder.glob(f"{_PARTIAL}*"), *self.backups_folder.glob(".removed-*")]:
                shutil.rmtree(left)
            yield descriptor
        finally:
            os.close(descriptor)

    def stage(self, id_: str) -> Path:
        """Make the folder in which a backup is made."""
        path = self.backups_folder / f"{_PARTIAL}{id_}"
        path.mkdir(mode=0o700)
        return path

    def finish(self, staged: Path, backup: Backup) -> None:
        """Describe a backup whose files are on the disk, and give its folder its name."""
        write_json(staged / DESCRIPTION, as_json(backup))
        sync(staged)
        staged.rename(self.path_of(backup.id))
        sync(self.backups_folder)

    def segments(self) -> Sequence[Segment]:
        """Return the WAL segments of the archive."""
        size = self.segment_bytes
        names = {archive_command.name_of(path) or "" for path in self.archive.glob("*/*-*.gz*")}
        found = (segment_of(name, size) for name in names)
        return sorted(each for each in found if each is not None)

    def histories(self) -> Sequence[str]:
        """Return the names of the history files of the archive."""
        names = {archive_command.name_of(path) or "" for path in (self.archive / "history").glob("*-*.gz*")}
        return sorted(filter(is_history, names))

    def stored_at(self, segment: Segment) -> float | None:
        """Return when a segment was stored; None when it is not there."""
        found = archive_command.stored_files(self.archive, segment.name(self.segment_bytes))
        return found[0].stat().st_mtime if found else None

    def remove_segments(self, before: int) -> int:
        """Remove the segments whose number is smaller; return how many."""
        size, count = self.segment_bytes, 0
        for path in self.archive.glob("*/*-*.gz*"):
            segment = segment_of(archive_command.name_of(path) or "", size)
            if segment is not None and segment.number < before:
                path.unlink(missing_ok=True)
                count += 1
        for folder in self.archive.iterdir():
            if folder.is_dir() and folder.name != "history" and not any(folder.iterdir()):
                try:
                    folder.rmdir()
                except OSError:
                    continue  # The archiver has just stored something in it.
        return count


def as_json(backup: Backup) -> dict[str, Any]:
    """Return the description of a backup as kgmem.json has it."""
    told = {"format": FORMAT, **dataclasses.asdict(backup)}
    del told["verification"]
    told["graphs"] = {
        graph: {table: [rows.least, rows.most] for table, rows in tables.items()}
        for graph, tables in backup.graphs.items()
    }
    return told


def backup_of(told: Mapping[str, Any]) -> Backup:
    """Return the backup of a description."""
    rest = {name: value for name, value in told.items() if name not in {"format", "graphs"}}
    if told["format"] != FORMAT:
        raise ValueError(told["format"])
    graphs = {
        graph: {table: CountRange(*rows) for table, rows in tables.items()} for graph, tables in told["graphs"].items()
    }
    return Backup(**rest, graphs=graphs)


def read_json(path: Path) -> Any:
    """Return the contents of a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Write a file that only its owner reads; it is there whole, with its old or its new content."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file, indent=1, default=list)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync(path.parent)


def sync(folder: Path) -> None:
    """Write the entries of a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unusable(folder: Path, error: OSError) -> Exception:
    kind = OutOfSpace if error.errno == 28 else ServerError  # ENOSPC
    return kind(
        f"The folder of backups {folder} cannot be used: {error.strerror}.",
        hint="Name a folder that this user may write to, on a disk with room.",
    )
