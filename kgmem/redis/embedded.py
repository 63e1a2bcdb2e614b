"""The embedded Valkey: a server of kgmem's own on a Unix socket in the home, shared by all kgmem processes of it."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import orjson

from kgmem.domain.errors import ServerError
from kgmem.redis.binary import USE_ANOTHER_REDIS, find_server
from kgmem.store.embedded import log
from kgmem.store.embedded.access import open_private
from kgmem.store.embedded.account import Account, account_for
from kgmem.store.embedded.locks import Change, LockFile
from kgmem.store.embedded.postmaster import command_line, is_alive, launch, processes_where, send, until
from kgmem.store.embedded.server import LONGEST, discard_socket_folder, short_folder
from kgmem.tasks import told_to_stop

MEMORY: Final = 256 * 1024 * 1024  # Bytes of data that the server keeps unless the settings say otherwise.

# What has a time to live leaves first where memory runs out; what has none (streams, sessions) never leaves.
POLICY: Final = "volatile-lfu"

_WATCH = 0.5  # Seconds between two looks at whether the server still runs.
_LONGEST_PAUSE = 30.0  # Seconds between attempts to start one that does not come up.
_STOP = 10.0  # Seconds that a stop may take: it writes the rest of its log.
_START = 120.0  # Seconds that a start may take: it reads what it stored.


class EmbeddedRedis:
    """The Valkey of one home folder. Whoever is the last to leave stops it, unless the home's Postgres stays up."""

    def __init__(self, home: Path, *, memory: int = MEMORY, report: Callable[[str], None] = lambda _text: None) -> None:
        """Take the home folder, how many bytes of data the server keeps, and what hears of starts and stops."""
        if sys.platform == "win32":
            raise ServerError("The embedded Valkey does not run on Windows.", hint=USE_ANOTHER_REDIS)
        self.home = home.expanduser().resolve()
        self.data = self.home / "redis"
        self.log_path = self.home / "redis.log"
        self._memory = memory
        self._report = report
        self._users = LockFile(self.home / "redis-users.lock")
        self._pid: int | None = None
        self._socket: Path | None = None

    @property
    def url(self) -> str:
        """The URL of the server, for redis-py."""
        if self._socket is None:
            raise ServerError("The embedded Valkey was not started.", hint="Call start() first.")
        return f"unix://{self._socket}"

    @property
    def pid(self) -> int | None:
        """The process of the server that runs now; None where none does."""
        running = self._look()
        return running[0] if running else None

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
        """Start the server, or use the one that runs; return its URL. Raises ServerError."""
        program = find_server()
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            async with self._change():
                await self._ensure_running(program)
                self._users.take(shared=True)
        except BaseException:
            await self._leave()
            raise
        return self.url

    async def stop(self) -> None:
        """Leave; the server ends with the last who leaves. Twice is as good as once."""
        if self._socket is not None:
            await self._leave()

    async def shut_down(self) -> bool:
        """Stop a server that was left running; False where none runs, or somebody uses it."""
        if not self.data.exists():
            return False
        async with self._change():
            try:
                running = self._look() is not None and self._users.take()
                if running:
                    await self._end()
                return running
            finally:
                self._users.release()

    async def keep_running(self) -> None:
        """Start the server again whenever it dies, until `stop`."""
        pause = _WATCH
        while not told_to_stop():
            await asyncio.sleep(pause)
            if self._socket is None:
                return
            if self._pid is not None and is_alive(self._pid):
                log.bound(self.log_path)
                continue
            self._report("Valkey has ended unexpectedly; it is started again.")
            try:
                async with self._change():
                    if self._socket is not None:  # It may have been stopped on purpose while this waited.
                        await self._ensure_running(find_server())
                        self._report("Valkey runs again.")
            except ServerError as exc:
                pause = min(2 * pause, _LONGEST_PAUSE)
                self._report(f"{exc} The next attempt is in {pause:.1f} s.")
            else:
                pause = _WATCH

    async def _leave(self) -> None:
        self._socket = None
        try:
            async with self._change():
                self._users.release()
                if not (self.home / "stays-up").exists() and self._users.take():
                    await self._end()
        finally:
            self._users.release()

    async def _ensure_running(self, program: Path) -> None:
        running = self._look()
        try:
            if running is None:
                running = await self._start(program)
            await self._wait(*running)
        except OSError as exc:
            raise ServerError(
                f"The files of Valkey in {self.data} cannot be used: {exc}.",
                hint="Fix the rights or the space of that folder, or set KGMEM_HOME to another one.",
                path=str(self.data),
            ) from exc
        self._pid, self._socket = running
        for setting in (f"maxmemory {self._memory}", "appendfsync always"):  # It may run since an earlier version.
            await _asked(self._socket, f"CONFIG SET {setting}")

    async def _start(self, program: Path) -> tuple[int, Path]:
        account = account_for(self.home, self.data)
        await asyncio.to_thread(account.reach, self.home, self._report)
        await asyncio.to_thread(account.reach, program.parent, self._report)
        account.make_folder(self.data)
        # Two servers on one folder would damage it.
        await self._end()
        socket = self._choose_socket(account)
        log.bound(self.log_path)
        pid = await asyncio.to_thread(launch, account, self._command(program, socket), self.log_path)
        with os.fdopen(open_private(self._note, os.O_WRONLY | os.O_TRUNC), "wb") as file:
            file.write(orjson.dumps({"pid": pid, "socket": str(socket)}))
        return pid, socket

    def _command(self, program: Path, socket: Path) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "700",
            "appendonly": "yes",
            "appendfsync": "always",
            "save": "",
            "maxmemory": str(self._memory),
            "maxmemory-policy": POLICY,
            # The command line is how this server is told from others.
            "set-proc-title": "no",
            "dir": str(self.data),
        }
        return [str(program), *(part for name, value in options.items() for part in (f"--{name}", value))]

    def _choose_socket(self, account: Account) -> Path:
        """Return the path of the socket: in the data folder, or in a short one where that is too deep."""
        wished = self.data / "redis.sock"
        if len(bytes(wished)) <= LONGEST:
            return wished
        noted = self._noted()
        return short_folder(noted[1].parent if noted else None, account) / wished.name

    async def _wait(self, pid: int, socket: Path) -> None:
        """Wait until the server answers. Raises ServerError where it ends, or takes too long."""
        end = time.monotonic() + _START
        while time.monotonic() < end:
            if await _asked(socket, "PING") == "+PONG":
                return
            if not is_alive(pid):
                break
            await asyncio.sleep(0.01)
        tail = "\n".join(log.last_lines(self.log_path, 10))
        raise ServerError(
            f"Valkey did not come up. {self.log_path} says:\n{tail}",
            hint=f"Fix what it names and start again; without {self.data} it starts empty.",
            path=str(self.log_path),
        )

    async def _end(self) -> None:
        """End every process of this data folder."""
        noted = self._noted()
        for sign in (signal.SIGTERM, signal.SIGKILL):
            for pid in self._processes():
                send(pid, sign)
            if await until(lambda: not self._processes(), _STOP):
                break
        if noted:
            discard_socket_folder(noted[1].parent, account_for(self.home, self.data))
            noted[1].unlink(missing_ok=True)

    def _look(self) -> tuple[int, Path] | None:
        """Return process and socket of the server that runs now."""
        noted = self._noted()
        return noted if noted and is_alive(noted[0]) and self._belongs(command_line(noted[0])) else None

    def _processes(self) -> list[int]:
        return processes_where(self._belongs)

    def _belongs(self, command: str) -> bool:
        program, _, rest = command.partition(" --port 0 ")
        return program.endswith("/valkey-server") and f" --dir {self.data} " in f"{rest} "

    def _noted(self) -> tuple[int, Path] | None:
        """Return what the last start noted."""
        try:
            noted = orjson.loads(self._note.read_bytes())
            return int(noted["pid"]), Path(noted["socket"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @property
    def _note(self) -> Path:
        return self.data / "server.json"

    def _change(self) -> Change:
        return Change(self.home / "redis-change.lock", self._report, server="Valkey")


async def _asked(socket: Path, command: str) -> str:
    """Return the first line of the server's answer to an inline command; empty where nobody answers in a second."""
    try:
        async with asyncio.timeout(1.0):
            reader, writer = await asyncio.open_unix_connection(str(socket))
            try:
                writer.write(f"{command}\r\n".encode())
                return (await reader.readline()).decode().strip()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return ""
