"""The WAL archive of a server: switched on and off, whether it is on, and how far it is behind."""

import asyncio
import shlex
import time
from dataclasses import dataclass

import asyncpg

from kgmem.domain.backups.backup import ArchiveState, Report
from kgmem.domain.backups.wal import parse_lsn, segment_of
from kgmem.domain.errors import ServerError
from kgmem.store.backup import counts
from kgmem.store.backup.repository import Repository
from kgmem.store.db.statements import load
from kgmem.store.embedded.account import account_for
from kgmem.store.embedded.archiving import OFF, Archiving, let_run, write_archiving
from kgmem.store.embedded.lifecycle import EmbeddedPostgres

_PROOF = 30.0  # Seconds in which the first segment must be in the archive.
# Bytes at the start of a segment that nobody wrote: what Postgres notes by itself when it is idle.
_IDLE = 64 * 1024


async def archive_state(connection: asyncpg.Connection, *, wanted: bool) -> ArchiveState:
    """Return the state of the archive; `wanted` is whether it was set up."""
    row = await connection.fetchrow(load("backup")["archiver"])
    on = row["mode"] != "off"
    size = row["segment_bytes"]
    position = parse_lsn(row["position"]) if not row["standby"] else 0
    last = segment_of(row["segment"] or "", size)
    waiting = max(0, position // size - last.number - 1) if last else position // size
    caught_up = waiting == 0 and position % size < _IDLE
    return ArchiveState(
        on=on,
        waits_for_restart=wanted and not on,
        lag_seconds=0.0 if not on or row["standby"] or caught_up else max(0.0, row["seconds"]),
        segments_waiting=waiting if on and last else 0,
        last_segment=row["segment"],
        last_archived_at=row["archived_at"].isoformat(timespec="seconds") if row["archived_at"] else None,
        failures=row["failures"],
        last_failure_at=row["failed_at"].isoformat(timespec="seconds") if row["failed_at"] else None,
    )


@dataclass(frozen=True, slots=True)
class ArchiveChange:
    """What switching the archive did: whether it is in force, and what to do where it is not."""

    in_force: bool
    message: str


async def switch_embedded(
    postgres: EmbeddedPostgres, repository: Repository, archiving: Archiving | None, *, restart: bool, report: Report
) -> ArchiveChange:
    """Switch the archive of a running embedded Postgres on, or off (None), now and for all later starts.

    It is restarted where nobody else uses it, or with `restart`. Where it is on, a first segment is archived for proof.
    Raises ServerError.
    """
    if archiving is not None:
        await _prepare(postgres, repository, report)
    write_archiving(postgres.home, archiving)
    changed = archiving.settings() if archiving else dict(OFF)
    async with counts.connected(postgres.url) as connection:
        mode = (await connection.fetchrow(load("backup")["archiver"]))["mode"]
    if mode == changed["archive_mode"]:
        postgres.change_settings(changed)
        async with counts.connected(postgres.url) as connection:
            await connection.execute(load("backup")["reload"])
    elif restart or await postgres.alone():
        report("Restarting Postgres ...")
        await postgres.restart(changed)
    else:
        what = "begins" if archiving else "ends"
        return ArchiveChange(
            in_force=False,
            message=f"Archiving {what} when Postgres is restarted, which others use now: run the command again with "
            "--restart (requests fail for some seconds), or stop and start kgmem when it suits.",
        )
    if archiving is None:
        return ArchiveChange(in_force=True, message="WAL is not archived any more. Backups restore to their own end.")
    await _prove(postgres.url)
    return ArchiveChange(
        in_force=True,
        message=f"WAL is archived in {repository.archive}, every {archiving.timeout} s at the latest; a first segment "
        "is there. Any second after the next backup can be restored.",
    )


async def _prepare(postgres: EmbeddedPostgres, repository: Repository, report: Report) -> None:
    """Make the folder, and let the account of Postgres use it."""
    async with counts.connected(postgres.url) as connection:
        server = await connection.fetchrow(load("backup")["server"])
    repository.make(server["system"], server["segment_bytes"])
    account = account_for(postgres.home, postgres.home / "postgres")
    account.reach(repository.folder, report)
    account.give(repository.archive)
    let_run(account, report)


async def _prove(url: str) -> None:
    """Hand a segment over, and wait until it is archived. Raises ServerError with what Postgres notes."""
    async with counts.connected(url) as connection:
        before = await connection.fetchrow(load("backup")["archiver"])
        await connection.execute(load("backup")["write_something"])
        await connection.execute(load("backup")["switch"])
        ends = time.monotonic() + _PROOF
        while time.monotonic() < ends:
            now = await connection.fetchrow(load("backup")["archiver"])
            if now["archived_at"] and now["archived_at"] != before["archived_at"]:
                return
            if now["failures"] > before["failures"]:
                break
            await asyncio.sleep(0.1)
    raise ServerError(
        "Postgres is set up to archive, and its first segment did not arrive.",
        hint="kgmem db logs shows why; it tries again until it can, and keeps its WAL meanwhile.",
    )


def external_instructions(archiving: Archiving | None) -> str:
    """Return what a DBA runs on a server that kgmem does not start."""
    if archiving is None:
        return (
            "Run on the server, then restart it: ALTER SYSTEM RESET archive_mode; ALTER SYSTEM RESET archive_command;"
        )
    command = archiving.settings()["archive_command"]
    quoted = command.replace("'", "''")
    return (
        "kgmem does not change the settings of an external Postgres. Where it runs, its user must be able to write to "
        f"{shlex.quote(archiving.archive)} and to run this Python. Run there, then restart it:\n"
        f"ALTER SYSTEM SET archive_mode = on;\n"
        f"ALTER SYSTEM SET archive_timeout = '{archiving.timeout}s';\n"
        f"ALTER SYSTEM SET summarize_wal = on;\n"
        f"ALTER SYSTEM SET archive_command = '{quoted}';"
    )
