"""The data folder of the embedded Postgres: made by initdb, and the files in it that kgmem writes."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kgmem.domain.errors import ServerError
from kgmem.store.embedded.account import Account
from kgmem.store.embedded.binaries import Binaries
from kgmem.store.embedded.postmaster import cluster_name

# What this machine offers to Postgres, and the settings that fit it.

MB = 1024 * 1024
GB = 1024 * MB

# Where Linux tells a container what it may use.
CONTROL_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MachineResources:
    """Memory and shared memory in bytes, free disk space in bytes, and processor cores that kgmem may use."""

    memory: int
    cores: int
    shared_memory: int
    free_disk: int


def look_at_machine(folder: Path) -> MachineResources:
    """The machine (or the container's share of it) on which data will be kept in `folder`."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    shm = Path("/dev/shm")  # noqa: S108 - its size is asked, nothing is written
    return MachineResources(
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


def fitted_settings(machine: MachineResources) -> dict[str, str]:
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


# The role that owns everything in the embedded Postgres, and the database of kgmem in it.
ROLE = "kgmem"
DATABASE = "kgmem"

SETTINGS_FILE = "kgmem.conf"

_ACCESS = """\
# Written by kgmem at every start.
# The kernel tells who is at the other end of the socket; pg_ident.conf names who may come in.
local all         all peer map=kgmem
local replication all peer map=kgmem
host  all         all 127.0.0.1/32 scram-sha-256
host  all         all ::1/128      scram-sha-256
"""

_IDENTITIES = "# Written by kgmem at every start.\n"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A data folder with the programs that made it and the account that owns it."""

    data: Path
    binaries: Binaries
    account: Account

    @property
    def exists(self) -> bool:
        """Whether the folder holds a database cluster."""
        return (self.data / "PG_VERSION").exists()

    def check_version(self) -> None:
        """Refuse a data folder of another major version of Postgres."""
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(self.binaries.major):
            raise ServerError(
                f"{self.data} was made by Postgres {found}, and this kgmem brings Postgres {self.binaries.version}.",
                hint=f"Export the graphs with the kgmem that made them and import them into a new KGMEM_HOME, "
                f"or install the kgmem that brings Postgres {found}.",
                path=str(self.data),
            )

    def make(self) -> None:
        """Make the data folder; it appears whole or not at all."""
        if self.data.exists() and any(self.data.iterdir()):
            raise ServerError(
                f"{self.data} is not empty and holds no Postgres data.",
                hint="Move it away, or set KGMEM_HOME to another folder.",
                path=str(self.data),
            )
        new = self.data.with_name(self.data.name + ".new")
        # What an interrupted attempt left behind was never used.
        shutil.rmtree(new, ignore_errors=True)
        self.account.make_folder(new)
        done = self.account.run(self._initdb(new))
        if done.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            raise ServerError(f"initdb could not make {self.data}: {done.stderr.strip()}", path=str(self.data))
        with (new / "postgresql.conf").open("a") as file:
            file.write(f"\ninclude '{SETTINGS_FILE}'\n")
        new.replace(self.data)

    def _initdb(self, folder: Path) -> list[str]:
        command = [self.binaries.program("initdb"), "-D", str(folder), "--username", ROLE, "--auth", "reject"]
        command += ["--data-checksums", "--encoding", "UTF8", "--no-instructions", "--locale", "C"]
        if self.binaries.major >= 17:
            # Byte order and Unicode letters, the same on every machine and after every upgrade of its C library.
            command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
        return command

    def write_settings(self, socket_folder: Path, port: int | None, further: Mapping[str, str]) -> None:
        """Write the settings and who may connect, fitted to the machine as it is now."""
        settings = {
            **fitted_settings(look_at_machine(self.data)),
            "cluster_name": cluster_name(self.data),
            "listen_addresses": "127.0.0.1" if port else "",
            "port": str(port or 5432),
            "unix_socket_directories": str(socket_folder),
            "unix_socket_permissions": "0700",
            "shared_preload_libraries": ",".join(n for n in ("age", "pg_textsearch") if self.binaries.has_library(n)),
            "timezone": "UTC",
            "log_timezone": "UTC",
            "lc_messages": "C",
            "log_line_prefix": "%m [%p] ",
            "log_startup_progress_interval": "1s",
            **further,
        }
        self._write(SETTINGS_FILE, as_settings_file(settings))
        self._write("pg_hba.conf", _ACCESS)
        self._write("pg_ident.conf", _IDENTITIES + "".join(f'kgmem "{name}" all\n' for name in self.account.clients()))

    def change_settings(self, changed: Mapping[str, str]) -> None:
        """Change settings in the file of the last start, until the next one writes it again."""
        lines = (self.data / SETTINGS_FILE).read_text().splitlines(keepends=True)
        kept = [line for line in lines if line.partition(" = ")[0] not in changed and not line.startswith("#")]
        self._write(SETTINGS_FILE, as_settings_file(changed) + "".join(kept))

    def _write(self, name: str, text: str) -> None:
        path = self.data / name
        path.write_text(text)
        self.account.give(path)

    def server_command(self) -> list[str]:
        """The command that runs Postgres on this data folder."""
        return [self.binaries.program("postgres"), "-D", str(self.data)]


def folder_size(folder: Path) -> int:
    """Bytes on disk below a folder; files that vanish meanwhile do not count."""
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(root, name)).st_blocks * 512  # noqa: PTH118 - half the time of Path
            except FileNotFoundError:
                continue
    return total
