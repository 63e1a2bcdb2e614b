"""Postgres' own programs: where they are for a server of some version, and how they are run."""

import asyncio
import os
import re
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from kgmem.domain.backups.backup import Report
from kgmem.domain.errors import InvalidInput, OutOfSpace, ServerError
from kgmem.store.db.psycopg_errors import conninfo
from kgmem.store.embedded.binaries import ENVIRONMENT, Binaries, find_binaries

# Where Debian and the PostgreSQL project's packages put each version.
_SYSTEM = ("/usr/lib/postgresql/{major}", "/usr/pgsql-{major}", "/opt/homebrew/opt/postgresql@{major}")
_PROGRESS = re.compile(rb"\((\d+)%\)")
_FULL = ("No space left on device", "could not write: File too large", "File too large", "Disk quota exceeded")
_TAIL = 4000  # Characters of what a program printed that an error repeats at most.


def programs_for(major: int, *, embedded: bool, folder: Path | None = None) -> Binaries:
    """Return the programs for a server: those of the embedded one, or of the same version on this machine.

    `folder` is the one that has `bin`, where an operator has named it. Raises InvalidInput.
    """
    if embedded:
        return find_binaries()
    for candidate in [folder] if folder else [Path(each.format(major=major)) for each in _SYSTEM]:
        if candidate and (candidate / "bin" / "pg_basebackup").exists():
            return Binaries(candidate)
    on_path = shutil.which("pg_basebackup", path=os.defpath)
    if folder is None and on_path:
        found = Binaries(Path(on_path).resolve().parent.parent)
        if (found.folder / "bin" / "postgres").exists() and found.major == major:
            return found
    bundled = find_binaries()
    if folder is None and bundled.major == major:
        return bundled
    raise InvalidInput(
        f"The programs of Postgres {major} (pg_basebackup and others) are not on this machine.",
        hint=f"Install postgresql-client-{major} and postgresql-{major}, or set KGMEM_POSTGRES_PROGRAMS to the folder "
        "that has bin/pg_basebackup.",
    )


@dataclass(frozen=True, slots=True)
class Target:
    """How programs connect: libpq's connection text without the password, which goes by the environment."""

    text: str
    environment: Mapping[str, str]


def target_of(url: str) -> Target:
    """Return how programs connect to a URL. Raises InvalidInput."""
    parts: dict[str, Any] = conninfo_to_dict(conninfo(url, application="kgmem backup"))
    password = str(parts.pop("password", "") or "")
    secret = {"PGPASSWORD": password} if password else {}
    home = {"HOME": str(Path.home())}  # libpq looks for certificates there.
    return Target(make_conninfo("", **parts), {**ENVIRONMENT, **home, **secret})


@dataclass(frozen=True, slots=True)
class Step:
    """One program to run: its command line, what people call it, and its environment."""

    command: Sequence[str]
    title: str
    environment: Mapping[str, str] | None = None
    keep: Sequence[int] = ()  # Descriptors that it inherits.


async def run(step: Step, report: Report, *, into: int | None = None) -> bytes:
    """Run a program to its end and return its output; `into` is a descriptor for that instead.

    Percentages that it prints are reported. A cancelled run kills it. Raises OutOfSpace, ServerError.
    """
    process = await asyncio.create_subprocess_exec(
        *step.command,
        stdin=DEVNULL,
        stdout=PIPE if into is None else into,
        stderr=PIPE,
        env=dict(step.environment or ENVIRONMENT),
        pass_fds=tuple(step.keep),
        umask=0o077,
    )
    return await finish(process, step, report)


async def finish(process: Process, step: Step, report: Report) -> bytes:
    """Wait for a program; report its progress. Raises OutOfSpace, ServerError."""
    try:
        printed, errors = await asyncio.gather(_read(process), _follow(process, step.title, report))
        code = await process.wait()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if code != 0:
        raise failure(step.title, errors or f"it ended with code {code}")
    return printed


def failure(title: str, printed: str) -> ServerError | OutOfSpace:
    """Return the error of a program that failed, with the last of what it printed."""
    told = printed.strip()[-_TAIL:]
    if any(each in told for each in _FULL):
        return OutOfSpace(f"{title} failed: no room is left. {told}", hint="Free space on that disk, then try again.")
    return ServerError(f"{title} failed: {told}", hint=_hint_for(told))


def _hint_for(told: str) -> str:
    if "no pg_hba.conf entry for replication" in told or "must be superuser or replication role" in told:
        return (
            "Give the role of KGMEM_DATABASE_URL the attribute REPLICATION, and pg_hba.conf a line for the database "
            "replication."
        )
    if "WAL summar" in told or "summarize" in told:
        return "Make a full backup: kgmem backup create --full."
    if "SSL" in told and "not compiled" in told:
        return "Set KGMEM_POSTGRES_PROGRAMS to programs of Postgres that speak TLS: the bundled ones do not."
    return "Fix what it names, then try again."


async def _read(process: Process) -> bytes:
    return await process.stdout.read() if process.stdout else b""


async def _follow(process: Process, title: str, report: Report) -> str:
    """Return what a program printed as errors, without its progress."""
    if process.stderr is None:
        return ""
    kept: list[bytes] = []
    shown = -1
    async for line in process.stderr:
        if found := _PROGRESS.search(line):
            percent = int(found[1])
            if percent // 10 > shown:
                shown = percent // 10
                report(f"{title}: {percent} %")
        else:
            kept.append(line)
            del kept[:-200]
    return b"".join(kept).decode(errors="replace")
