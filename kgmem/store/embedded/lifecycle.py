"""The embedded Postgres: a server of kgmem's own that needs no installation and no container."""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from kgmem.domain.errors import DatabaseUnavailable, DataFolderInUse, ServerError
from kgmem.store.embedded import log
from kgmem.store.embedded.access import open_private
from kgmem.store.embedded.binaries import USE_ANOTHER_POSTGRES, find_binaries
from kgmem.store.embedded.cluster import folder_size
from kgmem.store.embedded.database import ensure_database, password_in, set_password, socket_url
from kgmem.store.embedded.locks import Change, LockFile
from kgmem.store.embedded.postmaster import Postmaster, is_alive
from kgmem.store.embedded.server import Server
from kgmem.tasks import told_to_stop

# Seconds between two looks at whether Postgres still runs; a look is one system call.
WATCH_INTERVAL = 0.2
# Longest pause between attempts to start a Postgres that does not come up.
LONGEST_PAUSE = 30.0


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What there is to know about the embedded Postgres of one home; `size` is in bytes."""

    running: bool
    pid: int | None
    url: str | None
    version: str
    data_folder: Path
    size: int
    log: Path
    owner: int | None
    stays_up: bool


def _silent(text: str) -> None:
    """Report nothing."""


class EmbeddedPostgres:
    """The Postgres of one home folder, as owner (`kgmem serve`) or attached beside others (short commands).

    There is one owner per home; any number may attach. Whoever is the last to leave stops Postgres, unless
    `leave_running` was called: then it stays until `shut_down`.
    """

    def __init__(
        self,
        home: Path,
        *,
        port: int | None = None,
        report: Callable[[str], None] = _silent,
        attach: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """Take the home folder, a loopback port for other programs, and further Postgres settings."""
        if sys.platform == "win32":
            raise ServerError("The embedded Postgres does not run on Windows.", hint=USE_ANOTHER_POSTGRES)
        self.home = home.expanduser().resolve()
        self.owns = False
        self._attach = attach
        self._report = report
        self._server = Server(self.home, port, settings or {}, report)
        self._owner = LockFile(self.home / "owner.lock")
        self._users = LockFile(self.home / "users.lock")
        self._found: Postmaster | None = None

    @property
    def log_path(self) -> Path:
        """The file that Postgres logs to."""
        return self._server.log_path

    @property
    def password_path(self) -> Path:
        """The file with the password for connections over TCP."""
        return self.home / "postgres.password"

    @property
    def url(self) -> str:
        """The URL of kgmem's database, for asyncpg, psycopg and psql."""
        if self._found is None:
            raise ServerError("The embedded Postgres was not started.", hint="Call start() first.")
        return socket_url(self._found)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    async def start(self) -> str:
        """Start Postgres, or use the one that runs; return the URL of the database.

        Raises DataFolderInUse when another owner serves this home, and ServerError when Postgres does not come up.
        """
        self._make_home()
        if not self._attach:
            self._take_ownership()
        try:
            async with self._change():
                await self._bring_up()
                self._users.take(shared=True)
        except BaseException:
            await self._leave()
            raise
        return self.url

    async def _bring_up(self) -> None:
        running = self._server.look()
        if running is not None and not self._attach and not self._server.fits(running):
            await self._restart_alone()
        ends = time.monotonic() + LONGEST_PAUSE
        while True:
            self._found, self.owns = await self._server.ensure_running()
            if self.owns:
                self._mark.unlink(missing_ok=True)
            try:
                await ensure_database(self._found)
                break
            except DatabaseUnavailable:
                # Processes of a server that was killed may answer for a moment longer, until the new one is up.
                if time.monotonic() > ends:
                    raise
                await asyncio.sleep(WATCH_INTERVAL)
        if self._found.address:
            await set_password(self._found, password_in(self.password_path))

    async def _restart_alone(self) -> None:
        """Stop a Postgres that listens elsewhere than the owner asks, unless somebody works with it."""
        if self._users.take():
            await self._server.stop()
            self._users.release()
        else:
            self._report("Postgres is in use and keeps the port it was started with until it is stopped.")

    async def stop(self) -> None:
        """Leave; Postgres ends with the last who leaves, and every process of it. Twice is as good as once."""
        if self._found is not None:
            await self._leave()

    async def _leave(self) -> None:
        # A watch that is still running must not take the end of Postgres for a crash.
        self._found = None
        try:
            async with self._change():
                self._users.release()
                if not self._mark.exists() and self._users.take():
                    await self._server.stop()
        finally:
            self._users.release()
            self._owner.release()

    async def alone(self) -> bool:
        """Return whether nobody else uses this Postgres now."""
        async with self._change():
            if self._mark.exists():
                return False
            alone = self._users.take()
            # A lock that could not be had alone is lost; either way it is shared again.
            self._users.take(shared=True)
            return alone

    async def restart(self, changed: Mapping[str, str]) -> str:
        """Restart Postgres with some settings changed; return its URL. The sessions of all who use it end.

        An owner in another process takes its place among the users of the new one. Raises ServerError.
        """
        async with self._change():
            self._found = await self._server.restart(changed)
        return self.url

    def change_settings(self, changed: Mapping[str, str]) -> None:
        """Change settings that the running Postgres takes over at a reload."""
        self._server.change_settings(changed)

    async def leave_running(self) -> None:
        """Leave, and let Postgres run until `shut_down`."""
        self._found = None
        async with self._change():
            os.close(open_private(self._mark, os.O_WRONLY))
            self._users.release()
        self._owner.release()

    async def shut_down(self) -> bool:
        """Stop a Postgres that was left running; False when none runs, DataFolderInUse when somebody works with it."""
        self._make_home()
        self._take_ownership()
        try:
            async with self._change():
                if not self._users.take():
                    raise DataFolderInUse(
                        f"A kgmem command is working with the Postgres of {self.home}.",
                        hint="Try again when it is done.",
                        home=str(self.home),
                    )
                ran = self._server.look() is not None
                await self._server.stop()
                self._mark.unlink(missing_ok=True)
                return ran
        finally:
            self._users.release()
            self._owner.release()

    async def keep_running(self) -> None:
        """Start Postgres again whenever it dies, until `stop`; a crash of one session Postgres fixes by itself."""
        pause = WATCH_INTERVAL
        while not told_to_stop():
            await asyncio.sleep(pause)
            if self._found is None:
                return
            if is_alive(self._found.pid):
                log.bound(self.log_path)
                continue
            self._report("Postgres has ended unexpectedly; it is started again.")
            try:
                await self._heal()
            except ServerError as exc:
                pause = min(2 * pause, LONGEST_PAUSE)
                self._report(f"{exc} The next attempt is in {pause:.1f} s.")
            else:
                pause = WATCH_INTERVAL

    async def _heal(self) -> None:
        async with self._change():
            # It may have been stopped on purpose while this waited.
            if self._found is not None:
                self._found, _ = await self._server.ensure_running()
                self._report("Postgres runs again.")

    async def status(self) -> ServerStatus:
        """What runs in this home, and how much it keeps; changes nothing."""
        found = self._server.look()
        ready = found is not None and found.ready
        return ServerStatus(
            running=ready,
            pid=found.pid if found else None,
            url=socket_url(found) if found and ready else None,
            version=find_binaries().version,
            data_folder=self._server.data,
            size=await asyncio.to_thread(folder_size, self._server.data),
            log=self.log_path,
            owner=self._owner.holder(),
            stays_up=ready and self._mark.exists(),
        )

    def psql_command(self, *arguments: str) -> list[str]:
        """The command line that opens psql on the database; Postgres must have been started."""
        return [find_binaries().program("psql"), self.url, *arguments]

    @property
    def _mark(self) -> Path:
        """Return the path of the file that marks a Postgres which runs on without kgmem."""
        return self.home / "stays-up"

    def _change(self) -> Change:
        return Change(self.home / "change.lock", self._report)

    def _make_home(self) -> None:
        try:
            self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as exc:
            raise ServerError(
                f"The data folder {self.home} cannot be made: {exc.strerror}.",
                hint="Set KGMEM_HOME to a folder that you may write to.",
                path=str(self.home),
            ) from exc

    def _take_ownership(self) -> None:
        if self._owner.take():
            self._owner.note(f"{os.getpid()}\n")
            return
        pid = self._owner.holder()
        raise DataFolderInUse(
            f"Another kgmem (process {pid}) owns the data folder {self.home}.",
            hint=f"Stop it (`kill {pid}`), or give this one another folder with KGMEM_HOME.",
            pid=pid,
            home=str(self.home),
        )
