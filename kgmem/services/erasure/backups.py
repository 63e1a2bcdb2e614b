"""The backups that have what an erasure removed, and until when they are removed themselves."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from kgmem.domain.backups.backup import BackupStore
from kgmem.domain.backups.retention import HORIZON, parse_keep, pruned_by
from kgmem.domain.erasure.erasure import Kept
from kgmem.domain.errors import KgmemError

_MOST: Final = 1000  # Backups that a report names.
_ELSEWHERE: Final = Kept("copies", 1, "dumps, copies of folders and replicas' backups that others made have it")


async def kept_backups(store: BackupStore) -> Sequence[Kept]:
    """Return each backup of this machine's folder with the day until which its schedule removes it, and the archive.

    A backup that is restored brings back what was erased: erase again after it.
    """
    try:
        backups = await store.list() if store.exists else []
        plan = store.plan()
    except (KgmemError, OSError) as error:
        return [Kept("backups", 1, f"the folder of backups cannot be read here ({type(error).__name__})"), _ELSEWHERE]
    found: list[Kept] = []
    until = await asyncio.to_thread(pruned_by, backups, plan.schedule, datetime.now(UTC))
    found += [
        Kept(
            f"backup {each.id}", each.size, f"made before; {_end(until[each.id], scheduled=plan.schedule is not None)}"
        )
        for each in backups[:_MOST]
    ]
    if len(backups) > _MOST:
        found.append(Kept("backups", len(backups) - _MOST, "made before; list them"))
    if plan.archive:
        window = None if plan.schedule is None else parse_keep(plan.schedule.keep).wal
        end = "nothing removes it by itself" if window is None else f"{window.days} days are kept"
        found.append(Kept("archived WAL", 1, f"the archive of the log of writes has it; {end}"))
    return [*found, _ELSEWHERE]


def _end(at: datetime | None, *, scheduled: bool) -> str:
    if at is not None:
        return f"removed by {at.date().isoformat()} as the schedule goes on"
    return f"its schedule keeps it for {HORIZON} days" if scheduled else "nothing removes it by itself: delete it"
