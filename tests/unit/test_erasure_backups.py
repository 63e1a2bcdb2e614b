"""A report of an erasure names the backups that have what was erased, and until when."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kgmem.domain.backups.backup import Backup, BackupPlan, Schedule
from kgmem.services.erasure.backups import kept_backups
from tests.backups import backup_of_hours_ago as backup


class Folder:
    """A folder of backups, as far as reports read it."""

    def __init__(self, backups: Sequence[Backup] | OSError, plan: BackupPlan) -> None:
        self.backups, self._plan = backups, plan
        self.exists = True

    async def list(self) -> Sequence[Backup]:
        if isinstance(self.backups, OSError):
            raise self.backups
        return self.backups

    def plan(self) -> BackupPlan:
        return self._plan


async def told(backups: Sequence[Backup] | OSError, plan: BackupPlan) -> dict[str, str]:
    store: Any = Folder(backups, plan)
    return {each.what: each.why for each in await kept_backups(store)}


async def test_each_backup_is_named_with_the_day_by_which_its_schedule_removes_it() -> None:
    one = backup(1)
    found = await told([one], BackupPlan("x", archive=True, schedule=Schedule(keep="daily=2,wal=1d")))
    day = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    assert found[f"backup {one.id}"] == f"made before; removed by {day} as the schedule goes on"
    assert "1 days" in found["archived WAL"]
    assert "copies" in found


@pytest.mark.parametrize("folder", [[backup(1)], OSError("away")], ids=["no schedule", "unreadable"])
async def test_what_nothing_removes_and_what_cannot_be_read_is_said(folder: Any) -> None:
    found = await told(folder, BackupPlan("x", archive=True))
    assert any("nothing removes it" in why or "cannot be read" in why for why in found.values())
