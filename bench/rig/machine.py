"""What there is to know of the machine that a figure was measured on."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import asyncpg

_GB = 1024**3


def facts() -> str:
    """Return cores, memory, system and Python in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GB
    load = os.getloadavg()[0]
    system = f"{platform.system()} {platform.machine()}"
    return f"{os.cpu_count()} cores, {memory:.0f} GB, load {load:.1f}, {system}, Python {platform.python_version()}"


async def tell_database(connection: asyncpg.Connection) -> None:
    """Print the versions and the settings of Postgres that figures depend on."""
    version = await connection.fetchval("SELECT split_part(version(), ' ', 2)")
    extensions = await connection.fetch("SELECT extname, extversion FROM pg_extension WHERE extname <> 'plpgsql'")
    names = ("shared_buffers", "synchronous_commit", "fsync", "max_parallel_maintenance_workers")
    settings = [f"{name} {await connection.fetchval(f'SHOW {name}')}" for name in names]
    carried = [f"{row['extname']} {row['extversion']}" for row in extensions]
    print(f"Postgres {version}; {', '.join(carried)}; {', '.join(settings)}", file=sys.stderr)


def resident(pid: int) -> float:
    """Return the megabytes that a process holds in memory (its resident set, shared pages included)."""
    told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(told.stdout) / 1024


def together(pids: Iterable[int]) -> float:
    """Return the megabytes that processes hold together, what they share counted once where the system tells it."""
    return sum(_share(pid) for pid in pids)


def _share(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return resident(pid)
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_seconds(pids: Iterable[int]) -> float | None:
    """Return the seconds that processes of this machine have run on its cores; None where the system does not say."""
    try:
        return sum(int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) for pid in pids) / 1e9
    except OSError:
        return None
