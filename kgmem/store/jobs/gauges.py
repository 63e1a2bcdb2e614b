"""How full the disk of the data folder, the database and the memory are."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.distillation.run import DistilSettings
from kgmem.store.db.database import Database
from kgmem.store.db.diagnostics import Finding
from kgmem.store.db.hosts import connect
from kgmem.store.db.statements import statement

_CGROUP: Final = Path("/sys/fs/cgroup")
_WORDS: Final = {"disk": "disk", "database": "size that the database may have", "memory": "memory"}
_MEMORY: Final = Path("/proc/meminfo")


Size: TypeAlias = Callable[[], Awaitable[int]]


def size_by(database: Database) -> Size:
    """Return what measures the bytes of a database through its pool."""

    async def size() -> int:
        async with database.connection() as connection:
            return int(await connection.fetchval(statement("metrics", "database_size")))

    return size


def size_at(url: str) -> Size:
    """Return what measures the bytes of a database on a connection of its own."""

    async def size() -> int:
        connection = await connect(url, timeout=10)
        try:
            return int(await connection.fetchval(statement("metrics", "database_size")))
        finally:
            await connection.close()

    return size


class MachineGauges:
    """Measures this machine and its database."""

    def __init__(self, size: Size, settings: DistilSettings, *, root: Path = Path("/")) -> None:
        """Take what measures the bytes of the database, the thresholds, and the root under which /sys and /proc are."""
        self._size = size
        self._settings = settings
        self._root = root

    async def read(self) -> list[Pressure]:
        """Return what can be measured on this machine. Raises DatabaseUnavailable."""
        settings = self._settings
        found: list[Pressure] = []
        if (disk := await asyncio.to_thread(_disk, settings.folder)) is not None:
            found.append(Pressure("disk", disk, settings.disk))
        if settings.database is not None:
            found.append(Pressure("database", await self._size() / settings.database, 1.0))
        if (memory := await asyncio.to_thread(self._memory)) is not None:
            found.append(Pressure("memory", memory, settings.memory))
        return found

    def _memory(self) -> float | None:
        """Return the used share of the memory of the control group, or else of the machine; None: unknown."""
        group = self._root / _CGROUP.relative_to("/")
        try:
            most = (group / "memory.max").read_text().strip()
            if most != "max":
                used = int((group / "memory.current").read_text())
                return max(used - _reclaimable(group / "memory.stat"), 0) / int(most)
        except (OSError, ValueError):
            pass  # No control group, or one of version 1: the machine counts.
        try:
            rows = (self._root / _MEMORY.relative_to("/")).read_text().splitlines()
            sizes = {
                name: int(rest.split()[0]) for name, _, rest in (row.partition(":") for row in rows) if rest.split()
            }
            return 1 - sizes["MemAvailable"] / sizes["MemTotal"]
        except (OSError, ValueError, KeyError):
            return None


def _reclaimable(stat: Path) -> int:
    """Return the bytes of cached files, which the kernel gives back when they are needed."""
    rows = dict(line.split(maxsplit=1) for line in stat.read_text().splitlines())
    return int(rows.get("inactive_file", 0))


def _disk(folder: str) -> float | None:
    """Return the used share of the disk of a folder, or of the next one above it that exists."""
    place = Path(folder or ".")
    while not place.exists() and place != place.parent:
        place = place.parent
    try:
        usage = shutil.disk_usage(place)
    except OSError:
        return None
    return usage.used / (usage.used + usage.free) if usage.used + usage.free else None


def judge_pressures(pressures: Iterable[Pressure]) -> list[Finding]:
    """Return findings about what runs short, and about what does not."""
    return [_judged(each) for each in pressures]


def _judged(pressure: Pressure) -> Finding:
    used = f"{pressure.used:.0%} of the {_WORDS[pressure.kind]} is used"
    if not pressure.is_high:
        return Finding(f"pressure-{pressure.kind}", "ok", used)
    what = f"{used}, above {pressure.threshold:.0%}: jobs distil the least used scopes"
    hint = "Free some, or raise its threshold (docs/distillation.md); kgmem distil list shows the runs of a scope."
    return Finding(f"pressure-{pressure.kind}", "warning", what, hint)
