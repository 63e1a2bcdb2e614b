"""Making a backup: pg_basebackup into the folder of backups, plain, or as an encrypted stream."""

import asyncio
import hashlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from kgmem.domain.backups.backup import Backup, CountRange, CreateRequest, Kind, Report
from kgmem.domain.backups.wal import parse_lsn
from kgmem.domain.errors import InvalidInput, OutOfSpace, ServerError
from kgmem.store.backup import counts
from kgmem.store.backup.programs import Step, Target, failure, finish, programs_for, run, target_of
from kgmem.store.backup.repository import DATA, SEALED, Repository, sync
from kgmem.store.db.statements import load
from kgmem.store.embedded.archive_command import MANIFEST
from kgmem.store.embedded.archiving import command_line
from kgmem.store.embedded.binaries import Binaries

_SPARE = 64 * 1024 * 1024  # Bytes beside the data that a full backup needs: WAL that is written meanwhile.
_OLDEST_INCREMENTAL = 17


@dataclass(frozen=True, slots=True)
class Source:
    """The server to back up: its URL, whether it is the embedded one, and where an operator keeps its programs."""

    url: str
    embedded: bool
    programs: Path | None = None


@dataclass(frozen=True, slots=True)
class _Making:
    """What making one backup works with."""

    repository: Repository
    staged: Path
    binaries: Binaries
    target: Target
    request: CreateRequest
    parent: Backup | None
    lock: int
    report: Report


async def create(repository: Repository, source: Source, request: CreateRequest, report: Report) -> Backup:
    """Make a backup; it is listed when all of it is on the disk, and nothing is left of one that fails.

    Raises InvalidInput, Conflict, OutOfSpace, ServerError, DatabaseUnavailable.
    """
    check_recipients(request.recipients)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(counts.connected(source.url))
        server = await connection.fetchrow(load("backup")["server"])
        _refuse_unfit(server)
        repository.make(server["system"], server["segment_bytes"])
        lock = stack.enter_context(repository.writing())
        await _let_summarize(connection, server, report)
        parent = _parent(repository, server, request.kind)
        kind: Kind = "incremental" if parent else "full"
        if parent is None:
            _refuse_full_disk(repository.folder, server["bytes"])
        started = datetime.now(UTC)
        id_ = _free_id(repository, started, kind)
        staged = repository.stage(id_)
        try:
            binaries = programs_for(server["major"], embedded=source.embedded, folder=source.programs)
            making = _Making(repository, staged, binaries, target_of(source.url), request, parent, lock, report)
            before = await counts.begin(connection)
            report(f"Making the {kind} backup {id_}" + (f", based on {parent.id} ..." if parent else " ..."))
            digests = await (_sealed(making, connection) if request.recipients else _plain(making))
            graphs = await counts.ranges(connection, before)
            backup = await _described(making, server, graphs, digests)
            backup = replace(
                backup,
                id=id_,
                kind=kind,
                started_at=started.isoformat(timespec="seconds"),
                embedded=source.embedded,
                extensions={
                    row["name"]: row["version"] for row in await connection.fetch(load("backup")["extensions"])
                },
            )
            await asyncio.to_thread(repository.finish, staged, backup)
        except OSError as error:
            raise _failed(error, repository.folder) from error
        finally:
            with suppress(FileNotFoundError):
                await asyncio.to_thread(shutil.rmtree, staged)
        return backup


def check_recipients(recipients: Sequence[str]) -> None:
    """Raise InvalidInput for what nobody can be encrypted for."""
    for each in recipients:
        try:
            import pyrage  # noqa: PLC0415 - only where something is encrypted

            (pyrage.ssh.Recipient if each.startswith("ssh-") else pyrage.x25519.Recipient).from_str(each)
        except Exception as error:
            raise InvalidInput(
                f"{each[:80]!r} is no recipient of age.",
                hint="Give a public key: age1... (age-keygen prints it) or the line of an ssh-ed25519 key.",
            ) from error


def _refuse_unfit(server: Mapping[str, Any]) -> None:
    if server["tablespaces"]:
        raise InvalidInput(
            "The server has further tablespaces, which kgmem does not back up.",
            hint="Back it up with pgBackRest, or move the tables to pg_default.",
        )
    if server["wal_level"] == "minimal":
        raise InvalidInput(
            "wal_level is minimal: the server writes too little for a backup.",
            hint="ALTER SYSTEM SET wal_level = replica; and restart Postgres.",
        )


async def _let_summarize(connection: asyncpg.Connection, server: Mapping[str, Any], report: Report) -> None:
    """Make the server note which blocks change, which incrementals need; it takes effect at once."""
    if server["major"] < _OLDEST_INCREMENTAL or server["summarize_wal"] == "on":
        return
    if server["superuser"]:
        await connection.execute(load("backup")["summarize_wal"])
        await connection.execute(load("backup")["reload"])
    else:
        report("Incremental backups need summarize_wal: ALTER SYSTEM SET summarize_wal = on; SELECT pg_reload_conf();")


def _parent(repository: Repository, server: Mapping[str, Any], kind: Kind | None) -> Backup | None:
    """Return what an incremental is based on; None for a full one, also where no kind is named and none fits."""
    if kind == "full":
        return None
    if server["major"] < _OLDEST_INCREMENTAL:
        if kind == "incremental":
            raise InvalidInput(
                f"Postgres {server['version']} makes no incremental backups.", hint="Make a full one: --full."
            )
        return None
    fits = [each for each in repository.list() if each.timeline == server["timeline"]]
    if fits and (kind == "incremental" or server["summarize_wal"] == "on"):
        return fits[-1]
    if kind == "incremental":
        raise InvalidInput(
            f"{repository.folder} has no backup of this server that an incremental one could be based on.",
            hint="Make a full one first: kgmem backup create --full. After a restore a full one comes first, too.",
        )
    return None


