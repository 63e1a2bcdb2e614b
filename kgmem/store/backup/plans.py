"""What is set up on one machine, and how its scheduled work went: two files in the home of kgmem."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from kgmem.domain.backups.backup import BackupPlan, BackupRun, Schedule
from kgmem.domain.errors import ServerError
from kgmem.store.backup.repository import read_json, write_json

_DURATIONS = ("incremental", "full", "verify")


class Plans:
    """The plan of one home and the newest outcome of each kind of work."""

    def __init__(self, home: Path) -> None:
        """Take the home; files are made when there is something to write."""
        self._plan, self._runs = home / "backup.json", home / "backup-runs.json"

    def read(self) -> BackupPlan:
        """Return the plan; an empty one where nothing is set up. Raises ServerError for a damaged file."""
        if not self._plan.exists():
            return BackupPlan()
        try:
            told = read_json(self._plan)
            schedule = told.pop("schedule", None)
            return BackupPlan(**told, schedule=_schedule(schedule) if schedule else None)
        except (ValueError, TypeError) as error:
            raise ServerError(
                f"{self._plan} is damaged.", hint="Remove it and set up backups again: kgmem backup schedule."
            ) from error

    def write(self, plan: BackupPlan) -> None:
        """Store the plan."""
        self._plan.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        told = dataclasses.asdict(plan)
        if plan.schedule:
            for name in _DURATIONS:
                duration: timedelta | None = getattr(plan.schedule, name)
                told["schedule"][name] = duration.total_seconds() if duration else None
        write_json(self._plan, told)

    def runs(self) -> Sequence[BackupRun]:
        """Return the newest outcome of each kind of work."""
        if not self._runs.exists():
            return []
        try:
            return [BackupRun(**each) for each in read_json(self._runs)]
        except (ValueError, TypeError):
            return []  # It is about the past alone, and the next run writes it again.

    def note(self, run: BackupRun) -> None:
        """Store an outcome in the place of the one before."""
        kept = [each for each in self.runs() if each.work != run.work]
        write_json(self._runs, [dataclasses.asdict(each) for each in (*kept, run)])


def _schedule(told: Mapping[str, Any]) -> Schedule:
    durations = {name: timedelta(seconds=told[name]) if told[name] else None for name in _DURATIONS}
    return Schedule(**durations, keep=told["keep"])
