"""Servers of Redis and Valkey for tests: the wheel's, and Debian's redis-server where it is on the path."""

import atexit
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from kgmem.cache.frame import content_of
from kgmem.memory import Memory
from kgmem.redis.binary import find_server
from kgmem.redis.connection import RedisConnection
from kgmem.redis.contents import RedisGraphContents
from kgmem.redis.presence.store import RedisPresence
from kgmem.redis.streams.store import RedisStreams
from kgmem.store.streams.streams import PostgresStreams
from tests import postgres
from tests.memories import with_ports

DURABLE: Final = ("--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "volatile-lfu")
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
        path = self.folder / "redis.sock"
        command = [self.program, "--port", "0", "--unixsocket", str(path), "--dir", str(self.folder), "--save", ""]
        self.process = subprocess.Popen([*command, *self.options], stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while not _accepts(path):
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


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as trial:
        return trial.connect_ex(str(path)) == 0


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


_SHARED: dict[str, RedisServer] = {}


def shared_redis(kind: str) -> RedisServer:
    """The server that the tests of this process share; each takes keys of its own."""
    if kind not in _SHARED:
        stack = ExitStack()
        _SHARED[kind] = stack.enter_context(redis_server(kind, *DURABLE))
        atexit.register(stack.close)
    return _SHARED[kind]


@asynccontextmanager
async def streams_in_redis(
    memory: Memory, url: str, *, timeout: float = 5.0, namespace: str = ""
) -> AsyncIterator[Memory]:
    """A memory whose new streams are in Redis, by default under keys of its own."""
    connection = RedisConnection(url, namespace=namespace or f"test-{secrets.token_hex(6)}", timeout=timeout)
    catalog: Any = memory.ports.graphs
    try:
        contents = RedisGraphContents(connection, content_of)
        yield with_ports(memory, streams=RedisStreams(PostgresStreams(catalog), connection), redis_contents=contents)
    finally:
        await connection.aclose()


@asynccontextmanager
async def presence_in_redis(memory: Memory, url: str, *, timeout: float = 5.0) -> AsyncIterator[Memory]:
    """A memory whose presence and activity are in Redis, under keys of its own."""
    connection = RedisConnection(url, namespace=f"test-{secrets.token_hex(6)}", timeout=timeout)
    presence = RedisPresence(memory.ports.graphs, connection)  # type: ignore[arg-type]
    try:
        yield with_ports(memory, presence=presence, redis_contents=RedisGraphContents(connection, content_of))
    finally:
        await presence.aclose()
        await connection.aclose()
