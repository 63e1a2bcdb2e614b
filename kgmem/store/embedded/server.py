"""The Postgres server of one home: start, wait and stop. lifecycle.py decides who may do so."""

import asyncio
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from kgmem.domain.errors import ServerError
from kgmem.store.embedded import archiving, log, postmaster
from kgmem.store.embedded.account import Account, account_for
from kgmem.store.embedded.binaries import find_binaries
from kgmem.store.embedded.cluster import Cluster
from kgmem.store.embedded.postmaster import Postmaster, read_postmaster

# The folder of the Unix socket: private, and short enough for the kernel.

# macOS takes 103 bytes for the whole path of a socket, Linux 107.
LONGEST = 103

# The folder of those whose home is too deep; TMPDIR may be deep itself.
SHORT = Path("/tmp")  # noqa: S108 - mkdtemp makes folders in it that nobody else can enter
_PREFIX = "kgmem-"

# Commas part hosts and quotes end values, so such a path would need care in every client.
_PLAIN = re.compile(r"[\w./+~=@ -]+")


def choose_socket_folder(home: Path, used_before: Path | None, account: Account) -> Path:
    """A folder for the socket that only the account may enter: `<home>/run`, or a short one elsewhere.

    The folder used before is taken again where that is safe, so that clients find the same address after a crash.
    """
    wished = home / "run"
    if len(bytes(wished / ".s.PGSQL.65535")) <= LONGEST and _PLAIN.fullmatch(str(wished)):
        account.make_folder(wished)
        folder = wished
    else:
        folder = short_folder(used_before, account)
    # A socket's lock file names a process too, whose number may belong to another one by now.
    for left in folder.glob(".s.PGSQL.*"):
        left.unlink()
    return folder


def short_folder(used_before: Path | None, account: Account) -> Path:
    """Return a folder of a short path that only the account may enter: the one used before where that is safe."""
    if used_before is not None and _is_ours(used_before, account):
        return used_before
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=SHORT))
    account.give(folder)
    return folder


def _is_ours(folder: Path, account: Account) -> bool:
    """Whether it is a short folder of this account that nobody else could have prepared."""
    if folder.parent != SHORT or not folder.name.startswith(_PREFIX) or not folder.exists():
        return False
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and about.st_uid == account.uid and stat.S_IMODE(about.st_mode) == 0o700


def discard_socket_folder(folder: Path, account: Account) -> None:
    """Remove a short folder that is not needed any more; one below the home stays."""
    if _is_ours(folder, account):
        shutil.rmtree(folder)


T = TypeVar("T")

# Seconds that a fast stop may take (it writes to disk what is dirty), and then an immediate one.
FAST_STOP = 60.0
IMMEDIATE_STOP = 10.0


