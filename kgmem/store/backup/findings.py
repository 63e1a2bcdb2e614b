"""What the state of backups means for an operator: findings, each with the command that fixes it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from kgmem.domain.backups.backup import ArchiveState, BackupState
from kgmem.store.db.diagnostics import Finding, State

# A day and a half is a daily backup that was missed once; a test restore is due every week.
OLD, OLD_VERIFIED = timedelta(hours=36), timedelta(days=10)
LAG = 300.0  # Seconds of writes that a lost disk may cost.


def judge_backups(state: BackupState, now: datetime) -> Iterator[Finding]:
    """Return findings about backups, test restores, the archive, and scheduled work that failed."""
    if state.folder is None:
        hint = "kgmem backup schedule --to FOLDER, then kgmem backup archive on."
        yield Finding("backup", "warning", "No backups are set up on this machine.", hint)
        return
    yield _newest(state, now)
    yield _verified(state, now)
    yield _archive(state.archive)
    for run in state.failures:
        yield Finding(
            "backup", "problem", f"{run.work} failed at {run.at}: {run.error}", "Fix it, then run it by hand."
        )


def _newest(state: BackupState, now: datetime) -> Finding:
    if state.last is None:
        return Finding("backup", "problem", f"{state.folder} has no backup.", "kgmem backup create")
    age = now - state.last.finished
    what = f"{state.last.id}, {_shown(age)} old, of {state.backups} in {state.folder}"
    if age > OLD:
        return Finding("backup", "problem", f"The newest backup is old: {what}", "kgmem backup create")
    return Finding("backup", "ok", what)


def _verified(state: BackupState, now: datetime) -> Finding:
    hint = "kgmem backup verify --start"
    if state.last_failed is not None and (state.last_verified is None or state.last_failed.id > state.last_verified.id):
        said = state.last_failed.verification.errors[0] if state.last_failed.verification else ""
        what = f"The test restore of {state.last_failed.id} failed: {said}"
        return Finding("backup-verified", "problem", what, "Make a new backup, and verify it: " + hint)
    if state.last_verified is None or state.last_verified.verification is None:
        return Finding("backup-verified", "warning", "No backup was verified by a test restore yet.", hint)
    age = now - datetime.fromisoformat(state.last_verified.verification.at)
    level: State = "ok" if age <= OLD_VERIFIED else "warning"
    what = f"{state.last_verified.id} was restored and queried {_shown(age)} ago"
    return Finding("backup-verified", level, what, "" if level == "ok" else hint)


def _archive(archive: ArchiveState | None) -> Finding:
    if archive is None:
        return Finding("archive", "warning", "The archive's state is not known.", "Start the database.")
    if archive.waits_for_restart:
        what = "WAL is archived only from the next start of Postgres on."
        return Finding("archive", "warning", what, "kgmem backup archive on --restart")
    if not archive.on:
        what = "WAL is not archived: what was written since the newest backup is lost with the disk."
        return Finding("archive", "warning", what, "kgmem backup archive on")
    what = f"{archive.lag_seconds:.0f} s behind, {archive.segments_waiting} segments wait"
    if archive.lag_seconds > LAG:
        failed = (
            f"; {archive.failures} attempts failed, the last at {archive.last_failure_at}" if archive.failures else ""
        )
        return Finding("archive", "problem", f"The archive is late: {what}{failed}.", "kgmem db logs shows why.")
    return Finding("archive", "ok", what)


def _shown(age: timedelta) -> str:
    hours = age.total_seconds() / 3600
    return (
        f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.0f} hours" if hours < 48 else f"{hours / 24:.0f} days"
    )
