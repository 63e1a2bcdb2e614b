"""A Bolt server for tests: the one that KGMEM_TEST_BOLT_URL names, or an embedded ArcadeDB; and a wire that breaks."""

import asyncio
import contextlib
import importlib.util
import os
import queue
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import neo4j
import pytest

from kgmem.bolt.graphs import MemoryBackend
from kgmem.bolt.server import ServerOptions, serving
from kgmem.bridges.servers import Server
from tests.memories import opened_memory

# Such as bolt://neo4j:password@host:7687/database. What the database holds is deleted.
EXTERNAL_URL = os.environ.get("KGMEM_TEST_BOLT_URL")
_PASSWORD = "only-for-tests"
_SERVE = """
import sys, threading
from arcadedb_embedded.server import ArcadeDBServer
folder, bolt, http, password = sys.argv[1:]
plugins = "Bolt:com.arcadedb.bolt.BoltProtocolPlugin"
config = {"http_port": int(http), "server_plugins": plugins, "bolt_port": int(bolt)}
server = ArcadeDBServer(folder, password, config, {"heap_size": "1g"})
server.start()
server.create_database("tests")
print("ready", flush=True)
threading.Event().wait()
"""


@contextmanager
def running_server() -> Iterator[Server]:
    """A database that is empty, on a server of the session's own unless one is named."""
    if EXTERNAL_URL:
        parts = urlsplit(EXTERNAL_URL)
        url = f"{parts.scheme}://{parts.hostname}:{parts.port or 7687}"
        user, password = (unquote(told) if told else None for told in (parts.username, parts.password))
        yield Server(url, parts.path.strip("/") or None, user, password)
        return
    if importlib.util.find_spec("arcadedb_embedded") is None:
        pytest.skip("no Bolt server: neither KGMEM_TEST_BOLT_URL nor the package arcadedb-embedded is there")
    with tempfile.TemporaryDirectory(prefix="kgt-") as folder, _arcadedb(Path(folder)) as server:
        yield server


@contextmanager
def kgmem_server(url: str) -> Iterator[Server]:
    """A graph that is empty, over a database of kgmem's, on a Bolt server of kgmem's in a thread of its own."""
    started: queue.Queue[Server | BaseException] = queue.Queue()
    ended = threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(url, started, ended)), daemon=True)
    thread.start()
    server = started.get(timeout=60)
    if isinstance(server, BaseException):
        raise server
    try:
        yield server
    finally:
        ended.set()
        thread.join(30)


async def _serve(url: str, started: "queue.Queue[Server | BaseException]", ended: threading.Event) -> None:
    try:
        async with opened_memory(url) as memory:
            await memory.graphs.create("tests", space=None)
            _, key = await memory.keys.create("tests", "admin")
            async with serving(MemoryBackend(memory), ServerOptions("127.0.0.1", 0)) as address:
                started.put(Server(f"bolt://{address}", "tests", "kgmem", key))
                await asyncio.to_thread(ended.wait)
    except BaseException as error:
        started.put(error)
        raise


@contextmanager
def _arcadedb(folder: Path) -> Iterator[Server]:
    bolt, http = free_port(), free_port()
    command = [sys.executable, "-W", "ignore", "-c", _SERVE, str(folder), str(bolt), str(http), _PASSWORD]
    log = folder / "errors"
    with log.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, cwd=folder)
    assert process.stdout
    try:
        for line in process.stdout:
            if line.strip() == b"ready":
                break
        else:
            raise RuntimeError(f"ArcadeDB did not start: {log.read_text()[-2000:]}")
        reader = threading.Thread(target=process.stdout.read, daemon=True)  # It would stop at a full pipe.
        reader.start()
        yield Server(f"bolt://127.0.0.1:{bolt}", "tests", "root", _PASSWORD)
    finally:
        process.kill()  # What it holds is thrown away, and an orderly end takes it ten seconds.
        process.wait(30)
        process.stdout.close()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Database:
    """What a test does to the server beside kgmem."""

    def __init__(self, server: Server) -> None:
        self.server = server
        auth = (server.user, server.password or "") if server.user else None
        self._driver = neo4j.GraphDatabase.driver(server.url, auth=auth)

    def run(self, query: Any, **parameters: Any) -> list[Any]:
        with self._driver.session(database=self.server.database) as session:
            return session.execute_write(lambda transaction: [list(row) for row in transaction.run(query, parameters)])

    def close(self) -> None:
        self._driver.close()


class BreakingWire:
    """Passes on what a server says until so many bytes were passed, then hangs up; so often, and never again."""

    def __init__(self, server: Server, after: int, times: int = 1) -> None:
        parts = urlsplit(server.url)
        self._target = (parts.hostname or "", parts.port or 0)
        self._after = after
        self.breaks = times
        self._listening = socket.create_server(("127.0.0.1", 0))
        port = self._listening.getsockname()[1]
        self.server = Server(f"bolt://127.0.0.1:{port}", server.database, server.user, server.password)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with contextlib.suppress(OSError):
                server = socket.create_connection(self._target)
                threading.Thread(target=self._pump, args=(client, server, None), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, self._after), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket, most: int | None) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                target.sendall(data)
                passed += len(data)
                if most is not None and passed >= most and self.breaks > 0:
                    self.breaks -= 1
                    break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
