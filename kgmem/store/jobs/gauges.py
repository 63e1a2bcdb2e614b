"""How full the disk of the data folder, the database and the memory are."""

import asyncio
import shutil
from pathlib import Path
from typing import Final

from kgmem.domain.distillation.pressure import Pressure
from kgmem.domain.distillation.run import DistilSettings
from kgmem.store.db.database import Database
from kgmem.store.db.statements import statement

_CGROUP: Final = Path("/sys/fs/cgroup")
_MEMORY: Final = Path("/proc/meminfo")


class MachineGauges:
    """Measures this machine, and the database through its pool."""

    def __init__(self, database: Database, settings: DistilSettings, *, root: Path = Path("/")) -> None:
        """Take the pool, the thresholds, and the root under which /sys and /proc are."""
        self._database = database
        self._settings = settings
        self._root = root

    async def read(self) -> list[Pressure]:
        """Return what can be measured on this machine. Raises DatabaseUnavailable."""
        settings = self._settings
        found: list[Pressure] = []
        if (disk := await asyncio.to_thread(_disk, settings.folder)) is not None:
            found.append(Pressure("disk", disk, settings.disk))
        if settings.database is not None:
            async with self._database.connection() as connection:
                size = int(await connection.fetchval(statement("metrics", "database_size")))
            found.append(Pressure("database", size / settings.database, 1.0))
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
