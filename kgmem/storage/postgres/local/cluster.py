"""The data folder of the embedded Postgres: made by initdb, and the files in it that kgmem writes."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kgmem.domain.errors import ServerError
from kgmem.storage.postgres.local.account import Account
from kgmem.storage.postgres.local.binaries import Binaries
from kgmem.storage.postgres.local.machine import as_settings_file, fitted_settings, look_at_machine
from kgmem.storage.postgres.local.postmaster import cluster_name

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
                mend=f"Export the graphs with the kgmem that made them and import them into a new KGMEM_HOME, "
                f"or install the kgmem that brings Postgres {found}.",
                path=str(self.data),
            )

    def make(self) -> None:
        """Make the data folder; it appears whole or not at all."""
        if self.data.exists() and any(self.data.iterdir()):
            raise ServerError(
                f"{self.data} is not empty and holds no Postgres data.",
                mend="Move it away, or set KGMEM_HOME to another folder.",
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
