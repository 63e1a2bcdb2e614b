"""A Postgres that is started for a while on restored data: on a socket of its own, without archive and listeners."""

import asyncio
import os
import shutil
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

from kgmem.domain.backups.backup import Report
from kgmem.domain.errors import ServerError
from kgmem.store.embedded import postmaster
from kgmem.store.embedded.account import Account
from kgmem.store.embedded.binaries import Binaries
from kgmem.store.embedded.cluster import fitted_settings, look_at_machine
from kgmem.store.embedded.log import RecoveryProgress
from kgmem.store.embedded.postmaster import cluster_name, read_postmaster
from kgmem.store.embedded.server import choose_socket_folder, discard_socket_folder

_STOP = 60.0
_PRELOADED = ("age", "pg_textsearch")
# What a restored server must not take over from the one that it is a copy of.
_ALONE: Mapping[str, str] = {
    "listen_addresses": "",
    "port": "5432",
    "archive_mode": "off",
    "hot_standby": "off",
    "ssl": "off",
    "synchronous_standby_names": "",
    "logging_collector": "off",
    "log_destination": "stderr",
    "log_startup_progress_interval": "1s",
    "log_line_prefix": "%m [%p] ",
    "lc_messages": "C",
    "timezone": "UTC",
    "restart_after_crash": "off",
    "summarize_wal": "off",
    "max_locks_per_transaction": "256",
}
_TAKEN = ("shared_buffers", "maintenance_work_mem", "dynamic_shared_memory_type", "max_wal_size", "io_method")


@dataclass(frozen=True, slots=True)
class Instance:
    """One data folder, and a scratch folder for socket, log and configuration."""

    binaries: Binaries
    account: Account
    data: Path
    scratch: Path
    report: Report

    @property
    def log(self) -> Path:
        """The file that it logs to."""
        return self.scratch / "postgres.log"

    async def start(self, settings: Mapping[str, str]) -> str:
        """Start it, wait until it has recovered and takes connections; return the part of its URL behind the `?`.

        Raises ServerError with the last of its log where it does not come up.
        """
        sockets = choose_socket_folder(self.scratch, None, self.account)
        command = [self.binaries.program("postgres"), "-D", str(self.data)]
        for name, value in {**self._settings(sockets), **settings}.items():
            command += ["-c", f"{name}={value}"]
        self._write("pg_hba.conf", "local all all peer map=kgmem\n")
        clients = "".join(f'kgmem "{name}" all\n' for name in self.account.clients())
        self._write("pg_ident.conf", clients)
        self._write("postgresql.conf", "")
        progress = RecoveryProgress(self.log, self.report)
        pid = await asyncio.to_thread(postmaster.launch, self.account, command, self.log)
        while True:
            alive = postmaster.is_alive(pid)
            found = read_postmaster(self.data)
            progress.look()
            # A server that recovers counts as ready elsewhere, since it may answer reads; here it has to be promoted.
            if found is not None and found.ready and _takes_writes(self.data):
                return urlencode({"host": str(sockets), "port": found.port}, quote_via=quote)
            if not alive:
                discard_socket_folder(sockets, self.account)
                raise ServerError(f"Postgres did not start on the restored data. Its log says:\n{progress.tail(12)}")
            await asyncio.sleep(0.02)

    def _settings(self, sockets: Path) -> dict[str, str]:
        fitted = fitted_settings(look_at_machine(self.data))
        version_only = {name: fitted[name] for name in _TAKEN if name != "io_method" or self.binaries.major >= 18}
        libraries = [name for name in _PRELOADED if self._has_library(name)]
        settings = {
            **version_only,
            **_ALONE,
            "cluster_name": cluster_name(self.data),
            "config_file": str(self.scratch / "postgresql.conf"),
            "hba_file": str(self.scratch / "pg_hba.conf"),
            "ident_file": str(self.scratch / "pg_ident.conf"),
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "shared_preload_libraries": ",".join(libraries),
        }
        if self.binaries.major < 17:
            del settings["summarize_wal"]
        return settings

    def _has_library(self, name: str) -> bool:
        return self.binaries.has_library(name) or (self.binaries.folder / "lib" / f"{name}.so").exists()

    def _write(self, name: str, text: str) -> None:
        path = self.scratch / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        self.account.give(path)

    async def stop(self) -> None:
        """Stop it; returns when nothing of it is left."""
        found = read_postmaster(self.data)
        if found is not None:
            postmaster.send(found.pid, signal.SIGINT)
            await postmaster.ended(found.pid, _STOP)
        await end_leftovers(self.data)
        if found is not None:
            discard_socket_folder(found.socket_folder, self.account)


def _takes_writes(data: Path) -> bool:
    """Return whether the running server says that it is no standby."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:  # It has just ended.
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


async def end_leftovers(data: Path) -> None:
    """End what still runs on a data folder of a trial, also one of a kgmem that was killed."""
    if not await postmaster.end_all(data, signal.SIGQUIT, 10.0):
        await postmaster.end_all(data, signal.SIGKILL, 10.0)


async def remove_data(folder: Path) -> None:
    """End what runs below a scratch folder, and remove it."""
    for data in [*folder.glob("*/PG_VERSION"), *folder.glob("home/*/PG_VERSION")]:  # noqa: ASYNC240 - local and small
        await end_leftovers(data.parent)
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
