"""Descriptions of backups for tests."""

from datetime import UTC, datetime, timedelta

from kgmem.domain.backups.backup import Backup, Verification
from kgmem.domain.backups.wal import SEGMENT_BYTES

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def backup_of_hours_ago(hours: float, parent: Backup | None = None, *, verified: bool = False) -> Backup:
    """A backup of so many hours before NOW."""
    at = NOW - timedelta(hours=hours)
    kind = "incremental" if parent else "full"
    return Backup(
        id=f"{at:%Y%m%dT%H%M%SZ}-{kind}",
        kind="incremental" if parent else "full",
        parent=parent.id if parent else None,
        started_at=at.isoformat(),
        finished_at=at.isoformat(),
        kgmem="0",
        postgres="18.6",
        extensions={},
        system="1",
        timeline=1,
        start_lsn=int(10_000 - hours) * SEGMENT_BYTES,
        end_lsn=int(10_000 - hours) * SEGMENT_BYTES + 100,
        database="kgmem",
        role="kgmem",
        embedded=True,
        encrypted=False,
        size=1,
        archived=True,
        verification=Verification(at.isoformat(), passed=True, restored=True, seconds=1.0) if verified else None,
    )