def _refuse_full_disk(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed + _SPARE:
        raise OutOfSpace(
            f"A full backup takes about {needed / 1e9:.2f} GB, and {folder} has {free / 1e9:.2f} GB free.",
            hint="Free space there, name another folder with --to, or remove old backups: kgmem backup prune.",
        )


def _free_id(repository: Repository, at: datetime, kind: Kind) -> str:
    id_ = f"{at:%Y%m%dT%H%M%SZ}-{kind}"
    taken = {path.name for path in repository.backups_folder.iterdir()}
    return next(name for name in (id_, *(f"{id_}-{n}" for n in range(2, 1000))) if name not in taken)


def _base_backup(making: _Making, *options: str) -> Sequence[str]:
    command = [making.binaries.program("pg_basebackup"), "--dbname", making.target.text, "--no-password", "--progress"]
    command += ["--checkpoint=fast", "--manifest-checksums=CRC32C", *options]
    if making.parent:
        command += [f"--incremental={manifest_of(making.repository, making.parent)}"]
    return command


async def _plain(making: _Making) -> Mapping[str, str]:
    options = ("--pgdata", str(making.staged / DATA), "--format=plain", "--wal-method=stream")
    step = Step(_base_backup(making, *options), "pg_basebackup", making.target.environment, keep=(making.lock,))
    await run(step, making.report)
    await asyncio.to_thread(_make_private, making.staged)
    return {}


def _make_private(folder: Path) -> None:
    """Allow only the owner to read what pg_basebackup wrote with the rights of the original."""
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)


async def _sealed(making: _Making, connection: asyncpg.Connection) -> Mapping[str, str]:
    """Run pg_basebackup into a pipe, from which another process compresses and encrypts into the file."""
    await connection.fetchval(load("backup")["holds_wal"])
    sealed, manifest = making.staged / SEALED, making.staged / MANIFEST
    options = ("--pgdata=-", "--format=tar", "--wal-method=fetch")
    step = Step(_base_backup(making, *options), "pg_basebackup", making.target.environment, keep=(making.lock,))
    read, write = os.pipe()
    seal = [*command_line(), "seal", "--out", str(sealed), "--manifest", str(manifest)]
    seal += [f"--recipient={each}" for each in making.request.recipients]
    try:
        sealing = await asyncio.create_subprocess_exec(*seal, stdin=read, stdout=PIPE, stderr=PIPE, umask=0o077)
        dumping = await asyncio.create_subprocess_exec(
            *step.command, stdin=DEVNULL, stdout=write, stderr=PIPE, env=dict(making.target.environment),
            pass_fds=(making.lock,), umask=0o077,
        )  # fmt: skip
    finally:
        os.close(read)
        os.close(write)
    dumped, sealed_ = await asyncio.gather(
        finish(dumping, step, making.report),
        finish(sealing, Step(seal, "Encrypting the backup"), making.report),
        return_exceptions=True,
    )
    # A full disk stops the sealing first, and pg_basebackup then has nobody who reads: the former says what is wrong.
    for outcome in (sealed_, dumped) if isinstance(sealed_, OutOfSpace) else (dumped, sealed_):
        if isinstance(outcome, BaseException):
            raise outcome
    if not isinstance(sealed_, bytes) or not sealed_:
        raise failure("Encrypting the backup", "it printed nothing")
    return {SEALED: orjson.loads(sealed_)["sha256"]}


def manifest_of(repository: Repository, backup: Backup) -> Path:
    """Return the path of a backup's manifest."""
    folder = repository.path_of(backup.id)
    return (folder if backup.encrypted else folder / DATA) / MANIFEST


async def _described(
    making: _Making,
    server: Mapping[str, Any],
    graphs: Mapping[str, Mapping[str, CountRange]],
    digests: Mapping[str, str],
) -> Backup:
    encrypted = bool(making.request.recipients)
    path = (making.staged if encrypted else making.staged / DATA) / MANIFEST
    content = await asyncio.to_thread(path.read_bytes)
    parts = orjson.loads(content)["WAL-Ranges"]
    if not parts:
        raise ServerError("The backup's manifest names no WAL.")
    size = await asyncio.to_thread(_size_of, making.staged)
    await asyncio.to_thread(sync, making.staged)
    return Backup(
        id="",
        kind="full",
        parent=making.parent.id if making.parent else None,
        started_at="",
        finished_at=datetime.now(UTC).isoformat(timespec="seconds"),
        kgmem=version_of("kgmem"),
        postgres=server["version"],
        extensions={},
        system=server["system"],
        timeline=max(part["Timeline"] for part in parts),
        start_lsn=min(parse_lsn(part["Start-LSN"]) for part in parts),
        end_lsn=max(parse_lsn(part["End-LSN"]) for part in parts),
        database=server["database"],
        role=server["role"],
        embedded=False,
        encrypted=encrypted,
        size=size,
        archived=server["archive_mode"] != "off",
        graphs=graphs,
        digests={MANIFEST: hashlib.sha256(content).hexdigest(), **digests},
    )


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _failed(error: OSError, folder: Path) -> Exception:
    if error.errno in {27, 28, 122}:  # EFBIG, ENOSPC, EDQUOT
        return OutOfSpace(f"No room is left in {folder}.", hint="Free space there, then try again.")
    return ServerError(f"The backup failed: {error}.", hint=f"Check {folder}.")
