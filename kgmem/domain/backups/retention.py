"""Which backups are kept: the newest of so many hours, days, weeks and months, and what these need."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kgmem.domain.backups.backup import Backup, Schedule, Verification
from kgmem.domain.errors import InvalidInput

_DURATION = re.compile(r"(\d+)([smhdw])")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_MOST = 10_000
HORIZON = 1000  # Days for which removals are foreseen.
_PERIODS: Mapping[str, Callable[[datetime], object]] = {
    "hourly": lambda at: (at.date(), at.hour),
    "daily": lambda at: at.date(),
    "weekly": lambda at: at.isocalendar()[:2],
    "monthly": lambda at: (at.year, at.month),
}


def parse_duration(text: str) -> timedelta:
    """Return a duration such as 90s, 10m, 6h, 7d or 2w. Raises InvalidInput."""
    found = _DURATION.fullmatch(text.strip())
    if not found or not 0 < (seconds := int(found[1]) * _UNITS[found[2]]) <= 366 * 86_400 * 10:
        raise InvalidInput(f"{text!r} is not a duration.", hint="Give a number with s, m, h, d or w: 90s, 6h, 7d.")
    return timedelta(seconds=seconds)


def format_duration(duration: timedelta) -> str:
    """Return a duration in its largest unit that divides it."""
    seconds = int(duration.total_seconds())
    unit = next(name for name in ("w", "d", "h", "m", "s") if seconds % _UNITS[name] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


@dataclass(frozen=True, slots=True)
class Keep:
    """How many backups of each period are kept, and how far back any second can be restored (`wal`)."""

    hourly: int = 24
    daily: int = 7
    weekly: int = 4
    monthly: int = 6
    wal: timedelta = timedelta(days=7)

    def __str__(self) -> str:
        """Return it as `parse_keep` reads it."""
        counts = ",".join(f"{name}={getattr(self, name)}" for name in _PERIODS)
        return f"{counts},wal={format_duration(self.wal)}"


def parse_keep(text: str) -> Keep:
    """Return the rule of a text such as `hourly=24,daily=7,wal=7d`; a period that is not named keeps none.

    Raises InvalidInput.
    """
    counts = dict.fromkeys(_PERIODS, 0)
    wal = Keep().wal
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = part.partition("=")
        if name == "wal":
            wal = parse_duration(value)
        elif name in counts and value.isdecimal() and int(value) <= _MOST:
            counts[name] = int(value)
        else:
            raise InvalidInput(
                f"{part!r} does not say what to keep.", hint="Give hourly, daily, weekly, monthly=NUMBER or wal=7d."
            )
    return Keep(**counts, wal=wal)


@dataclass(frozen=True, slots=True)
class Removal:
    """What a rule removes: backups, and the WAL segments below a number (None: no WAL)."""

    backups: Sequence[Backup]
    wal_before: int | None


def removable(backups: Sequence[Backup], keep: Keep, now: datetime, segment_bytes: int) -> Removal:
    """Return what a rule removes.

    Kept are: for each of so many periods the newest full backup, or the newest incremental where there is no full one;
    the newest backup of all, and the newest that a test restore has verified; whatever a kept incremental is based on.
    WAL is kept from the newest backup that is older than `keep.wal`, so that each second since can be restored;
    without one, from the oldest backup.
    """
    newest_first = sorted(backups, key=lambda each: each.finished, reverse=True)
    chosen = {each.id for each in newest_first[:1]}
    chosen |= {each.id for each in [each for each in newest_first if each.counts][:1]}
    for name, period in _PERIODS.items():
        chosen |= _of_periods(newest_first, getattr(keep, name), period)
    window = _window(newest_first, now - keep.wal)
    if window is not None:
        chosen.add(window.id)
    by_id = {each.id: each for each in backups}
    needed: set[str] = set()
    for id_ in chosen:
        step = by_id.get(id_)
        while step is not None and step.id not in needed:
            needed.add(step.id)
            step = by_id.get(step.parent) if step.parent else None
    return Removal(
        [each for each in newest_first if each.id not in needed],
        window.start_lsn // segment_bytes if window else None,
    )


def _of_periods(newest_first: Sequence[Backup], count: int, period: Callable[[datetime], object]) -> set[str]:
    found: dict[object, Backup] = {}
    for each in newest_first:
        name = period(each.finished.astimezone(UTC))
        if name not in found and len(found) == count:
            break
        held = found.setdefault(name, each)
        if held.kind == "incremental" and each.kind == "full":
            found[name] = each
    return {each.id for each in found.values()}


def _window(newest_first: Sequence[Backup], since: datetime) -> Backup | None:
    """Return the backup from which on WAL is kept."""
    older = [each for each in newest_first if each.finished <= since]
    return older[0] if older else (newest_first[-1] if newest_first else None)


def pruned_by(
    backups: Sequence[Backup], schedule: Schedule | None, now: datetime, *, days: int = HORIZON
) -> Mapping[str, datetime | None]:
    """Return until when each backup is removed, where its schedule goes on; None: not within `days`.

    What a schedule makes is foreseen as one verified backup a day, which is the least that removes an older one. Where
    nothing is made or verified by itself, the newest and the newest verified one stay.
    """
    found: dict[str, datetime | None] = {each.id: None for each in backups}
    if schedule is None or not backups:
        return found
    keep, left = parse_keep(schedule.keep), list(backups)
    makes = schedule.full is not None or schedule.incremental is not None
    for day in range(1, days + 1):
        at = now + timedelta(days=day)
        if makes:
            left.append(_foreseen(backups[-1], at, verified=schedule.verify is not None))
        gone = {each.id for each in removable(left, keep, at, 1).backups}
        left = [each for each in left if each.id not in gone]
        found |= {id_: at for id_ in gone if id_ in found}
        if not any(each.id in found for each in left):
            break
    return found


def _foreseen(model: Backup, at: datetime, *, verified: bool) -> Backup:
    """Return a full backup that a schedule makes."""
    time = at.isoformat()
    check = Verification(time, passed=True, restored=True, seconds=0) if verified else None
    return replace(
        model, id=f"foreseen {time}", kind="full", parent=None, started_at=time, finished_at=time, verification=check
    )
