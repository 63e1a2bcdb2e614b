"""`kgmem serve` as a process of its own, as users run it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bench.rig.client import Door
from kgmem.memory import Memory

_ROOT = Path(__file__).resolve().parents[2]
_COMMAND = [sys.executable, "-c", "from kgmem.cli.main import run; run()", "serve"]
_PATIENCE = 60.0
HOST = "127.0.0.1"


class ServerProcess:
    """A server that was started, from the moment of its start."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        """Start it with these KGMEM_ settings (names without the prefix), on a free port."""
        self.port = free_port()
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("KGMEM_")}
        told = {f"KGMEM_{name}": value for name, value in settings.items()}
        path = os.pathsep.join((str(_ROOT), str(_ROOT / "api")))
        environment = {
            **inherited,
            "PYTHONPATH": path,
            "KGMEM_PORT": str(self.port),
            "KGMEM_LOG_LEVEL": "warning",
            "KGMEM_CACHE": "false",  # Questions are repeated, and computed each time.
            **told,
        }
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the server has ended
        self.started = time.perf_counter()
        self._process = subprocess.Popen(_COMMAND, env=environment, stdout=self._log, stderr=self._log)

    @property
    def pid(self) -> int:
        """Its process number."""
        return self._process.pid

    async def ready(self) -> float:
        """Wait until it says that it is ready; gives the seconds since its start. Raises RuntimeError if it ends."""
        while time.perf_counter() - self.started < _PATIENCE:
            if self._process.poll() is not None:
                raise RuntimeError(f"The server ended: {self._told()}")
            if await asyncio.to_thread(_is_ready, self.port):
                return time.perf_counter() - self.started
            await asyncio.sleep(0.01)
        raise RuntimeError(f"The server was not ready in {_PATIENCE:.0f} s: {self._told()}")

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(self._process.wait)
        self._log.close()

    def kill(self) -> None:
        """End it as kill -9 does."""
        self._process.kill()
        self._process.wait()
        self._log.close()

    def _told(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")[-2000:]


@asynccontextmanager
async def serving(url: str, memory: Memory, **settings: str) -> AsyncIterator[Door]:
    """Return the door of a server over a database, with an admin's key that `memory` made in the same database."""
    _, secret = await memory.keys.create("bench", "admin")
    server = ServerProcess({"DATABASE_URL": url, **settings})
    try:
        await server.ready()
        yield Door(HOST, server.port, secret)
    finally:
        await server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _is_ready(port: int) -> bool:
    """Ask as cheaply as can be: what asking costs, the server that starts does not get."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            connection.sendall(b"GET /health/ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return connection.recv(16).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
