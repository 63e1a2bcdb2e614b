"""What this machine offers to Postgres, and the settings that fit it."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

MB = 1024 * 1024
GB = 1024 * MB

# Where Linux tells a container what it may use.
CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Machine:
    """Memory and shared memory in bytes, free disk space in bytes, and processor cores that kgmem may use."""

    memory: int
    cores: int
    shared_memory: int
    free_disk: int


def look_at_machine(folder: Path) -> Machine:
    """The machine (or the container's share of it) on which data will be kept in `folder`."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shm = Path("/dev/shm")  # noqa: S108 - its size is asked, nothing is written
    return Machine(
        memory=min([physical, *memory_limits()]),
        cores=max(1, min([cores, *core_limits()])),
        # macOS has no /dev/shm and no limit of this kind.
        shared_memory=shutil.disk_usage(shm).total if shm.is_dir() else physical,
        free_disk=shutil.disk_usage(folder).free,
    )


def memory_limits(groups: Path = CONTROL_GROUPS) -> list[int]:
    """Memory limits of control groups of version 2 and 1; where there is none, that is a huge number or `max`."""
    paths = (groups / "memory.max", groups / "memory" / "memory.limit_in_bytes")
    texts = [path.read_text().strip() for path in paths if path.exists()]
    return [int(text) for text in texts if text.isdigit()]


def core_limits(groups: Path = CONTROL_GROUPS) -> list[int]:
    """The processor quota of the control group, in whole cores (rounded up)."""
    path = groups / "cpu.max"
    if not path.exists():
        return []
    quota, period = path.read_text().split()
    return [-(-int(quota) // int(period))] if quota.isdigit() else []


def fitted_settings(machine: Machine) -> dict[str, str]:
    """Postgres settings for a machine that also runs kgmem and other things.

    Fractions are smaller than a dedicated database server would take; `ALTER SYSTEM` overrides every one of them.
    """
    maintenance = _between(64 * MB, machine.memory // 16, 2 * GB)
    parallel = max(1, min(4, machine.cores // 2))
    # A parallel HNSW build keeps maintenance_work_mem in dynamic shared memory; containers give /dev/shm 64 MB.
    shared = "posix" if machine.shared_memory >= 2 * maintenance else "mmap"
    return {
        # Each GB costs 30 MB at rest; what does not fit in is read from the system's cache of the same files.
        "shared_buffers": _mb(_between(64 * MB, machine.memory // 16, 4 * GB)),
        "effective_cache_size": _mb(_between(128 * MB, machine.memory // 2, 1024 * GB)),
        "work_mem": _mb(_between(4 * MB, machine.memory // 256, 64 * MB)),
        "maintenance_work_mem": _mb(maintenance),
        "autovacuum_work_mem": _mb(min(maintenance, 256 * MB)),
        "dynamic_shared_memory_type": shared,
        "max_wal_size": _mb(_between(512 * MB, machine.free_disk // 20, 4 * GB)),
        "min_wal_size": "128MB",
        "max_connections": "100",
        "max_worker_processes": str(8 + machine.cores),
        "max_parallel_workers": str(machine.cores),
        "max_parallel_workers_per_gather": str(parallel),
        "max_parallel_maintenance_workers": str(parallel),
        # The wheel is built without io_uring; workers read ahead for scans, and two are enough for few cores.
        "io_method": "worker",
        "io_workers": str(max(2, min(8, machine.cores // 2))),
        "random_page_cost": "1.1",
        # Compiling a query costs more than the short queries of a memory ever win back.
        "jit": "off",
        "synchronous_commit": "on",
        "track_io_timing": "on",
        "checkpoint_completion_target": "0.9",
    }


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


def _mb(amount: int) -> str:
    return f"{amount // MB}MB"


def as_settings_file(settings: Mapping[str, str]) -> str:
    """The text of a Postgres settings file; values are quoted."""
    lines = (f"{name} = '{value.replace(chr(39), chr(39) * 2)}'" for name, value in settings.items())
    return "# Written by kgmem at every start. Change a setting with ALTER SYSTEM instead.\n" + "\n".join(lines) + "\n"