@dataclass(frozen=True, slots=True)
class Server:
    """One home folder and the Postgres in it; `report` hears of what takes long."""

    home: Path
    port: int | None
    settings: Mapping[str, str]
    report: Callable[[str], None]

    @property
    def data(self) -> Path:
        """The data folder of Postgres."""
        return self.home / "postgres"

    @property
    def log_path(self) -> Path:
        """The file that Postgres logs to."""
        return self.home / "postgres.log"

    def look(self) -> Postmaster | None:
        """The Postgres that runs now, if any."""
        return read_postmaster(self.data)

    def fits(self, found: Postmaster) -> bool:
        """Return whether a running Postgres listens where it is configured to, and nowhere else."""
        return (found.address, found.port) == (("127.0.0.1", self.port) if self.port else ("", found.port))

    async def ensure_running(self) -> tuple[Postmaster, bool]:
        """The running Postgres, ready for connections, and whether this call started it. Raises ServerError."""
        try:
            found = self.look()
            if found is not None:
                ready = await self._wait(found.pid, log.RecoveryProgress(self.log_path, self.report))
                if ready is not None:
                    return ready, False
            return await self._start(), True
        except OSError as exc:
            raise ServerError(
                f"The files of Postgres in {self.home} cannot be used: {exc}.",
                hint="Fix the rights or the space of that folder, or set KGMEM_HOME to another one.",
                path=str(self.home),
            ) from exc

    async def _start(self) -> Postmaster:
        cluster = await _whole(self._prepare)
        # What is left of a Postgres that was killed would keep the new one from starting.
        await self._end_leftovers()
        progress = log.RecoveryProgress(self.log_path, self.report)
        pid = await _whole(lambda: self._launch(cluster))
        ready = await self._wait(pid, progress)
        if ready is None:
            raise ServerError(
                f"Postgres ended while it was starting. {self.log_path} says:\n{progress.tail()}",
                hint="Fix what it names and start again.",
                path=str(self.log_path),
            )
        return ready

    def _prepare(self) -> Cluster:
        """Make what is missing: the system account, its way to the folders, the data folder."""
        binaries = find_binaries()
        account = account_for(self.home, self.data)
        account.reach(self.home, self.report)
        account.reach(binaries.folder, self.report)
        cluster = Cluster(self.data, binaries, account)
        if cluster.exists:
            cluster.check_version()
        else:
            self.report(f"Making a new database in {self.data} ...")
            cluster.make()
        return cluster

    def _launch(self, cluster: Cluster) -> int:
        """Start the process; return its number."""
        sockets = choose_socket_folder(self.home, self._forget_former(), cluster.account)
        cluster.write_settings(sockets, self.port, {**archiving.settings_of(self.home), **self.settings})
        log.bound(self.log_path)
        return postmaster.launch(cluster.account, cluster.server_command(), self.log_path)

    def _forget_former(self) -> Path | None:
        """Return the socket folder of a Postgres that did not end properly, and remove its pid file.

        The number in that file may belong to another process by now, for which Postgres would refuse to start.
        """
        path = self.data / "postmaster.pid"
        if not path.exists():
            return None
        self.report("Postgres did not end properly last time; it recovers what it had acknowledged.")
        lines = path.read_text().splitlines()
        path.unlink()
        return Path(lines[4]) if len(lines) > 4 else None

    async def _wait(self, pid: int, progress: log.RecoveryProgress) -> Postmaster | None:
        """Wait until that Postgres takes connections, however long its recovery takes; None when it ended."""
        while True:
            # Ask before reading the file: a Postgres that ends meanwhile is noticed in the next round.
            alive = postmaster.is_alive(pid)
            found = self.look()
            # Before it is told to be ready, so that a recovery of a few milliseconds is reported too.
            progress.look()
            if found is not None and found.ready:
                return found
            if not alive:
                return None
            await asyncio.sleep(0.01)

    async def restart(self, changed: Mapping[str, str]) -> Postmaster:
        """Stop the Postgres that runs and start it with some settings changed and all others as they are.

        Its sessions end. Raises ServerError when it does not come up.
        """
        found = self.look()
        cluster = await _whole(self._prepare)
        if found is not None:
            postmaster.send(found.pid, signal.SIGINT)
            await postmaster.ended(found.pid, FAST_STOP)
        await self._end_leftovers()
        cluster.change_settings(changed)
        progress = log.RecoveryProgress(self.log_path, self.report)
        command = cluster.server_command()
        pid = await _whole(lambda: postmaster.launch(cluster.account, command, self.log_path))
        ready = await self._wait(pid, progress)
        if ready is None:
            raise ServerError(
                f"Postgres did not start again. {self.log_path} says:\n{progress.tail()}", path=str(self.log_path)
            )
        return ready

    def change_settings(self, changed: Mapping[str, str]) -> None:
        """Change some settings in the file that the running Postgres reads at its next reload."""
        account = account_for(self.home, self.data)
        Cluster(self.data, find_binaries(), account).change_settings(changed)

    async def stop(self) -> None:
        """End Postgres and all its processes; returns when none is left."""
        found = self.look()
        if found is not None:
            postmaster.send(found.pid, signal.SIGINT)
            if not await postmaster.ended(found.pid, FAST_STOP):
                self.report("Postgres takes long to stop; it is stopped at once and recovers at the next start.")
        # Nothing is left of a Postgres that stopped by itself, so this asks for the processes once.
        await self._end_leftovers()
        if found is not None:
            discard_socket_folder(found.socket_folder, account_for(self.home, self.data))

    async def _end_leftovers(self) -> None:
        """End what is left: all of a Postgres that hangs, and sessions still at work whose Postgres was killed."""
        if not await postmaster.end_all(self.data, signal.SIGQUIT, IMMEDIATE_STOP):
            await postmaster.end_all(self.data, signal.SIGKILL, IMMEDIATE_STOP)


async def _whole(work: Callable[[], T]) -> T:
    """Do blocking work in a thread and wait for its end even when cancelled: what it starts must be known."""
    doing = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.gather(doing, return_exceptions=True)
        raise
